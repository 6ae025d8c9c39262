"""A motion put on its floor, with its feet where they stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..body import rotation as rot
from .feet import lock_feet
from .floor import stand_on_floor
from .motion import Motion


def settle(motion: Motion, contacts: np.ndarray, feet: str = "automatic") -> Motion:
    """A motion as it was solved -> with contacts, the floor at y = 0, and feet that stand still on it.

    Args:
        contacts: (T, 4) of :func:`niki.motion.contacts.find_contacts`. feet: of :data:`niki.motion.feet.MODES`.

    Raises:
        NikiError: there is no such mode.
    """
    motion = stand_on_floor(motion, contacts)
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
    if rotations is given:
        return motion
    return replace(motion, poses=rot.axis_angle_from_matrix(rotations).reshape(len(motion), -1), trans=trans)
