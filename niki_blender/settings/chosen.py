"""What the preferences say: what the worker runs in, whether it can, and where files go."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import bpy

from ...niki.errors import NikiError
from ..work import runtime, words
from ..work.paths import is_file

EXTENSION = __package__.removesuffix(".niki_blender.settings")
"""The name that Blender gives the extension."""


def preferences() -> bpy.types.AddonPreferences | None:
    """The preferences, or None where the code does not run as an enabled extension (tests)."""
    addon = bpy.context.preferences.addons.get(EXTENSION)
    return addon.preferences if addon else None


def chosen_runtime() -> runtime.Runtime:
    """What the preferences say the worker runs in."""
    chosen = preferences()
    if chosen and chosen.runtime == "ENVIRONMENT":
        return runtime.Runtime(bpy.path.abspath(chosen.python))
    return runtime.own_runtime()


def chosen_device() -> str:
    """The device's name for the worker."""
    chosen = preferences()
    return chosen.device if chosen and chosen.runtime == "ENVIRONMENT" else "cpu"


_not_ready = ""


def why_not_ready() -> str:
    """What stands in the way of captures, for the user; "" where nothing is known to. As of the last
    :func:`look_whether_ready`: panels and greyed buttons ask often."""
    return _not_ready


def look_whether_ready(*_) -> str:
    """See what stands in the way of captures; "" where nothing is known to."""
    global _not_ready
    chosen = preferences()
    if chosen and chosen.runtime == "ENVIRONMENT":
        _not_ready = (
            ""
            if is_file(bpy.path.abspath(chosen.python))
            else "Choose the environment's Python in the preferences"
        )
    else:
        missing = runtime.missing_packages()
        _not_ready = f"{', '.join(missing)} is missing: install the zip for this system" if missing else ""
    return _not_ready


def data_folder(name: str) -> Path:
    """A folder of the extension's own for the user's files.

    Raises:
        NikiError: it cannot be made.
    """
    try:
        return Path(bpy.utils.extension_path_user(EXTENSION, path=name, create=True))
    except ValueError:  # not run as an extension
        folder = _folder_of_this_session() / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    except OSError as problem:
        raise NikiError(
            f"The extension's folder cannot be written: {words.describe_error(problem)}"
        ) from problem


@cache
def _folder_of_this_session() -> Path:
    """A folder that nobody else can have laid out, removed at exit."""
    folder = Path(tempfile.mkdtemp(prefix="niki-blender-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
