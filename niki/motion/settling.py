"""A motion put on its floor, with its feet where they stand and its world in its size."""

from __future__ import annotations

from dataclasses import replace

from ..body import rotation as rot
from .contacts import find_contacts
from .feet import lock_feet
from .floor import scaled_to_height, stand_on_floor
from .motion import Motion


def settle(motion: Motion, feet: str = "automatic", height: float | None = None) -> Motion:
    """A motion as it was solved -> with contacts, the floor at y = 0, and feet that stand still on it.

    Args:
        feet: of :data:`niki.motion.feet.MODES`. height: metres, how tall the person is; None where nobody knows.

    Raises:
        NikiError: there is no such mode, or no such person.
    """
    motion = lock(stand_on_floor(motion, find_contacts(motion)), feet)
    return motion if height is None else scaled_to_height(motion, height)


def lock(motion: Motion, feet: str = "automatic") -> Motion:
    """A motion whose floor is at y = 0, with its feet locked where its ``contacts`` say.

    Args:
        feet: of :data:`niki.motion.feet.MODES`.
    """
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
