"""What panels share: their place in the sidebar, lines of text, names beside values."""

import textwrap

import bpy


class SidebarPanel:
    """For panels of the sidebar's tab NIKI. They are in the order of their ``bl_order``, whichever registers first."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "NIKI"

    def columns(self):
        """The layout, names left of values."""
        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        return self.layout


def draw_value(layout, title: str, value: str):
    """A line that says what something is, as properties do."""
    split = layout.split(factor=0.4)
    said = split.row()
    said.alignment = "RIGHT"
    said.label(text=title)
    split.label(text=value)


def draw_text(layout, text: str, icon: str = "NONE"):
    """A text of any length, in lines that fit the region."""
    region, scale = bpy.context.region, bpy.context.preferences.system.ui_scale
    width = max(20, int((region.width / scale - 70) / 6.5)) if region else 40
    column = layout.column(align=True)
    column.scale_y = 0.8
    for k, line in enumerate(textwrap.wrap(text, width)):
        column.label(text=line, icon=icon if k == 0 else "BLANK1" if icon != "NONE" else "NONE")
