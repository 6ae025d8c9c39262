"""Captures run while Blender is used, whichever file is open: the queue, its timer, and the import of results.

A capture belongs to the project it was started in and is not imported into another by itself. A project is
identified by a name that is new for every opened file, and by the path of its .blend file.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import os
import shutil
import time
import traceback
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from ...niki.errors import NikiError
from ...niki.motion.camera_tilt import describe_camera
from ...niki.motion.motion import Motion
from ..interface import timers
from ..placement.placing import Placement, place_motion
from ..scene import identity
from ..scene.users_scene import has_scene
from ..settings.chosen import chosen_runtime, data_folder, preferences
from ..work import words
from ..work.job import CANCELLED, DONE, FAILED, MOTION, Job, same_path
from ..work.paths import file_name
from ..work.queue import Captures

_TICK_EVERY = 0.1  # seconds
_LOOK_EVERY = 15.0  # seconds; another Blender may have left a capture
_captures: Captures | None = None  # of this Blender, whichever file is open
_longest_tick = 0.0  # of this Blender


@dataclass
class Outcome:
    """The panel's message about the last import."""

    title: str
    warnings: list[str]
    scene: str


@dataclass
class Session:
    """State of the open file; a new one is created when another file is opened.

    Attributes:
        project: name of the open project.
        outcome: message about the last import.
        others_shown: whether the panel lists captures from other projects.
    """

    project: str = field(default_factory=lambda: uuid.uuid4().hex)
    outcome: Outcome | None = None
    others_shown: bool = False


session = Session()


def captures() -> Captures:
    """The queue of this Blender, created if there is none.

    Raises:
        NikiError: its folder cannot be created.
    """
    global _captures
    if _captures is None:
        _captures = Captures(data_folder("captures"), lambda: chosen_runtime().start)
        _captures.look()
        atexit.unregister(end_captures)
        atexit.register(end_captures)  # registered last, so that it runs before data_folder's clean-up
    return _captures


def list_jobs() -> tuple[list[Job], list[Job], list[Job]]:
    """Captures in this Blender's list, unfinished ones of the open project, and unfinished ones from other projects.
    Does not look at the disk."""
    if _captures is None:
        return [], [], []
    unfinished, file = _captures.unfinished(), bpy.data.filepath
    ours = [job for job in unfinished if is_ours(job) or not (job.file or file)]
    return _captures.jobs, ours, [job for job in unfinished if job not in ours]


def is_ours(job: Job) -> bool:
    """Whether a capture belongs to the open project."""
    return job.belongs_to(session.project, bpy.data.filepath)


def fits(job: Job) -> bool:
    """Whether a capture can be imported where it was meant to: its project is open and its scene exists."""
    placement = Placement.from_dict(job.scene)
    return is_ours(job) and has_scene(placement.scene, placement.scene_identity)


def start(request: dict, title: str, placement: Placement) -> Job:
    """Queue a capture and start the timer.

    Raises:
        NikiError: its files cannot be written.
    """
    forget_outcome()
    job = captures().add(request, title, placement.as_dict(), **_about_here())
    wake()
    return job


def resume(job: Job, finish: bool) -> Job:
    """Queue a stopped capture again. From now on it belongs to the open project.

    Args:
        finish: make the motion of the frames read so far; else read the remaining ones.

    Raises:
        NikiError: another Blender has it, or it is gone.
    """
    about = _about_here()
    if not fits(job):
        about["scene"] = _anywhere(Placement.from_dict(job.scene), bpy.context.scene.name).as_dict()
    resumed = captures().resume(job, finish, **about)
    _save(resumed)
    wake()
    return resumed


def _about_here() -> dict:
    return {"file": bpy.data.filepath, "project": session.project, "selection": _selection()}


def _anywhere(placement: Placement, scene: str = "") -> Placement:
    """Change a placement for another scene or file, where an armature of the same name is a different one."""
    return dataclasses.replace(placement, armature="", armature_identity="", scene=scene, scene_identity="")


def _save(job: Job):
    """Save the project of a capture for another session. Failing is harmless otherwise."""
    with contextlib.suppress(NikiError):
        job.save()


