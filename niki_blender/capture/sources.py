"""Footage as the user has it in Blender: a file, a movie clip, a strip."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...niki.errors import NikiError
from ..interface import timers
from ..scene.users_scene import rate_of, strips_of
from ..settings.chosen import why_not_ready
from ..work.paths import is_file


@dataclass
class Source:
    """Footage chosen for a capture.

    Attributes:
        path: the file, or an image of a sequence; "" where nothing is chosen.
        title: what to call the capture. problem: why it cannot be captured, "" where it can.
        first, last: the part that is used of it, frames from 0; None for all.
        fps: its rate, where the file does not tell (image sequences); None otherwise.
        frame_start: scene frame at which Blender shows ``first``; None where it shows it at none (files).
    """

    path: str = ""
    title: str = ""
    problem: str = ""
    first: int | None = None
    last: int | None = None
    fps: float | None = None
    frame_start: int | None = None


class OnFootage:
    """For operators on the chosen footage: grey, and saying why, where there is none or nothing to read
    it with. Whether the file is there is asked when they run: a poll may not wait for a disk."""

    @classmethod
    def poll(cls, context):
        problem = chosen_source(context.scene).problem or why_not_ready()
        if problem:
            cls.poll_message_set(problem)
        return not problem


def chosen_source(scene: bpy.types.Scene) -> Source:
    """What the scene's settings name. Looks at no file: :func:`readable_source` does."""
    settings = scene.niki_capture
    source = {"FILE": _of_file, "CLIP": _of_clip, "STRIP": _of_strip}[settings.source](scene)
    if settings.use_range and settings.last < settings.first:
        source.problem = source.problem or "The frame range is empty: last is before first"
    return source


def readable_source(scene: bpy.types.Scene) -> Source:
    """:func:`chosen_source` with its file found, which may take a while on a network.

    Raises:
        NikiError: nothing is chosen, or the file is not there.
    """
    look_at_footage(scene)
    source = chosen_source(scene)
    if source.problem or not known(source.path).there:
        raise NikiError(source.problem or f"There is no file {source.path}")
    return source


@dataclass(frozen=True)
class Known:
    """What was found at a path: whether it is there, the number of its frames (0: not asked), and for an image
    the place that it has in its sequence."""

    there: bool = True
    frames: int = 0
    place: int = 0


_known: dict[str, Known] = {}


def known(path: str) -> Known:
    """What was found when the path was looked at last; nothing bad where it never was."""
    return _known.get(path, Known())


def look_at_footage(scene: bpy.types.Scene) -> None:
    """Look at the chosen footage's file, for :func:`known`: when it is chosen and when it is to be used."""
    source = chosen_source(scene)
    if not source.path:
        return
    there = is_file(source.path)
    counted = _count_frames(source.path) if there and scene.niki_capture.source == "STRIP" else 0
    _known[source.path] = Known(there, counted, _place_in_sequence(Path(source.path)))


def _look_at_all() -> None:
    """Timer: once for each file, at what its panels tell of clips and strips."""
    for scene in bpy.data.scenes:
        if scene.niki_capture.source != "FILE":
            look_at_footage(scene)


def _count_frames(path: str) -> int:
    """As Blender counts them."""
    try:
        clip = bpy.data.movieclips.load(path)
    except RuntimeError:
        return 0
    try:
        return clip.frame_duration
    finally:
        bpy.data.movieclips.remove(clip)


def _place_in_sequence(image: Path) -> int:
    """How many numbers an image is after the first of its sequence; 0 for films."""
    parts = re.fullmatch(r"(.*?)(\d+)", image.stem)
    if not parts or not _is_image(str(image)):
        return 0
    alike = re.compile(re.escape(parts[1]) + r"(\d+)")
    numbers = (alike.fullmatch(other.stem) for other in image.parent.glob(f"*{image.suffix}"))
    return int(parts[2]) - min((int(found[1]) for found in numbers if found), default=int(parts[2]))


def _of_file(scene) -> Source:
    settings = scene.niki_capture
    if not settings.path:
        return Source(problem="Choose a video file")
    path = bpy.path.abspath(settings.path)
    first, last = (settings.first, settings.last) if settings.use_range else (None, None)
    return Source(path, Path(path).stem, first=first, last=last, fps=_sequence_rate(scene, path))


def _of_clip(scene) -> Source:
    settings, clip = scene.niki_capture, scene.niki_capture.clip
    if clip is None:
        return Source(problem="Choose a movie clip")
    path = bpy.path.abspath(clip.filepath, library=clip.library)
    begin = known(path).place + clip.frame_offset  # the frame that the clip begins with
    first, last = (settings.first, settings.last) if settings.use_range else (max(begin, 0) or None, None)
    shown_at = clip.frame_start + (first or 0) - begin
    return Source(path, Path(clip.name).stem, "", first, last, _sequence_rate(scene, path), shown_at)


