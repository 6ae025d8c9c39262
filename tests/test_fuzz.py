"""A small run of scripts/fuzz_files, always the same: damaged files are read or refused in one line."""

import subprocess
import sys

from conftest import ROOT


def test_damaged_files_are_read_or_refused_in_one_line():
    result = subprocess.run(
        [sys.executable, ROOT / "scripts/fuzz_files", "--count", "400"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "400 files in" in result.stdout
    assert "memory: none failed" in result.stdout
