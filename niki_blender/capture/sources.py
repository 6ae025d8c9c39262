"""The footage to capture, from a file, a movie clip or a strip."""

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
        path: of the file, or of an image of a sequence; "" if nothing is chosen.
        title: name for the capture.
        problem: why it cannot be captured; "" if it can.
        first, last: frames to use, counted from 0; None for all.
        fps: frames per second of an image sequence; None if the file has a frame rate.
        frame_start: scene frame at which Blender shows ``first``; None for files, which it does not show.
    """

    path: str = ""
    title: str = ""
    problem: str = ""
    first: int | None = None
    last: int | None = None
    fps: float | None = None
    frame_start: int | None = None


class OnFootage:
    """For operators on the chosen footage: disabled, with a reason, if none is chosen or captures cannot run. Whether
    the file exists is checked when they run: a poll must not wait for a disk."""

    @classmethod
    def poll(cls, context):
        problem = chosen_source(context.scene).problem or why_not_ready()
        if problem:
            cls.poll_message_set(problem)
        return not problem


def chosen_source(scene: bpy.types.Scene) -> Source:
    """The footage that the scene's settings choose. Does not look at the file; :func:`readable_source` does."""
    settings = scene.niki_capture
    source = {"FILE": _of_file, "CLIP": _of_clip, "STRIP": _of_strip}[settings.source](scene)
    if settings.use_range and settings.last < settings.first:
        source.problem = source.problem or "The frame range is empty: the last frame is before the first"
    return source


def readable_source(scene: bpy.types.Scene) -> Source:
    """:func:`chosen_source`, if its file exists. May take a while on a network drive.

    Raises:
        NikiError: nothing is chosen, or the file does not exist.
    """
    look_at_footage(scene)
    source = chosen_source(scene)
    if source.problem or not file_info(source.path).exists:
        raise NikiError(source.problem or f"File not found: {source.path}")
    return source


@dataclass(frozen=True)
class FileInfo:
    """What is known of a footage file.

    Attributes:
        exists: whether there is a file.
        frames: number of frames; 0 if they were not counted.
        index: of an image, its position in the sequence, counted from 0.
    """

    exists: bool = True
    frames: int = 0
    index: int = 0


_file_infos: dict[str, FileInfo] = {}


def file_info(path: str) -> FileInfo:
    """What the last :func:`look_at_footage` found; a file that was never looked at is taken to exist."""
    return _file_infos.get(path, FileInfo())


def look_at_footage(scene: bpy.types.Scene) -> None:
    """Update :func:`file_info` of the scene's footage. Called when it is chosen and when it is used."""
    source = chosen_source(scene)
    if not source.path:
        return
    exists = is_file(source.path)
    frames = _count_frames(source.path) if exists and scene.niki_capture.source == "STRIP" else 0
    _file_infos[source.path] = FileInfo(exists, frames, _index_in_sequence(Path(source.path)))


def _look_at_all() -> None:
    """Timer: once for each opened file, look at the clips and strips that its panels show."""
    for scene in bpy.data.scenes:
        if scene.niki_capture.source != "FILE":
            look_at_footage(scene)


def _count_frames(path: str) -> int:
    """The number of frames as Blender counts them; 0 if it cannot read the file."""
    try:
        clip = bpy.data.movieclips.load(path)
    except RuntimeError:
        return 0
    try:
        return clip.frame_duration
    finally:
        bpy.data.movieclips.remove(clip)


def _index_in_sequence(image: Path) -> int:
    """Position of an image in its sequence, by its number, counted from 0; 0 for videos."""
    parts = re.fullmatch(r"(.*?)(\d+)", image.stem)
    if not parts or not _is_image(str(image)):
        return 0
    numbered = re.compile(re.escape(parts[1]) + r"(\d+)")
    matches = (numbered.fullmatch(other.stem) for other in image.parent.glob(f"*{image.suffix}"))
    return int(parts[2]) - min((int(match[1]) for match in matches if match), default=int(parts[2]))


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
    begin = file_info(path).index + clip.frame_offset  # first frame of the clip
    first, last = (settings.first, settings.last) if settings.use_range else (max(begin, 0) or None, None)
    frame_start = clip.frame_start + (first or 0) - begin
    return Source(path, Path(clip.name).stem, "", first, last, _sequence_rate(scene, path), frame_start)


