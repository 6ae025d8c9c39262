"""The list of captures in the panel."""

from typing import Any

import bpy

from ..interface.layout import draw_text
from ..work.job import CANCELLED, DONE, FAILED, RUNNING, UNREADABLE, WAITING, Job
from . import results

_STAGES = {"starting": "Starting", "loading": "Loading networks", "reading": "Reading", "solving": "Solving"}
ICONS: dict[str, Any] = {
    WAITING: "TIME",
    RUNNING: "PLAY",
    DONE: "CHECKMARK",
    FAILED: "ERROR",
    CANCELLED: "X",
}


def draw_jobs(layout: bpy.types.UILayout) -> None:
    """Draw the captures of this Blender, the message about the last result, and unfinished captures."""
    queued, ours, others = results.list_jobs()
    for job in queued:
        _draw_job(layout.box(), job)
    outcome = results.session.outcome
    if outcome is not None and outcome.scene == bpy.context.scene.name:
        box = layout.box()
        row = box.row()
        draw_text(row.column(), outcome.title, "CHECKMARK", beside=30)
        row.operator("niki.dismiss_outcome", text="", icon="X", emboss=False)
        details = box.column()
        details.active = False
        for warning in outcome.warnings:
            draw_text(details, warning, "BLANK1")
    for job in ours:
        _draw_unfinished(layout.box(), job)
    if others:
        shown = results.session.others_shown
        row = layout.row()
        row.alignment = "LEFT"
        row.operator(
            "niki.show_other_captures", text=results.describe_others(len(others)), emboss=False,
            icon="DISCLOSURE_TRI_DOWN" if shown else "DISCLOSURE_TRI_RIGHT",
        )  # fmt: skip
        if shown:
            for job in others:
                _draw_unfinished(layout.box(), job)
            layout.operator("niki.clear_other_captures", text="Delete All", icon="TRASH")


def _draw_job(box: bpy.types.UILayout, job: Job) -> None:
    row = box.row()
    row.label(text=job.title, icon=ICONS[job.state])
    if not job.over:
        row.operator("niki.cancel_capture", text="", icon="CANCEL", emboss=False).job = job.folder.name
    elif not (job.has_readings or job.has_motion):
        row.operator("niki.dismiss_capture", text="", icon="X", emboss=False).job = job.folder.name
    ours = results.is_ours(job)
    if job.state == RUNNING:
        box.progress(factor=job.share, type="BAR", text=progress_text(job))
    if not ours and not job.over:
        draw_text(box, f"For {results.project_name(job)}")
    if job.state in (FAILED, CANCELLED) or job.message:
        message = box.column()
        message.alert = job.state == FAILED
        draw_text(message, "Cancelled" if job.state == CANCELLED else job.message)
        if job.hint:
            draw_text(box, job.hint, "INFO")
    elif job.state == DONE:
        draw_text(box, waiting_text(job))
    _draw_actions(box, job)
    if job.state == FAILED:
        box.operator("niki.open_log", icon="TEXT").log = "CAPTURES"


def _draw_unfinished(box: bpy.types.UILayout, job: Job) -> None:
    """Draw a capture that is in no Blender's list."""
    draw_text(box, job.title, "ERROR" if job.state == UNREADABLE else "RECOVER_LAST")
    draw_text(box, unfinished_text(job))
    _draw_actions(box, job)


def _draw_actions(box: bpy.types.UILayout, job: Job) -> None:
    """Draw Continue, Import and Delete, as far as an ended capture allows."""
    if not job.over or not (job.has_readings or job.has_motion or job.state == UNREADABLE):
        return
    row = box.row(align=True)
    if job.has_motion:
        text = "Import Capture" if results.fits(job) else "Import Here"
        row.operator("niki.import_capture", text=text, icon="IMPORT").job = job.folder.name
    elif job.has_readings:
        row.operator("niki.continue_capture", text="Continue", icon="PLAY").job = job.folder.name
        operator = row.operator("niki.continue_capture", text="Import Partial", icon="IMPORT")
        operator.job, operator.finish = job.folder.name, True
    operator = row.operator("niki.dismiss_capture", text="", icon="TRASH")
    operator.job, operator.discard = job.folder.name, True


def waiting_text(job: Job) -> str:
    """Why a finished capture is not in the scene yet, in one line."""
    if results.fits(job):
        return f"Captured; {results.why_it_waits() or 'importing now'}"
    reason = results.describe_owner(job)
    return reason[0].upper() + reason[1:]


def unfinished_text(job: Job) -> str:
    """Project, date and progress of an unfinished capture, in one line."""
    if job.state == UNREADABLE:
        return job.message
    if job.has_motion:
        progress = "captured"
    else:
        progress = f"{job.frames} of {job.total} frames" if job.total and job.frames else "unfinished"
    return ", ".join(part for part in (results.project_name(job), job.when, progress) if part)


def progress_text(job: Job) -> str:
    """Stage, frames, speed and time left, in one line."""
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
