"""Readings of rendered people as a source of training poses: what the solver is given, beside the true pose."""

from __future__ import annotations

import numpy as np
import torch

from ..body.skeleton import MIRROR, NUM_BONES, Bodies, Body
from ..corpus.observed import Observed
from ..errors import NikiError
from ..mocap.sources import HELD_OUT_PEOPLE
from .augmentation import mirror_poses
from .corruption import Corrupted

_HINTS_DROPPED = 0.5  # of the readings: the network must do without them as well


class Readings:
    """Draws readings with the poses that they are of.

    Args:
        observed: of a corpus; the motions of people held out are not used, whoever shows them.

    Raises:
        NikiError: there are none.
    """

    def __init__(self, observed: Observed):
        observed = observed.of(~np.isin(observed.subject, HELD_OUT_PEOPLE))
        if not len(observed):
            raise NikiError("The corpus has no readings of people who are trained on")
        self._rows = {
            name: torch.as_tensor(values)
            for name, values in vars(observed).items()
            if name not in ("subject", "gravity", "time")
        }
        self._default = torch.tensor(Body.default().offsets, dtype=torch.float32)

    def __len__(self) -> int:
        return len(self._rows["clip"])

    def draw(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, Corrupted, Bodies, Bodies]:
        """``count`` readings, half of them mirrored.

        Returns:
            true rotations (N, 24, 3, 3), what the solver is given, the people's proportions, and those as measured.
        """
        picked = torch.randint(len(self), (count,), generator=generator)
        rows = {name: values[picked] for name, values in self._rows.items()}
        known = torch.isfinite(rows["twist"]).all(-1)
        known &= (torch.rand(count, generator=generator) >= _HINTS_DROPPED)[:, None]
        twist = torch.where(known[..., None], rows["twist"], torch.tensor([1.0, 0.0]))
        seen = Corrupted(
            rows["joints"], rows["sigma"], rows["view"], twist, known.float(),
            torch.zeros(count, rows["joints"].shape[1], dtype=torch.bool),
        )  # fmt: skip
        flip = torch.rand(count, generator=generator) < 0.5
        rotations = torch.where(flip[:, None, None, None], mirror_poses(rows["rotations"]), rows["rotations"])
        own, measured = (self._bodies(rows[name]) for name in ("own_lengths", "lengths"))
        return rotations, _mirrored(seen, flip), own, measured

    def _bodies(self, lengths: torch.Tensor) -> Bodies:
        """The default body with bones of these lengths (N, 29), left and right alike."""
        lengths = (lengths + lengths[:, list(MIRROR)]) / 2
        usual = self._default.norm(dim=-1)
        scale = torch.where(usual > 0, lengths / usual.clamp_min(1e-9), 1.0)
        return Bodies(self._default * scale[..., None])


def _mirrored(seen: Corrupted, flip: torch.Tensor) -> Corrupted:
    """What is seen with left and right exchanged where ``flip`` (N,) is true."""
    across = torch.tensor([-1.0, 1.0, 1.0])
    joints, bones = list(MIRROR), [MIRROR[bone] - 1 for bone in range(1, NUM_BONES)]

    def where(mirrored, value):
        return torch.where(flip.reshape(-1, *[1] * (value.dim() - 1)), mirrored, value)

    return Corrupted(
        where(seen.joints[:, joints] * across, seen.joints),
        where(seen.sigma[:, joints], seen.sigma),
        where(seen.view * across, seen.view),
        where(seen.twist[:, bones] * torch.tensor([1.0, -1.0]), seen.twist),
        where(seen.known[:, bones], seen.known),
        where(seen.hidden[:, joints], seen.hidden),
    )
