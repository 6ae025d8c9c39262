"""Shared by all tests: the root on the path, a body, random poses."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

try:
    import hypothesis
except ImportError:  # not all environments have it
    pass
else:
    hypothesis.settings.register_profile("niki", deadline=None)  # the machine may be busy
    hypothesis.settings.load_profile("niki")

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from niki.body import rotation as rot
from niki.body.skeleton import MIRROR, Body
from niki.motion.motion import Motion


@pytest.fixture
def body():
    return Body.default()


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def random_rotations(rng, *shape, spread=1.0):
    return rot.matrix_from_axis_angle(rng.normal(size=(*shape, 3)) * spread)


def some_motion(frames=12, seed=3, **changes):
    """A motion with everything filled in, of a body unlike the default."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.85, 1.15, 29)
    lengths = Body.default().bone_lengths * np.minimum(scale, scale[list(MIRROR)])
    steps = np.cumsum(rng.normal(size=(frames, 24, 3)) * 0.15, axis=0)
    values = {
        "poses": steps.reshape(frames, 72),
        "trans": np.cumsum(rng.normal(size=(frames, 3)) * 0.05, axis=0),
        "mocap_framerate": 30.0,
        "rest_joints": Body.from_bone_lengths(lengths).rest_joints,
        "camera": np.array([[900.0, 0, 330], [0, 900, 230], [0, 0, 1]]),
        "camera_pose": np.array([[1.0, 0, 0, 0.2], [0, -1, 0, 1.3], [0, 0, -1, 4], [0, 0, 0, 1]]),
        "image_size": np.array([640, 480]),
        "footage": "clip.mp4",
        "source": "test",
    }
    return Motion(**(values | changes))


_obsolete = {}


def pytest_warning_recorded(warning_message, nodeid):
    """What Blender is going to remove may not be used. Blender itself drops such warnings when they are errors."""
    file, text = Path(warning_message.filename), str(warning_message.message)
    ours = file.is_relative_to(ROOT) and ".venv" not in file.parts
    if ours and "expected to be removed in Blender" in text:
        _obsolete.setdefault(f"{file.relative_to(ROOT)}:{warning_message.lineno}: {text}", nodeid)


def pytest_sessionfinish(session):
    if _obsolete:
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """Leave without Blender's exit handlers: bpy 4.2 may free its panels after Python, which crashes."""
    session = config.pluginmanager.get_plugin("session")
    if "bpy" in sys.modules and session is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(session.exitstatus)


def pytest_terminal_summary(terminalreporter):
    if _obsolete:
        terminalreporter.section("names that Blender will remove", red=True, bold=True)
        for use, test in sorted(_obsolete.items()):
            terminalreporter.write_line(f"{use} ({test})")
