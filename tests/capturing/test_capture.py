"""Solving on estimates made here, and the whole pipeline on the sample clip with known truth."""

import os
import re
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT, random_rotations, some_motion

av = pytest.importorskip("av", reason="niki[capture] is not installed here")
cv2 = pytest.importorskip("cv2", reason="niki[capture] is not installed here")

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import ANCESTRY, JOINTS, PARENTS, Body
from niki.capturing.estimate.estimator import Estimate
from niki.capturing.footage.camera import CAMERA_TO_LIBRARY, Camera
from niki.capturing.footage.video import Footage, VideoWriter
from niki.capturing.pipeline import (
    capture,
    motion_from_estimate,
    reprojection_error,
)
from niki.capturing.proportions import body_from_joints, rearrange_trunk
from niki.capturing.solving import SOLVERS, chosen_solver, solver_name
from niki.errors import NikiError
from niki.evaluation.metrics import about_root, acceleration_error, mpjpe, procrustes_aligned
from niki.motion.camera_tilt import tilt_and_roll, up_from_tilt
from niki.motion.gaps import Gaps
from niki.motion.motion import Motion
from niki.motion.refinement import Refinement
from niki.task import Task

SAMPLE, TRUTH = ROOT / "samples/sample.mp4", ROOT / "samples/sample_truth.npz"
UNSMOOTHED = Refinement(0, 0, 0, 0)


def exact_estimate(motion, gaps=()):
    """What a perfect estimator would say of ``motion``."""
    joints = (motion.solved_joints() - motion.camera_pose[:3, 3]) @ CAMERA_TO_LIBRARY
    seen = ~np.isin(np.arange(len(motion)), gaps)
    joints[~seen] = np.nan
    keypoints = np.where(seen[:, None, None], motion.projected(), np.nan)
    sigma = np.where(seen[:, None, None], 0.0, 1.0) * np.ones((len(motion), 29, 2))
    hints = np.full((len(motion), 24, 3), np.nan)
    return Estimate(joints, sigma, keypoints, hints, seen, motion.frames, motion.times)


@pytest.mark.parametrize("solver", SOLVERS)
def test_exact_joints_give_the_exact_motion_and_picture(solver):
    truth = some_motion(frames=20)
    camera = Camera.of((660, 460), 900.0)
    motion = motion_from_estimate(exact_estimate(truth), camera, 30.0, solver, refinement=UNSMOOTHED)
    lift = (motion.camera_pose - truth.camera_pose)[:3, 3]
    expected = truth.solved_joints() + lift
    # Head, hands and feet get usual proportions: they are too short to be measured.
    core = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]
    assert np.linalg.norm(motion.solved_joints() - expected, axis=-1)[:, core].max() < 0.02
    assert reprojection_error(motion) < 2
    assert motion.confidence.min() > 0


def test_arms_that_a_front_end_measured_are_made_longer():
    joints = some_motion(frames=5).solved_joints()
    measured, longer = body_from_joints(joints), body_from_joints(joints, flattened=True)
    changed = longer.bone_lengths[1:] / measured.bone_lengths[1:]
    expected = np.ones(29)
    for name, share in (("elbow", 0.95), ("wrist", 0.9)):
        expected[[JOINTS.index(f"{side}_{name}") for side in ("left", "right")]] = 1 / share
    np.testing.assert_allclose(changed, expected[1:], rtol=1e-6)


def test_an_unknown_solver_is_named():
    with pytest.raises(NikiError, match="no solver 'magic'"):
        motion_from_estimate(
            exact_estimate(some_motion(frames=2)), Camera.of((660, 460), 900.0), 30.0, "magic"
        )


