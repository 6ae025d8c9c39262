"""The ``niki`` command. Exit status: 0 done, 1 the job failed, 2 wrong usage."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

import numpy as np

from . import __version__
from .blender import save_blend
from .bvh import save_bvh
from .errors import NikiError
from .files import check_writable
from .motion import Motion


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors are one line on stderr unless ``--debug``."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (NikiError, KeyboardInterrupt) as error:
        if options.debug:
            raise
        print(f"niki: {error or 'stopped'}", file=sys.stderr)
        return 1
    except ImportError as error:
        if options.debug or not error.name or error.name.startswith("niki"):
            raise
        print(f'niki: {error.name} is not installed (run: pip install "niki[capture]")', file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="niki", description="Footage of a person -> an animated armature.")
    parser.add_argument("--version", action="version", version=f"niki {__version__}")
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, run, text):
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        sub.set_defaults(run=run)
        return sub

    c = command("capture", _capture, "solve a person's motion from footage")
    c.add_argument("footage", help="a video, a folder of numbered images, or one of them")
    c.add_argument("-o", "--output", required=True, metavar="MOTION.npz")
    c.add_argument("--start", type=int, metavar="N", help="first frame, counted from 0")
    c.add_argument("--end", type=int, metavar="N", help="last frame, included")
    c.add_argument(
        "--fps", type=float, metavar="F", help="frame rate, where the footage does not tell or lies"
    )
    c.add_argument(
        "--focal", type=float, metavar="PX", help="focal length in pixels (default: the longer side)"
    )
    c.add_argument("--estimator", default="blazepose", metavar="NAME", help="joint estimator (blazepose)")
    c.add_argument(
        "--quality",
        default="best",
        choices=("fast", "standard", "best"),
        help="crops read per frame: 1, 4 or 10 (default: best)",
    )
    c.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")

    c = command("preview", _preview, "draw a motion's skeleton on its footage")
    c.add_argument("motion", metavar="MOTION.npz")
    c.add_argument("footage")
    c.add_argument("-o", "--output", required=True, metavar="OVERLAY.mp4")
    c.add_argument("--quiet", action="store_true", help="no progress bar")

    c = command("export", _export, "write a motion as .bvh, .blend or .npz")
    c.add_argument("motion", metavar="MOTION.npz")
    c.add_argument("-o", "--output", required=True, metavar="FILE.{bvh,npz,blend}")
    c.add_argument(
        "--body",
        default="mannequin",
        choices=("mannequin", "human"),
        help="for .blend; human needs niki[human]",
    )

    c = command("info", _info, "say what a motion file holds")
    c.add_argument("motion", metavar="MOTION.npz")

    command("setup", _setup, "fetch and convert the BlazePose networks (once)")
    return parser


def _capture(options) -> None:
    from .capture import capture, reprojection_error
    from .footage.estimator import make_estimator

    check_writable(options.output)
    if options.focal is not None and not options.focal > 0:
        raise NikiError(f"The focal length must be positive, not {options.focal}")
    with progress_bar("capturing", options.quiet) as show:
        captured = capture(
            options.footage,
            options.start,
            options.end,
            options.fps,
            options.focal,
            lambda: make_estimator(options.estimator, options.quality),
            show,
        )
    captured.motion.save(options.output)
    if not options.quiet:
        for warning in captured.warnings:
            print(f"niki: {warning}", file=sys.stderr)
        print(
            f"{options.output}: {len(captured.motion)} frames, a person in {captured.share_seen:.0%},"
            f" mean reprojection error {reprojection_error(captured.motion):.1f} px"
        )


def _preview(options) -> None:
    from .preview import save_overlay

    motion = Motion.load(options.motion)
    with progress_bar("drawing", options.quiet) as show:
        save_overlay(motion, options.footage, options.output, show)


def _export(options) -> None:
    motion, kind = Motion.load(options.motion), Path(options.output).suffix.lower()
    if kind == ".bvh":
        save_bvh(motion, options.output)
    elif kind == ".npz":
        motion.save(options.output)
    elif kind == ".blend":
        for warning in save_blend(options.motion, options.output, options.body):
            print(f"niki: {warning}", file=sys.stderr)
    else:
        raise NikiError(f"Cannot export to '{kind or options.output}'", "choose .bvh, .npz or .blend")


def _info(options) -> None:
    motion = Motion.load(options.motion)
    gaps = int((~motion.seen).sum())
    seconds = len(motion) / motion.mocap_framerate
    height = np.ptp(motion.rest_joints[:, 1])
    lines = {
        "frames": f"{len(motion)} ({motion.frames[0]} to {motion.frames[-1]} of the footage)",
        "duration": f"{seconds:.2f} s at {motion.mocap_framerate:.3f} frames per second",
        "gaps": f"{gaps} frames without a person, bridged" if gaps else "none",
        "confidence": f"{motion.confidence.mean():.2f} on average",
        "stature": f"{height:.2f} m from toe to crown",
        "camera": f"focal {motion.camera[0, 0]:.0f} px, picture {motion.image_size[0]} x {motion.image_size[1]}",
        "footage": motion.footage or "not recorded",
        "source": motion.source or "not recorded",
    }
    for name, value in lines.items():
        print(f"{name:11s}{value}")


def _setup(options) -> None:
    from .footage.models import set_up

    for path in set_up():
        print(path)


@contextlib.contextmanager
def progress_bar(what: str, quiet: bool = False):
    """A bar on stderr; gives a function of frames done and frames expected (or None)."""
    from tqdm import tqdm

    with tqdm(desc=what, unit=" frames", disable=quiet, leave=False) as bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
