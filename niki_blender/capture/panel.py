"""Panels of the next capture, and of where its result goes."""

import bpy

from ..interface.layout import SidebarPanel, draw_text, draw_value
from ..settings.preferences import draw_device, draw_not_ready
from .job_list import draw_jobs
from .people import search
from .sources import chosen_source, known, offered_source


class NIKI_PT_capture(SidebarPanel, bpy.types.Panel):
    """Footage in, motion out."""

    bl_label = "Capture"

    def draw(self, context):
        layout, settings = self.columns(), context.scene.niki_capture
        draw_not_ready(layout)
        layout.row().prop(settings, "source", expand=True)
        draw_footage(layout, context)
        row = layout.row(align=True, heading="Frames")
        row.prop(settings, "use_range", text="")
        part = row.row(align=True)
        part.active = settings.use_range
        part.prop(settings, "first", text="")
        part.prop(settings, "last", text="")
        row = layout.row(heading="Focal Length")
        row.prop(settings, "use_focal", text="")
        part = row.row()
        part.active = settings.use_focal
        part.prop(settings, "focal", text="")
        draw_person(layout, settings)
        layout.prop(settings, "estimator")
        layout.prop(settings, "quality")
        draw_device(layout)
        column = layout.column()
        column.scale_y = 1.6
        column.operator("niki.capture", icon="ARMATURE_DATA")
        draw_jobs(layout)


class NIKI_PT_result(SidebarPanel, bpy.types.Panel):
    """Where the result goes."""

    bl_label = "Result"
    bl_parent_id = "NIKI_PT_capture"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout, settings = self.columns(), context.scene.niki_capture
        layout.prop(settings, "armature")
        shown_at = chosen_source(context.scene).frame_start
        if shown_at is None:
            layout.prop(settings, "frame_start")
        else:
            draw_value(layout, "Start Frame", f"{shown_at}, as the {settings.source.lower()}")
        layout.prop(settings, "place_at")
        layout.prop(settings, "match_scene")
        row = layout.row(align=True, heading="Camera")
        row.prop(settings, "camera", text="")
        part = row.row()
        part.active = settings.camera
        part.prop(settings, "active_camera")
        part = layout.column()
        part.active = settings.camera
        part.prop(settings, "footage")
        layout.prop(settings, "solver")


def draw_footage(layout, context):
    """Which file, clip or strip, and what is active elsewhere."""
    settings, source, offer = (
        context.scene.niki_capture,
        chosen_source(context.scene),
        offered_source(context),
    )
    row = layout.row(align=True)
    row.prop(settings, {"FILE": "path", "CLIP": "clip", "STRIP": "strip"}[settings.source])
    if settings.source == "FILE":
        row.operator("niki.choose_footage", text="", icon="FILEBROWSER")
    if source.path and not known(source.path).there:
        draw_text(layout, f"There is no file {source.path}", "ERROR")
    if offer is not None and not source.path:
        layout.operator("niki.use_active_footage", text=f"Use {offer.name}", icon="EYEDROPPER")


def draw_person(layout, settings):
    """Whom to follow: the largest, somebody chosen, or those to choose from."""
    row = layout.row(heading="Person")
    row.prop(settings, "use_subject", text="")
    part = row.row(align=True)
    part.active = settings.use_subject
    part.prop(settings, "subject", index=0, text="")
    part.prop(settings, "subject", index=1, text="")
    row.operator("niki.find_people", text="", icon="VIEWZOOM")
    if not search.is_of(settings.id_data):
        return
    if search.question is not None:
        layout.label(text="Looking for people", icon="SORTTIME")
    if search.problem:
        draw_text(layout, search.problem, "INFO")
    grid = layout.grid_flow(columns=2, even_columns=True)
    for person in search.people:
        column = grid.box().column(align=True)
        column.template_icon(person.icon, scale=5)
        column.operator("niki.follow_person").place = person.place


CLASSES = (NIKI_PT_capture, NIKI_PT_result)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