def test_frames_are_solved_together_where_each_errs_by_itself(rng):
    truth = Motion.load(TRUTH)
    estimate = exact_estimate(truth)
    estimate.joints += 0.03 * rng.normal(size=estimate.joints.shape)
    estimate.sigma[:] = 0.03 / 0.13
    camera = Camera.of(tuple(truth.image_size), float(truth.camera[0, 0]))
    expected = about_root(truth.solved_joints(), [0])
    errors = {}
    for solver in ("niki", "niki-temporal", "auto"):
        motion = motion_from_estimate(estimate, camera, truth.mocap_framerate, solver)
        joints = about_root(motion.solved_joints(), [0])
        errors[solver] = mpjpe(joints, expected), acceleration_error(joints, expected, 24.0)
    assert errors["auto"] == errors["niki-temporal"]
    assert errors["niki-temporal"][0] < 1.1 * errors["niki"][0]
    assert errors["niki-temporal"][1] < 0.9 * errors["niki"][1]


def test_the_solver_is_chosen_by_how_errors_last_and_named_with_its_weights():
    estimate = exact_estimate(some_motion())
    assert chosen_solver("auto", replace(estimate, errors_last=False)) == "niki-temporal"
    assert chosen_solver("auto", replace(estimate, errors_last=True)) == "niki"
    assert chosen_solver("hybrik", estimate) == "hybrik"
    assert re.fullmatch("niki-temporal:temporal-1:[0-9a-f]{12}", solver_name("niki-temporal"))


def test_gaps_are_bridged_and_frames_keep_their_numbers():
    truth = some_motion(frames=20)
    gaps = [0, 7, 8, 9, 19]
    motion = motion_from_estimate(exact_estimate(truth, gaps), Camera.of((660, 460), 900.0), 30.0)
    assert len(motion) == 20
    np.testing.assert_array_equal(motion.frames, np.arange(20))
    assert (motion.confidence[gaps] == 0).all()
    assert (np.delete(motion.confidence, gaps, axis=0) > 0).all()
    assert np.isnan(motion.joints[gaps]).all()
    np.testing.assert_allclose(motion.trans[0], motion.trans[1], atol=1e-12)
    steps = rot.angle_between(motion.rotations[6:10], motion.rotations[7:11])
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), atol=1e-5)


def test_bridging_turns_evenly_the_short_way(rng):
    rotations = random_rotations(rng, 9, 24)
    seen = np.array([1, 0, 0, 0, 1, 1, 1, 1, 1], bool)
    places = np.arange(27.0).reshape(9, 3)
    trans = np.where(seen[:, None], places, 0)
    poses = np.where(seen[:, None], rot.axis_angle_from_matrix(rotations).reshape(9, 72), 0)
    expected = poses.copy()
    gaps = Gaps(seen)
    for frames in np.split(np.flatnonzero(seen), 3):
        gaps.remember(frames, rotations[frames])
    gaps.bridge(poses, trans)
    np.testing.assert_array_equal(poses[seen], expected[seen])
    np.testing.assert_allclose(trans, places)
    filled = rot.matrix_from_axis_angle(poses.reshape(9, 24, 3))
    quarter = rot.angle_between(filled[0], filled[1])
    np.testing.assert_allclose(4 * quarter, rot.angle_between(rotations[0], rotations[4]), atol=1e-6)


def test_a_body_takes_the_persons_own_hips_and_collars_and_stands_on_the_ground(rng):
    usual = Body.default()
    offsets = usual.offsets.copy()
    for side, x in (("left", 1), ("right", -1)):
        offsets[JOINTS.index(f"{side}_hip")] += [0.02 * x, 0.03, 0.01]
        offsets[JOINTS.index(f"{side}_collar")] += [0.01 * x, -0.04, 0.02]
    own = Body(ANCESTRY @ offsets + [0, 1, 0])
    turns = rot.matrix_from_axis_angle(rng.normal(size=(60, 24, 3)) * 0.3)
    body = body_from_joints(forward_kinematics(turns, own)[0])
    trunk = [JOINTS.index(f"{side}_{name}") for side in ("left", "right") for name in ("hip", "collar")]
    apart = [np.linalg.norm(b.offsets[1] - b.offsets[2]) for b in (body, own)]
    assert apart[0] == pytest.approx(apart[1], abs=1e-3)
    np.testing.assert_allclose(body.bone_lengths[trunk], own.bone_lengths[trunk], atol=2e-3)
    assert body.rest_joints[:, 1].min() == pytest.approx(usual.rest_joints[:, 1].min(), abs=1e-9)
    back = rearrange_trunk(forward_kinematics(turns, own)[0], own, usual)
    lengths = np.linalg.norm(back - back[:, list(PARENTS)], axis=-1)[:, 1:]
    np.testing.assert_allclose(
        lengths[:, [t - 1 for t in trunk]], usual.bone_lengths[trunk] + 0 * lengths[:, :4], atol=1e-9
    )
    np.testing.assert_allclose(rearrange_trunk(back, usual, usual), back, atol=1e-9)


