"""The extension as Blender runs it: registered, capturing in the results, importing. No window."""

import time

import numpy as np
import pytest
from conftest import ROOT, some_motion

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.body.rotation import angle_between
from niki.body.skeleton import BONES
from niki.motion.motion import Motion
from niki.review.blender_process import blender_module

results, confidence, placing, chosen, registration, sampling, sources, space = (
    blender_module(n)
    for n in (
        "capture.results",
        "rig.confidence",
        "placement.placing",
        "settings.chosen",
        "registration",
        "rig.sampling",
        "capture.sources",
        "rig.space",
    )
)
SAMPLE = ROOT / "samples/sample.mp4"


def settings(**changes):
    values = {"path": str(SAMPLE), "use_range": True, "last": 9, "quality": "fast"} | changes
    for name, value in values.items():
        setattr(bpy.context.scene.niki_capture, name, value)


def run(until=lambda: False, limit=280):
    """What the timer would do: until ``until()``, or there is nothing left to do."""
    started = time.monotonic()
    while not until() and results._tick() is not None:
        assert time.monotonic() - started < limit
        time.sleep(0.01)


def armatures():
    return [o for o in bpy.data.objects if o.type == "ARMATURE"]


def names_left():
    return {n for n in dir(bpy.types) if "NIKI" in n} | {n for n in dir(bpy.ops.niki)}


def test_registered_and_unregistered_fifty_times_it_leaves_nothing():
    registration.unregister()
    kinds = ("load_pre", "load_post", "save_pre", "save_post", "frame_change_post", "depsgraph_update_post")
    handlers = [len(getattr(bpy.app.handlers, n)) for n in kinds]
    for _ in range(50):
        registration.register()
        assert hasattr(bpy.context.scene, "niki_capture")
        registration.unregister()
        assert names_left() == set()
        assert not [name for name in dir(bpy.context.scene) if name.startswith("niki")]
        environment_operators, people = (
            blender_module("settings.environment_operators"),
            blender_module("capture.people"),
        )
        for timer in (
            results._tick,
            results._look,
            environment_operators._look,
            environment_operators._poll,
            people._poll,
        ):
            assert not bpy.app.timers.is_registered(timer)
        assert [len(getattr(bpy.app.handlers, n)) for n in kinds] == handlers
    registration.register()


needs_capture = pytest.mark.skipif(
    bool(chosen.look_whether_ready()), reason="niki[capture] is not installed beside this bpy"
)


@needs_capture
def test_a_capture_ends_with_an_armature_that_moves_over_its_footage():
    settings()
    assert bpy.ops.niki.capture() == {"FINISHED"}
    run()
    (rig,) = armatures()
    assert rig.name == "sample"
    assert results.captures().jobs == []
    assert results.session.outcome.title == "sample: 10 frames, person found in all"
    camera, focal = results.session.outcome.warnings
    assert camera.startswith("Camera looks")
    assert "focal length is assumed" in focal
    bpy.ops.niki.dismiss_outcome()
    assert results.session.outcome is None
    scene = bpy.context.scene
    assert scene.render.fps / scene.render.fps_base == pytest.approx(24)
    assert scene.camera.data.background_images[0].clip.name == "sample Footage"
    truth = Motion.load(ROOT / "samples/sample_truth.npz")
    motion = sampling.sample_motion(rig, 1, 10)
    assert angle_between(motion.rotations[:, 0], truth.rotations[:10, 0]).mean() < 0.6
    curve = next(c for c in blender_module("rig.animation").fcurves_of(rig) if "confidence" in c.data_path)
    assert len(curve.keyframe_points) == 10


@needs_capture
def test_cancelled_then_continued_and_a_second_one_waits_its_turn():
    settings(use_range=False, quality="best")
    bpy.ops.niki.capture()
    settings(last=4)
    bpy.ops.niki.capture()
    first, second = results.captures().jobs
    run(until=lambda: first.frames >= 2)
    assert second.state == "WAITING"
    bpy.ops.niki.cancel_capture(job=first.folder.name)
    run()
    assert first.state == "CANCELLED"
    assert len(armatures()) == 1  # the second one's
    bpy.ops.niki.continue_capture(job=first.folder.name, finish=True)
    run()
    assert len(armatures()) == 2
    assert results.captures().jobs == []


