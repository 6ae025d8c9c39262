"""What the terms of the clip solver count for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Weights:
    """What the terms count for. Tuned on recorded people set aside (``niki eval motion`` measures others).

    Attributes:
        motion: how many times faster than usual motion readily changes; infinite leaves frames to themselves.
        limbs: the same for "trunk", "arms", "legs" or "hands", times ``motion``; default 1 each.
        pose: how many times further from the start than the network's covariance says a pose readily is.
        unseen: the same where nobody is seen and the start is bridged.
        across, along: how many times further off than stated joints readily are, across and along the view.
        distance: metres by which all joints are too near or too far at once.
        memory: seconds after which 1/e of an error is left; 0 for errors of each frame's own.
        tail: degrees of freedom of joints' errors: the fewer, the less counts what does not fit.
        stated: how many times further off than the terms know joints are.
        balance: how many times further beside their feet than usual people who stand are; 0 where nothing is said of it.
        motion_tail: the same of changes of motion: the fewer, the more are sudden ones let be; infinite for none.
    """

    motion: float = 1.2
    limbs: dict[str, float] = field(default_factory=dict)
    pose: float = 1.5
    unseen: float = 3.0
    across: float = 1.0
    along: float = 1.0
    distance: float = 0.0
    memory: float = 0.0
    tail: float = 4.0
    motion_tail: float = np.inf
    balance: float = 1.0
    stated: float = 1.5


OF_EACH_FRAME = Weights()
"""Errors of each frame's own."""
LASTING = Weights(
    motion=0.5,
    pose=0.8,
    across=3.5,
    along=3.5,
    distance=0.03,
    memory=0.7,
    tail=np.inf,
    motion_tail=15.0,
    balance=0.25,
    stated=2.3,
)
"""Errors that go together and last."""


def share_counted(squared: np.ndarray, tail: float) -> np.ndarray:
    """What of three errors with this sum of squares, in standard errors, is counted by Student's distribution with ``tail``
    degrees of freedom; all of it for infinite ones."""
    return np.ones_like(squared) if np.isinf(tail) else np.sqrt((tail + 3) / (tail + squared))
