"""The handle under the mouse while nothing is pressed."""

from __future__ import annotations

import bpy

from ..rig.armature import active_object
from .handles import InPoseMode, joint_under_mouse

_hovered: tuple[int, int] | None = None  # the region and the joint


def hovered_joint(region: bpy.types.Region) -> int | None:
    """The joint whose handle is under the mouse in a region."""
    return _hovered[1] if _hovered is not None and _hovered[0] == region.as_pointer() else None


class NIKI_OT_hover(InPoseMode, bpy.types.Operator):
    """Highlight and name the handle under the mouse"""

    bl_idname = "niki.hover"
    bl_label = "Highlight Joint"
    bl_options = {"INTERNAL"}

    def invoke(self, context, event):
        global _hovered
        rig, region = active_object(context), context.region
        joint = joint_under_mouse(context, rig, event.mouse_region_x, event.mouse_region_y)
        hovered = None if joint is None else (region.as_pointer(), joint)
        if hovered != _hovered:
            _hovered = hovered
            context.area.tag_redraw()
        return {"PASS_THROUGH"}


CLASSES = (NIKI_OT_hover,)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
