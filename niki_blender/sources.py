"""Footage as the user has it in Blender: a file, a movie clip, a strip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from .preferences import why_not_ready
from .properties import footage_strips


@dataclass
class Source:
    """Footage chosen for a capture.

    Attributes:
        path: the file, or the first image of a sequence; "" where nothing is chosen.
        title: what to call the capture. problem: why it cannot be captured, "" where it can.
        first, last: the part that is used of it, frames from 0; None for all.
        fps: its rate, where the file does not tell (image sequences); None otherwise.
    """

    path: str = ""
    title: str = ""
    problem: str = ""
    first: int | None = None
    last: int | None = None
    fps: float | None = None


class OnFootage:
    """For operators on the chosen footage: grey, and saying why, where there is none or nothing to read
    it with."""

    @classmethod
    def poll(cls, context):
        problem = chosen_source(context.scene).problem or why_not_ready()
        if problem:
            cls.poll_message_set(problem)
        return not problem


def chosen_source(scene: bpy.types.Scene) -> Source:
    """What the scene's settings name."""
    settings = scene.niki
    source = {"FILE": _of_file, "CLIP": _of_clip, "STRIP": _of_strip}[settings.source](scene)
    if not source.problem and not Path(source.path).exists():
        source.problem = f"There is no file {source.path}"
    if settings.use_range:
        source.first, source.last = settings.first, settings.last
        if settings.last < settings.first:
            source.problem = source.problem or "The frame range is empty: last is before first"
    return source


def _of_file(scene) -> Source:
    if not scene.niki.path:
        return Source(problem="Choose a video file")
    path = bpy.path.abspath(scene.niki.path)
    return Source(path, Path(path).stem, fps=_sequence_rate(scene, path))


def _of_clip(scene) -> Source:
    clip = scene.niki.clip
    if clip is None:
        return Source(problem="Choose a movie clip")
    path = bpy.path.abspath(clip.filepath, library=clip.library)
    return Source(path, Path(clip.name).stem, fps=_sequence_rate(scene, path))


def _of_strip(scene) -> Source:
    strip = next((s for s in footage_strips(scene) if s.name == scene.niki.strip), None)
    if strip is None:
        return Source(problem="Choose a strip that holds a film or images")
    if strip.type == "MOVIE":
        path = bpy.path.abspath(strip.filepath)
    else:
        path = str(Path(bpy.path.abspath(strip.directory)) / strip.elements[0].filename)
    first = int(strip.frame_offset_start) + int(strip.animation_offset_start)
    shown = int(strip.frame_final_duration)
    return Source(path, strip.name, first=first, last=first + shown - 1, fps=_sequence_rate(scene, path))


def _sequence_rate(scene, path: str) -> float | None:
    """Images have no rate of their own: Blender plays them at the scene's."""
    is_image = Path(path).suffix.lower() in bpy.path.extensions_image
    return scene.render.fps / scene.render.fps_base if is_image else None


def offered_source(context: bpy.types.Context) -> tuple[str, object] | None:
    """The footage that is active in Blender, as ("CLIP", clip) or ("STRIP", name): to be offered."""
    clip = getattr(getattr(context, "space_data", None), "clip", None) or context.scene.active_clip
    if clip is not None:
        return "CLIP", clip
    active = context.scene.sequence_editor and context.scene.sequence_editor.active_strip
    if active is not None and active.type in ("MOVIE", "IMAGE"):
        return "STRIP", active.name
    return None
