"""CMU motion as the text files of motion-prediction research: one row of exponential maps a frame."""

from __future__ import annotations

import json

import numpy as np

from .. import rotation as rot
from ..errors import NikiError
from .acclaim import CMU_UNIT
from .recording import Recording

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
        text: comma-separated numbers, one row a frame. skeleton: JSON with ``parents`` and
            ``offsets`` of the 38 nodes, in CMU's units.

    Raises:
        NikiError: the table or the skeleton has another shape.
    """
    layout = json.loads(skeleton)
    table = np.array([row.split(",") for row in text.split()], float)
    if len(layout["parents"]) != len(_NAMES) or table.shape[1:] != (3 + 3 * len(_NAMES),):
        raise NikiError(f"Expected {len(_NAMES)} joints and {3 + 3 * len(_NAMES)} numbers a row")
    maps = table[:, 3:].reshape(len(table), -1, 3)
    return Recording(
        list(_NAMES),
        np.array(layout["parents"]),
        np.array(layout["offsets"]) * CMU_UNIT,
        rot.transpose(rot.matrix_from_axis_angle(maps)),
        rate,
    )
