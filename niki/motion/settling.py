"""A motion put on its floor, with its feet where they stand and its hands where they are held."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..body import rotation as rot
from .blocks import split_into_blocks
from .feet import lock_feet
from .floor import stand_on_floor
from .hands import lock_hands
from .motion import Motion


def settle(motion: Motion, contacts: np.ndarray, feet: str = "automatic", told: bool = False) -> Motion:
    """A motion as it was solved -> with contacts, the floor at y = 0, and feet and hands that stay where they touch something.

    Args:
        contacts: (T, 6), as :func:`niki.motion.contacts.find_contacts` gives them or a user.
        feet: of :data:`niki.motion.feet.MODES`; hands in contact are held whatever it is.
        told: a user says so: feet are held on a step, too, which would else be left alone.

    Raises:
        NikiError: there is no such mode.
    """
    motion = stand_on_floor(motion, contacts, told)
    given = motion.rotations
    rotations, trans = lock_feet(
        given,
        motion.trans,
        motion.body,
        motion.contacts,
        0.0,
        motion.mocap_framerate,
        feet,
        motion.camera_pose[:3, 3] if motion.image_size.all() else None,
    )
    rotations = lock_hands(rotations, trans, motion.body, motion.contacts, motion.mocap_framerate)
    if rotations is given:
        return motion
    poses = np.empty_like(motion.poses)
    for part in split_into_blocks(len(motion)):
        poses[part] = rot.axis_angle_from_matrix(rotations[part]).reshape(-1, poses.shape[1])
    return replace(motion, poses=poses, trans=trans, copy=False)
