"""The command as a user types it: exit status, one-line messages, nothing half-written."""

import os
import re
import subprocess
import sys
import time
import tomllib
from dataclasses import replace

import av
import cv2
import numpy as np
import pytest
from conftest import ROOT, some_motion

from niki.capturing.estimate.blazepose.models import set_up
from niki.capturing.footage.video import Footage, VideoWriter
from niki.capturing.pipeline import capture
from niki.cli import EXTRAS, main
from niki.errors import NikiError
from niki.motion.motion import Motion
from niki.review.blender_process import run_job
from niki.review.preview import save_contact_sheet, save_overlay
from niki.task import Task

SAMPLE = ROOT / "samples/sample.mp4"


def run(*arguments):
    command = [sys.executable, "-m", "niki", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=280)


def refused(result, *words):
    assert result.returncode == 1, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert lines[-1].startswith("niki: ")
    assert "Traceback" not in result.stderr
    assert all(word in lines[-1] for word in words), lines[-1]


def test_capture_preview_info_and_export(tmp_path):
    motion = tmp_path / "motion.npz"
    result = run(
        "capture", SAMPLE, "-o", motion, "--start", 10, "--end", 21, "--quality", "fast", "--focal", 1120
    )
    assert result.returncode == 0, result.stderr
    assert "12 frames" in result.stdout
    assert list(Motion.load(motion).frames) == list(range(10, 22))
    assert Motion.load(motion).camera[0, 0] == 1120
    assert run("preview", motion, SAMPLE, "-o", tmp_path / "overlay.mp4", "--quiet").returncode == 0
    video = cv2.VideoCapture(str(tmp_path / "overlay.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 12
    assert run("export", motion, "-o", tmp_path / "m.bvh").returncode == 0
    assert run("export", motion, "-o", tmp_path / "copy.npz").returncode == 0
    np.testing.assert_array_equal(Motion.load(tmp_path / "copy.npz").poses, Motion.load(motion).poses)
    assert run("export", motion, "-o", tmp_path / "m.blend").returncode == 0
    assert (tmp_path / "m.blend").stat().st_size > 10_000
    told = run("info", motion).stdout
    assert "12 (10 to 21 of the footage)" in told
    assert "blazepose:fast" in told
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "copy.npz",
        "m.blend",
        "m.bvh",
        "motion.npz",
        "overlay.mp4",
    ]


def test_quiet_says_nothing(tmp_path):
    result = run("capture", SAMPLE, "-o", tmp_path / "m.npz", "--end", 3, "--quality", "fast", "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_capture_that_was_stopped_goes_on_or_is_made_do_with(tmp_path):
    motion, whole = tmp_path / "m.npz", tmp_path / "whole.npz"
    capture = ["capture", SAMPLE, "--quality", "fast", "--end", 15]
    assert run(*capture, "-o", whole).returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "niki", *map(str, capture), "-o", motion], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    readings = tmp_path / "m.npz.readings"
    while process.poll() is None and not (readings.is_file() and readings.stat().st_size > 8000):
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not motion.exists()
    kept = readings.read_bytes()
    result = run(*capture, "-o", motion, "--finish")
    assert result.returncode == 0, result.stderr
    assert 0 < len(Motion.load(motion)) < 16
    assert "resuming" not in result.stderr
    assert "run again without --finish to capture the rest" in result.stderr
    assert kept.startswith(readings.read_bytes())  # but for a record cut short
    result = run(*capture, "-o", motion)
    assert "resuming from" in result.stderr
    np.testing.assert_array_equal(Motion.load(motion).poses, Motion.load(whole).poses)
    assert not readings.exists()
    refused(run(*capture, "-o", motion, "--finish"), "no motion to make")


def test_footage_without_a_person(tmp_path):
    with VideoWriter(tmp_path / "empty.mp4", 24, (320, 240)) as writer:
        for n in range(4):
            writer.write(np.full((240, 320, 3), 40 + n, np.uint8))
    refused(run("capture", tmp_path / "empty.mp4", "-o", tmp_path / "m.npz"), "No person was found")
    assert [p.name for p in tmp_path.iterdir()] == ["empty.mp4"]


@pytest.mark.parametrize(
    ("footage", "extra", "words"),
    [
        ("none.mp4", [], ["no footage at"]),
        ("text.mp4", [], ["cannot be read as footage"]),
        ("zero.mp4", [], ["cannot be read"]),
        ("folder", [], ["holds no images"]),
        (SAMPLE, ["--start", "5000"], ["beyond the end"]),
        (SAMPLE, ["--start", "9", "--end", "3"], ["empty"]),
        (SAMPLE, ["--focal", "-3"], ["focal length must be between 1 and"]),
        (SAMPLE, ["--focal", "nan"], ["focal length must be between 1 and"]),
        (SAMPLE, ["--focal", "inf"], ["focal length must be between 1 and"]),
        (SAMPLE, ["--focal", "0"], ["focal length must be between 1 and"]),
        (SAMPLE, ["--fps", "0"], ["frame rate must be between 0.1 and 1,000"]),
        (SAMPLE, ["--fps", "inf"], ["frame rate must be between 0.1 and 1,000"]),
        (SAMPLE, ["--fps", "nan"], ["frame rate must be between 0.1 and 1,000"]),
        (SAMPLE, ["--fps", "1e300"], ["frame rate must be between 0.1 and 1,000"]),
        (SAMPLE, ["--start", "-1"], ["first frame must be between 0 and"]),
        (SAMPLE, ["--end", "9" * 400], ["last frame must be between 0 and"]),
        (SAMPLE, ["--subject", "nan,3"], ["place must be between"]),
        (SAMPLE, ["--subject", "inf,3"], ["place must be between"]),
        ("pipe.mp4", [], ["pipe.mp4", "device or a pipe"]),
        ("/dev/zero", [], ["/dev/zero", "device or a pipe"]),
        (SAMPLE, ["--estimator", "magic"], ["magic", "blazepose"]),
    ],
)
def test_bad_input_is_refused_in_one_line(tmp_path, capsys, footage, extra, words):
    (tmp_path / "text.mp4").write_text("not a film\n" * 99)
    (tmp_path / "zero.mp4").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    before = sorted(tmp_path.iterdir())
    path = footage if footage == SAMPLE else tmp_path / footage
    status = main(["capture", str(path), "-o", str(tmp_path / "m.npz"), *extra])
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert status == 1
    assert message.startswith("niki: ")
    assert all(word in message for word in words), message
    assert sorted(tmp_path.iterdir()) == before


def test_output_that_cannot_be_written_is_refused_before_the_work(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "device.npz").symlink_to("/dev/null")
    for output in (
        tmp_path / "nowhere/m.npz", tmp_path / "folder.npz", tmp_path / "pipe.npz", tmp_path / "device.npz",
        tmp_path / "m", tmp_path / "m.blend", "/dev/null",
    ):  # fmt: skip
        assert main(["capture", str(SAMPLE), "-o", str(output)]) == 1
        assert str(output) in capsys.readouterr().err
    if os.geteuid():  # root may write anywhere
        tmp_path.chmod(0o500)
        assert main(["capture", str(SAMPLE), "-o", str(tmp_path / "m.npz")]) == 1


def everything_in(folder):
    return {p: (p.read_bytes() if p.is_file() else None) for p in sorted(folder.rglob("*"))}


def test_an_output_is_never_an_input(tmp_path, capsys):
    clip, images, motion = tmp_path / "clip.mp4", tmp_path / "images", tmp_path / "m.npz"
    clip.write_bytes(SAMPLE.read_bytes())
    some_motion(frames=3).save(motion)
    images.mkdir()
    for n in range(3):
        cv2.imwrite(str(images / f"f{n}.png"), np.zeros((48, 64, 3), np.uint8))
    (tmp_path / "link.npz").symlink_to(clip)
    (tmp_path / "image.npz").hardlink_to(images / "f1.png")
    (tmp_path / "motion.mp4").hardlink_to(motion)
    (tmp_path / "readings.npz.readings").symlink_to(clip)
    before = everything_in(tmp_path)
    for command in (
        ["capture", clip, "-o", clip],
        ["capture", clip, "-o", tmp_path / "link.npz"],
        ["capture", clip, "-o", tmp_path / "readings.npz"],
        ["capture", images, "-o", tmp_path / "image.npz"],
        ["capture", images / "f0.png", "-o", tmp_path / "image.npz"],
        ["preview", motion, clip, "-o", clip],
        ["preview", motion, clip, "-o", tmp_path / "motion.mp4"],
        ["export", motion, "-o", motion],
        ["pose", motion, "--frame", "0", "-o", motion],
    ):
        for more in ([], ["--overwrite"]):
            assert main([str(part) for part in [*command, *more]]) == 1, command
            message = capsys.readouterr().err
            assert "is the input itself" in message or "must end in" in message, message
            assert everything_in(tmp_path) == before, command


def test_what_is_not_ours_is_replaced_only_when_told_to(tmp_path, capsys):
    motion, foreign = tmp_path / "m.npz", tmp_path / "foreign.npz"
    some_motion(frames=3).save(motion)
    np.savez(foreign, poses=np.zeros((3, 156)), trans=np.zeros((3, 3)), mocap_framerate=30.0)
    for name in ("o.bvh", "o.blend", "o.mp4", "o.npz"):
        (tmp_path / name).write_text("theirs")
    before = everything_in(tmp_path)
    for command in (
        ["capture", SAMPLE, "-o", foreign],
        ["preview", motion, SAMPLE, "-o", tmp_path / "o.mp4"],
        ["export", motion, "-o", tmp_path / "o.bvh"],
        ["export", motion, "-o", tmp_path / "o.blend"],
        ["export", motion, "-o", tmp_path / "o.npz"],
        ["pose", motion, "--frame", "0", "--pull", "head=0,0.01,0", "-o", foreign],
        ["eval", "ik", "--data", tmp_path, "-o", tmp_path / "report.md"],
    ):
        (tmp_path / "report.md").write_text("theirs")
        assert main([str(part) for part in command]) == 1
        assert (
            "exists already (choose another name, or replace it with --overwrite)" in capsys.readouterr().err
        )
        (tmp_path / "report.md").unlink()
        assert everything_in(tmp_path) == before
    assert main(["export", str(motion), "-o", str(tmp_path / "o.bvh"), "--overwrite"]) == 0
    assert (tmp_path / "o.bvh").read_text().startswith("HIERARCHY")
    pull = ["pose", str(motion), "--frame", "0", "--pull", "head=0,0.01,0"]
    assert main([*pull, "-o", str(foreign), "--overwrite"]) == 0
    assert len(Motion.load(foreign)) == 3


def test_our_own_motions_and_empty_files_are_replaced_as_ever(tmp_path):
    motion, other, empty = tmp_path / "m.npz", tmp_path / "other.npz", tmp_path / "empty.npz"
    some_motion(frames=3).save(motion)
    some_motion(frames=5).save(other)
    empty.touch()
    for output in (other, empty):
        assert main(["export", str(motion), "-o", str(output)]) == 0
        assert len(Motion.load(output)) == 3


def test_weights_are_replaced_by_weights_alone(tmp_path, capsys):
    run, weights = tmp_path / "run", tmp_path / "w.npz"
    run.mkdir()
    (run / "network.npz").write_bytes((ROOT / "niki/network/weights/niki-open-2.npz").read_bytes())
    some_motion(frames=2).save(weights)
    assert main(["export-weights", str(run), "-o", str(weights)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert main(["export-weights", str(run), "-o", str(run / "network.npz"), "--overwrite"]) == 1
    assert "is the input itself" in capsys.readouterr().err
    pytest.importorskip("torch")
    assert main(["export-weights", str(run), "-o", str(weights), "--overwrite"]) == 0
    assert main(["export-weights", str(run), "-o", str(weights)]) == 0


def test_frames_that_are_missing_are_bridged_and_named(tmp_path):
    frames = list(Footage(SAMPLE, end=9))
    for frame in frames:
        if frame.number not in (4, 5):
            cv2.imwrite(str(tmp_path / f"f{frame.number + 100}.png"), frame.rgb[..., ::-1])
    motion = tmp_path / "m.npz"
    result = run("capture", tmp_path, "-o", motion, "--quality", "fast", "--fps", 24)
    assert result.returncode == 0, result.stderr
    assert "f#.png lacks 104-105: frames 4-5 are bridged" in result.stderr
    motion = Motion.load(motion)
    np.testing.assert_array_equal(motion.frames, np.arange(10))
    np.testing.assert_allclose(motion.times, np.arange(10) / 24)
    np.testing.assert_array_equal(np.flatnonzero(~motion.seen), [4, 5])
    overlay = tmp_path / "o.mp4"
    assert run("preview", tmp_path / "m.npz", tmp_path / "f103.png", "-o", overlay).returncode == 0
    assert cv2.VideoCapture(str(overlay)).get(cv2.CAP_PROP_FRAME_COUNT) == 10


def test_a_capture_stopped_within_a_gap_goes_on_to_the_same_motion(tmp_path):
    for frame in Footage(SAMPLE, end=11):
        if frame.number not in (5, 6, 7):
            cv2.imwrite(str(tmp_path / f"f{frame.number}.png"), frame.rgb[..., ::-1])

    class StoppedError(Exception):
        pass

    def stop(stage, done, total):
        if done == 7:
            raise StoppedError

    def captured(journal=None, **more):
        return capture(Task(tmp_path, quality="fast", journal=journal), **more).motion

    with pytest.raises(StoppedError):
        captured(progress=stop, journal=tmp_path / "readings")
    resumed, whole = captured(journal=tmp_path / "readings"), captured()
    np.testing.assert_array_equal(resumed.frames, np.arange(12))
    for name in ("poses", "trans", "confidence", "times"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))


def test_a_damaged_film_is_captured_to_its_end(tmp_path):
    clip, motion = tmp_path / "clip.mp4", tmp_path / "m.npz"
    clip.write_bytes(SAMPLE.read_bytes())
    with av.open(str(clip)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(clip.read_bytes())
    start, size = packets[11]
    data[start + 6 : start + size] = bytes(b ^ 0xA5 for b in data[start + 6 : start + size])
    clip.write_bytes(data)
    result = run("capture", clip, "-o", motion, "--quality", "fast", "--end", 24)
    assert result.returncode == 0, result.stderr
    assert "could not be decoded and are bridged" in result.stderr
    np.testing.assert_array_equal(Motion.load(motion).frames, np.arange(25))


def without(module, *arguments):
    program = (
        f"import sys; sys.modules[{module!r}] = None; from niki.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=280)


def test_a_missing_package_is_named_with_the_extra_that_has_it(tmp_path):
    motion, config = tmp_path / "m.npz", ROOT / "configs/niki-open-2.toml"
    some_motion(frames=2).save(motion)
    for module, extra, *command in (
        ("av", "capture", "capture", SAMPLE, "-o", tmp_path / "o.npz"),
        ("cv2", "capture", "preview", motion, SAMPLE, "-o", tmp_path / "o.mp4"),
        ("onnxruntime", "capture", "capture", SAMPLE, "-o", tmp_path / "o.npz"),
        ("bpy", "blender", "export", motion, "-o", tmp_path / "o.blend"),
        ("anny", "human", "export", motion, "-o", tmp_path / "o.blend", "--body", "human"),
        ("torch", "train", "train", "--config", config, "-o", tmp_path / "run"),
        ("tqdm", "train", "train", "--config", config, "-o", tmp_path / "run"),
        ("matplotlib", "evaluate", "eval", "ik", "--data", tmp_path, "--plot", tmp_path / "o.png"),
    ):
        refused(without(module, *command), f"niki[{extra}]")


def test_every_extra_lists_what_it_installs():
    named = {"opencv-python-headless": "cv2"}
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, requirements in declared.items():
        packages = {re.match(r"[\w-]+", requirement)[0] for requirement in requirements}
        assert {named.get(package, package) for package in packages} <= EXTRAS[extra], extra


def limited(size, *arguments):
    """The command where no file may grow beyond ``size`` bytes, as on a disk that is nearly full."""
    program = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}));"
        "from niki.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=280)


def test_a_disk_that_fills_leaves_nothing_and_is_said_in_words(tmp_path):
    motion = ROOT / "samples/sample_truth.npz"
    for command in (
        ["preview", motion, SAMPLE, "-o", tmp_path / "o.mp4"],
        ["export", motion, "-o", tmp_path / "o.bvh"],
        ["export", motion, "-o", tmp_path / "o.npz"],
        ["export", motion, "-o", tmp_path / "o.blend"],
        ["pose", motion, "--frame", 1, "--pull", "head=0,0.01,0", "-o", tmp_path / "o.npz"],
    ):
        result = limited(20_000, *command)
        refused(result)
        assert "Errno" not in result.stderr
        assert "File too large" in result.stderr or "Blender" in result.stderr, result.stderr
        assert list(tmp_path.iterdir()) == [], command


def test_an_image_that_vanishes_does_not_end_a_preview(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for frame in Footage(SAMPLE, end=3):
        cv2.imwrite(str(images / f"f{frame.number}.png"), frame.rgb[..., ::-1])
    truth = Motion.load(ROOT / "samples/sample_truth.npz")
    motion = replace(
        truth, **{name: getattr(truth, name)[:4] for name in
                  ("poses", "trans", "frames", "times", "confidence", "joints", "keypoints", "camera_turns", "contacts")},
    )  # fmt: skip

    def vanish(done, total):
        (images / "f3.png").unlink(missing_ok=True)

    warnings = save_overlay(motion, images, tmp_path / "o.mp4", vanish)
    assert cv2.VideoCapture(str(tmp_path / "o.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 4
    assert "could not be decoded" in warnings[0]
    (images / "f0.png").write_bytes(b"no image")
    with pytest.raises(NikiError, match=r"f0\.png cannot be read as an image"):
        save_overlay(motion, images, tmp_path / "p.mp4")
    assert not (tmp_path / "p.mp4").exists()


def test_a_picture_that_cannot_be_is_refused_before_the_work(tmp_path):
    for name in ("sheet.xyz", "sheet"):
        with pytest.raises(NikiError, match=r"must end in \.png or \.jpg"):
            save_contact_sheet({"NIKI": ROOT / "samples/sample_truth.npz"}, SAMPLE, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def plant(folder, name):
    (folder / name).mkdir(parents=True)
    for file in ("__init__.py", "__main__.py"):
        (folder / name / file).write_text(f"open({str(folder / 'ran')!r}, 'w')\nraise SystemExit(9)\n")


def test_nothing_is_imported_from_where_the_user_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plant(tmp_path, "json")
    plant(tmp_path, "pip")
    with pytest.raises(NikiError, match="job failed"):
        run_job("work.queue.nothing")
    assert not (tmp_path / "ran").exists()
    monkeypatch.setenv("NIKI_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(NikiError, match="could not be downloaded"):
        set_up()
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(os.name == "nt", reason="there are no signals")
def test_a_blender_that_is_killed_is_told_in_words(monkeypatch):
    for number, words in ((9, "stopped by the system .out of memory"), (11, "Blender crashed")):
        monkeypatch.setattr(
            "niki.review.blender_process._BOOTSTRAP", f"import os; os.kill(os.getpid(), {number})"
        )
        with pytest.raises(NikiError, match=words):
            run_job("work.queue.nothing")


def test_motion_with_a_wrong_field(tmp_path, capsys):
    some_motion().save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as file:
        values = {k: v for k, v in file.items() if k != "trans"}
    np.savez(tmp_path / "bad.npz", **values)
    for command in (["info"], ["export", "-o", str(tmp_path / "o.bvh")]):
        assert main([command[0], str(tmp_path / "bad.npz"), *command[1:]]) == 1
        assert "trans" in capsys.readouterr().err
    assert not (tmp_path / "o.bvh").exists()


def test_usage_errors_have_status_2(capsys):
    for arguments in ([], ["capture"], ["dance"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2


def test_unknown_export_format(tmp_path, capsys):
    some_motion().save(tmp_path / "m.npz")
    assert main(["export", str(tmp_path / "m.npz"), "-o", str(tmp_path / "m.fbx")]) == 1
    assert ".bvh, .npz or .blend" in capsys.readouterr().err


def test_debug_shows_where_the_error_comes_from():
    result = run("--debug", "info", "nothing.npz")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_pose_pulls_a_joint_of_one_frame(tmp_path):
    truth = Motion.load(ROOT / "samples/sample_truth.npz")
    wanted = truth.solved_joints()[30, 20] + [0.05, 0.1, 0.05]
    target = "left_wrist=" + ",".join(f"{x:.4f}" for x in wanted)
    posed = tmp_path / "posed.npz"
    result = run(
        "pose", "samples/sample_truth.npz", "--frame", 30, "--target", target, "--pin", "head", "-o", posed
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("left_wrist: 0.")
    motion = Motion.load(posed)
    np.testing.assert_allclose(motion.solved_joints()[30, 20], wanted, atol=2e-3)
    np.testing.assert_allclose(motion.solved_joints()[30, 15], truth.solved_joints()[30, 15], atol=2e-3)
    np.testing.assert_array_equal(motion.poses[31], truth.poses[31])
    again = tmp_path / "again.npz"
    refused(run("pose", posed, "--frame", 999, "-o", again), "no frame 999")
    refused(run("pose", posed, "--frame", 3, "--pin", "tail", "-o", again), "no joint 'tail'")
    assert run("pose", posed, "--frame", 3, "--target", "head=1,2", "-o", again).returncode == 2


def test_pose_moves_the_rest_of_the_body_as_far_as_it_is_to_follow(tmp_path, capsys):
    sample = ROOT / "samples/sample_truth.npz"
    before = Motion.load(sample).solved_joints()[30]
    target = "left_wrist=" + ",".join(f"{x:.4f}" for x in before[20] + [0, 0.2, 0])
    moved = []
    for follow in ("0", "1"):
        posed = tmp_path / f"{follow}.npz"
        command = ["pose", sample, "--frame", 30, "--target", target, "--follow", follow, "-o", posed]
        assert main([str(word) for word in command]) == 0
        after = Motion.load(posed).solved_joints()[30]
        moved.append(np.linalg.norm(after[21] - before[21]))  # the other wrist
    assert 1.3 * moved[0] < moved[1]
    command[-3:] = ["1.5", "-o", tmp_path / "more.npz"]
    assert main([str(word) for word in command]) == 1
    assert "follow must be from 0 to 1, not 1.5" in capsys.readouterr().err


def pose_sample(path, *options):
    command = ["pose", ROOT / "samples/sample_truth.npz", "--frame", 30, *options, "-o", path]
    return main([str(word) for word in command])


def test_pose_pulls_a_joint_by_a_distance(tmp_path, capsys):
    assert pose_sample(tmp_path / "m.npz", "--pull", "left_wrist=-0.05,0.1,0") == 0
    before = Motion.load(ROOT / "samples/sample_truth.npz").solved_joints()[30, 20]
    after = Motion.load(tmp_path / "m.npz").solved_joints()[30, 20]
    np.testing.assert_allclose(after - before, [-0.05, 0.1, 0], atol=2e-3)
    assert capsys.readouterr().err == ""


def test_pose_says_that_nothing_is_pulled(tmp_path, capsys):
    assert pose_sample(tmp_path / "m.npz", "--pin", "head") == 1
    assert "Nothing is pulled (give a --target or a --pull)" in capsys.readouterr().err
    assert not (tmp_path / "m.npz").exists()


def test_pose_warns_of_what_is_out_of_reach_and_writes_the_nearest_pose(tmp_path, capsys):
    assert pose_sample(tmp_path / "m.npz", "--pull", "left_wrist=0,3,0") == 0
    told = capsys.readouterr()
    assert "out of reach: left_wrist" in told.err
    assert told.out.startswith("left_wrist: ")
    assert (tmp_path / "m.npz").exists()


def lowest_after(tmp_path, *options):
    """Meters: the lowest wrist after the left one was pulled 20 cm below the floor, which is a meter below it."""
    file = tmp_path / "m.npz"
    assert pose_sample(file, "--pull", "left_wrist=0,-1.2,0.1", *options, "--overwrite") == 0
    return Motion.load(file).solved_joints()[30, 20, 1]


def test_pose_keeps_the_body_above_the_floor(tmp_path):
    assert lowest_after(tmp_path) > 0
    assert lowest_after(tmp_path, "--no-floor", "--free-feet") < -0.1
    assert lowest_after(tmp_path, "--floor-height", "-0.3", "--free-feet") < -0.1


def test_pose_refuses_a_floor_without_a_height(tmp_path, capsys):
    for height in ("nan", "low"):
        with pytest.raises(SystemExit):
            pose_sample(tmp_path / "m.npz", "--pull", "head=0,0.01,0", "--floor-height", height)
        assert f"expected a number of meters, not '{height}'" in capsys.readouterr().err


def test_pose_takes_a_step_only_if_told_to(tmp_path):
    truth, moved = Motion.load(ROOT / "samples/sample_truth.npz").solved_joints()[30], []
    feet = [10, 11]
    for options in ([], ["--step"]):
        assert pose_sample(tmp_path / "m.npz", "--pull", "left_wrist=0.5,0,1", *options, "--overwrite") == 0
        after = Motion.load(tmp_path / "m.npz").solved_joints()[30]
        moved.append(np.linalg.norm(after[feet] - truth[feet], axis=-1).max())
    assert moved[0] < 0.01 < 0.1 < moved[1]


def test_names_that_the_terminal_has_no_letters_for_are_no_error(tmp_path):
    some_motion(footage="/films/映像.mp4").save(tmp_path / "m.npz")
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    result = subprocess.run(
        [sys.executable, "-m", "niki", "info", str(tmp_path / "m.npz")],
        capture_output=True, cwd=ROOT, env=environment, timeout=280,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert b"\\u6620" in result.stdout
