"""Add > Armature > NIKI Body: a body to pose from scratch."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import EnumProperty, FloatProperty

from ...niki.body import rotation as rot
from ...niki.body.skeleton import JOINTS, KINDS, NUM_BONES, Body
from ...niki.pose.targets import Posture
from ..interface.layout import CONTEXT
from ..scene.framing import select_only
from ..scene.users_scene import active_collection
from .armature import create_armature
from .body import add_mannequin
from .posture import write_posture

_RELAXED = {"shoulder": (0.1, 0.0, -1.15), "elbow": (0.0, -0.3, 0.0), "hip": (-0.06, 0.0, 0.05), "knee": (0.1, 0.0, 0.0),
            "ankle": (-0.04, 0.0, 0.0)}  # fmt: skip


def relaxed_rotations() -> np.ndarray:
    """(24, 3, 3) standing, arms down."""
    turns = np.zeros((NUM_BONES, 3))
    for j in range(NUM_BONES):
        turn = np.array(_RELAXED.get(KINDS[j], (0, 0, 0)))
        turns[j] = turn * (1, -1, -1) if "right_" in JOINTS[j] else turn
    return rot.matrix_from_axis_angle(turns)


class NIKI_OT_add_body(bpy.types.Operator):
    """Add a body with an armature to pose, at the 3D cursor"""

    bl_idname = "niki.add_body"
    bl_label = "NIKI Body"
    bl_options = {"REGISTER", "UNDO"}

    height: FloatProperty(name="Height", default=1.75, min=0.2, max=10.0, subtype="DISTANCE")
    stance: EnumProperty(
        name="Stance",
        translation_context=CONTEXT,
        items=(
            ("RELAXED", "Relaxed", "Standing, arms down"),
            ("REST", "Rest", "T-pose, the armature's rest pose"),
        ),
    )

    def execute(self, context):
        default = Body.default()
        body = Body(default.rest_joints * (self.height / np.ptp(default.rest_joints[:, 1])))
        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        rig = create_armature(body, "Body", active_collection(context.scene))
        add_mannequin(rig, body)
        select_only(rig, context.view_layer)
        rig.location = context.scene.cursor.location
        if self.stance == "RELAXED":
            write_posture(rig, Posture(relaxed_rotations(), np.zeros(3)))
        return {"FINISHED"}


def _draw_add(menu, context):
    menu.layout.operator(NIKI_OT_add_body.bl_idname, icon="OUTLINER_OB_ARMATURE")


CLASSES = (NIKI_OT_add_body,)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register():
    _register_classes()
    bpy.types.VIEW3D_MT_armature_add.append(_draw_add)


def unregister():
    bpy.types.VIEW3D_MT_armature_add.remove(_draw_add)
    _unregister_classes()
