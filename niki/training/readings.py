"""Readings of rendered people as a source of training poses: what the solver is given, beside the true pose."""

from __future__ import annotations

import numpy as np
import torch

from ..body.kinematics import forward_kinematics, swing_and_twist
from ..body.skeleton import MIRROR, NUM_BONES, Bodies, Body
from ..corpus.observed import Observed
from ..errors import NikiError
from ..mocap.sources import HELD_OUT_PEOPLE
from .augmentation import jitter_poses, mirror_poses
from .corruption import Corrupted

_HINTS_DROPPED = 0.5  # of the readings: the network must do without them as well
_LEAST_ERROR, _MOST_ERROR = 0.6, 1.3
"""Factors on the errors of a reading."""


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
            if name not in ("subject", "time")
        }
        self._default = Bodies(torch.tensor(Body.default().offsets, dtype=torch.float32))

    def __len__(self) -> int:
        return len(self._rows["clip"])

    def draw(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, Corrupted, Bodies, Bodies]:
        """``count`` readings, half of them mirrored, of poses near those that were read: there are few rendered people,
        and a network would learn them by heart.

        Returns:
            true rotations (N, 24, 3, 3), what the solver is given, the people's proportions, and those as measured.
        """
        picked = torch.randint(len(self), (count,), generator=generator)
        rows = {name: values[picked] for name, values in self._rows.items()}
        own, measured = (self._bodies(rows[name]) for name in ("own_lengths", "lengths"))
        rotations = jitter_poses(rows["rotations"], generator)
        known = torch.isfinite(rows["twist"]).all(-1)
        known &= (torch.rand(count, generator=generator) >= _HINTS_DROPPED)[:, None]
        joints, twist = _read_alike(rows, rotations, own, generator)
        twist = torch.where(known[..., None], twist, torch.tensor([1.0, 0.0]))
        seen = Corrupted(
            joints, rows["sigma"], rows["view"], twist, known.float(),
            torch.zeros(count, rows["joints"].shape[1], dtype=torch.bool),
        )  # fmt: skip
        flip = torch.rand(count, generator=generator) < 0.5
        rotations = torch.where(flip[:, None, None, None], mirror_poses(rotations), rotations)
        return rotations, _mirrored(seen, flip), own, measured

    def _bodies(self, lengths: torch.Tensor) -> Bodies:
        """The default body with bones of these lengths (N, 29), left and right alike."""
        lengths = (lengths + lengths[:, list(MIRROR)]) / 2
        return self._default.stretched(lengths)


def _read_alike(rows: dict, rotations: torch.Tensor, own: Bodies, generator: torch.Generator):
    """Joints and twists of ``rotations`` with the errors of the readings ``rows``; those of joints somewhat larger or smaller."""
    size = _LEAST_ERROR + (_MOST_ERROR - _LEAST_ERROR) * torch.rand(len(rotations), 1, 1, generator=generator)
    was, now = (forward_kinematics(poses, own)[0] for poses in (rows["rotations"], rotations))
    error = (rows["joints"] - rows["joints"][:, :1]) - (was - was[:, :1])
    was, now_twist = (swing_and_twist(poses, own)[1] for poses in (rows["rotations"], rotations))
    return now - now[:, :1] + size * error, _product(
        now_twist, _product(rows["twist"], was * torch.tensor([1.0, -1.0]))
    )


def _product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The twist by both angles, (..., 2) cosine and sine."""
    return torch.stack(
        [a[..., 0] * b[..., 0] - a[..., 1] * b[..., 1], a[..., 0] * b[..., 1] + a[..., 1] * b[..., 0]], -1
    )


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
