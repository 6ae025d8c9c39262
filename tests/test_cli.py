"""The command as a user types it: exit status, one-line messages, nothing half-written."""

import os
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from conftest import ROOT, some_motion

from niki.cli import main
from niki.footage.video import VideoWriter
from niki.motion import Motion

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
    assert run(*capture, "-o", motion, "--finish").returncode == 0
    assert 0 < len(Motion.load(motion)) < 16
    readings.write_bytes(kept)
    result = run(*capture, "-o", motion)
    assert "going on where" in result.stderr
    np.testing.assert_array_equal(Motion.load(motion).poses, Motion.load(whole).poses)
    assert not readings.exists()
    refused(run(*capture, "-o", motion, "--finish"), "nothing to make a motion of")


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
        (SAMPLE, ["--focal", "-3"], ["focal"]),
        (SAMPLE, ["--fps", "0"], ["rate"]),
        (SAMPLE, ["--estimator", "magic"], ["magic", "blazepose"]),
    ],
)
def test_bad_input_is_refused_in_one_line(tmp_path, capsys, footage, extra, words):
    (tmp_path / "text.mp4").write_text("not a film\n" * 99)
    (tmp_path / "zero.mp4").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.iterdir())
    path = footage if footage == SAMPLE else tmp_path / footage
    status = main(["capture", str(path), "-o", str(tmp_path / "m.npz"), *extra])
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert status == 1
    assert message.startswith("niki: ")
    assert all(word in message for word in words), message
    assert sorted(tmp_path.iterdir()) == before


def test_output_that_cannot_be_written_is_refused_before_the_work(tmp_path, capsys):
    for output in (tmp_path / "nowhere/m.npz", tmp_path):
        assert main(["capture", str(SAMPLE), "-o", str(output)]) == 1
        assert str(output) in capsys.readouterr().err
    if os.geteuid():  # root may write anywhere
        tmp_path.chmod(0o500)
        assert main(["capture", str(SAMPLE), "-o", str(tmp_path / "m.npz")]) == 1


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
