"""Shared by panels: the sidebar tab, wrapped text, names beside values; and the translation context."""

import textwrap
from typing import Any

import bpy

CONTEXT = "NIKI"
"""Translation context of our enums: Blender's own dictionary would translate some items as other words, for instance
the quality *Fast* as the German for *almost*."""


class SidebarPanel:
    """For panels of the NIKI tab in the sidebar. ``bl_order`` gives their order, whichever is registered first."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "NIKI"

    def columns(self) -> bpy.types.UILayout:
        """The panel's layout, with names to the left of values."""
        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        return self.layout


def titled_row(layout: bpy.types.UILayout, title: str) -> bpy.types.UILayout:
    """A row for a value, with its name to the left, like a property."""
    split = layout.split(factor=0.4)
    name = split.row()
    name.alignment = "RIGHT"
    name.label(text=title)
    return split.row(align=True)


def draw_text(layout: bpy.types.UILayout, text: str, icon: Any = "NONE", beside: int = 0) -> None:
    """Draw a text of any length, wrapped to the width of the region less the pixels of what stands ``beside`` it."""
    region, scale = bpy.context.region, bpy.context.preferences.system.ui_scale
    characters = max(20, int((region.width / scale - 70 - beside) / 6.5)) if region else 40
    column = layout.column(align=True)
    column.scale_y = 0.8
    for k, line in enumerate(textwrap.wrap(text, characters)):
        column.label(text=line, icon=icon if k == 0 else "BLANK1" if icon != "NONE" else "NONE")
