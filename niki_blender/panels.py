"""What is drawn; no logic."""

import textwrap

import bpy

from ..niki.pose.targets import ORIENTED
from .capture import people
from .capture import results as background
from .capture.sources import chosen_source, known, offered_source
from .rig.armature import is_our_armature
from .rig.confidence import has_confidence
from .settings import environment_operators as setting_up
from .settings.preferences import EXTENSION, preferences, why_not_ready
from .work.job import CANCELLED, DONE, FAILED, RUNNING, UNREADABLE, WAITING, Job

_STAGES = {"starting": "Starting", "loading": "Loading networks", "reading": "Reading", "solving": "Solving"}
_ICONS = {WAITING: "TIME", RUNNING: "PLAY", DONE: "CHECKMARK", FAILED: "ERROR", CANCELLED: "X"}


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "NIKI"

    def columns(self):
        """The layout, names left of values."""
        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        return self.layout


class NIKI_PT_capture(_Panel, bpy.types.Panel):
    """Footage in, motion out."""

    bl_label = "Capture"

    def draw(self, context):
        layout, settings = self.columns(), context.scene.niki
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


class NIKI_PT_result(_Panel, bpy.types.Panel):
    """Where the result goes."""

    bl_label = "Result"
    bl_parent_id = "NIKI_PT_capture"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        layout, settings = self.columns(), context.scene.niki
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


class NIKI_PT_confidence(_Panel, bpy.types.Panel):
    """How sure the capture is."""

    bl_label = "Confidence"

    @classmethod
    def poll(cls, context):
        return has_confidence(context.object)

    def draw(self, context):
        layout, settings = self.columns(), context.scene.niki
        layout.prop(context.object.niki, "show_confidence")
        layout.prop(settings, "threshold")
        row = layout.row(align=True)
        row.operator("niki.doubtful_frame", text="Previous", icon="TRIA_LEFT").direction = "PREVIOUS"
        row.operator("niki.doubtful_frame", text="Next", icon="TRIA_RIGHT").direction = "NEXT"


class NIKI_PT_pose(_Panel, bpy.types.Panel):
    """Joints that are pulled, and what is made of that over time."""

    bl_label = "Pose"

    @classmethod
    def poll(cls, context):
        return is_our_armature(context.object)

    def draw(self, context):
        layout, settings = self.columns(), context.object.niki
        layout.operator("niki.pull_mode", icon="CON_KINEMATIC")
        layout.prop(settings, "pull_mode")
        layout.prop(settings, "plant_feet")
        row = layout.row(align=True)
        row.operator("niki.pin_selected", icon="PINNED")
        row.operator("niki.unpin_all", text="", icon="UNPINNED")


class NIKI_PT_correct(_Panel, bpy.types.Panel):
    """A correction over time."""

    bl_label = "Correct"
    bl_parent_id = "NIKI_PT_pose"

    def draw(self, context):
        layout, settings = self.columns(), context.object.niki
        column = layout.column(align=True)
        column.prop(settings, "carry_before", text="Frames Before")
        column.prop(settings, "carry_after", text="After")
        layout.operator("niki.carry", icon="ANIM")
        layout.operator("niki.hold", icon="LOCKED")


class NIKI_PT_targets(_Panel, bpy.types.Panel):
    """Empties that draw joints, and baking."""

    bl_label = "Targets and Baking"
    bl_parent_id = "NIKI_PT_pose"

    def draw(self, context):
        layout, settings = self.columns(), context.object.niki
        layout.operator("niki.make_targets", icon="EMPTY_AXIS")
        layout.prop(settings, "follow_targets")
        if settings.follow_targets and settings.target_problem:
            draw_text(layout, settings.target_problem, "ERROR")
        if settings.follow_targets and not context.scene.render.use_lock_interface:
            draw_text(layout, "Rendering needs Lock Interface while the body follows targets", "ERROR")
            layout.prop(context.scene.render, "use_lock_interface")
        layout.operator("niki.bake", text="Bake", icon="KEYTYPE_KEYFRAME_VEC")


class NIKI_PT_target(_Panel, bpy.types.Panel):
    """Of an empty that draws a joint."""

    bl_label = "Target"

    @classmethod
    def poll(cls, context):
        return context.object is not None and context.object.niki.target_of is not None

    def draw(self, context):
        layout, settings = self.columns(), context.object.niki
        layout.label(text=f"{settings.target_joint} of {settings.target_of.name}")
        layout.prop(settings, "target_weight")
        part = layout.column()
        part.active = settings.target_joint in ORIENTED
        part.prop(settings, "target_turns")
        if settings.target_joint == "head":
            layout.prop(settings, "target_looks")


