"""Fixtures: the extension registered, its data in a folder of the test's. A test file imports the one it needs.

Not a conftest.py: tests import the one above by that name.
"""

import bpy
import pytest

from niki.review.blender_process import blender_module

_KEEP_DATA = ("capture.results", "capture.people", "refine.solving", "settings.environment_operators")


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """Where the extension's data goes."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in _KEEP_DATA:
        monkeypatch.setattr(blender_module(name), "data_folder", lambda name: folder)
    return folder


@pytest.fixture(autouse=True)
def in_empty_file(data_folder):
    """Registered in an empty file."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield from _registered()


@pytest.fixture(autouse=True)
def in_start_up_file(data_folder):
    """Registered in Blender's start-up file."""
    bpy.ops.wm.read_factory_settings()
    yield from _registered()


def _registered():
    registration = blender_module("registration")
    registration.register()
    yield
    registration.unregister()
    bpy.ops.wm.read_factory_settings(use_empty=True)
