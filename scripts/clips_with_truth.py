"""The clips that scripts/evaluate_capture measures, and the truth about each in its camera's axes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from environment import ROOT

from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import JOINTS
from niki.capturing.estimate.blazepose import landmarks
from niki.capturing.estimate.blazepose.joint_map import points_on
from niki.capturing.footage.video import Footage, VideoWriter
from niki.evaluation.error_statistics import LIMBS
from niki.motion.motion import Motion

SAMPLES = {
    "sample": "sample.mp4", "sample occluded": "sample.mp4", "sample tilted": "sample_tilted.mp4",
    "sample sitting": "sample_sitting.mp4",
}  # fmt: skip
OCCLUDED = ROOT / "build/occluded.mp4"
VIEWS = ("cam01", "cam02", "cam03")
_KNEES = [JOINTS.index("left_knee"), JOINTS.index("right_knee")]
_MARGIN, _WIDTH = 25, 110  # pixels above the knees, and to each side


@dataclass(eq=False)
class Clip:
    """Footage with truth.

    Attributes:
        points: (T, K, 3) metres, the true places of the joints ``names``; errors are of them, about the mean of
            those named in ``root``. up: (3,) the world's up.
        marks: whether the truth is of the detector's landmarks, not of joints.
        truth: the whole motion, where it is known. exact: whether the truth does not shake. hidden: (T, K) joints behind the occluder.
    """

    name: str
    footage: Path
    focal: float
    names: list[str]
    root: list[str]
    points: np.ndarray
    up: np.ndarray
    marks: bool = False
    truth: Motion | None = None
    exact: bool = True
    hidden: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))


def rendered_clips(wanted: Callable[[str], bool]) -> Iterator[Clip]:
    """What scripts/render_sample made, and the first of these with the legs occluded; those whose name is wanted."""
    for name, file in SAMPLES.items():
        if not wanted(name):
            continue
        footage = ROOT / "samples" / file
        truth = Motion.load(footage.with_name(f"{footage.stem}_truth.npz"))
        if name == "sample occluded":
            yield _rendered(name, OCCLUDED, truth, _paste_occluder(footage, truth))
        else:
            yield _rendered(name, footage, truth)


def _rendered(name: str, footage: Path, truth: Motion, hidden: np.ndarray | None = None) -> Clip:
    to_library, position = truth.camera_pose[:3, :3], truth.camera_pose[:3, 3]
    clip = Clip(
        name, footage, truth.camera[0, 0], list(JOINTS[:24]), ["pelvis"],
        ((truth.solved_joints() - position) @ to_library)[:, :24], to_library[1], truth=truth,
    )  # fmt: skip
    if hidden is not None:
        clip.hidden = hidden[:, :24]
    return clip


def _paste_occluder(footage: Path, truth: Motion) -> np.ndarray:
    """Write the clip in which a box hides the legs in the middle half, if it is not there; (T, 29) bool: the
    joints behind the box."""
    pixels, hidden = truth.projected(), np.zeros((len(truth), 29), bool)
    first, last = len(truth) // 4, 3 * len(truth) // 4
    boxes = {number: _box(pixels[number]) for number in range(first, last)}
    for number, (left, right, top) in boxes.items():
        x, y = pixels[number].T
        hidden[number] = (x > left) & (x < right) & (y > top)
    if OCCLUDED.is_file() and OCCLUDED.stat().st_mtime > footage.stat().st_mtime:
        return hidden
    OCCLUDED.parent.mkdir(exist_ok=True)
    with VideoWriter(OCCLUDED, truth.mocap_framerate, tuple(truth.image_size)) as writer:
        for frame in Footage(footage):
            rgb = frame.rgb.copy()
            if frame.number in boxes:
                left, right, top = boxes[frame.number]
                rgb[top:, max(left, 0) : right] = (96, 84, 70)
            writer.write(rgb)
    return hidden


def _box(pixels: np.ndarray) -> tuple[int, int, int]:
    """Left, right and top of the occluder in pixels, from joints (29, 2)."""
    knees = pixels[_KNEES]
    middle = int(knees[:, 0].mean())
    return middle - _WIDTH, middle + _WIDTH, int(knees[:, 1].min()) - _MARGIN


def treadmill_clips(folder: Path, wanted: Callable[[str], bool]) -> Iterator[Clip]:
    """The views of a man on a treadmill, with what was triangulated from three of them; none where the folder
    does not have them."""
    if not (folder / "treadmill_reference_joints.npz").is_file():
        return
    reference = np.load(folder / "treadmill_reference_joints.npz")
    for view in filter(lambda view: wanted(f"treadmill {view}"), VIEWS):
        focal, rotation, position = _calibration(folder / "treadmill_calibration.qca.txt", view)
        yield Clip(
            f"treadmill {view}", folder / f"treadmill_{view}.mp4", focal,
            [str(name) for name in reference["names"]], ["left_hip", "right_hip"],
            (reference["points"].astype(float) - position) @ rotation.T, rotation @ [0.0, 0.0, 1.0],
            marks=True, exact=False,
        )  # fmt: skip


def marked(joints: np.ndarray, motion: Motion) -> np.ndarray:
    """(T, 29, 3) joints in library space, those of the limbs where the detector marks them on bones that turn as
    the motion's: the treadmill's truth is triangulated from landmarks."""
    orientations = forward_kinematics(motion.rotations, motion.body)[1]
    joints, points = joints.copy(), points_on(joints, orientations)
    for name in LIMBS:
        joints[:, JOINTS.index(name)] = landmarks.point(points, name)
    return joints


def _calibration(path: Path, view: str) -> tuple[float, np.ndarray, np.ndarray]:
    """Focal length in pixels, rotation (3, 3) and position in metres of a camera of the rig, whose Z is up.
    Two views are cropped, not scaled: none of this depends on a picture's width."""
    camera = next(c for c in ElementTree.parse(path).iter("camera") if c.get("serial") == view)
    lens, place = camera.find("intrinsic"), camera.find("transform")
    rotation = np.array([[float(place.get(f"r{i}{j}")) for j in (1, 2, 3)] for i in (1, 2, 3)])
    position = np.array([float(place.get(k)) for k in "xyz"]) / 1000
    return float(lens.get("focalLengthU")) / 64, np.diag([1.0, -1, -1]) @ rotation, position