def wake() -> None:
    """Start the timer, which runs until no capture is queued, running or waiting for its import."""
    timers.start(_tick)


def longest_tick() -> float:
    """The longest time in seconds that the timer has blocked Blender, imports aside."""
    return _longest_tick


@timers.keep_running(lambda problem: None)
def _tick() -> float | None:
    global _longest_tick
    if _captures is None:
        return None
    started = time.perf_counter()
    ended = _captures.tick()
    _longest_tick = max(_longest_tick, time.perf_counter() - started)
    for job in ended:
        _report_end(job)
    waiting = [job for job in _captures.jobs if job.state == DONE and not job.message and fits(job)]
    if waiting and not why_it_waits():
        import_result(waiting[0])
    timers.redraw("VIEW_3D", "CLIP_EDITOR")
    return _TICK_EVERY if _captures.busy or waiting else None


def import_result(job: Job, by_user: bool = False) -> bpy.types.Object | None:
    """Import a finished capture into its scene, or into the current one if that was deleted, as one undo step.

    Args:
        by_user: the user started the import: always select and frame the result. Else only if the selection has
            not changed since the capture was queued.

    Returns:
        the armature, or None after an error, which is reported and stored in the job; it can be imported again.
    """
    placement = Placement.from_dict(job.scene)
    if not fits(job):
        placement = _anywhere(placement)
    try:
        motion = Motion.load(job.folder / MOTION)
        kept = data_folder("motions") / f"{file_name(job.title)}-{job.folder.name}.npz"
        rig, warnings = place_motion(
            motion, job.title, placement, show=by_user or _selection() == job.selection,
            readings=str(job.folder / MOTION),
        )  # fmt: skip
    except Exception as problem:
        expected = isinstance(problem, NikiError)
        if not expected:
            traceback.print_exc()
            _write_to_log(problem)
        job.message = problem.message if expected else words.describe_error(problem)
        job.hint = problem.hint if expected else "please report this with the log"
        if not expected:
            job.state = FAILED
        report("ERROR", f"{job.title}: {words.describe_error(problem)}")
        return None
    queue = captures()
    if problem := _keep_readings(rig, job.folder / MOTION, kept):
        warnings.append(problem)
        queue.forget(job)  # its folder has the only copy
    else:
        with contextlib.suppress(NikiError):
            queue.discard(job)
    bpy.ops.ed.undo_push(message=f"Capture {job.title}")
    frames, seen = len(motion), round(job.result.get("seen", 1) * len(motion))
    title = f"{rig.name}: {frames} frames, person found in {'all' if seen >= frames else seen}"
    messages = [_describe_tilt(job.result)] if job.result.get("tilt_error") is not None else []
    messages += [str(warning) for warning in (*job.result.get("warnings", []), *warnings)]
    session.outcome = Outcome(title, messages, _scene_of(rig))
    report("INFO", title)
    return rig


def _keep_readings(rig: bpy.types.Object, motion: Path, kept: Path) -> str:
    """Move a capture's motion file to where an armature is refined from it, also in later sessions; what went wrong, or ""."""
    try:
        try:
            os.replace(motion, kept)
        except OSError:  # such as another drive
            shutil.copyfile(motion, kept)
    except OSError as problem:
        with contextlib.suppress(OSError):
            kept.unlink(missing_ok=True)  # half a copy
        return (
            f"The readings could not be moved to {kept}: {words.describe_error(problem)}. "
            "Refine reads them from the capture, which stays in the list: do not delete it"
        )
    if rig.niki_refine.frames:
        rig.niki_refine.readings = str(kept)
    return ""


def _describe_tilt(result: dict) -> str:
    return describe_camera(result.get("tilt", 0.0), result.get("roll", 0.0), result["tilt_error"])


def _scene_of(rig: bpy.types.Object) -> str:
    return next((scene.name for scene in rig.users_scene), "")


def _selection() -> tuple[str, frozenset[str]]:
    """Names of the active object and of the selected objects."""
    layer = bpy.context.view_layer
    active = layer.objects.active
    return active.name if active else "", frozenset(o.name for o in layer.objects if o and o.select_get())