def draw_footage(layout, context):
    """Which file, clip or strip, and what is active elsewhere."""
    settings, source, offer = context.scene.niki, chosen_source(context.scene), offered_source(context)
    row = layout.row(align=True)
    row.prop(settings, {"FILE": "path", "CLIP": "clip", "STRIP": "strip"}[settings.source])
    if settings.source == "FILE":
        row.operator("niki.choose_footage", text="", icon="FILEBROWSER")
    if source.path and not known(source.path).there:
        draw_text(layout, f"There is no file {source.path}", "ERROR")
    if offer is not None and not source.path:
        layout.operator("niki.use_active_footage", text=f"Use {offer.name}", icon="EYEDROPPER")


def draw_value(layout, title: str, value: str):
    """A line that says what something is, as properties do."""
    split = layout.split(factor=0.4)
    said = split.row()
    said.alignment = "RIGHT"
    said.label(text=title)
    split.label(text=value)


def draw_person(layout, settings):
    """Whom to follow: the largest, somebody chosen, or those to choose from."""
    row = layout.row(heading="Person")
    row.prop(settings, "use_subject", text="")
    part = row.row(align=True)
    part.active = settings.use_subject
    part.prop(settings, "subject", index=0, text="")
    part.prop(settings, "subject", index=1, text="")
    row.operator("niki.find_people", text="", icon="VIEWZOOM")
    if not people.search.is_of(settings.id_data):
        return
    if people.search.question is not None:
        layout.label(text="Looking for people", icon="SORTTIME")
    if people.search.problem:
        draw_text(layout, people.search.problem, "INFO")
    grid = layout.grid_flow(columns=2, even_columns=True)
    for person in people.search.people:
        column = grid.box().column(align=True)
        column.template_icon(person.icon, scale=5)
        column.operator("niki.follow_person").place = person.place


def draw_device(layout):
    """What the worker will run on, and the way to change it."""
    chosen = preferences()
    split = layout.split(factor=0.4)
    title = split.row()
    title.alignment = "RIGHT"
    title.label(text="Device")
    row = split.row(align=True)
    if chosen and chosen.runtime == "ENVIRONMENT":
        row.prop(chosen, "device", text="")
    else:
        row.label(text="CPU")
    row.operator("preferences.addon_show", text="", icon="PREFERENCES", emboss=False).module = EXTENSION


def draw_not_ready(layout):
    """What stands in the way of captures, and the way to the preferences."""
    problem = why_not_ready()
    if problem:
        box = layout.box()
        said = box.column()
        said.alert = True
        draw_text(said, problem, "ERROR")
        box.operator("preferences.addon_show", text="Open Preferences").module = EXTENSION


def draw_runtime(layout, chosen):
    """The runtime's part of the preferences."""
    layout.prop(chosen, "runtime")
    if chosen.runtime == "ENVIRONMENT":
        layout.prop(chosen, "python")
        layout.prop(chosen, "device")
    problem, state = why_not_ready(), setting_up.state
    row = layout.row()
    said = problem or state.checked or ("Asking the worker" if state.question else "Not checked yet")
    bad = bool(problem) or (state.checked and not state.good)
    draw_text(row.column(), said, "ERROR" if bad else "CHECKMARK" if state.good else "INFO")
    row.operator("niki.check_runtime")
    box = layout.box()
    box.label(text="Environment for a Graphics Card")
    setup = state.setup
    if setup is not None and not setup.over:
        row = box.row()
        row.progress(factor=setup.share, type="BAR", text=setup.title)
        row.operator("niki.cancel_environment", text="", icon="CANCEL")
        return
    box.prop(chosen, "new_device")
    box.prop(chosen, "wheels")
    if setup is not None and setup.problem:
        draw_text(box, setup.problem, "ERROR")
    row = box.row()
    row.operator("niki.make_environment", text="Repair" if state.there else "Make Environment")
    row.operator("niki.remove_environment", text="Remove")
    row.operator("niki.open_log").log = "ENVIRONMENT"


def draw_jobs(layout):
    """The captures of this Blender, what became of the last, then those that were left unfinished."""
    queued, ours, others = background.list_jobs()
    for job in queued:
        _draw_job(layout.box(), job)
    outcome = background.session.outcome
    if outcome is not None and outcome.scene == bpy.context.scene.name:
        box = layout.box()
        row = box.row()
        draw_text(row.column(), outcome.title, "CHECKMARK")
        row.operator("niki.dismiss_outcome", text="", icon="X", emboss=False)
        quiet = box.column()
        quiet.active = False
        for warning in outcome.warnings:
            draw_text(quiet, warning, "BLANK1")
    for job in ours:
        _draw_left(layout.box(), job)
    if others:
        shown = background.session.others_shown
        row = layout.row()
        row.alignment = "LEFT"
        row.operator(
            "niki.show_other_captures", text=f"{len(others)} captures of other projects", emboss=False,
            icon="DISCLOSURE_TRI_DOWN" if shown else "DISCLOSURE_TRI_RIGHT",
        )  # fmt: skip
        if shown:
            for job in others:
                _draw_left(layout.box(), job)
            layout.operator("niki.clear_other_captures", text="Delete All of These", icon="TRASH")


