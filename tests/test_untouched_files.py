"""``niki`` in a folder full of the user's files: each stays as it is, to the byte, its time and its mode; what is new
is the named output and nothing else, and while a capture runs, or after it was killed, its journal."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, some_motion

from niki.formats.bvh import save_bvh

SAMPLE = ROOT / "samples/sample.mp4"
_TRAP = b"raise SystemExit('a file of the folder that it was started in was run')"
_COMMAND = [
    sys.executable,
    "-c",  # what the installed script does: the folder one is in is not where Python looks
    f"import sys; sys.path[0] = {str(ROOT)!r}; from niki.cli import main; sys.exit(main())",
]
FAST = ("--quality", "fast", "--quiet")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The user's folder, and the shell in it. Beside it lies one that links lead to."""
    there, elsewhere = tmp_path / "project", tmp_path / "archive"
    elsewhere.mkdir()
    shutil.copy(SAMPLE, elsewhere / "film.mp4")
    (there / "frames").mkdir(parents=True)
    (there / "takes").mkdir()
    (there / "empty").mkdir()
    shutil.copy(SAMPLE, there / "clip.mp4")
    shutil.copy(SAMPLE, there / "locked.mp4")
    some_motion(frames=6, footage="clip.mp4").save(there / "motion.npz")
    some_motion(frames=5, seed=9, footage="").save(there / "other.npz")
    save_bvh(some_motion(frames=5), there / "takes/walk.bvh")
    for name, content in {
        "scene.blend": b"BLENDER-v405 not really",
        "scene.blend1": b"a backup of Blender's",
        "notes.txt": b"mine",
        ".hidden": b"mine too",
        ".niki-notes.npz": b"named like a temporary file",
        "clip.mp4.txt": b"shot list",
        "other.npz.readings": b"a file of mine that is called so",
        "motion.npz.bak": b"older",
        "weights.npz": b"downloaded",
        "report.md": b"# mine",
        "niki.py": _TRAP,
        "json.py": _TRAP,
        "bpy.py": _TRAP,
    }.items():
        (there / name).write_bytes(content)
    _pictures(there / "frames")
    (there / "linked.mp4").symlink_to(elsewhere / "film.mp4")
    (there / "dangling").symlink_to("nowhere")
    os.link(there / "clip.mp4", there / "same.mp4")
    (there / "locked.mp4").chmod(0o444)
    (there / "notes.txt").chmod(0o640)
    for path in sorted(tmp_path.rglob("*")):
        if not path.is_symlink():
            os.utime(path, ns=(10**18, 10**18 + 123_456_789))
    monkeypatch.chdir(there)
    return there


def _pictures(folder: Path):
    import cv2

    video = cv2.VideoCapture(str(SAMPLE))
    for n in range(3):
        cv2.imwrite(str(folder / f"shot_{n:03d}.jpg"), video.read()[1])


def everything(folder: Path) -> dict[str, tuple]:
    """Of each file, link and folder beside ``folder`` and in it: kind and mode, time, content. Not the times of
    folders: they change when an output is put there."""
    found = {}
    for path in sorted(folder.parent.rglob("*")):
        about = path.lstat()
        name = os.path.relpath(path, folder)
        if path.is_symlink():
            found[name] = ("link", os.readlink(path), about.st_mtime_ns)
        elif path.is_dir():
            found[name] = ("folder", stat.filemode(about.st_mode))
        else:
            found[name] = (stat.filemode(about.st_mode), about.st_mtime_ns, about.st_nlink, path.read_bytes())
    return found


def differences(before: dict, after: dict) -> list[str]:
    told = []
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            told.append(f"{name}: is gone")
        elif name not in before:
            told.append(f"{name}: is new")
        elif before[name] != after[name]:
            kinds = ("mode or kind", "time or target", "links", "content")
            pairs = zip(kinds, before[name], after[name], strict=False)
            told.append(f"{name}: its {', '.join(kind for kind, a, b in pairs if a != b)} changed")
    return told