def forget_outcome() -> None:
    """Clear the panel's message about the last import."""
    session.outcome = None


def report(level: str, message: str) -> None:
    """Show a message in the status bar and the Info editor.

    Args:
        level: INFO, WARNING or ERROR.
    """
    with contextlib.suppress(RuntimeError):  # Blender raises reported errors when Python calls the operator
        bpy.ops.niki.report("EXEC_DEFAULT", level=level, message=message)


def _report_end(job: Job):
    if job.state == FAILED:
        report("ERROR", f"{job.title}: {job.message}" + (f" ({job.hint})" if job.hint else ""))
    elif job.state == CANCELLED:
        report("INFO", f"{job.title}: cancelled; the frames read so far are kept")
    elif job.state == DONE and not fits(job):
        report("INFO", f"{job.title}: {describe_owner(job)}; import it from the panel")


def project_name(job: Job) -> str:
    """The name of the project that a capture belongs to, for the user."""
    return bpy.path.basename(job.file) or "an unsaved file"


def describe_others(count: int) -> str:
    """How many captures there are from other projects."""
    return "1 capture from another project" if count == 1 else f"{count} captures from other projects"


def describe_owner(job: Job) -> str:
    """Why a finished capture does not fit here: it belongs to another project, or its scene was deleted."""
    return "its scene was deleted" if is_ours(job) else f"captured for {project_name(job)}"


def why_it_waits() -> str:
    """Why a finished capture is not imported now, for the user; "" if it can be. It waits while the user is in
    another mode or running an operator."""
    chosen = preferences()
    if chosen is not None and not chosen.import_at_once:
        return "press Import Capture to import it"
    if bpy.app.is_job_running("RENDER"):
        return "will import when rendering has finished"
    active = bpy.context.object
    if bpy.context.mode != "OBJECT" and active is not None:
        modes = bpy.types.Object.bl_rna.properties["mode"].enum_items
        return (
            f"will import when you leave {modes[active.mode].name if active.mode in modes else active.mode}"
        )
    if any(window.modal_operators for window in bpy.context.window_manager.windows):
        return "will import when you finish the current operation"
    return ""


def _write_to_log(problem: Exception):
    trace = "".join(traceback.format_exception(problem))
    with contextlib.suppress(OSError, NikiError), open(captures().log, "a", encoding="utf-8") as log:
        log.write(f"blender: {trace}\n")


@bpy.app.handlers.persistent
def _file_opened(*_):
    """Handler: captures of the previous file go on; those of this one may be imported now."""
    global session
    session = Session()
    identity.forget_identities()
    if _captures is None:
        return
    for job in _captures.jobs:
        if same_path(job.file, bpy.data.filepath):
            job.project = session.project
        if job.state == DONE:
            job.message = job.hint = ""  # what prevented the import there may not here
    _captures.look()
    wake()


@bpy.app.handlers.persistent
def _file_saved(*_):
    """Handler: captures of the open project belong to the .blend file that was saved."""
    for job in _captures.jobs if _captures else []:
        if job.project == session.project and job.file != bpy.data.filepath:
            job.file = bpy.data.filepath
            _save(job)


@timers.keep_running(lambda problem: None)
def _look() -> float:
    with contextlib.suppress(NikiError):  # starting a capture reports it
        captures().look()
    return _LOOK_EVERY


def end_captures(*_) -> None:
    """End all captures, when Blender quits or the extension is disabled. The frames read so far are kept."""
    global _captures, session
    if _captures is not None:
        _captures.shut_down()
        _captures = None
    session = Session()


def register() -> None:
    bpy.app.handlers.load_post.append(_file_opened)
    bpy.app.handlers.save_post.append(_file_saved)
    timers.start(_look)


def unregister() -> None:
    timers.stop(_look)
    timers.stop(_tick)
    bpy.app.handlers.load_post.remove(_file_opened)
    bpy.app.handlers.save_post.remove(_file_saved)
    end_captures()
    atexit.unregister(end_captures)
