"""How the camera is held: set in the panel, known from a camera of the scene, or told after a capture."""

import json
import math
import shutil

import numpy as np
import pytest
from conftest import ROOT, some_motion

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from bpy_extras.object_utils import world_to_camera_view
from mathutils import Euler, Matrix, Vector
from registered import data_folder, in_start_up_file  # noqa: F401 (fixtures)

from niki.body.skeleton import BONES
from niki.motion.camera_tilt import camera_to_library, up_from_tilt
from niki.review.blender_process import blender_module
from niki.task import Task

known_camera, operators, panel, placing, results, settings, sources, space = (
    blender_module(n)
    for n in (
        "capture.known_camera", "capture.operators", "capture.panel", "placement.placing", "capture.results",
        "capture.settings", "capture.sources", "rig.space",
    )
)  # fmt: skip
SAMPLE = ROOT / "samples/sample.mp4"
WIDTH, FOCAL, FRAMES = 640, 640.0, 30


@pytest.fixture
def scene():
    """A scene that captures the sample from a movie clip."""
    current = bpy.context.scene
    capture = current.niki_capture
    capture.source, capture.clip = "CLIP", bpy.data.movieclips.load(str(SAMPLE))
    return current


def known(scene):
    bpy.context.view_layer.update()
    return known_camera.known_camera(scene, sources.chosen_source(scene))


def turn_of(tilt, roll, heading=0.0) -> Matrix:
    """A Blender camera's, for tilt and roll in degrees as the user counts them."""
    down, rolled = math.radians(90 - tilt), math.radians(roll)
    return Matrix.Rotation(heading, 4, "Z") @ Matrix.Rotation(down, 4, "X") @ Matrix.Rotation(rolled, 4, "Z")


def show_footage(camera, clip):
    background = camera.data.background_images.new()
    background.source, background.clip = "MOVIE_CLIP", clip


def solve(clip, pose) -> None:
    """Track 30 points through ``clip`` as a camera on a tripod at ``pose(frame)`` sees them, and solve it."""
    rng = np.random.default_rng(0)
    clip.tracking.camera.sensor_width = 36
    clip.tracking.camera.focal_length = FOCAL / WIDTH * 36
    tracked = clip.tracking.objects[0]
    seen_from = {frame: pose(frame).inverted() for frame in range(1, FRAMES + 1)}
    for n, point in enumerate(rng.uniform([-2, -2, 0], [2, 2, 2], (30, 3))):
        track = tracked.tracks.new(name=f"point{n}", frame=1)
        for frame, inverse in seen_from.items():
            x, y, z = inverse @ Vector(point)
            track.markers.insert_frame(frame, co=(0.5 + x / -z * FOCAL / WIDTH, 0.5 + y / -z * FOCAL / WIDTH))
    clip.tracking.settings.use_tripod_solver = True
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type, area.spaces.active.clip = "CLIP_EDITOR", clip
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        assert bpy.ops.clip.solve_camera() == {"FINISHED"}
    assert clip.tracking.reconstruction.is_valid


def panning(frame, tilt=20.0, roll=10.0) -> Matrix:
    """The pose of a camera that turns to the side, always held alike."""
    return Matrix.Translation((0, -7, 3)) @ turn_of(tilt, roll, 0.2 - 0.4 * frame / FRAMES)


def solved_camera(scene, clip):
    """The scene's camera, made to follow the solve."""
    constraint = scene.camera.constraints.new("CAMERA_SOLVER")
    constraint.use_active_clip, constraint.clip = False, clip
    return scene.camera


@pytest.fixture
def solved(scene):
    """A solved clip, and a camera with its constraint."""
    clip = scene.niki_capture.clip
    solve(clip, panning)
    return clip, solved_camera(scene, clip)


def orient(camera, clip, frame=1):
    """Turn the camera object so that the solve stands upright, as Set Floor does."""
    first = clip.tracking.reconstruction.cameras.matrix_from_frame(frame=frame)
    camera.matrix_world = panning(frame) @ first.inverted()


def test_it_is_estimated_unless_somebody_knows_better(scene):
    task, _ = operators.task_of(scene)
    assert (task.tilt, task.roll) == (None, None)