class KnowsNothing:
    """An estimator that cannot tell how the camera is held."""

    name, width = "still", 1

    def __init__(self, motion):
        self._motion = motion

    def estimate(self, frames, journal, camera, rate):
        for frame in frames:
            journal.append(frame.number, frame.time, np.zeros(1))
        return exact_estimate(self._motion)


@pytest.mark.parametrize(
    ("given", "warning"),
    [
        ({}, "taken as level"),
        ({"tilt": 20.0}, "camera's roll is taken as 0"),
        ({"tilt": 20.0, "roll": 5.0}, None),
    ],
)
def test_what_is_said_of_the_camera_holds_before_any_estimator(tmp_path, given, warning):
    (tmp_path / "shot").mkdir()
    write_images(tmp_path / "shot", 4)
    truth = some_motion(frames=4)
    captured = capture(Task(tmp_path / "shot", fps=24.0, **given), estimator=lambda: KnowsNothing(truth))
    expected = up_from_tilt(given.get("tilt", 0.0), given.get("roll", 0.0))
    np.testing.assert_allclose(captured.motion.camera_pose[1, :3], expected, atol=1e-9)
    told = [text for text in captured.warnings if "taken as" in text]
    assert [warning in text for text in told] == ([True] if warning else [])


def test_body_is_symmetric_and_ignores_gaps():
    motion = some_motion(frames=8)
    joints = motion.solved_joints()
    joints[2] = np.nan
    body = body_from_joints(joints)
    left, right = body.bone_lengths[[1, 4, 7, 16, 18, 20]], body.bone_lengths[[2, 5, 8, 17, 19, 21]]
    np.testing.assert_allclose(left, right)
    measured = (motion.body.bone_lengths[4] + motion.body.bone_lengths[5]) / 2
    assert left[1] == pytest.approx(measured)


@pytest.fixture(scope="module")
def sample():
    truth = Motion.load(TRUTH)
    return truth, capture(Task(SAMPLE, focal=truth.camera[0, 0]))


def test_sample_is_solved_in_every_frame_and_near_its_truth(sample):
    truth, captured = sample
    motion = captured.motion
    assert len(motion) == len(truth)
    assert captured.share_seen == 1
    assert reprojection_error(motion) < 11  # feet are on the floor, though the picture says they float
    joints, expected = (about_root(m.solved_joints()[:, :24], [0]) for m in (motion, truth))
    assert mpjpe(joints, expected) < 0.08
    assert mpjpe(procrustes_aligned(joints, expected), expected) < 0.06
    assert mpjpe(joints, about_root(motion.joints[:, :24], [0])) < 0.045
    assert reprojection_error(motion) < captured.reprojection_before + 4
    assert motion.contacts.any()


def test_bones_turn_nearer_the_truth_than_in_the_analytic_solution_and_joints_stay_as_near(sample):
    truth, captured = sample
    analytic = motion_from_estimate(captured.estimate, captured.camera, 24.0, "hybrik")
    expected = about_root(truth.solved_joints()[:, :24], [0])
    ours, theirs = (
        mpjpe(about_root(m.solved_joints()[:, :24], [0]), expected) for m in (captured.motion, analytic)
    )
    assert ours < 1.15 * theirs
    angles = [rot.angle_between(m.rotations, truth.rotations).mean() for m in (captured.motion, analytic)]
    assert angles[0] < 0.9 * angles[1]
    assert captured.motion.source.startswith("niki ")
    assert "solver niki:niki-open-2:" in captured.motion.source


