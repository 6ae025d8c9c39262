"""Solve joint positions, some of them uncertain, for a pose.

usage: python examples/solve_joints.py

Takes one frame whose truth is known, adds noise, moves the left arm far away as if it were occluded, and
solves. Needs numpy alone.
"""

from pathlib import Path

import numpy as np

from niki import Motion, Solver
from niki.body.skeleton import JOINTS
from niki.network.uncertainty import sigma_from_metres

ROOT = Path(__file__).resolve().parent.parent
OCCLUDED = [JOINTS.index(f"left_{name}") for name in ("elbow", "wrist", "hand", "middle_finger")]


def main() -> None:
    """Disturb known joints, solve, and compare."""
    truth = Motion.load(ROOT / "samples/sample_truth.npz")
    true_joints = truth.solved_joints()[40]  # (29, 3) meters, Y up

    rng = np.random.default_rng(0)
    detected = true_joints + rng.normal(scale=0.02, size=(29, 3))
    error = np.full(29, 0.02 * 3**0.5)  # meters: the standard error of each joint
    detected[OCCLUDED] += rng.normal(scale=0.25, size=(len(OCCLUDED), 3))
    sigma = sigma_from_metres(error)  # 0 exact .. 1 unknown
    sigma[OCCLUDED] = 1

    solver = Solver()
    pose = solver.inverse(detected, sigma, body=truth.body)
    solved = solver.forward(pose)

    before, after = (1000 * np.linalg.norm(j - true_joints, axis=-1).mean() for j in (detected, solved))
    print(f"mean joint error: {before:.0f} mm detected, {after:.0f} mm solved")
    print(f"confidence: left wrist {pose.confidence[JOINTS.index('left_wrist')]:.2f}, "
          f"right wrist {pose.confidence[JOINTS.index('right_wrist')]:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