def _of_strip(scene) -> Source:
    settings = scene.niki_capture
    strip = next((s for s in footage_strips(scene) if s.name == settings.strip), None)
    if strip is None:
        return Source(problem="Choose a strip that holds a film or images")
    if strip.type == "MOVIE":
        path = bpy.path.abspath(strip.filepath)
    else:
        path = str(Path(bpy.path.abspath(strip.directory)) / strip.elements[0].filename)
    begin = known(path).place + int(_of(strip, "content_trim_start", "animation_offset_start"))
    pace = _pace(scene, strip, known(path).frames)
    offset = float(_of(strip, "left_handle_offset", "frame_offset_start"))
    shown = float(_of(strip, "duration", "frame_final_duration"))
    first = begin + round(offset / pace)
    last = first + max(1, round(shown / pace)) - 1
    if settings.use_range:
        first, last = settings.first, settings.last
    shown_at = round(float(_of(strip, "content_start", "frame_start")) + (first - begin) * pace)
    problem = "The strip plays backwards: footage is read forwards" if strip.use_reverse_frames else ""
    return Source(path, strip.name, problem, first, last, _sequence_rate(scene, path), shown_at)


def _pace(scene, strip, frames: int) -> float:
    """Frames of the timeline that one frame of the strip's footage lasts: not 1 where the strip keeps the
    film's own rate in a scene with another, or has another speed.

    Args:
        frames: that the film has; 0 where that is not known.
    """
    if strip.type != "MOVIE":
        return 1.0
    if not frames:
        return 1.0  # nobody has looked; asking the strip for its rate would open the film
    trimmed = _of(strip, "content_trim_start", "animation_offset_start")
    trimmed += _of(strip, "content_trim_end", "animation_offset_end")
    lasts = _of(
        strip, "duration", "frame_final_duration"
    )  # not content_duration: Blender 4.2's is in footage frames
    lasts += _of(strip, "left_handle_offset", "frame_offset_start")
    lasts += _of(strip, "right_handle_offset", "frame_offset_end")
    return lasts / max(frames - trimmed, 1)


def _of(strip, name: str, before: str):
    """A property by its name since Blender 5.1, or the one before, which Blender 6.0 removes."""
    return getattr(strip, name if hasattr(strip, name) else before)


def _is_image(path: str) -> bool:
    return Path(path).suffix.lower() in bpy.path.extensions_image


def _sequence_rate(scene, path: str) -> float | None:
    """Images have no rate of their own: Blender plays them at the scene's."""
    return rate_of(scene) if _is_image(path) else None


def footage_strips(scene: bpy.types.Scene) -> list:
    """Strips that hold pictures: films and image sequences."""
    return [strip for strip in strips_of(scene) if strip.type in ("MOVIE", "IMAGE")]


@dataclass(frozen=True)
class Offer:
    """Footage that is active in Blender: what ``scene.niki_capture.source`` would be, the clip or the strip's name, and
    what to call it."""

    source: str
    footage: bpy.types.MovieClip | str
    name: str


def offered_source(context: bpy.types.Context) -> Offer | None:
    """The footage that is active in Blender: in the editor that one is in, else on its screen, else in the scene."""
    scene, strip, clip = context.scene, _active_strip(context), context.scene.active_clip
    offers = {
        "CLIP_EDITOR": lambda space: space.clip and Offer("CLIP", space.clip, space.clip.name),
        "SEQUENCE_EDITOR": lambda _: strip and Offer("STRIP", strip.name, strip.name),
    }
    spaces = [] if context.space_data is None else [context.space_data]
    if context.screen is not None:
        spaces += [area.spaces.active for area in context.screen.areas]
    for space in spaces:
        offer = offers[space.type](space) if space.type in offers else None
        if offer:
            return offer
    if strip is not None:
        return offers["SEQUENCE_EDITOR"](scene)
    return Offer("CLIP", clip, clip.name) if clip is not None else None


def _active_strip(context):
    editor = context.scene.sequence_editor
    active = editor.active_strip if editor is not None else None
    return active if active is not None and active.type in ("MOVIE", "IMAGE") else None


@bpy.app.handlers.persistent
def _file_opened(*_):
    """Handler: its footage may be other footage, or other than it was."""
    timers.start(_look_at_all)


def register():
    bpy.app.handlers.load_post.append(_file_opened)
    timers.start(_look_at_all)


def unregister():
    timers.stop(_look_at_all)
    bpy.app.handlers.load_post.remove(_file_opened)
