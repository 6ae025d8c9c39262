"""Windows of motion as a capture has them: motions that hold their readings, and what was solved of them. numpy only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import forward_kinematics
from ..body.skeleton import NUM_BONES, NUM_JOINTS, Bodies, Body
from ..capturing.proportions import FLATTENED
from ..mocap.collection import RATE
from ..motion.camera_tilt import camera_to_library
from ..motion.contacts import foot_points
from ..motion.motion import Motion
from .motion_cases import Case

_FOCAL, _PICTURE = 1000.0, 6000  # pixels: so wide that everything is in the picture
_CAMERA = np.array([[_FOCAL, 0, _PICTURE / 2], [0, _FOCAL, _PICTURE / 2], [0, 0, 1]])


@dataclass(eq=False)
class Solved:
    """The motion of N windows of T frames, in camera space.

    Attributes:
        rotations: (N, T, 24, 3, 3). joints: (N, T, 29, 3) metres. offsets: (N, 29, 3) the proportions.
        confidence: (N, T, 29); None where nobody tells it.
        contacts: (N, T, 6) those that were found, from 0 to 1; None where none were looked for.
    """

    rotations: np.ndarray
    joints: np.ndarray
    offsets: np.ndarray
    confidence: np.ndarray | None = None
    contacts: np.ndarray | None = None

    def foot_points(self) -> np.ndarray:
        """(N, T, 4, 3) metres: the points of the feet, heels and toes."""
        points = np.empty((*self.joints.shape[:2], 4, 3))
        for k, (rotations, joints, offsets) in enumerate(
            zip(self.rotations, self.joints, self.offsets, strict=True)
        ):
            world = forward_kinematics(rotations, Bodies(offsets))[1]
            points[k] = foot_points(joints, world, body_of(offsets))
        return points


def body_of(offsets: np.ndarray) -> Body:
    """The person with these proportions (29, 3), the soles where they are in every rest pose."""
    rest = Bodies(offsets).rest_joints.astype(float)
    return Body(rest + [0, Body.default().rest_joints[:, 1].min() - rest[:, 1].min(), 0])


def measured_offsets(case: Case) -> np.ndarray:
    """(N, 29, 3) the proportions that a capture would go on with: arms that a front end measured are made longer."""
    return case.seen.offsets / FLATTENED[:, None] if case.lasting else case.seen.offsets


def readings(case: Case) -> list[Motion]:
    """The windows as captures that are yet to be solved: library axes, the camera at the origin. The vertical is known, and
    feet are never out of the picture."""
    return [_readings(case, k, offsets) for k, offsets in enumerate(measured_offsets(case))]


def _readings(case: Case, k: int, offsets: np.ndarray) -> Motion:
    seen, found, up = case.seen, ~case.seen.missing[k], case.windows.up[k]
    count, pose = len(found), np.eye(4)
    pose[:3, :3] = camera_to_library(up)
    joints = np.where(found[:, None, None], seen.joints[k], np.nan).astype(float)
    image = joints @ _CAMERA.T
    return Motion(
        poses=np.zeros((count, 3 * NUM_BONES)),
        trans=np.zeros((count, 3)),
        mocap_framerate=RATE,
        rest_joints=body_of(offsets).rest_joints,
        confidence=np.zeros((count, NUM_JOINTS)),
        joints=joints @ pose[:3, :3].T,
        keypoints=image[..., :2] / image[..., 2:],
        camera=_CAMERA,
        camera_pose=pose,
        image_size=np.array([_PICTURE, _PICTURE]),
        sigma=np.where(found[:, None, None], seen.sigma[k], 1),
        hints=np.full((count, NUM_BONES, 3), np.nan),
        errors_last=case.lasting,
        jumps=np.zeros(count, bool),
    )


def as_motions(solved: Solved, given: list[Motion]) -> list[Motion]:
    """What was solved of windows, as motions that hold the readings that are given."""
    motions = []
    for k, window in enumerate(given):
        body, turn = body_of(solved.offsets[k]), window.camera_pose[:3, :3]
        rotations = solved.rotations[k].astype(float)
        rotations[:, 0] = turn @ rotations[:, 0]
        confidence = window.confidence if solved.confidence is None else solved.confidence[k]
        motions.append(
            replace(
                window,
                poses=rot.axis_angle_from_matrix(rotations).reshape(len(window), -1),
                trans=solved.joints[k, :, 0] @ turn.T - body.pelvis,
                rest_joints=body.rest_joints,
                confidence=confidence,
            )
        )
    return motions


def as_solved(motions: list[Motion]) -> Solved:
    """Motions of windows, in the space of their cameras, with the contacts that they have."""
    rotations = np.stack([motion.rotations for motion in motions])
    turns = np.stack([motion.camera_pose[:3, :3] for motion in motions])
    rotations[:, :, 0] = rot.transpose(turns)[:, None] @ rotations[:, :, 0]
    return Solved(
        rotations,
        np.stack([motion.in_camera(motion.solved_joints()) for motion in motions]),
        np.stack([motion.body.offsets for motion in motions]),
        np.stack([motion.confidence for motion in motions]),
        np.stack([motion.contacts for motion in motions]),
    )