@needs_capture
def test_onto_the_same_armature_it_makes_a_new_action_and_keeps_the_old():
    settings(last=3)
    bpy.ops.niki.capture()
    run()
    (rig,) = armatures()
    before = rig.animation_data.action
    settings(armature=rig, frame_start=50, camera=False, last=3)
    bpy.ops.niki.capture()
    run()
    assert armatures() == [rig]
    assert rig.animation_data.action != before
    assert before.use_fake_user
    assert tuple(rig.animation_data.action.frame_range) == (50, 53)


@needs_capture
def test_a_capture_survives_another_file_and_quitting_keeps_what_was_read():
    settings(use_range=False, quality="best")
    bpy.ops.niki.capture()
    (job,) = results.captures().jobs
    run(until=lambda: job.frames >= 1)
    process = results.captures()._worker._process
    bpy.ops.wm.read_homefile(use_empty=True)
    frames = job.frames
    run(until=lambda: job.frames > frames)
    assert process.poll() is None
    results.end_captures()
    assert process.poll() is not None
    (offered,) = results.captures().unfinished()
    assert offered.title == "sample"
    assert offered.frames >= frames
    bpy.ops.niki.dismiss_capture(job=offered.folder.name, discard=True)
    assert results.captures().unfinished() == []
    assert not job.folder.exists()


@needs_capture
def test_what_fails_is_said_and_the_next_one_works(tmp_path):
    (tmp_path / "no.mp4").write_bytes(b"nothing")
    settings(path=str(tmp_path / "no.mp4"))
    bpy.ops.niki.capture()
    run()
    (job,) = results.captures().jobs
    assert job.state == "FAILED"
    assert "cannot be read as footage" in job.message
    bpy.ops.niki.dismiss_capture(job=job.folder.name)
    settings(path=str(SAMPLE), last=2)
    bpy.ops.niki.capture()
    run()
    assert len(armatures()) == 1


def test_without_footage_the_button_says_what_is_missing():
    assert not bpy.ops.niki.capture.poll()
    assert sources.chosen_source(bpy.context.scene).problem == "Choose a video file"
    settings(path="/no/such/film.mp4")
    assert not sources.file_info("/no/such/film.mp4").exists  # which the panel says
    with pytest.raises(RuntimeError, match=r"File not found: /no/such/film\.mp4"):
        bpy.ops.niki.capture()
    settings(first=9, last=3)
    assert "empty" in sources.chosen_source(bpy.context.scene).problem


@pytest.mark.parametrize("layout", ["NIKI", "AMASS"])
def test_a_motion_goes_out_and_comes_back(tmp_path, layout):
    motion = some_motion(frames=12, footage="")
    motion.save(tmp_path / "in.npz")
    as_it_is = {"match_scene": "ALWAYS", "place_at": "FILMED"}
    assert bpy.ops.niki.import_motion(filepath=str(tmp_path / "in.npz"), **as_it_is) == {"FINISHED"}
    (rig,) = armatures()
    bpy.context.view_layer.objects.active = rig
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 12
    assert bpy.ops.niki.export_motion(filepath=str(tmp_path / "out.npz"), layout=layout) == {"FINISHED"}
    if layout == "NIKI":
        back = Motion.load(tmp_path / "out.npz")
        np.testing.assert_allclose(back.solved_joints(), motion.solved_joints(), atol=1e-4)
        np.testing.assert_allclose(back.confidence[:, :24], motion.confidence[:, :24], atol=1e-6)
    bpy.ops.niki.import_motion(filepath=str(tmp_path / "out.npz"), **as_it_is)
    again = next(o for o in armatures() if o != rig)
    ours, theirs = (sampling.sample_motion(r, 1, 12) for r in (rig, again))
    assert angle_between(ours.rotations, theirs.rotations).max() < 1e-3
    pelvis = [m.trans + m.rest_joints[0] for m in (ours, theirs)]
    np.testing.assert_allclose(pelvis[0], pelvis[1], atol=1e-4)


