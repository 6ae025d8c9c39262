"""``niki train``, ``export-weights`` and ``mocap`` on archives made here, as a user runs them."""

import csv
import tarfile

import pytest
from conftest import some_motion

from niki.cli import main
from niki.formats.bvh import save_bvh
from niki.mocap.collection import HELD_OUT_PEOPLE, load_archives

CONFIG = """
data = "mocap"
steps = 8
error_steps = 2
threads = 1
[network]
first = [[16, 1], [16, 1]]
second = [[16, 1], [16, 1]]
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with an archive of two people, a configuration, and the shell in it."""
    (tmp_path / "mocap").mkdir()
    rows = []
    for k, person in enumerate(("01", HELD_OUT_PEOPLE[0])):
        motion = some_motion(frames=20, seed=k)
        motion.poses[:] *= 0.3
        save_bvh(motion, tmp_path / f"{person}_01.bvh")
        rows.append((f"made/{person}_01.bvh", f"{person}_01", "1"))
    rows.append(("made/twice.bvh", "01_01", "0"))
    with tarfile.open(tmp_path / "mocap/made.tar.xz", "w:xz") as tar:
        for path, _, keep in rows:
            if keep == "1":
                tar.add(tmp_path / path.split("/")[1], f"./{path}")
    with open(tmp_path / "mocap/clips.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, ["source", "path", "cmu", "dedupe_keep"])
        writer.writeheader()
        writer.writerows(dict(source="made", path=p, cmu=c, dedupe_keep=k) for p, c, k in rows)
    (tmp_path / "tiny.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_archives_are_read_as_their_index_says(project):
    poses = load_archives(project / "mocap")
    assert list(poses.names) == ["01_01", f"{HELD_OUT_PEOPLE[0]}_01"]
    assert len(poses) == 40
    (project / "mocap/made.tar.xz").unlink()
    assert main(["mocap", "mocap"]) == 1


def test_mocap_says_what_there_is(project, capsys):
    assert main(["mocap", "mocap"]) == 0
    printed = capsys.readouterr().out
    assert "made: 2 clips of 2 people, 40 poses at 30 per second" in printed
    assert "degrees" in printed


def test_training_exporting_and_measuring(project, capsys):
    pytest.importorskip("torch", reason="torch is not installed here (niki[train])")
    assert main(["train", "--config", "tiny.toml", "-o", "run", "--quiet"]) == 0
    assert "8 steps" in capsys.readouterr().out
    assert main(["export-weights", "run", "-o", "w.npz"]) == 0
    assert "weights, 0." in capsys.readouterr().out
    assert main(["train", "--config", "tiny.toml", "-o", "run", "--quiet"]) == 0
    assert "resuming run at step 8 of 8" in capsys.readouterr().out
    assert main(["eval", "ik", "--data", "mocap", "--weights", "w.npz", "--runs", ".", "--poses", "10"]) == 0
    printed = capsys.readouterr().out
    assert "| run |" in printed
    assert "10 poses of 1 people" in printed
    assert main(["bench", "posing", "--data", "mocap", "--poses", "4", "--run", "run"]) == 1
    assert "There is no file run/posing.npz" in capsys.readouterr().err.replace("\\", "/")
    assert main(["bench", "posing", "--data", "mocap", "--poses", "4"]) == 1
    assert "No clip has two poses" in capsys.readouterr().err


def test_a_run_that_is_not_finished_cannot_be_exported(project, capsys):
    pytest.importorskip("torch", reason="torch is not installed here (niki[train])")
    (project / "run").mkdir()
    assert main(["export-weights", "run", "-o", "w.npz"]) == 1
    assert "There is no network.npz in run" in capsys.readouterr().err
    assert not (project / "w.npz").exists()


def test_without_torch_the_command_says_what_to_install(project, capsys, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [n for n in sys.modules if n.startswith("niki.training.")]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["train", "--config", "tiny.toml"]) == 1
    assert 'pip install "niki[train]"' in capsys.readouterr().err
