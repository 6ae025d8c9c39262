"""NIKI: from footage of a person to an animated SMPL armature.

>>> import numpy as np
>>> from niki import Body, Poser, PosingNetwork, Posture, Target
>>> poser = Poser(Body.default(), PosingNetwork.default())
>>> t_pose = Posture(rotations=np.tile(np.eye(3), (24, 1, 1)), translation=np.zeros(3))
>>> posed = poser.solve(t_pose, [Target("left_wrist", position=(0.4, 0.3, 0.3))])
>>> posed.error["left_wrist"] < 0.001  # meters
True

The names in ``__all__`` are imported when they are first used, so that ``import niki`` is instant. The
library needs numpy alone; decoding and estimation need ``niki[capture]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .body.skeleton import Body
    from .capturing.pipeline import capture
    from .errors import NikiError
    from .motion.motion import Motion
    from .network.posing import PosingNetwork
    from .pose.posing import Poser
    from .pose.targets import Posture, Target
    from .solve.solver import Solver
    from .task import Task

__version__ = "0.1.0"
__all__ = [
    "Body", "Motion", "NikiError", "Poser", "PosingNetwork", "Posture", "Solver", "Target", "Task", "capture",
]  # fmt: skip

_HOMES = {
    "Body": ".body.skeleton",
    "Motion": ".motion.motion",
    "NikiError": ".errors",
    "Poser": ".pose.posing",
    "PosingNetwork": ".network.posing",
    "Posture": ".pose.targets",
    "Solver": ".solve.solver",
    "Target": ".pose.targets",
    "Task": ".task",
    "capture": ".capturing.pipeline",
}


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
