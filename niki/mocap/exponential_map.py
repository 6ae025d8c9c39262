"""CMU motion as the text files of motion-prediction research: one row of exponential maps a frame."""

from __future__ import annotations

import json

import numpy as np

from ..body import rotation as rot
from ..errors import NikiError
from .acclaim import CMU_UNIT
from .recording import Recording, iterate_lines, parse_numbers

# The same bones in the same order as CMU's BVH files.
_SIDE = ("UpLeg", "Leg", "Foot", "ToeBase", "ToeBase_end")
_ARM = ("Shoulder", "Arm", "ForeArm", "Hand", "FingerBase", "HandIndex1", "HandIndex1_end")
_NAMES = (
    "Hips",
    "LHipJoint", *(f"Left{name}" for name in _SIDE),
    "RHipJoint", *(f"Right{name}" for name in _SIDE),
    "LowerBack", "Spine", "Spine1", "Neck", "Neck1", "Head", "Head_end",
    *(f"Left{name}" for name in _ARM), "LThumb", "LThumb_end",
    *(f"Right{name}" for name in _ARM), "RThumb", "RThumb_end",
)  # fmt: skip


def read_exponential_maps(text: str, skeleton: str, rate: float = 120.0) -> Recording:
    """Rows of 3 root values and 38 exponential maps (row-vector convention) -> Recording.

    Args:
        text: comma-separated numbers, one row per frame.
        skeleton: JSON with ``parents`` and ``offsets`` of the 38 nodes, in CMU's units.

    Raises:
        NikiError: the table or the skeleton has the wrong shape.
    """
    nodes, width = len(_NAMES), 3 + 3 * len(_NAMES)
    try:
        layout = json.loads(skeleton)
        parents, offsets = np.array(layout["parents"]), np.array(layout["offsets"], float)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise NikiError("The skeleton's .json file must hold parents and offsets") from None
    lines = (line.strip() for line in iterate_lines(text))
    rows = [parse_numbers(row.split(","), f"Frame {k + 1}") for k, row in enumerate(filter(None, lines))]
    if not rows or parents.shape != (nodes,) or any(len(row) != width for row in rows):
        raise NikiError(f"Expected {nodes} joints and {width} numbers per row")
    tree = parents.dtype.kind == "i" and (parents < np.arange(nodes)).all() and (parents[1:] >= 0).all()
    if not tree or parents[0] != -1 or offsets.shape != (nodes, 3) or not np.isfinite(offsets).all():
        raise NikiError("The skeleton's .json file must hold parents before children, and finite offsets")
    maps = np.array(rows)[:, 3:].reshape(len(rows), -1, 3)
    return Recording(
        list(_NAMES),
        parents,
        offsets * CMU_UNIT,
        rot.transpose(rot.matrix_from_axis_angle(maps)),
        rate,
    )
