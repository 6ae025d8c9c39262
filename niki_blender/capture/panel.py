"""The Capture panel, and Result below it."""

from typing import Any

import bpy

from ..interface.layout import SidebarPanel, draw_text, titled_row
from ..rig.armature import is_our_armature
from ..settings.preferences import draw_device, draw_not_ready
from ..work.job import DONE, FAILED, RUNNING, WAITING, Job
from .job_list import ICONS, draw_jobs
from .known_camera import KnownCamera, known_camera
from .people import search
from .results import captures
from .sources import chosen_source, file_info, offered_source


class _Capture(SidebarPanel):
    """Choose footage, capture it, see the progress."""

    bl_label = "Capture"

    def draw(self, context):
        layout, settings = self.columns(), context.scene.niki_capture
        draw_not_ready(layout)
        layout.row().prop(settings, "source", expand=True)
        draw_footage(layout, context)
        draw_optional(
            layout.row(align=True, heading="Frames"), settings, "use_range", ("first", "last"), "All"
        )
        draw_optional(layout.row(heading="Focal Length"), settings, "use_focal", ("focal",), "Guessed")
        draw_camera_tilt(layout, context.scene)
        draw_person(layout, settings)
        draw_optional(layout.row(heading="Height"), settings, "use_height", ("height",), "Estimated")
        layout.prop(settings, "estimator")
        layout.prop(settings, "quality")
        draw_device(layout)
        column = layout.column()
        column.scale_y = 1.6
        column.operator("niki.capture", icon="ARMATURE_DATA")
        draw_jobs(layout)


class NIKI_PT_capture(_Capture, bpy.types.Panel):
    """Capture, first in the tab."""

    @classmethod
    def poll(cls, context):
        return not is_our_armature(context.object)


class NIKI_PT_capture_folded(_Capture, bpy.types.Panel):
    """Capture below posing and folded, while one of our armatures is active. The header shows jobs in progress."""

    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context):
        return is_our_armature(context.object)

    def draw_header_preset(self, context):
        if shown := header_of(captures().jobs):
            self.layout.label(text=shown[0], icon=shown[1])


def header_of(jobs: list[Job]) -> tuple[str, Any] | None:
    """Text and icon for the header of the folded panel: of the capture that runs, or else of the last one; None if there
    are none."""
    if not jobs:
        return None
    job = next((job for job in jobs if job.state == RUNNING), jobs[-1])
    text = {RUNNING: f"{round(100 * job.share)} %", FAILED: "Failed", DONE: "Captured", WAITING: "Waiting"}
    return (text[job.state], ICONS[job.state]) if job.state in text else None


class _Result(SidebarPanel):
    """Choose where the result goes."""

    bl_label = "Result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout, settings = self.columns(), context.scene.niki_capture
        layout.prop(settings, "armature")
        frame_start = chosen_source(context.scene).frame_start
        if frame_start is None:
            layout.prop(settings, "frame_start")
        else:
            titled_row(layout, "Start Frame").label(text=f"{frame_start}, from the {settings.source.lower()}")
        part = layout.column()
        part.active = settings.armature is None
        part.prop(settings, "root_bone")
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


class NIKI_PT_result(_Result, bpy.types.Panel):
    """Result, below Capture."""

    bl_parent_id = "NIKI_PT_capture"


class NIKI_PT_result_folded(_Result, bpy.types.Panel):
    """Result, below the folded Capture."""

    bl_parent_id = "NIKI_PT_capture_folded"


def draw_footage(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the choice of a file, clip or strip, and a button for the active one."""
    settings, source, offer = (
        context.scene.niki_capture,
        chosen_source(context.scene),
        offered_source(context),
    )
    row = layout.row(align=True)
    row.prop(settings, {"FILE": "path", "CLIP": "clip", "STRIP": "strip"}[settings.source])
    if settings.source == "FILE":
        row.operator("niki.choose_footage", text="", icon="FILEBROWSER")
    if source.path and not file_info(source.path).exists:
        draw_text(layout, f"File not found: {source.path}", "ERROR")
    if offer is not None and not source.path:
        layout.operator("niki.use_active_footage", text=f"Use {offer.name}", icon="EYEDROPPER")


def draw_camera_tilt(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """Draw how the tilt of the camera is found, and what the scene knows of it."""
    settings = scene.niki_capture
    layout.row().prop(settings, "camera_tilt", expand=True)
    if settings.camera_tilt == "MANUAL":
        column = layout.column(align=True)
        column.prop(settings, "tilt")
        column.prop(settings, "roll")
    elif known := known_camera(scene, chosen_source(scene)):
        draw_text(layout, describe_known(known), "OUTLINER_OB_CAMERA")


def describe_known(known: KnownCamera) -> str:
    """What the tilt is taken from, and what it is."""
    return f"Tilt from {known.origin}: {round(known.tilt)}°, roll {round(known.roll)}°"


def draw_optional(
    row: bpy.types.UILayout,
    settings: bpy.types.PropertyGroup,
    use: str,
    values: tuple[str, ...],
    otherwise: str,
) -> None:
    """Draw a checkbox, and beside it the values that it asks for, or what holds without them."""
    row.prop(settings, use, text="")
    if not getattr(settings, use):
        row.label(text=otherwise)
        return
    for value in values:
        row.prop(settings, value, text="")


def draw_person(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    """Draw whom to follow, and the people to choose from after a search."""
    row = layout.row(heading="Person")
    row.prop(settings, "use_subject", text="")
    if settings.use_subject:
        position = row.row(align=True)
        position.prop(settings, "subject", index=0, text="")
        position.prop(settings, "subject", index=1, text="")
    else:
        row.label(text="Largest")
    row.operator("niki.find_people", text="", icon="VIEWZOOM")
    if not search.is_of(settings.id_data):
        return
    if search.question is not None:
        layout.label(text="Looking for people...", icon="SORTTIME")
    if search.problem:
        draw_text(layout, search.problem, "INFO")
    grid = layout.grid_flow(columns=2, even_columns=True)
    for person in search.people:
        column = grid.box().column(align=True)
        column.template_icon(person.icon, scale=5)
        column.operator("niki.follow_person").place = person.place


CLASSES = (NIKI_PT_capture, NIKI_PT_capture_folded, NIKI_PT_result, NIKI_PT_result_folded)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
