"""What to install is told by the extra that has it."""

import subprocess
import sys

import pytest
from conftest import ROOT, some_motion

from niki.formats.bvh import save_bvh


@pytest.mark.parametrize(
    ("missing", "command", "extra"),
    [
        ("matplotlib", ["eval", "ik", "--data", "{folder}", "--plot", "{folder}/a.png"], "evaluate"),
        ("scipy", ["eval", "ik", "--data", "{folder}", "--poses", "4"], "evaluate"),
        ("tqdm", ["train", "--config", "{folder}/c.toml"], "train"),
        ("av", ["capture", "{folder}/a.mp4", "-o", "{folder}/a.npz"], "capture"),
    ],
)
def test_a_module_that_is_missing_names_its_extra(missing, command, extra, tmp_path):
    save_bvh(some_motion(frames=8), tmp_path / "a.bvh")
    arguments = [part.format(folder=tmp_path) for part in command]
    program = (
        f"import sys; sys.modules[{missing!r}] = None; from niki.cli import main; sys.exit(main({arguments}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=280
    )
    assert result.returncode == 1
    told = f'niki: {missing} is not installed (run: pip install "niki[{extra}]")'
    assert result.stderr.splitlines()[-1] == told
