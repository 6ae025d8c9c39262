"""The Refine panel."""

import bpy

from ...niki.motion.refinement import LIMBS
from ..interface.layout import SidebarPanel, draw_text
from ..placement.refined import AFTER, BEFORE, shown
from ..rig.armature import active_object, is_our_armature
from ..rig.refine_settings import is_missing
from .solving import refining, why_it_waits


class NIKI_PT_refine(SidebarPanel, bpy.types.Panel):
    """Smooth the captured motion, and compare before and after."""

    bl_label = "Refine"
    bl_order = 1

    @classmethod
    def poll(cls, context):
        return is_our_armature(context.object) and context.object.niki_refine.frames > 0

    def draw(self, context):
        layout, rig = self.columns(), active_object(context)
        settings = rig.niki_refine
        column = layout.column(align=True)
        for limb in LIMBS:
            column.prop(settings, f"smooth_{limb}", slider=True)
        layout.prop(settings, "feet")
        layout.prop(settings, "contacts")
        if settings.contacts == "AUTO":
            edited = settings.contacts_as_keyed()
            text = "Contacts as keyed: they were edited" if edited else "Contacts as found in the footage"
            draw_text(layout, text, "INFO")
        layout.operator("niki.mark_contact")
        layout.prop(settings, "solver")
        column = layout.column()
        column.alert = is_missing(settings.readings) or not settings.readings
        column.prop(settings, "readings")
        if column.alert:
            draw_text(column, "The readings are not there: choose the motion file of this capture", "ERROR")
        row = layout.row(align=True)
        row.scale_y = 1.4
        if refining.busy and refining.is_of(rig):
            waits = why_it_waits() if refining.solved else ""
            draw_text(row, waits or "Refining...", "SORTTIME", beside=30)
            row.operator("niki.cancel_refine", text="", icon="CANCEL")
        else:
            row.operator("niki.refine", icon="MOD_SMOOTH")
        if settings.before is not None and settings.after is not None:
            row, now = layout.row(align=True), shown(rig)
            for which, title in ((BEFORE, "Before"), (AFTER, "After")):
                row.operator("niki.show_refined", text=title, depress=now == which).which = which
        if refining.problem and refining.is_of(rig):
            message = layout.column()
            message.alert = True
            draw_text(message, refining.problem, "ERROR")


CLASSES = (NIKI_PT_refine,)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
