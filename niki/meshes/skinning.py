"""Linear blend skinning. numpy only."""

from __future__ import annotations

import numpy as np

from ..body.skeleton import NUM_BONES


def skin(
    vertices: np.ndarray, weights: np.ndarray, rest: np.ndarray, joints: np.ndarray, world: np.ndarray
) -> np.ndarray:
    """(V, 3) metres: vertices as the bones carry them.

    Args:
        vertices: (V, 3) at rest. weights: (V, 24), each row with a sum of 1.
        rest: (29, 3) joints at rest. joints: (29, 3) and world: (24, 3, 3), as
            :func:`niki.body.kinematics.forward_kinematics` returns them.
    """
    moved = joints[:NUM_BONES, None] + np.einsum(
        "bij,bvj->bvi", world, vertices[None] - rest[:NUM_BONES, None]
    )
    return np.einsum("vb,bvi->vi", weights, moved)