def test_the_sample_stands_upright_before_a_level_camera(sample):
    _, captured = sample
    tilt, roll = tilt_and_roll(captured.estimate.up)
    assert abs(tilt) < 6
    assert abs(roll) < 6
    assert 0 < captured.estimate.up_error < 12
    assert captured.motion.camera_is_still  # its background shows next to nothing, but a shadow moves
    np.testing.assert_allclose(captured.motion.camera_pose[1, :3], captured.estimate.up, atol=1e-9)


def test_a_tilted_and_rolled_camera_is_found_and_the_person_stands(tmp_path):
    truth = Motion.load(ROOT / "samples/sample_tilted_truth.npz")
    task = Task(ROOT / "samples/sample_tilted.mp4", end=23, focal=truth.camera[0, 0], quality="standard")
    captured = capture(task)
    up = truth.camera_pose[1, :3]
    level, found = (np.degrees(np.arccos(u @ up)) for u in ([0, -1, 0], captured.estimate.up))
    assert found < 0.6 * level
    given = capture(replace(task, tilt=20.0, roll=10.0))
    np.testing.assert_allclose(given.estimate.up, up_from_tilt(20.0, 10.0))
    assert given.estimate.up_error == 0
    assert reprojection_error(given.motion) < 12


def test_sample_turns_as_the_figure_turns_with_left_on_the_left(sample):
    truth, captured = sample
    facing = [m.rotations[:, 0] @ [0, 0, 1] for m in (captured.motion, truth)]
    angle = np.degrees(np.arccos(np.clip((facing[0] * facing[1]).sum(-1), -1, 1)))
    assert np.median(angle) < 25
    assert angle.max() < 75
    # Thumbs, toes and nose too: the whole orientation of every limb, not its direction alone.
    world = [m.rotations[:, [0]] for m in (captured.motion, truth)]
    assert np.degrees(np.median(rot.angle_between(*world))) < 25


def test_feet_point_forward_and_knees_bend_forward(sample):
    _, captured = sample
    joints = captured.motion.solved_joints()
    forward = captured.motion.rotations[:, 0] @ [0, 0, 1]
    for ankle, toe, hip, knee in ((7, 27, 1, 4), (8, 28, 2, 5)):
        assert np.mean(((joints[:, toe] - joints[:, ankle]) * forward).sum(-1) > 0) > 0.95
        kneecap = joints[:, knee] - (joints[:, hip] + joints[:, ankle]) / 2
        assert np.mean((kneecap * forward).sum(-1) > -0.04) > 0.95  # straight, or bent the way knees bend


def test_reading_goes_on_to_another_end_and_loses_nothing(tmp_path):
    journal = tmp_path / "readings"
    whole = capture(Task(SAMPLE, end=23, quality="fast"))
    capture(Task(SAMPLE, end=11, quality="fast", journal=journal))
    longer = capture(Task(SAMPLE, end=23, quality="fast", journal=journal))
    assert len(longer.motion) == 24
    np.testing.assert_array_equal(longer.motion.poses, whole.motion.poses)
    kept = journal.read_bytes()
    shorter = capture(Task(SAMPLE, end=5, quality="fast", journal=journal))
    assert shorter.motion.frames.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(
        shorter.motion.poses, capture(Task(SAMPLE, end=5, quality="fast")).motion.poses
    )
    assert journal.read_bytes() == kept
    assert shorter.journal_holds_more
    assert not longer.journal_holds_more
    assert any("18 frames after frame 5" in warning for warning in shorter.warnings)


def stopped_after(count, footage, **options):
    """Capture ``footage``, stopped when ``count`` frames are read."""

    def stop(stage, done, expected):
        if stage == "reading" and done == count:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        capture(Task(footage, quality="fast", **options), progress=stop)


