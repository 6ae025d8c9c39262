"""Store the default network's results for some joints; run it after a change of weights.

usage: python tests/make_reference.py
"""

from pathlib import Path

import numpy as np

from niki.body.skeleton import Body
from niki.solve.solver import Solver

rng = np.random.default_rng(20)
joints = Body.default().rest_joints + 0.08 * rng.normal(size=(6, 29, 3))
sigma = rng.uniform(0, 0.7, (6, 29, 2))
sigma[3:, rng.integers(29, size=8)] = 1
twist = np.full((6, 23, 2), np.nan)
twist[::2] = [0.8, 0.6]
view = np.array([0.0, 0.0, -1.0])
pose = Solver().inverse(joints, sigma, twist, view=view)
np.savez_compressed(
    Path(__file__).parent / "reference_pose.npz",
    joints=joints, sigma=sigma, twist=twist, view=view,
    rotations=pose.rotations, translation=pose.translation, error=pose.error,
)  # fmt: skip
