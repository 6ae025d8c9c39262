"""Windows of recorded motion, and what a front end makes of them: what solvers of motion are measured on. numpy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import NikiError
from ..mocap.collection import RATE, Poses
from .front_end import Drawn, FrontEnd
from .independent import USUAL_ERROR, gaps, independent_errors
from .windows import Clips, Windows, seen_by_cameras

_GAP = (10, 60)  # frames


@dataclass(eq=False)
class Case:
    """Windows, and what a front end makes of them; scored in the frames ``scored`` (N, T).

    ``lasting``: errors of joints go together and last, as a front end's do.
    """

    windows: Windows
    seen: Drawn
    scored: np.ndarray
    lasting: bool = False


def make_cases(held_out: Poses, count: int, seed: int = 1) -> dict[str, Case]:
    """The cases by name, of ``count`` windows each, spread evenly.

    Raises:
        NikiError: no clip is as long as a window.
    """
    clips = Clips(held_out)
    starts = clips.spread(count)
    if not len(starts):
        raise NikiError(f"There is no clip of {clips.length} frames at {RATE:.0f} per second to measure on")
    windows = seen_by_cameras(np.random.default_rng(seed), clips.rotations(starts), clips.offsets(starts))

    def front_end(spells: bool) -> Callable[[np.random.Generator], Drawn]:
        return lambda rng: FrontEnd(rng, spells)(windows.joints, windows.offsets, windows.pitch)

    makers: dict[str, Callable[[np.random.Generator], Drawn]] = {
        "independent": lambda rng: independent_errors(rng, windows.joints, windows.offsets, USUAL_ERROR),
        "20 mm noise": lambda rng: independent_errors(
            rng, windows.joints, windows.offsets, np.full((1, 2), 0.02, np.float32)
        ),
        "lasting": front_end(False),
        "lasting, parts hidden": front_end(True),
    }
    cases = {}
    for k, (name, make) in enumerate(makers.items()):
        seen = make(np.random.default_rng([seed, k]))
        cases[name] = Case(windows, seen, np.ones(seen.missing.shape, bool), name.startswith("lasting"))
    for name in ("independent", "lasting"):
        seen = cases[name].seen
        count, length = seen.missing.shape
        missing = gaps(np.random.default_rng([seed, 9]), count, length, *_GAP)
        cases[f"{name}, nobody seen"] = replace(
            cases[name], seen=replace(seen, missing=missing), scored=missing
        )
    return cases