@pytest.mark.parametrize(("tilt", "roll"), [(18.0, -3.0), (89.0, 180.0), (-89.0, -180.0), (0.0, 0.0)])
def test_what_is_set_goes_to_the_worker_in_degrees(scene, tilt, roll):
    capture = scene.niki_capture
    capture.camera_tilt, capture.tilt, capture.roll = "MANUAL", math.radians(tilt), math.radians(roll)
    task, title = operators.task_of(scene)
    assert (task.tilt, task.roll) == pytest.approx((tilt, roll), abs=1e-4)
    assert abs(task.tilt) <= 89
    assert abs(task.roll) <= 180
    job = results.captures().add(task.as_dict(), title, {})
    stored = json.loads((job.folder / "job.json").read_text())["request"]
    assert Task.from_dict(stored).as_dict() == task.as_dict()


def test_a_solved_camera_is_the_truth_once_it_is_oriented(scene, solved):
    clip, camera = solved
    assert known(scene) is None  # as Blender starts with it: nobody has said where the floor is
    camera.matrix_world = Matrix()
    assert known(scene) is None
    orient(camera, clip)
    scene.frame_set(14)  # the constraint moves the camera
    found = known(scene)
    assert (found.tilt, found.roll) == pytest.approx((20, 10), abs=1)
    assert panel.describe_known(found).startswith("Tilt from the camera solve: 20°, roll")
    task, _ = operators.task_of(scene)
    assert (task.tilt, task.roll) == (found.tilt, found.roll)


@pytest.mark.parametrize("start", [Matrix(), None], ids=["unturned", "as Blender starts"])
def test_a_solve_that_nobody_has_oriented_says_nothing_though_the_camera_shows_the_footage(
    scene, solved, start
):
    clip, camera = solved
    show_footage(camera, clip)
    if start is not None:
        camera.matrix_world = start
    for frame in (1, 7, FRAMES):
        scene.frame_set(frame)
        assert known(scene) is None


def test_the_solve_counts_whichever_camera_is_active_and_under_a_parent(scene, solved):
    clip, camera = solved
    orient(camera, clip)
    bpy.context.view_layer.update()
    floor = bpy.data.objects.new("Floor", None)
    scene.collection.objects.link(floor)
    camera.parent = floor
    floor.rotation_euler.x = math.radians(-5)  # looks down by five degrees more
    scene.camera = None
    camera.constraints[0].use_active_clip, scene.active_clip = True, clip
    assert known(scene).tilt == pytest.approx(25, abs=1.5)
    floor.scale = (3, 3, 3)
    assert known(scene).tilt == pytest.approx(25, abs=1.5)


@pytest.mark.parametrize("change", ["muted", "weak", "of another clip"])
def test_a_solve_that_does_not_move_the_camera_is_left_alone(scene, solved, change, tmp_path):
    clip, camera = solved
    orient(camera, clip)
    constraint = camera.constraints[0]
    if change == "muted":
        constraint.mute = True
    elif change == "weak":
        constraint.influence = 0.5
    else:
        constraint.clip = bpy.data.movieclips.load(str(shutil.copy(SAMPLE, tmp_path / "other.mp4")))
    assert known(scene) is None


def test_the_median_is_over_the_captured_frames(scene):
    clip = scene.niki_capture.clip

    def nodding(frame):
        return panning(frame, tilt=10 if frame <= 8 else 30)

    solve(clip, nodding)
    camera = solved_camera(scene, clip)
    first = clip.tracking.reconstruction.cameras.matrix_from_frame(frame=1)
    camera.matrix_world = nodding(1) @ first.inverted()
    capture = scene.niki_capture
    capture.use_range, capture.first, capture.last = True, 0, 6
    low = known(scene).tilt
    capture.first, capture.last = 10, 29
    assert known(scene).tilt == pytest.approx(low + 20, abs=2)


@pytest.mark.parametrize("source", ["CLIP", "FILE"])
def test_the_scenes_camera_is_the_truth_if_it_was_placed_before_the_footage(scene, source):
    capture, camera = scene.niki_capture, scene.camera
    capture.path, capture.source = str(SAMPLE), source
    camera.matrix_world = turn_of(15, -8, heading=1.0)
    assert known(scene) is None  # it does not show this footage
    show_footage(camera, capture.clip)
    found = known(scene)
    assert (found.tilt, found.roll) == pytest.approx((15, -8), abs=1e-3)
    assert found.origin == "Camera"


def test_a_camera_that_nobody_placed_tells_nothing(scene):
    show_footage(scene.camera, scene.niki_capture.clip)
    assert known(scene) is None


def test_our_own_camera_tells_nothing_about_the_next_capture(scene):
    motion = some_motion(frames=5, footage=str(SAMPLE))
    placing.place_motion(motion, "take", placing.Placement(match_scene=placing.ALWAYS))
    assert scene.camera.data.background_images[0].clip is not None
    assert known(scene) is None


