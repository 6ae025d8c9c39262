"""The panel of confidence."""

import bpy

from ..interface.layout import SidebarPanel
from .confidence import has_confidence


class NIKI_PT_confidence(SidebarPanel, bpy.types.Panel):
    """How sure the capture is."""

    bl_label = "Confidence"
    bl_order = 1

    @classmethod
    def poll(cls, context):
        return has_confidence(context.object)

    def draw(self, context):
        layout, settings = self.columns(), context.scene.niki_confidence
        layout.prop(context.object.niki_confidence, "show")
        layout.prop(settings, "threshold")
        row = layout.row(align=True)
        row.operator("niki.doubtful_frame", text="Previous", icon="TRIA_LEFT").direction = "PREVIOUS"
        row.operator("niki.doubtful_frame", text="Next", icon="TRIA_RIGHT").direction = "NEXT"


CLASSES = (NIKI_PT_confidence,)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
