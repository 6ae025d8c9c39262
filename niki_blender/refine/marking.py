"""The operator that says where feet and hands touch something."""

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty

from ...niki.errors import NikiError
from ..interface.layout import CONTEXT
from ..rig.armature import OnArmature, active_object
from ..rig.contacts import BONES, mark_contacts
from ..rig.selection import is_selected
from ..work import words

_TITLES = {
    "L_Ankle": "Left Heel", "L_Foot": "Left Toes", "R_Ankle": "Right Heel", "R_Foot": "Right Toes",
    "L_Wrist": "Left Hand", "R_Wrist": "Right Hand",
}  # fmt: skip
_BONES_OF_HANDS = {"L_Hand": "L_Wrist", "R_Hand": "R_Wrist"}


class NIKI_OT_mark_contact(OnArmature, bpy.types.Operator):
    """Key where feet and hands of the active armature touch something."""

    bl_idname = "niki.mark_contact"
    bl_label = "Mark Contact"
    bl_description = (
        "Mark the frames in which feet and hands touch something. Refine holds them there. Keyed as the property contact of "
        "bones: of an ankle for the heel, a foot for the toes, a wrist for the hand"
    )
    bl_options = {"REGISTER", "UNDO"}

    parts: EnumProperty(
        name="Parts",
        translation_context=CONTEXT,
        options={"ENUM_FLAG"},
        description="What touches something",
        items=tuple((bone, title, "", "NONE", 1 << k) for k, (bone, title) in enumerate(_TITLES.items())),
        default=set(),
    )
    first: IntProperty(name="From", description="First frame of the contact")
    last: IntProperty(name="To", description="Last frame of the contact")
    touches: BoolProperty(
        name="Touches", default=True, description="Off: these parts touch nothing in these frames"
    )

    def invoke(self, context, event):
        rig, scene = active_object(context), context.scene
        if not self.properties.is_property_set("first"):
            self.first = self.last = scene.frame_current
            if scene.use_preview_range:
                self.first, self.last = scene.frame_preview_start, scene.frame_preview_end
        chosen = {_BONES_OF_HANDS.get(bone.name, bone.name) for bone in rig.pose.bones if is_selected(bone)}
        chosen &= BONES.keys()
        if context.mode == "POSE" and len(chosen) < len(BONES):  # all are selected where nobody has chosen
            self.parts = chosen
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context):
        layout = self.layout
        layout.use_property_split = True
        layout.column().prop(self, "parts", expand=True)
        column = layout.column(align=True)
        column.prop(self, "first")
        column.prop(self, "last")
        layout.prop(self, "touches")

    def execute(self, context):
        if not self.parts:
            self.report({"ERROR"}, "Choose a foot or a hand")
            return {"CANCELLED"}
        first, last = sorted((self.first, self.last))
        try:
            mark_contacts(
                active_object(context), [bone for bone in BONES if bone in self.parts], first, last,
                float(self.touches), context.scene.frame_current_final,
            )  # fmt: skip
        except NikiError as problem:
            self.report({"ERROR"}, words.describe_error(problem))
            return {"CANCELLED"}
        return {"FINISHED"}


CLASSES = (NIKI_OT_mark_contact,)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
