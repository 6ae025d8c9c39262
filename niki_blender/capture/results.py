"""Captures go on while Blender is used, whichever file is open: the queue, the timer that hears it, and what
becomes of results.

A capture belongs to the project that it was started in and comes into no other by itself. A project is told
by a name that is made anew for every file that is opened, and by the path of its .blend file.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import time
import traceback
import uuid
from dataclasses import dataclass, field

import bpy

from ...niki.errors import NikiError
from ...niki.motion.motion import Motion
from ..interface import timers
from ..placement.placing import Placement, place_motion
from ..scene import identity
from ..scene.users_scene import has_scene
from ..settings.chosen import chosen_runtime, data_folder, preferences
from ..work import words
from ..work.job import CANCELLED, DONE, FAILED, MOTION, Job, same_path
from ..work.queue import Captures

_EVERY = 0.1  # seconds
_LOOK_EVERY = 15.0  # seconds; another Blender may have left something
_captures: Captures | None = None  # goes on across files
_longest_tick = 0.0  # of this Blender


@dataclass
class Outcome:
    """What the panel says of the capture that came into a scene last."""

    title: str
    warnings: list[str]
    scene: str


@dataclass
class Session:
    """What is true as long as one file is open; a new one is made when another is opened.

    Attributes:
        project: names the file that is open. outcome: what to say of the last result. others_shown: whether
        the panel lists captures of other projects.
    """

    project: str = field(default_factory=lambda: uuid.uuid4().hex)
    outcome: Outcome | None = None
    others_shown: bool = False


session = Session()


def captures() -> Captures:
    """The queue of this Blender, made where there is none.

    Raises:
        NikiError: there is no folder for it.
    """
    global _captures
    if _captures is None:
        _captures = Captures(data_folder("captures"), lambda: chosen_runtime().start)
        _captures.look()
        atexit.unregister(end_captures)
        atexit.register(end_captures)  # now: it comes before the end of what data_folder has made
    return _captures


def list_jobs() -> tuple[list[Job], list[Job], list[Job]]:
    """Without looking at any file: the captures on this Blender's list; those to be taken up that belong to
    the open project; those of other projects."""
    if _captures is None:
        return [], [], []
    left, file = _captures.unfinished(), bpy.data.filepath
    ours = [job for job in left if is_ours(job) or not (job.file or file)]
    return _captures.jobs, ours, [job for job in left if job not in ours]


def is_ours(job: Job) -> bool:
    """Whether a capture belongs to the project that is open."""
    return job.belongs_to(session.project, bpy.data.filepath)


def fits(job: Job) -> bool:
    """Whether a capture can go where it was meant to: its project is open and its scene is there."""
    placement = Placement.from_dict(job.scene)
    return is_ours(job) and has_scene(placement.scene, placement.scene_identity)


def start(request: dict, title: str, placement: Placement) -> Job:
    """Queue a capture and see to it.

    Raises:
        NikiError: its files cannot be written.
    """
    forget_outcome()
    job = captures().add(request, title, placement.as_dict(), **_about_here())
    wake()
    return job


def take_up(job: Job, finish: bool) -> Job:
    """Queue a capture again that was stopped; it belongs to the open project from now on.

    Raises:
        NikiError: another Blender has it, or it is gone.
    """
    about = _about_here()
    if not fits(job):
        about["scene"] = _anywhere(Placement.from_dict(job.scene), bpy.context.scene.name).as_dict()
    again = captures().take_up(job, finish, **about)
    _save(again)
    wake()
    return again


def _about_here() -> dict:
    return {"file": bpy.data.filepath, "project": session.project, "selection": _selection()}


def _anywhere(placement: Placement, scene: str = "") -> Placement:
    """A placement for another scene or file than it was made for: an armature of that name is not the one
    that was meant."""
    return dataclasses.replace(placement, armature="", armature_identity="", scene=scene, scene_identity="")


def _save(job: Job):
    """Note where it belongs, for another session; what fails here loses only that."""
    with contextlib.suppress(NikiError):
        job.save()


def wake() -> None:
    """Hear the worker from now on, until there is nothing to hear."""
    timers.start(_tick)


def longest_tick() -> float:
    """Seconds that the timer has held Blender up at most, imports aside."""
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
        _tell(job)
    waiting = [job for job in _captures.jobs if job.state == DONE and not job.message and fits(job)]
    if waiting and not why_it_waits():
        import_result(waiting[0])
    timers.redraw("VIEW_3D", "CLIP_EDITOR")
    return _EVERY if _captures.busy or waiting else None


def import_result(job: Job, asked: bool = False) -> bpy.types.Object | None:
    """Put a finished capture into its scene, or the one that is open where that is gone, as one undo step.
    What goes wrong is said and noted in the job, which stays importable; the answer is None then.

    ``asked``: the user wants to see it now. It is selected and shown then; else only where they have selected
    nothing else meanwhile.
    """
    placement = Placement.from_dict(job.scene)
    if not fits(job):
        placement = _anywhere(placement)
    try:
        motion = Motion.load(job.folder / MOTION)
        rig, warnings = place_motion(
            motion, job.title, placement, show=asked or _selection() == job.selection
        )
    except Exception as problem:
        expected = isinstance(problem, NikiError)
        if not expected:
            traceback.print_exc()
            _note_in_log(problem)
        job.message = problem.message if expected else words.describe_error(problem)
        job.hint = problem.hint if expected else "please report it with the log"
        if not expected:
            job.state = FAILED
        report("ERROR", f"{job.title}: {words.describe_error(problem)}")
        return None
    queue = captures()
    with contextlib.suppress(NikiError):
        queue.discard(job)
    bpy.ops.ed.undo_push(message=f"Capture {job.title}")
    seen = job.result.get("seen", 1)
    title = f"{rig.name}: {len(motion)} frames" + (f", person in {seen:.0%}" if seen < 1 else "")
    told = [str(warning) for warning in (*job.result.get("warnings", []), *warnings)]
    session.outcome = Outcome(title, told, _scene_of(rig))
    report("INFO", title)
    return rig


def _scene_of(rig: bpy.types.Object) -> str:
    return next((scene.name for scene in rig.users_scene), "")


def _selection() -> tuple[str, frozenset[str]]:
    """Names of the active and of the selected objects."""
    layer = bpy.context.view_layer
    active = layer.objects.active
    return active.name if active else "", frozenset(o.name for o in layer.objects if o and o.select_get())


def forget_outcome() -> None:
    """The panel need not say it any more."""
    session.outcome = None


def report(level: str, message: str) -> None:
    """Tell the user, in the status bar and in the log of reports."""
    with contextlib.suppress(RuntimeError):  # a script that is told of an error gets it as an exception
        bpy.ops.niki.report("EXEC_DEFAULT", level=level, message=message)


def _tell(job: Job):
    if job.state == FAILED:
        report("ERROR", f"{job.title}: {job.message}" + (f" ({job.hint})" if job.hint else ""))
    elif job.state == CANCELLED:
        report("INFO", f"{job.title}: cancelled; what was read is kept")
    elif job.state == DONE and not fits(job):
        report("INFO", f"{job.title}: {describe_owner(job)}; import it from the panel")


def project_name(job: Job) -> str:
    """What to call the project that a capture belongs to."""
    return bpy.path.basename(job.file) or "a file that was not saved"


def describe_owner(job: Job) -> str:
    """Of a finished capture that does not fit here, why: its project is another one, or its scene is gone."""
    return "its scene is gone" if is_ours(job) else f"captured for {project_name(job)}"


def why_it_waits() -> str:
    """Why a finished capture does not come in now, for the user; "" where it may. Not while they are at
    something: another mode, or an operator under way."""
    chosen = preferences()
    if chosen is not None and not chosen.import_at_once:
        return "waits for Import Capture"
    if bpy.app.is_job_running("RENDER"):
        return "waits until rendering has ended"
    thing = bpy.context.object
    if bpy.context.mode != "OBJECT" and thing is not None:
        modes = bpy.types.Object.bl_rna.properties["mode"].enum_items
        return f"waits until you leave {modes[thing.mode].name if thing.mode in modes else thing.mode}"
    if any(window.modal_operators for window in bpy.context.window_manager.windows):
        return "waits until you have finished what you are doing"
    return ""


def _note_in_log(problem: Exception):
    trace = "".join(traceback.format_exception(problem))
    with contextlib.suppress(OSError, NikiError), open(captures().log, "a", encoding="utf-8") as log:
        log.write(f"blender: {trace}\n")


@bpy.app.handlers.persistent
def _file_opened(*_):
    """Handler: captures of the file that was open go on; those of this one may come in now."""
    global session
    session = Session()
    identity.forget_identities()
    if _captures is None:
        return
    for job in _captures.jobs:
        if same_path(job.file, bpy.data.filepath):
            job.project = session.project
        if job.state == DONE:
            job.message = job.hint = ""  # what kept it from the other file need not keep it from this one
    _captures.look()
    wake()


@bpy.app.handlers.persistent
def _file_saved(*_):
    """Handler: captures of the open project belong to the .blend file that it now is."""
    for job in _captures.jobs if _captures else []:
        if job.project == session.project and job.file != bpy.data.filepath:
            job.file = bpy.data.filepath
            _save(job)


@timers.keep_running(lambda problem: None)
def _look() -> float:
    with contextlib.suppress(NikiError):  # it is said where a capture is started
        captures().look()
    return _LOOK_EVERY


def end_captures(*_) -> None:
    """Blender ends, or the extension is disabled. What was read is kept for later."""
    global _captures, session
    if _captures is not None:
        _captures.shut_down()
        _captures = None
    session = Session()


def register():
    bpy.app.handlers.load_post.append(_file_opened)
    bpy.app.handlers.save_post.append(_file_saved)
    timers.start(_look)


def unregister():
    timers.stop(_look)
    timers.stop(_tick)
    bpy.app.handlers.load_post.remove(_file_opened)
    bpy.app.handlers.save_post.remove(_file_saved)
    end_captures()
    atexit.unregister(end_captures)
