"""A motion into the user's scene: armature, body, action, camera. Nothing of theirs is changed but what
they asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import bpy
import numpy as np

from ..niki.motion import Motion
from .armature import create_armature, is_our_armature
from .baking import bake_motion
from .body import add_mannequin
from .footage import create_camera, show_behind


@dataclass
class Placement:
    """Where and how a motion goes.

    Attributes:
        armature: name of one of ours to animate; "" makes a new one with a body.
        frame_start: scene frame of the motion's first frame.
        set_rate: take the footage's frame rate for the scene; else the motion is resampled to the
            scene's.
        camera, footage: make the camera that saw it; show the footage behind.
        scene: name of the scene that it goes to; "" for the one that is open.
    """

    armature: str = ""
    frame_start: int = 1
    set_rate: bool = False
    camera: bool = True
    footage: bool = True
    scene: str = ""

    def as_dict(self) -> dict:
        """For storing; ``Placement(**...)`` restores it."""
        return asdict(self)


def place_motion(
    motion: Motion, name: str, placement: Placement, add_body=add_mannequin
) -> tuple[bpy.types.Object, list[str]]:
    """The armature with ``motion`` as its new action, and warnings for the user.

    ``add_body(rig, body)`` gives a new armature something to be seen by.
    """
    scene, warnings = bpy.context.scene, []
    footage_rate = motion.mocap_framerate
    if placement.set_rate:
        set_rate(scene, footage_rate)
    rate = scene.render.fps / scene.render.fps_base
    resampled = abs(rate - footage_rate) > 1e-3 * footage_rate
    if resampled:
        warnings.append(
            f"The motion is resampled from {footage_rate:.5g} to the scene's {rate:.5g} frames per second"
        )
        motion = motion.resampled(rate)
    rig = bpy.data.objects.get(placement.armature)
    if not is_our_armature(rig):
        if placement.armature:
            warnings.append(f"There is no armature '{placement.armature}' any more: a new one is made")
        rig = create_armature(motion.body, name)
        add_body(rig, motion.body)
    elif not np.allclose(rig.data.bones["L_Knee"].length, motion.body.bone_lengths[7], rtol=0.05):
        warnings.append(f"{rig.name} has other proportions than the person: hands and feet will be off")
    bake_motion(rig, motion, placement.frame_start, name)
    last = placement.frame_start + len(motion) - 1
    scene.frame_end = max(scene.frame_end, last)
    if placement.camera and motion.image_size.all():
        camera = create_camera(motion, f"{name} Camera")
        if placement.footage and motion.footage:
            if show_behind(camera, motion.footage, motion, placement.frame_start) is None:
                warnings.append(f"Blender cannot show {motion.footage} behind the camera")
            elif resampled:
                warnings.append(
                    "The footage behind plays at its own rate: give the scene that rate to see them in step"
                )
    return rig, warnings


def set_rate(scene: bpy.types.Scene, rate: float) -> None:
    """Give the scene a frame rate, whole or not."""
    scene.render.fps = max(1, round(rate))
    scene.render.fps_base = scene.render.fps / rate
