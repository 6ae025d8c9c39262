"""Add > Armature > NIKI Body: a body to pose from scratch."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import EnumProperty, FloatProperty

from ...niki.body.skeleton import Body
from ...niki.pose.stances import relaxed_rotations
from ...niki.pose.targets import Posture
from ..interface.layout import CONTEXT
from ..scene.framing import select_only
from ..scene.users_scene import active_collection
from .armature import create_armature
from .body import add_mannequin
from .posture import write_posture


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