def test_finishing_tells_whether_there_is_more_to_read(tmp_path):
    journal = tmp_path / "readings"
    stopped_after(8, SAMPLE, end=11, journal=journal)
    finished = capture(Task(SAMPLE, end=11, quality="fast", journal=journal, finish=True))
    assert len(finished.motion) == 8
    assert finished.unfinished
    assert finished.journal_holds_more
    whole = capture(Task(SAMPLE, end=11, quality="fast", journal=journal))
    assert len(whole.motion) == 12
    assert not whole.unfinished
    assert not whole.journal_holds_more
    again = capture(Task(SAMPLE, end=11, quality="fast", journal=journal, finish=True))
    assert not again.unfinished
    assert not again.journal_holds_more


def test_readings_of_other_footage_or_another_start_are_refused(tmp_path):
    film, journal = tmp_path / "film.mp4", tmp_path / "readings"
    film.write_bytes(SAMPLE.read_bytes())
    capture(Task(film, end=3, quality="fast", journal=journal))
    kept = journal.read_bytes()
    for finish in (False, True):
        with pytest.raises(NikiError, match="first frame was 0, not 2"):
            capture(Task(film, start=2, end=3, quality="fast", journal=journal, finish=finish))
    film.write_bytes(SAMPLE.read_bytes() + b"changed")
    with pytest.raises(NikiError, match=r"4 frames read with other settings .*size of the footage"):
        capture(Task(film, end=3, quality="fast", journal=journal, finish=True))
    assert journal.read_bytes() == kept


def write_images(folder, count):
    for frame in Footage(SAMPLE, end=count - 1):
        cv2.imwrite(str(folder / f"f{frame.number:02}.png"), frame.rgb[..., ::-1])


def write_raw_film(path):
    """A film without time stamps."""
    with av.open(str(SAMPLE)) as source, av.open(str(path), "w", format="h264") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)


@pytest.mark.parametrize("kind", ["images", "raw film"])
def test_readings_at_another_rate_are_refused_where_times_come_from_it(tmp_path, kind):
    footage, journal = tmp_path / "footage.h264", tmp_path / "readings"
    if kind == "images":
        footage = tmp_path / "images"
        footage.mkdir()
        write_images(footage, 6)
    else:
        write_raw_film(footage)
    stopped_after(4, footage, end=5, fps=24, journal=journal)
    kept = journal.read_bytes()
    with pytest.raises(NikiError, match=r"4 frames read with other settings .*frame rate was 24.*, not 60"):
        capture(Task(footage, end=5, fps=60, quality="fast", journal=journal))
    assert journal.read_bytes() == kept
    resumed = capture(Task(footage, end=5, fps=24, quality="fast", journal=journal))
    np.testing.assert_allclose(resumed.motion.times, np.arange(6) / 24)


def test_a_film_with_time_stamps_goes_on_at_another_rate(tmp_path):
    journal = tmp_path / "readings"
    stopped_after(4, SAMPLE, end=5, journal=journal)
    resumed = capture(Task(SAMPLE, end=5, fps=60, quality="fast", journal=journal))
    np.testing.assert_allclose(resumed.motion.times, np.arange(6) / 24, atol=1e-6)