def _draw_job(box, job: Job):
    row = box.row()
    row.label(text=job.title, icon=_ICONS[job.state])
    if not job.over:
        row.operator("niki.cancel_capture", text="", icon="CANCEL", emboss=False).job = job.folder.name
    elif not (job.has_readings or job.has_motion):
        row.operator("niki.dismiss_capture", text="", icon="X", emboss=False).job = job.folder.name
    ours = background.is_ours(job)
    if job.state == RUNNING:
        box.progress(factor=job.share, type="BAR", text=progress_text(job))
    if not ours and not job.over:
        draw_text(box, f"for {background.project_name(job)}")
    if job.state in (FAILED, CANCELLED) or job.message:
        said = box.column()
        said.alert = job.state == FAILED
        draw_text(said, "Cancelled" if job.state == CANCELLED else job.message)
        if job.hint:
            draw_text(box, job.hint, "INFO")
    elif job.state == DONE:
        draw_text(box, waiting_text(job))
    _draw_ways_on(box, job)
    if job.state == FAILED:
        box.operator("niki.open_log", icon="TEXT").log = "CAPTURES"


def _draw_left(box, job: Job):
    """One that no Blender has on its list."""
    draw_text(box, job.title, "ERROR" if job.state == UNREADABLE else "RECOVER_LAST")
    draw_text(box, left_text(job))
    _draw_ways_on(box, job)


def _draw_ways_on(box, job: Job):
    """Continue, import, delete: as far as a capture that is over allows."""
    if not job.over or not (job.has_readings or job.has_motion or job.state == UNREADABLE):
        return
    row = box.row(align=True)
    if job.has_motion:
        text = "Import Capture" if background.fits(job) else "Import Here"
        row.operator("niki.import_capture", text=text, icon="IMPORT").job = job.folder.name
    elif job.has_readings:
        row.operator("niki.continue_capture", text="Continue", icon="PLAY").job = job.folder.name
        operator = row.operator("niki.continue_capture", text="Import", icon="IMPORT")
        operator.job, operator.finish = job.folder.name, True
    operator = row.operator("niki.dismiss_capture", text="", icon="TRASH")
    operator.job, operator.discard = job.folder.name, True


def waiting_text(job: Job) -> str:
    """Why a finished capture is not in the scene yet."""
    if background.fits(job):
        return f"Captured; {background.why_it_waits() or 'importing now'}"
    whose = background.describe_owner(job)
    return whose[0].upper() + whose[1:]


def left_text(job: Job) -> str:
    """Of which project a capture is, of when, and how far it came, in a line."""
    if job.state == UNREADABLE:
        return job.message
    if job.has_motion:
        far = "captured"
    else:
        far = f"{job.frames} of {job.total} frames" if job.total and job.frames else "unfinished"
    return ", ".join(part for part in (background.project_name(job), job.when, far) if part)


def progress_text(job: Job) -> str:
    """Stage, frames, speed and time left, in a line."""
    text = _STAGES.get(job.stage, job.stage)
    if job.stage != "reading":
        return text
    text += f" {job.frames}" + (f" of {job.total}" if job.total else "")
    if job.fps > 0:
        text += f", {job.fps:.1f} fps"
    if job.seconds_left is not None:
        minutes, seconds = divmod(round(job.seconds_left), 60)
        text += f", {minutes}:{seconds:02d} left"
    return text


def draw_text(layout, text: str, icon: str = "NONE"):
    """A text of any length, in lines that fit the region."""
    region, scale = bpy.context.region, bpy.context.preferences.system.ui_scale
    width = max(20, int((region.width / scale - 70) / 6.5)) if region else 40
    column = layout.column(align=True)
    column.scale_y = 0.8
    for k, line in enumerate(textwrap.wrap(text, width)):
        column.label(text=line, icon=icon if k == 0 else "BLANK1" if icon != "NONE" else "NONE")


CLASSES = (
    NIKI_PT_capture, NIKI_PT_result, NIKI_PT_confidence, NIKI_PT_pose, NIKI_PT_correct, NIKI_PT_targets, NIKI_PT_target,
)  # fmt: skip
