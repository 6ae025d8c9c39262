"""Pose a body by targets: what joints should reach, look at, or stay at.

usage: python examples/pose_by_targets.py

Needs numpy alone.
"""

import numpy as np

from niki import Body, Poser, PosingNetwork, Posture, Target


def main() -> None:
    """Pose the default body."""
    poser = Poser(Body.default(), PosingNetwork.default())
    t_pose = Posture(rotations=np.tile(np.eye(3), (24, 1, 1)), translation=np.zeros(3))

    posed = poser.solve(
        t_pose,
        [
            Target("pelvis", position=(0.0, 0.75, 0.0)),  # meters, Y up; the body faces +Z
            Target("right_wrist", position=(-0.2, 1.1, 0.4), pinned=True),  # holds before all others
            Target("left_wrist", position=(0.5, 1.6, 0.3), weight=0.5),  # a soft target
            Target("head", look_at=(0.0, 1.0, 3.0)),
        ],
    )
    for joint in ("pelvis", "right_wrist"):
        print(f"{joint}: {1000 * posed.error[joint]:.1f} mm from its target")


if __name__ == "__main__":
    main()