def niki(*arguments):
    return subprocess.run([*_COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=280)


def check(folder: Path, before: dict, new=(), optional=()):
    """Only ``new`` files have come, and perhaps ``optional`` ones; nothing else has changed."""
    told = [
        line
        for line in differences(before, everything(folder))
        if line.removesuffix(": is new") not in optional
    ]
    assert told == [f"{name}: is new" for name in sorted(new)], "\n".join(told)


WORK = {
    "capture a film": (["capture", "clip.mp4", "--start", 3, "--end", 6, *FAST], "made.npz"),
    "capture through a link": (["capture", "linked.mp4", "--end", 2, *FAST], "made.npz"),
    "capture what is read-only": (["capture", "locked.mp4", "--end", 2, *FAST], "made.npz"),
    "capture pictures": (["capture", "frames", "--fps", 24, *FAST], "made.npz"),
    "into another folder": (["capture", "clip.mp4", "--end", 2, *FAST], "empty/made.npz"),
    "preview": (["preview", "motion.npz", "clip.mp4", "--quiet"], "made.mp4"),
    "export a bvh": (["export", "motion.npz"], "made.bvh"),
    "export a motion": (["export", "motion.npz"], "made.npz"),
    "pose": (["pose", "motion.npz", "--frame", 2, "--target", "left_wrist=0.4,1.2,0.3", "--propagate", 1, 1], "made.npz"),
    "export a scene": (["export", "motion.npz"], "made.blend"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "output"), WORK.values(), ids=WORK)
def test_a_command_makes_its_output_and_nothing_else(folder, arguments, output):
    if output.endswith(".blend"):
        pytest.importorskip("bpy", reason="bpy is not installed here")
    before = everything(folder)
    result = niki(*arguments, "-o", output)
    assert result.returncode == 0, result.stderr
    check(folder, before, [output])


@pytest.mark.parametrize(
    "arguments", [["info", "motion.npz"], ["info", "takes/walk.bvh"], ["mocap", "takes"]]
)
def test_a_command_without_an_output_makes_nothing(folder, arguments):
    before = everything(folder)
    assert "Traceback" not in niki(*arguments).stderr
    check(folder, before)


def test_measuring_on_a_folder_of_motion_capture_makes_the_report_alone(folder):
    before = everything(folder)
    result = niki("eval", "ik", "--data", "takes", "--poses", 5, "-o", "made.md")
    assert "Traceback" not in result.stderr, result.stderr
    check(folder, before, optional=["made.md"])


def test_motion_capture_in_archives_is_read_without_a_file_in_the_users_folder(folder):
    """What is kept of archives, to be quick the next time, does not belong beside the user's work."""
    import csv
    import tarfile

    (folder / "mocap").mkdir()
    with tarfile.open(folder / "mocap/made.tar.xz", "w:xz") as tar:
        tar.add(folder / "takes/walk.bvh", "./made/01_01.bvh")
    with open(folder / "mocap/clips.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([["source", "path", "cmu", "dedupe_keep"], ["made", "made/01_01.bvh", "01_01", "1"]])
    before = everything(folder)
    result = niki("mocap", "mocap")
    assert result.returncode == 0, result.stderr
    check(folder, before)


REFUSED = {
    "the film itself": ["capture", "clip.mp4", "-o", "clip.mp4", "--end", 2, *FAST],
    "another film": ["capture", "clip.mp4", "-o", "locked.mp4", "--end", 2, *FAST],
    "a hard link to the film": ["capture", "clip.mp4", "-o", "same.mp4", "--end", 2, *FAST],
    "a link to the film": ["capture", "../archive/film.mp4", "-o", "linked.mp4", "--end", 2, *FAST],
    "one of the pictures": ["capture", "frames", "-o", "frames/shot_001.jpg", *FAST],
    "a scene of Blender's": ["capture", "clip.mp4", "-o", "scene.blend", "--end", 2, *FAST],
    "notes": ["capture", "clip.mp4", "-o", "notes.txt", "--end", 2, *FAST],
    "a folder": ["capture", "clip.mp4", "-o", "takes", "--end", 2, *FAST],
    "the previewed film": ["preview", "motion.npz", "clip.mp4", "-o", "clip.mp4", "--quiet"],
    "the previewed film by its link": ["preview", "motion.npz", "../archive/film.mp4", "-o", "linked.mp4", "--quiet"],
    "the previewed motion": ["preview", "motion.npz", "clip.mp4", "-o", "motion.npz", "--quiet"],
    "the exported motion": ["export", "motion.npz", "-o", "motion.npz"],
    "export as what it cannot write": ["export", "motion.npz", "-o", "notes.txt"],
    "pose into a film": ["pose", "motion.npz", "--frame", 1, "--target", "head=0,1.6,0", "-o", "clip.mp4"],
}  # fmt: skip


@pytest.mark.parametrize("arguments", REFUSED.values(), ids=REFUSED)
def test_an_output_that_would_cost_the_user_a_file_is_refused(folder, arguments):
    before = everything(folder)
    result = niki(*arguments)
    told = differences(before, everything(folder))
    assert not told, "\n".join(told)
    assert result.returncode == 1, f"it said it was done: {result.stdout}"
    assert result.stderr.strip().splitlines()[-1].startswith("niki: "), result.stderr


def test_a_file_of_the_users_that_has_the_journals_name_is_not_taken_for_one(folder):
    (folder / "other.npz").unlink()
    before = everything(folder)
    niki("capture", "clip.mp4", "-o", "other.npz", "--end", 2, *FAST)
    told = [line for line in differences(before, everything(folder)) if line != "other.npz: is new"]
    assert not told, "\n".join(told)


def test_an_output_that_may_only_be_read_is_not_replaced(folder):
    """Whoever takes away the right to write wants to keep the file, even where the folder would let it go."""
    (folder / "other.npz").chmod(0o444)
    before = everything(folder)
    result = niki("export", "motion.npz", "-o", "other.npz")
    told = differences(before, everything(folder))
    assert not told, "\n".join(told)
    assert result.returncode == 1


def test_an_output_that_is_there_is_replaced_and_keeps_its_mode(folder):
    (folder / "motion.npz").chmod(0o640)
    before = everything(folder)
    assert niki("capture", "clip.mp4", "-o", "motion.npz", "--end", 2, *FAST).returncode == 0
    after = everything(folder)
    assert differences(before, after) == ["motion.npz: its time or target, content changed"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.skipif(os.name == "nt", reason="signals as Unix has them")
def test_a_capture_that_is_killed_midway_leaves_its_journal_alone(folder, how):
    for n in range(3, 600):  # so many that it is not done before it is killed, however busy the machine
        os.link(folder / "frames/shot_000.jpg", folder / f"frames/shot_{n:03d}.jpg")
    before = everything(folder)
    command = ["capture", "frames", "-o", "made.npz", *FAST]
    process = subprocess.Popen(
        [*_COMMAND, *command], stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where tests run in the background
    )  # fmt: skip
    journal, started = folder / "made.npz.readings", time.monotonic()
    while not (journal.is_file() and journal.stat().st_size > 3000):
        assert process.poll() is None, "it ended before it was killed"
        assert time.monotonic() - started < 120
        time.sleep(0.005)
    during = differences(before, everything(folder))
    process.send_signal(how)
    message = process.communicate(timeout=60)[1]
    if how == signal.SIGINT:  # says how to go on
        assert message == (
            "niki: stopped; made.npz.readings keeps what was read: run the same command to resume,"
            " or add --finish to use only that\n"
        )
    for told in (during, differences(before, everything(folder))):
        ours = [line for line in told if line.startswith("made.npz.readings") and line.endswith(": is new")]
        assert told == ours, "\n".join(told)
    readings = journal.read_bytes()
    assert niki(*command, "--finish").returncode == 0
    check(folder, before, ["made.npz", journal.name])  # kept: there are more frames to read
    assert readings.startswith(journal.read_bytes())  # a record that was cut off by the end goes


@pytest.mark.parametrize(
    "arguments", [["capture", "notes.txt"], ["capture", "empty"], ["capture", "clip.mp4", "--start", 9000]]
)
def test_a_capture_that_fails_leaves_nothing(folder, arguments):
    before = everything(folder)
    assert niki(*arguments, "-o", "made.npz", *FAST).returncode == 1
    check(folder, before)