def _of_strip(scene) -> Source:
    settings = scene.niki_capture
    strip = next((s for s in footage_strips(scene) if s.name == settings.strip), None)
    if strip is None:
        return Source(problem="Choose a movie or image strip")
    if strip.type == "MOVIE":
        path = bpy.path.abspath(strip.filepath)
    else:
        path = str(Path(bpy.path.abspath(strip.directory)) / strip.elements[0].filename)
    begin = file_info(path).index + int(_property_of(strip, "content_trim_start", "animation_offset_start"))
    pace = _pace(scene, strip, file_info(path).frames)
    offset = float(_property_of(strip, "left_handle_offset", "frame_offset_start"))
    duration = float(_property_of(strip, "duration", "frame_final_duration"))
    first = begin + round(offset / pace)
    last = first + max(1, round(duration / pace)) - 1
    if settings.use_range:
        first, last = settings.first, settings.last
    frame_start = round(float(_property_of(strip, "content_start", "frame_start")) + (first - begin) * pace)
    problem = (
        "The strip plays in reverse; footage can only be captured forward" if strip.use_reverse_frames else ""
    )
    return Source(path, strip.name, problem, first, last, _sequence_rate(scene, path), frame_start)


def _pace(scene, strip, frames: int) -> float:
    """Timeline frames for each frame of the strip's footage: not 1 if the frame rates of scene and video differ, or
    if the strip has another speed.

    Args:
        frames: number of frames of the video; 0 if unknown.
    """
    if strip.type != "MOVIE":
        return 1.0
    if not frames:
        return 1.0  # not counted yet; reading the rate of the strip would open the video
    trimmed = _property_of(strip, "content_trim_start", "animation_offset_start")
    trimmed += _property_of(strip, "content_trim_end", "animation_offset_end")
    # not content_duration, which is in footage frames in Blender 4.2
    duration = _property_of(strip, "duration", "frame_final_duration")
    duration += _property_of(strip, "left_handle_offset", "frame_offset_start")
    duration += _property_of(strip, "right_handle_offset", "frame_offset_end")
    return duration / max(frames - trimmed, 1)


def _property_of(strip, name: str, old_name: str):
    """A property by its name since Blender 5.1, or by the old one, which Blender 6.0 removes."""
    return getattr(strip, name if hasattr(strip, name) else old_name)


def _is_image(path: str) -> bool:
    return Path(path).suffix.lower() in bpy.path.extensions_image


def _sequence_rate(scene, path: str) -> float | None:
    """The scene's frame rate for images, at which Blender plays them; None for videos."""
    return rate_of(scene) if _is_image(path) else None


def footage_strips(scene: bpy.types.Scene) -> list:
    """The movie and image strips."""
    return [strip for strip in strips_of(scene) if strip.type in ("MOVIE", "IMAGE")]


@dataclass(frozen=True)
class Offer:
    """Footage that is active in Blender.

    Attributes:
        source: value for ``scene.niki_capture.source``.
        footage: the clip, or the name of the strip.
        name: for the user.
    """

    source: str
    footage: bpy.types.MovieClip | str
    name: str


def offered_source(context: bpy.types.Context) -> Offer | None:
    """The active footage: of the current editor, else of another editor on the screen, else of the scene."""
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
    """Handler: look at the footage of the opened file."""
    timers.start(_look_at_all)


def register() -> None:
    bpy.app.handlers.load_post.append(_file_opened)
    timers.start(_look_at_all)


def unregister() -> None:
    timers.stop(_look_at_all)
    bpy.app.handlers.load_post.remove(_file_opened)
