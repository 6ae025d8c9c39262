"""The panel of ghosts and trails."""

import bpy

from ..interface.layout import SidebarPanel, draw_text


class NIKI_PT_onion_skin(SidebarPanel, bpy.types.Panel):
    """Neighboring frames as ghosts, and the paths of joints."""

    bl_label = "Onion Skin"
    bl_parent_id = "NIKI_PT_pose"
    bl_order = 2
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header(self, context):
        self.layout.prop(context.object.niki_pose, "onion_skin", text="")

    def draw(self, context):
        layout, settings = self.columns(), context.object.niki_pose
        column = layout.column(align=True)
        column.active = settings.onion_skin
        column.prop(settings, "ghost_count")
        column.prop(settings, "ghost_step")
        layout.prop(settings, "trail")
        data = context.object.animation_data
        if (
            data is not None
            and data.use_nla
            and any(not track.mute and track.strips for track in data.nla_tracks)
        ):
            draw_text(layout, "Shows the active action alone, without NLA tracks", "INFO")


CLASSES = (NIKI_PT_onion_skin,)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