def test_an_armature_is_read_where_its_object_stands():
    motion = some_motion(frames=5, footage="")
    rig, _ = placing.place_motion(motion, "a", placing.Placement(match_scene="ALWAYS", camera=False))
    rig.location, rig.rotation_euler = (1, 2, 3), (0.3, 0.2, 0.9)
    bpy.context.view_layer.update()
    read = sampling.sample_motion(rig, 1, 5)
    turned = space.to_blender(motion.solved_joints()[:, :24]) @ np.array(rig.matrix_world)[:3, :3].T + (
        1,
        2,
        3,
    )
    np.testing.assert_allclose(space.to_blender(read.solved_joints()[:, :24]), turned, atol=1e-4)


def test_a_motion_at_another_rate_is_resampled_to_the_scenes():
    bpy.context.scene.render.fps = 60
    motion = some_motion(frames=11, footage="")
    rig, warnings = placing.place_motion(motion, "a", placing.Placement(camera=False))
    assert "resampled from 30 to the scene's 60" in warnings[0]
    read = sampling.sample_motion(rig, 1, 21)
    np.testing.assert_allclose(read.trans[::2], motion.trans, atol=1e-4)
    assert angle_between(read.rotations[::2], motion.rotations).max() < 1e-3


def test_undo_takes_the_import_back():
    some_motion(frames=3, footage="").save(path := bpy.app.tempdir + "m.npz")
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.niki.import_motion(filepath=path)
    bpy.ops.ed.undo_push(message="after")
    assert len(armatures()) == 1
    bpy.ops.ed.undo()
    assert armatures() == []


def test_files_that_are_no_motion_are_refused_and_nothing_changes(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK nonsense")
    with pytest.raises(RuntimeError, match=r"not a motion file"):
        bpy.ops.niki.import_motion(filepath=str(tmp_path / "x.npz"))
    assert len(bpy.data.objects) == 0


def test_doubt_is_found_and_coloured():
    sure = np.ones((20, 29))
    sure[5:8, 4], sure[14, 20] = 0.2, 0.3
    motion = some_motion(frames=20, footage="", confidence=sure)
    rig, _ = placing.place_motion(motion, "a", placing.Placement(match_scene="ALWAYS", camera=False))
    scene = bpy.context.scene
    bpy.context.view_layer.objects.active = rig
    np.testing.assert_array_equal(confidence.doubtful_frames(rig, 0.5), [6, 7, 8, 15])
    visited = []
    while bpy.ops.niki.doubtful_frame(direction="NEXT") == {"FINISHED"}:
        visited.append(scene.frame_current)
    assert visited == [6, 15]
    assert bpy.ops.niki.doubtful_frame(direction="PREVIOUS") == {"FINISHED"}
    assert scene.frame_current == 6
    rig.niki_confidence.show = True
    colours = [tuple(rig.pose.bones[BONES[j]].color.custom.normal) for j in (4, 5)]
    assert colours[0][0] > 0.6 > colours[0][1]
    assert colours[1][1] > 0.5 > colours[1][0]
    scene.frame_set(10)
    assert tuple(rig.pose.bones[BONES[4]].color.custom.normal) == colours[1]
    rig.niki_confidence.show = False
    assert rig.pose.bones[BONES[4]].color.palette == "DEFAULT"


@needs_capture
def test_people_in_the_footage_can_be_chosen_from():
    people = blender_module("capture.people")
    settings(path=str(SAMPLE))
    assert bpy.ops.niki.find_people() == {"FINISHED"}
    started = time.monotonic()
    while people._poll() is not None:
        assert time.monotonic() - started < 280
        time.sleep(0.02)
    (person,) = people.search.people
    assert bpy.ops.niki.follow_person(place=person.place) == {"FINISHED"}
    task, _ = blender_module("capture.operators").task_of(bpy.context.scene)
    np.testing.assert_allclose(task.subject, person.place, rtol=1e-5)
    assert people.search.people == []


@needs_capture
def test_the_runtime_is_checked_without_waiting():
    environment_operators = blender_module("settings.environment_operators")
    assert bpy.ops.niki.check_runtime() == {"FINISHED"}
    assert environment_operators.state.checked == ""
    started = time.monotonic()
    while environment_operators._poll() is not None:
        assert time.monotonic() - started < 280
        time.sleep(0.02)
    assert environment_operators.state.checked.startswith("Ready: CPU")


def test_an_environment_is_made_offline_or_with_consent_to_go_online(tmp_path):
    assert not bpy.app.online_access
    assert not bpy.ops.niki.make_environment.poll()
    assert not bpy.ops.niki.remove_environment.poll()