class Layout:
    """A stand-in for Blender's that keeps the properties and texts drawn, in order."""

    def __init__(self, drawn):
        self._drawn = drawn

    def __getattr__(self, name):
        def draw(*args, text="", **kwargs):
            self._drawn += [args[1]] if name == "prop" else [text] if text else []
            return Layout(self._drawn)

        return draw


def test_the_panel_shows_what_is_set_or_what_is_used(scene):
    def drawn():
        bpy.context.view_layer.update()
        panel.draw_camera_tilt(Layout(found := []), scene)
        return found

    assert drawn() == ["camera_tilt"]
    show_footage(scene.camera, scene.niki_capture.clip)
    scene.camera.matrix_world = turn_of(-12, 4)
    assert drawn() == ["camera_tilt", "Tilt from Camera: -12°, roll 4°"]
    scene.niki_capture.camera_tilt = "MANUAL"
    assert drawn() == ["camera_tilt", "tilt", "roll"]


def tilted_motion(tilt=20.0, roll=10.0, **changes):
    """An upright person before a tilted camera."""
    pose = np.eye(4)
    pose[:3, :3], pose[1, 3] = camera_to_library(up_from_tilt(tilt, roll)), 1.7
    motion = some_motion(frames=5, footage="", camera_pose=pose, **changes)
    motion.trans += [0.1, 0.1, -4.0]
    motion.keypoints = motion.projected()
    return motion


@pytest.mark.parametrize("match", [placing.ALWAYS, placing.NEVER])
@pytest.mark.parametrize("point", [None, (0.0, 0.0, 0.0), (3.0, -2.0, 0.5)])
@pytest.mark.parametrize("armature", ["new", "turned and scaled"])
def test_wherever_the_person_goes_they_stand_upright_before_a_tilted_camera(scene, match, point, armature):
    motion, how = tilted_motion(), {}
    before = scene.camera.matrix_world.copy()
    users_camera = scene.camera
    if armature != "new":
        rig = placing.place_motion(motion, "before", placing.Placement(camera=False))[0]
        rig.matrix_world = (
            Matrix.Translation((1, 1, 1)) @ Euler((0.4, 0.3, 2.0)).to_matrix().to_4x4() @ Matrix.Scale(2, 4)
        )
        how["armature"] = rig.name
    scene.render.fps, scene.render.fps_base = 30, 1.0
    rig, _ = placing.place_motion(
        motion, "take", placing.Placement(point=point, match_scene=match, active_camera=True, **how)
    )
    camera = scene.camera
    assert camera != users_camera
    scene.render.resolution_x, scene.render.resolution_y = 640, 480
    scale = 1.0 if armature == "new" else 2.0
    first_hips = None
    for t in range(len(motion)):
        scene.frame_set(1 + t)
        posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
        heads = [posed.matrix_world @ posed.pose.bones[name].head for name in BONES]
        seen = np.array([world_to_camera_view(scene, camera, head)[:2] for head in heads])
        pixels = seen * [640, -480] + [0, 480]
        np.testing.assert_allclose(pixels, motion.keypoints[t, : len(BONES)], atol=0.1)
        lowest = min(head.z for head in heads) - (0.0 if point is None else point[2])
        expected = scale * motion.solved_joints()[t, : len(BONES), 1].min()
        assert lowest == pytest.approx(expected, abs=1e-3)  # as high above the floor as in the library
        first_hips = heads[0] if first_hips is None else first_hips
    if point is not None:
        np.testing.assert_allclose(first_hips[:2], point[:2], atol=1e-4)
    assert users_camera.matrix_world == before
    held = known_camera._held(np.array(camera.matrix_world.to_3x3())[None], "")
    assert (held.tilt, held.roll) == pytest.approx((20, 10), abs=1e-3)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"tilt": 18.0, "roll": 3.0, "tilt_error": 4.0}, ["Camera looks down 18°, rolled 3° (±4°)"]),
        ({"tilt": 0.0, "roll": 0.0}, []),
    ],
)
def test_what_was_estimated_is_told_with_the_result(scene, told, said):
    job = results.captures().add({"footage": str(SAMPLE)}, "take", placing.Placement().as_dict())
    some_motion(frames=5, footage="").save(job.folder / "motion.npz")
    job.result = told | {"warnings": ["a warning"]}
    assert results.import_result(job) is not None
    assert results.session.outcome.warnings[: len(said) + 1] == [*said, "a warning"]