def test_images_that_were_replaced_after_they_were_read_are_noticed(tmp_path):
    images, journal = tmp_path / "images", tmp_path / "readings"
    images.mkdir()
    write_images(images, 6)
    stopped_after(4, images, journal=journal)
    kept, read = journal.read_bytes(), images / "f02.png"
    content, stat = read.read_bytes(), read.stat()
    cv2.imwrite(str(read), np.full((640, 640, 3), 90, np.uint8))
    with pytest.raises(NikiError, match="4 frames: frame 2 has changed since"):
        capture(Task(images, quality="fast", journal=journal))
    assert journal.read_bytes() == kept
    read.write_bytes(content)
    os.utime(read, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (images / "f05.png").touch()  # was not read yet
    (images / "f06.png").write_bytes(content)  # it is still being rendered
    assert len(capture(Task(images, quality="fast", journal=journal)).motion) == 7


def test_nothing_read_cannot_be_finished_and_leaves_no_file(tmp_path):
    with pytest.raises(NikiError, match="no motion to make"):
        capture(Task(SAMPLE, quality="fast", journal=tmp_path / "readings", finish=True))
    assert list(tmp_path.iterdir()) == []


def test_finishing_where_nobody_was_seen_keeps_what_was_read(tmp_path):
    film, journal = tmp_path / "film.mp4", tmp_path / "readings"
    with VideoWriter(film, 24, (640, 640)) as writer:
        for n in range(6):
            writer.write(np.full((640, 640, 3), 90 + n, np.uint8))

    def stop(stage, done, expected):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        capture(Task(film, quality="fast", journal=journal), progress=stop)
    kept = journal.read_bytes()
    with pytest.raises(NikiError, match="No person was found"):
        capture(Task(film, quality="fast", journal=journal, finish=True))
    assert journal.read_bytes() == kept
    with pytest.raises(NikiError, match="No person was found"):
        capture(Task(film, quality="fast", journal=journal))
    assert not journal.exists()  # all of it was read, and there is nobody


def test_a_step_no_body_makes_is_said_and_lowers_confidence_there(tmp_path):
    beside = 150  # pixels, as to somebody half a metre to the side
    with VideoWriter(tmp_path / "two.mp4", 24, (640, 640)) as writer:
        for frame in Footage(SAMPLE, end=29):
            moved = np.roll(frame.rgb, beside, axis=1) if frame.number >= 14 else frame.rgb
            writer.write(moved)
    captured = capture(Task(tmp_path / "two.mp4", quality="fast"))
    assert captured.share_seen == 1
    assert captured.estimate.jumps.tolist() == [14]
    assert any("may have changed at frame 14:" in warning for warning in captured.warnings)
    confidence, usual = captured.motion.confidence.mean(1), captured.motion.confidence[:10].mean()
    assert (confidence[12:16] < 0.6 * usual).all()
    assert (confidence[[11, 12, 15, 16]] > confidence[[12, 13, 14, 15]]).all()
    assert confidence[20:].mean() > 0.9 * usual


def test_a_camera_that_is_only_taken_as_level_is_said():
    class Blind:
        """Finds the person, and nothing that tells what is up."""

        name, width = "blind", 1

        def estimate(self, frames, journal, camera, rate):
            for frame in frames:
                journal.append(frame.number, frame.time, np.zeros(1))
            return exact_estimate(some_motion(frames=3))

    captured = capture(Task(SAMPLE, end=2), estimator=Blind)
    assert any("taken as level" in warning for warning in captured.warnings)


def test_the_sample_alarms_nobody(sample):
    _, captured = sample
    assert len(captured.estimate.jumps) == 0
    assert not any("changed" in warning for warning in captured.warnings)


def test_memory_of_solving_does_not_grow_with_the_clip():
    """A motion and its joints are 2 kB a frame; rotations alone, as matrices, would be as much again."""

    def most(frames):
        estimate = exact_estimate(some_motion(frames=frames))
        tracemalloc.start()
        try:
            motion = motion_from_estimate(estimate, Camera.of((660, 460), 900.0), 30.0)
            reprojection_error(motion)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert (most(2500) - most(1000)) / 1500 < 5000


def test_empty_pictures_around_a_person_become_gaps(tmp_path, sample):
    blank = np.full((640, 640, 3), 90, np.uint8)
    with VideoWriter(tmp_path / "gap.mp4", 24, (640, 640)) as writer:
        for frame in Footage(SAMPLE, end=19):
            writer.write(blank if frame.number in (8, 9, 10) else frame.rgb)
    captured = capture(Task(tmp_path / "gap.mp4", quality="fast"))
    np.testing.assert_array_equal(np.flatnonzero(~captured.seen), [8, 9, 10])
    assert len(captured.motion) == 20
    assert np.isfinite(captured.motion.poses).all()
    assert any("3 of 20 frames" in w for w in captured.warnings)
    assert any("focal length is assumed" in w for w in captured.warnings)
