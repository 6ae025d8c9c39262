"""The ``niki`` command. Exit status: 0 done, 1 the job failed, 2 wrong usage."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np

from . import __version__
from .body.skeleton import JOINTS
from .errors import NikiError, in_words
from .files import check_output, check_replaceable, is_motion, is_network, writing
from .formats.bvh import save_bvh
from .motion.camera_tilt import describe_camera, tilt_and_roll
from .motion.contacts import FEET
from .motion.feet import MODES as FEET_MODES
from .motion.floor import standing_height
from .motion.motion import Motion
from .motion.refinement import LIMBS, Refinement
from .network.posing import PosingNetwork
from .pose.corrections import blend_pose, posture_at
from .pose.floor import Floor
from .pose.posing import FOLLOW, MODES, Poser
from .pose.targets import Target
from .review.blender_process import save_blend
from .solve.solver import Solver
from .task import Task

_MISS = 0.01  # metres from a target beyond which a pull says that it fell short


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors are one line on stderr unless ``--debug``."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(  # pyright: ignore[reportAttributeAccessIssue]
                errors="backslashreplace"
            )  # a terminal may not know the letters of a file's name
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (NikiError, KeyboardInterrupt, ImportError, OSError, MemoryError) as error:
        if options.debug or (isinstance(error, ImportError) and (error.name or "niki").startswith("niki")):
            raise
        message = _in_one_line(error, options.command)
        if isinstance(error, KeyboardInterrupt) and options.command == "capture":
            message += _how_to_go_on(_journal_of(options.output))
        print(f"niki: {message}", file=sys.stderr)
        return 1
    return 0


EXTRAS = {
    "capture": {"av", "cv2", "flatbuffers", "onnx", "onnxruntime", "scipy", "tflite", "tqdm"},
    "evaluate": {"matplotlib", "scipy"}, "train": {"anny", "numba", "torch", "tqdm"}, "human": {"anny", "torch"},
    "blender": {"bpy"},
}  # fmt: skip
"""What each extra installs, by the names that Python imports."""

_ALSO_TRIED_FIRST = {
    "train": "train", "render-corpus": "train", "export-weights": "train", "eval": "evaluate", "bench": "evaluate", "export": "human",
}  # fmt: skip
_MOCAP = ("../shared/data/mocap", "../shared/data/mocap/more")
_OVERWRITE = "choose another name, or replace it with --overwrite"


def _in_one_line(error: BaseException, command: str) -> str:
    if isinstance(error, ModuleNotFoundError):
        module = error.name.partition(".")[0]  # pyright: ignore[reportOptionalMemberAccess]
        first = _ALSO_TRIED_FIRST.get(command, "capture")
        extras = [extra for extra in (first, *EXTRAS) if module in EXTRAS[extra]]
        install = f'"niki[{extras[0]}]"' if extras else module
        return f"{module} is not installed (run: pip install {install})"
    if isinstance(error, ImportError):
        return f"{error.name} cannot be loaded: {error}"
    if isinstance(error, OSError):
        return in_words(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory (close other programs, or take a shorter range)"
    return str(error) or "stopped"


def _journal_of(output: str) -> Path:
    return Path(f"{output}.readings")


def _how_to_go_on(journal: Path) -> str:
    if not journal.is_file():
        return ""
    return (
        f"; {journal} keeps what was read: run the same command to resume, or add --finish to use only that"
    )


def _check_output(options, path, suffixes, inputs=(), is_ours=lambda path: False) -> None:
    """Before the work: the output is of its kind, no input, and ours to replace."""
    check_output(path, suffixes, inputs)
    if not options.overwrite:
        check_replaceable(path, is_ours, _OVERWRITE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="niki", description="Turn footage of a person into an animated armature."
    )
    parser.add_argument("--version", action="version", version=f"niki {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def unit(c):
        c.add_argument(
            "--unit", choices=("m", "cm", "mm", "in", "ft", "cmu"),
            help="length unit of the .bvh files; cmu is 1/0.45 inch (default: guessed from leg length)",
        )  # fmt: skip

    def data(c):
        c.add_argument(
            "--data", nargs="+", default=list(_MOCAP), metavar="DIR",
            help="folders with clips.csv, of which only people not in the training set are used, or any folder"
            f" of .bvh files (default: {' and '.join(_MOCAP)})",
        )  # fmt: skip

    def command(name, run, text):
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        sub.set_defaults(run=run, command=name)
        return sub

    def output(command, metavar, text=None, required=True):
        command.add_argument("-o", "--output", required=required, metavar=metavar, help=text)
        overwrite = "replace an existing file of any kind"
        command.add_argument("--overwrite", action="store_true", help=overwrite)

    def solving(command):
        command.add_argument(
            "--solver",
            default="auto",
            choices=("auto", "niki", "niki-temporal", "hybrik"),
            help="niki: the network, then the clip as one; niki-temporal: all frames together, for joints that jitter; auto: the"
            " better of them for the estimator; hybrik: analytic, follows the detected joints exactly (default: auto)",
        )
        for limb, seconds in Refinement().smoothing.items():
            command.add_argument(
                f"--smooth-{limb}", type=float, default=seconds, metavar="S",
                help=f"seconds of smoothing of the {limb}; 0 is off (default: %(default)s)",
            )  # fmt: skip
        command.add_argument(
            "--feet", default="automatic", choices=FEET_MODES,
            help="automatic: feet stand still while they touch the ground; always: all the time, for people who never step; grounded: as automatic, and"
            " the lower foot never leaves the ground; off: as they were solved (default: %(default)s)",
        )  # fmt: skip

    c = command("capture", _capture, "capture a person's motion from footage")
    c.add_argument("footage", help="a video, a folder of numbered images, or one of them")
    output(c, "MOTION.npz")
    c.add_argument("--start", type=int, metavar="N", help="first frame, counted from 0")
    c.add_argument("--end", type=int, metavar="N", help="last frame, included")
    c.add_argument(
        "--fps", type=float, metavar="F", help="frames per second, where the footage does not say or is wrong"
    )
    c.add_argument(
        "--focal",
        type=float,
        metavar="PX",
        help="focal length in pixels (default: the longer side of the picture)",
    )
    c.add_argument(
        "--tilt",
        type=float,
        metavar="DEG",
        help="how far the camera looks down; negative if up (default: read off the person)",
    )
    c.add_argument(
        "--roll",
        type=float,
        metavar="DEG",
        help="how far the camera is turned counterclockwise, seen from behind (default: read off the person)",
    )
    c.add_argument(
        "--height",
        type=float,
        metavar="METERS",
        help="how tall the person is, which gives the world its size (default: estimated)",
    )
    c.add_argument("--estimator", default="blazepose", metavar="NAME", help="joint estimator (blazepose)")
    c.add_argument(
        "--quality",
        default="best",
        choices=("fast", "standard", "best"),
        help="crops analyzed per frame: 1, 4 or 10 (default: best)",
    )
    solving(c)
    c.add_argument(
        "--subject",
        type=_point,
        metavar="X,Y",
        help="pixel at which the person to follow first appears (default: the largest person)",
    )
    c.add_argument("--device", default="cpu", metavar="NAME", help="cpu, cuda or directml (default: cpu)")
    c.add_argument(
        "--finish",
        action="store_true",
        help="make the motion from the frames that an interrupted capture has read",
    )
    c.add_argument("--quiet", action="store_true", help="no progress bar or notes")

    c = command("solve", _solve, "solve a captured motion again, from the readings in its file")
    c.add_argument("motion", metavar="MOTION.npz")
    output(c, "MOTION.npz")
    solving(c)
    c.add_argument(
        "--contacts", default="found", choices=("found", "kept"),
        help="found: look again where feet touch the ground; kept: those of the file, also of hands (default: %(default)s)",
    )  # fmt: skip

    c = command("preview", _preview, "draw a motion's skeleton on its footage")
    c.add_argument("motion", metavar="MOTION.npz")
    c.add_argument("footage")
    output(c, "OVERLAY.mp4")
    c.add_argument("--quiet", action="store_true", help="no progress bar")

    c = command("export", _export, "write a motion as .bvh, .blend or .npz")
    c.add_argument("motion", metavar="MOTION.npz")
    output(c, "FILE.{bvh,npz,blend}")
    c.add_argument(
        "--body",
        default="mannequin",
        choices=("mannequin", "human"),
        help="for .blend; human needs niki[human]",
    )

    c = command("pose", _pose, "pull joints in one frame; the body follows")
    c.add_argument("motion", metavar="MOTION.npz")
    c.add_argument("--frame", type=int, required=True, metavar="N", help="frame to change, counted from 0")
    c.add_argument(
        "--target", type=_target, action="append", default=[], metavar="JOINT=X,Y,Z",
        help="where a joint should go, in meters, Y up; repeat for more joints",
    )  # fmt: skip
    c.add_argument(
        "--pull", type=_target, action="append", default=[], metavar="JOINT=X,Y,Z",
        help="by how much a joint should move from where it is, in meters, Y up; repeat for more joints",
    )  # fmt: skip
    c.add_argument("--pin", nargs="+", default=[], metavar="JOINT", help="joints that stay where they are")
    c.add_argument(
        "--mode",
        default="full",
        choices=MODES,
        help="what may move: the whole body, the pulled limb, or all but the hips (default: full)",
    )
    c.add_argument(
        "--follow", type=float, default=FOLLOW, metavar="SHARE",
        help="how much the rest of the body moves along, from 0 (little but the pulled limbs) to 1 (as a person"
        " would; default: %(default)s)",
    )  # fmt: skip
    c.add_argument("--free-feet", action="store_true", help="let feet that are not pulled move too")
    c.add_argument(
        "--floor", action=argparse.BooleanOptionalAction, default=True,
        help="keep the body above the floor and in balance on it (default: yes)",
    )  # fmt: skip
    c.add_argument(
        "--floor-height", type=_meters, default=0.0, metavar="METERS",
        help="height of the floor, in meters, Y up (default: %(default)s, where captures have it)",
    )  # fmt: skip
    c.add_argument(
        "--step", action="store_true",
        help="take a step where the body cannot lean any further (default: it stops there)",
    )  # fmt: skip
    c.add_argument(
        "--propagate", type=int, nargs=2, default=(0, 0), metavar=("BEFORE", "AFTER"),
        help="frames over which the change fades in and out (default: this frame only)",
    )  # fmt: skip
    output(c, "MOTION.npz")

    c = command("info", _info, "show what a motion file contains")
    c.add_argument("motion", metavar="MOTION.npz")

    c = command("mocap", _mocap, "summarize motion capture and how well it fits the skeleton")
    c.add_argument(
        "folders", nargs="+", metavar="FOLDER", help="with clips.csv and archives, or with .bvh files"
    )
    unit(c)

    c = command("eval", _eval, "measure the solvers")
    c.add_argument(
        "what",
        choices=("ik", "motion"),
        help="on people never trained on. ik: inverse kinematics of poses; motion: of clips, frame by frame and all"
        " frames together",
    )
    data(c)
    unit(c)
    c.add_argument(
        "--trained", action="store_true", help="measure on the people that the network was trained on"
    )
    c.add_argument(
        "--weights", metavar="FILE.npz", help="weights to measure, of that kind (default: the built-in ones)"
    )
    c.add_argument("--runs", metavar="DIR", help="also measure every finished run in this folder")
    c.add_argument(
        "--poses", type=_count, default=2000, metavar="N", help="how many for ik (default: %(default)s)"
    )
    c.add_argument(
        "--windows",
        type=_count,
        default=96,
        metavar="N",
        help="how many clips for motion (default: %(default)s)",
    )
    output(c, "REPORT.md", "also write the tables to this file", required=False)
    c.add_argument("--plot", metavar="FILE.png", help="plot error against noise, and a reliability diagram")

    c = command("bench", _bench, "compare posing with classical inverse kinematics")
    c.add_argument("what", choices=("posing",), help="posing: pulled joints, on people never trained on")
    data(c)
    unit(c)
    c.add_argument(
        "--trained", action="store_true", help="measure on the people that the network was trained on"
    )
    c.add_argument(
        "--run", dest="runs", action="append", default=[], metavar="FOLDER",
        help="also measure this finished run's posing network; repeat for more runs",
    )  # fmt: skip
    c.add_argument(
        "--source", dest="sources", nargs="+", default=[], metavar="NAME",
        help="measure on all clips of these sources in clips.csv instead, such as those that the network's training"
        " left out",
    )  # fmt: skip
    c.add_argument(
        "--poses", type=_count, default=300, metavar="N", help="for each case (default: %(default)s)"
    )
    c.add_argument(
        "--everyday", action="store_true",
        help="instead, make twelve everyday poses as an animator would: squat, kneel, arms crossed and so on"
        " (seconds; needs no recordings)",
    )  # fmt: skip
    output(c, "REPORT.md", "also write the tables to this file", required=False)

    c = command(
        "render-corpus",
        _render_corpus,
        "render people whose joints are known, and read them (needs niki[train])",
    )
    c.add_argument(
        "--mocap", action="append", default=[], metavar="DIR",
        help="folder with clips.csv and archives, whose motion they do; repeat for more folders",
    )  # fmt: skip
    c.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="of the corpus; resumes if interrupted"
    )
    c.add_argument(
        "--frames", type=int, default=200_000, metavar="N", help="about how many (default: %(default)s)"
    )
    c.add_argument(
        "--seed", type=int, default=1, metavar="S", help="another one makes another corpus (default: 1)"
    )
    c.add_argument("--quiet", action="store_true", help="do not tell of each finished part")

    c = command("train", _train, "train a network on motion capture (needs niki[train])")
    c.add_argument("--config", required=True, metavar="FILE.toml")
    c.add_argument("-o", "--output", metavar="FOLDER", help="of the run (default: build/runs/NAME)")
    c.add_argument("--quiet", action="store_true", help="no progress bar")

    c = command("export-weights", _export_weights, "export a training run's network as a weights file")
    c.add_argument("folder", help="of the run")
    output(c, "WEIGHTS.npz")

    command("setup", _setup, "fetch and convert the BlazePose networks (once)")
    return parser


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, not '{text}'")
    return number


def _meters(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise argparse.ArgumentTypeError(f"expected a number of meters, not '{text}'")
    return number


def _target(text: str) -> Target:
    joint, _, place = text.partition("=")
    try:
        return Target(joint, [float(part) for part in place.split(",")])
    except (ValueError, NikiError) as problem:
        raise argparse.ArgumentTypeError(f"expected JOINT=X,Y,Z: {problem}") from None


def _point(text: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected X,Y in pixels, not '{text}'") from None
    return x, y


def _capture(options) -> None:
    from .capturing.footage.camera import checked_focal, checked_roll, checked_tilt
    from .capturing.footage.video import footage_files
    from .capturing.pipeline import capture, reprojection_error
    from .motion.floor import camera_height, checked_height

    files, journal = footage_files(options.footage), _journal_of(options.output)
    _check_output(options, options.output, (".npz",), files, is_motion)
    check_output(journal, inputs=files)
    for check, value in (
        (checked_focal, options.focal),
        (checked_tilt, options.tilt),
        (checked_roll, options.roll),
        (checked_height, options.height),
    ):
        if value is not None:
            check(value)
    refinement = _refinement(options)
    task = Task(
        options.footage, options.start, options.end, fps=options.fps, focal=options.focal,
        tilt=options.tilt, roll=options.roll, subject=options.subject, estimator=options.estimator, quality=options.quality, device=options.device,
        solver=options.solver, journal=journal, finish=options.finish,
        height=options.height,
    )  # fmt: skip
    told = options.quiet or options.finish

    def report(stage, done, total):
        nonlocal told
        if done and not told:
            print(f"niki: resuming from {journal}; delete it to start over", file=sys.stderr)
        told = True
        if stage == "reading":
            show(done, total)

    with progress_bar("capturing", options.quiet) as show:
        captured = capture(task, report, refinement=refinement)
    _check_output(options, options.output, (".npz",), files, is_motion)  # it took long: look again
    captured.motion.save(options.output)
    if not captured.journal_holds_more:
        journal.unlink(missing_ok=True)
    if not options.quiet:
        for warning in captured.warnings:
            print(f"niki: {warning}", file=sys.stderr)
        if captured.unfinished:
            kept = f"{journal} is kept; run again without --finish to capture the rest"
            print(f"niki: {kept}", file=sys.stderr)
        print(
            f"{options.output}: {len(captured.motion)} frames, a person in {captured.share_seen:.0%},"
            f" mean reprojection error {reprojection_error(captured.motion):.1f} px"
            f" ({captured.reprojection_before:.1f} px before feet were put on the floor)"
        )
        tilt, roll = (float(angle) for angle in tilt_and_roll(captured.estimate.up))
        print(describe_camera(tilt, roll, captured.estimate.up_error))
        print(f"Camera {camera_height(captured.motion):.2f} m above the floor")


def _solve(options) -> None:
    from .capturing.refining import solve_readings

    _check_output(options, options.output, (".npz",), [options.motion], is_motion)
    refinement = _refinement(options)
    motion = Motion.load(options.motion)
    contacts = motion.contacts if options.contacts == "kept" else None
    solved = solve_readings(motion, options.solver, refinement, contacts=contacts)
    solved.save(options.output)
    feet = solved.contacts[:, FEET].any(1).mean()
    print(f"{options.output}: {len(solved)} frames, a foot on the floor in {feet:.0%} of them")


def _refinement(options) -> Refinement:
    smoothing = {f"smooth_{limb}": getattr(options, f"smooth_{limb}") for limb in LIMBS}
    return Refinement(**smoothing, feet=options.feet)


def _preview(options) -> None:
    from .capturing.footage.video import footage_files
    from .review.preview import save_overlay

    inputs = [options.motion, *footage_files(options.footage)]
    _check_output(options, options.output, (".mp4",), inputs)
    motion = Motion.load(options.motion)
    with progress_bar("drawing", options.quiet) as show:
        warnings = save_overlay(motion, options.footage, options.output, show)
    if not options.quiet:
        for warning in warnings:
            print(f"niki: {warning}", file=sys.stderr)


_EXPORTS = {".bvh": lambda path: False, ".npz": is_motion, ".blend": lambda path: False}
"""What can be written, and whether a file that is there is one that we wrote."""


def _export(options) -> None:
    kind = Path(options.output).suffix.lower()
    if kind not in _EXPORTS:
        raise NikiError(f"Cannot export to '{kind or options.output}'", "choose .bvh, .npz or .blend")
    _check_output(options, options.output, _EXPORTS, [options.motion], _EXPORTS[kind])
    motion = Motion.load(options.motion)
    if kind == ".bvh":
        save_bvh(motion, options.output)
    elif kind == ".npz":
        motion.save(options.output)
    else:
        for warning in save_blend(options.motion, options.output, options.body):
            print(f"niki: {warning}", file=sys.stderr)


def _pose(options) -> None:
    _check_output(options, options.output, (".npz",), [options.motion], is_motion)
    motion = Motion.load(options.motion)
    start, poser = posture_at(motion, options.frame), Poser(motion.body, PosingNetwork.default())
    places = dict(zip(JOINTS, poser.joints(start), strict=True))
    targets = [
        *options.target,
        *(replace(pull, position=places[pull.joint] + pull.position) for pull in options.pull),
    ]
    pins = [Target(joint, places.get(joint), pinned=True) for joint in options.pin]
    if not targets:
        raise NikiError("Nothing is pulled", "give a --target or a --pull")
    pulled = [target.joint for target in targets]
    twice = next((joint for joint in pulled if pulled.count(joint) > 1), None)
    if twice is not None:
        raise NikiError(f"{twice} is pulled twice", "give one --target or one --pull for each joint")
    if options.floor_height and not options.floor:
        raise NikiError("--floor-height is the height of a floor that --no-floor turns off", "leave out one")
    posture = poser.solve(
        start, [*pins, *targets], options.mode, not options.free_feet, follow=options.follow,
        floor=Floor(options.floor_height) if options.floor else None, step=options.step, keep_hands=True,
    )  # fmt: skip
    blend_pose(motion, options.frame, posture, *options.propagate).save(options.output)
    for target in targets:
        print(f"{target.joint}: {1000 * posture.error[target.joint]:.1f} mm from its target")
    missed = [t.joint for t in targets if posture.error[t.joint] > _MISS]
    if missed:
        print(
            f"niki: out of reach: {', '.join(dict.fromkeys(missed))}; {options.output} has the nearest pose",
            file=sys.stderr,
        )


def _info(options) -> None:
    motion = Motion.load(options.motion)
    gaps = int((~motion.seen).sum())
    seconds = len(motion) / motion.mocap_framerate
    lines = {
        "frames": f"{len(motion)} ({motion.frames[0]} to {motion.frames[-1]} of the footage)",
        "duration": f"{seconds:.2f} s at {motion.mocap_framerate:.3f} frames per second",
        "gaps": f"{gaps} frames without a person, bridged" if gaps else "none",
        "confidence": f"{motion.confidence.mean():.2f} on average",
        "stature": f"{standing_height(motion.body):.2f} m from sole to crown",
        "camera": f"focal {motion.camera[0, 0]:.0f} px, picture {motion.image_size[0]} x {motion.image_size[1]}",
        "footage": motion.footage or "not recorded",
        "source": motion.source or "not recorded",
    }
    for name, value in lines.items():
        print(f"{name:11s}{value}")


def _mocap(options) -> None:
    from .mocap.collection import Poses
    from .mocap.report import describe

    print(describe(Poses.joined(_poses(folder, options.unit) for folder in options.folders)), end="")


def _eval(options) -> None:
    if options.what == "motion":
        _eval_motion(options)
        return
    from .evaluation.ik import as_markdown, evaluate, save_plot
    from .network.model import Network
    from .solve.solver import WEIGHTS

    runs = sorted(Path(options.runs).glob("*/network.npz")) if options.runs else []
    if options.plot:
        import_module("matplotlib")  # if it is missing, say so before the work
    networks = [*([options.weights] if options.weights else []), *runs]
    for path, suffix in ((options.output, ".md"), (options.plot, ".png")):
        if path:
            _check_output(options, path, (suffix,), itertools.chain(networks, _data_in(options.data)))
    poses = _measured_poses(options)
    runs = [path for path in runs if path.parent.name != WEIGHTS.stem]  # measured as what ships
    solver = Solver.load(options.weights) if options.weights else Solver()
    report = evaluate(poses, solver, {path.parent.name: Network.load(path) for path in runs}, options.poses)
    text = as_markdown(report, "trained on" if options.trained else "never trained on")
    print(text, end="")
    _write_report(text, options.output)
    if options.plot:
        with writing(options.plot) as temporary:
            save_plot(report, temporary)


def _eval_motion(options) -> None:
    from .evaluation.motion import as_markdown, evaluate
    from .evaluation.motion_cases import make_cases
    from .solve.temporal import TemporalSolver

    if options.runs or options.plot:
        raise NikiError("niki eval motion has no --runs and no --plot", "leave them out, or measure ik")
    if options.output:
        networks = [options.weights] if options.weights else []
        _check_output(options, options.output, (".md",), itertools.chain(networks, _data_in(options.data)))
    temporal = TemporalSolver.load(options.weights) if options.weights else TemporalSolver()
    cases = make_cases(_measured_poses(options), options.windows)
    windows = len(next(iter(cases.values())).windows)
    who = "trained on" if options.trained else "never trained on"
    text = as_markdown(evaluate(cases, Solver(), temporal), windows, who)
    print(text, end="")
    _write_report(text, options.output)


def _bench(options) -> None:
    if options.everyday:
        _bench_everyday(options)
        return
    from .evaluation.posing.report import as_markdown, evaluate

    paths = {Path(folder).name: Path(folder) / "posing.npz" for folder in options.runs}
    if options.output:
        inputs = itertools.chain(paths.values(), _data_in(options.data))
        _check_output(options, options.output, (".md",), inputs)
    poses = _measured_poses(options, options.sources)
    runs = {name: PosingNetwork.load(path) for name, path in paths.items()}
    training = None if options.trained else _training_poses()
    text = as_markdown(evaluate(poses, options.poses, runs, training))
    print(text, end="")
    _write_report(text, options.output)


def _bench_everyday(options) -> None:
    from .evaluation.posing.everyday_table import everyday_table, make_everyday_poses

    if options.runs or options.sources or options.trained:
        raise NikiError(
            "The everyday poses are made with the network that ships, without recordings",
            "leave out --run, --source and --trained",
        )
    if options.output:
        _check_output(options, options.output, (".md",), [])
    text = everyday_table(make_everyday_poses())
    print(text, end="")
    _write_report(text, options.output)


def _write_report(text: str, path: str | None) -> None:
    if path:
        with writing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _data_in(folders: list[str]) -> Iterator[Path]:
    """Files with motion capture; reports and pictures may lie beside them."""
    files = (path for folder in folders for path in Path(folder).rglob("*") if path.is_file())
    return (path for path in files if path.suffix.lower() not in (".md", ".png"))


def _measured_poses(options, sources=()):
    """The poses of the people held out, or with ``--trained`` of the others, in the folders of ``--data``; of .bvh
    files all, and of ``sources`` all."""
    from .mocap.collection import Poses

    poses = Poses.joined(_poses(folder, options.unit) for folder in options.data)
    if sources:
        there = np.unique(poses.sources)
        unknown = np.setdiff1d(sources, there)
        if len(unknown):
            raise NikiError(f"There are no clips of {', '.join(unknown)}", f"choose from: {', '.join(there)}")
        return poses.of_clips(np.isin(poses.sources, sources))
    if any((Path(folder) / "clips.csv").is_file() for folder in options.data):
        return poses.split()[0 if options.trained else 1]
    return poses


def _training_poses():
    """The poses that the posing network was trained on; None where they are not at hand."""
    from .mocap.collection import Poses, cached_archives

    folders = [folder for folder in _MOCAP if (Path(folder) / "clips.csv").is_file()]
    if not folders:
        return None
    training = Poses.joined(map(cached_archives, folders)).split()[0]
    return training.without(PosingNetwork.default().remarks.get("left_out", "").split())


def _poses(folder: str, unit: str | None):
    from .mocap.collection import cached_archives, load_bvh_folder
    from .mocap.refit import UNITS

    if not Path(folder).is_dir():
        raise NikiError(f"There is no folder {folder}", "give one with motion capture: --data DIR")
    if (Path(folder) / "clips.csv").is_file():
        return cached_archives(folder)
    metres = UNITS[unit] if unit else None
    return load_bvh_folder(folder, lambda text: print(f"niki: {text}", file=sys.stderr), metres)


def _render_corpus(options) -> None:
    from .corpus.making import Order, check_packages, render_corpus
    from .mocap.collection import cached_archives

    check_packages()
    order = Order(
        Path(options.output), options.frames, options.seed, list(map(cached_archives, options.mocap))
    )

    def report(done, total, line):
        if not options.quiet:
            print(f"{done} of {total}: {line}", flush=True)

    render_corpus(order, report)
    lacking = sum(not shard.exists() for shard in order.shards)
    rest = f"; other processes are making {lacking} more" if lacking else ""
    print(f"{options.output}: {len(order.shards) - lacking} shards{rest}")


def _train(options) -> None:
    from .training.commands import train

    name = Path(options.config).stem
    train(options.config, options.output or Path("build", "runs", name), options.quiet)


def _export_weights(options) -> None:
    _check_output(options, options.output, (".npz",), [Path(options.folder, "network.npz")], is_network)
    from .training.commands import export_weights

    export_weights(options.folder, options.output)


def _setup(options) -> None:
    from .capturing.estimate.blazepose.models import set_up

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
