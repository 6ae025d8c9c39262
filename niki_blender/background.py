"""Captures go on while Blender is used: the queue, the timer that hears it, and what becomes of results."""

from __future__ import annotations

import atexit
import contextlib
import time
from dataclasses import dataclass

import bpy

from ..niki.errors import NikiError
from ..niki.motion import Motion
from . import timers
from .jobs import CANCELLED, DONE, FAILED, MOTION, Captures, Job
from .placing import Placement, place_motion
from .preferences import chosen_runtime, data_folder, preferences

_EVERY = 0.1  # seconds
_captures: Captures | None = None
_longest_tick = 0.0


@dataclass
class Outcome:
    """What the panel says of the capture that came into the scene last."""

    title: str
    warnings: list[str]


outcome: Outcome | None = None


def captures() -> Captures:
    """The queue of this Blender."""
    global _captures
    if _captures is None:
        _captures = Captures(data_folder("captures"), lambda log: chosen_runtime().start(log))
    return _captures


def start(request: dict, title: str, placement: Placement) -> Job:
    """Queue a capture and see to it.

    Raises:
        NikiError: its files cannot be written.
    """
    forget_outcome()
    job = captures().add(request, title, placement.as_dict())
    wake()
    return job


def wake() -> None:
    """Hear the worker from now on, until there is nothing to hear."""
    timers.begin(_tick)


def longest_tick() -> float:
    """Seconds that the timer has held Blender up at most, imports aside."""
    return _longest_tick


def _tick() -> float | None:
    global _longest_tick
    started = time.perf_counter()
    queue = captures()
    ended = queue.tick()
    _longest_tick = max(_longest_tick, time.perf_counter() - started)
    for job in ended:
        _tell(job)
    waiting = [job for job in queue.jobs if job.state == DONE]
    if waiting and _may_import():
        import_result(waiting[0])
    timers.redraw("VIEW_3D", "CLIP_EDITOR")
    return _EVERY if queue.busy or waiting else None


def import_result(job: Job) -> bpy.types.Object | None:
    """Put a finished capture into the scene, as one undo step; None where it failed and was said."""
    global outcome
    try:
        motion = Motion.load(job.folder / MOTION)
        rig, warnings = place_motion(motion, job.title, Placement(**job.scene))
    except NikiError as problem:
        job.state, job.message, job.hint = FAILED, problem.message, problem.hint
        say("ERROR", str(problem))
        return None
    captures().forget(job)
    bpy.ops.ed.undo_push(message=f"Capture {job.title}")
    title = f"{rig.name}: {len(motion)} frames, a person in {job.result.get('seen', 1):.0%} of them"
    outcome = Outcome(title, [str(warning) for warning in (*job.result.get("warnings", []), *warnings)])
    for warning in outcome.warnings:
        say("WARNING", warning)
    say("INFO", title)
    return rig


def forget_outcome() -> None:
    """The panel need not say it any more."""
    global outcome
    outcome = None


def say(level: str, message: str) -> None:
    """Tell the user, in the status bar and in the log of reports."""
    with contextlib.suppress(RuntimeError):  # a script that is told of an error gets it as an exception
        bpy.ops.niki.report("EXEC_DEFAULT", level=level, message=message)


def _tell(job: Job):
    if job.state == FAILED:
        say("ERROR", f"{job.title}: {job.message}" + (f" ({job.hint})" if job.hint else ""))
    elif job.state == CANCELLED:
        say("INFO", f"{job.title}: cancelled; what was read is kept")


def _may_import() -> bool:
    """Not while the user is at something: another mode, or an operator under way."""
    chosen = preferences()
    if chosen is not None and not chosen.import_at_once:
        return False
    busy = any(window.modal_operators for window in bpy.context.window_manager.windows)
    return bpy.context.mode == "OBJECT" and not busy


@bpy.app.handlers.persistent
def end_captures(*_) -> None:
    """Handler: another file is opened, or Blender ends. What was read is kept for later."""
    global _captures
    if _captures is not None:
        _captures.shut_down()
        _captures = None
    forget_outcome()
    timers.end(_tick)


def register():
    bpy.app.handlers.load_pre.append(end_captures)
    atexit.register(end_captures)


def unregister():
    end_captures()
    bpy.app.handlers.load_pre.remove(end_captures)
    atexit.unregister(end_captures)
