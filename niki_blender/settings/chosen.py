"""Look up the preferences: the Python of the worker, whether captures can run, the folders of the extension."""

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
"""The package name that Blender gives the extension."""


def preferences() -> bpy.types.AddonPreferences | None:
    """The preferences, or None if the code does not run as an enabled extension (in tests)."""
    addon = bpy.context.preferences.addons.get(EXTENSION)
    return addon.preferences if addon else None


def chosen_runtime() -> runtime.Runtime:
    """The Python that the worker runs in, from the preferences."""
    chosen = preferences()
    if chosen and chosen.runtime == "ENVIRONMENT":
        return runtime.Runtime(bpy.path.abspath(chosen.python))
    return runtime.own_runtime()


def chosen_device() -> str:
    """The device for the worker, from the preferences: cpu, cuda or directml."""
    chosen = preferences()
    return chosen.device if chosen and chosen.runtime == "ENVIRONMENT" else "cpu"


_not_ready = ""


def why_not_ready() -> str:
    """Why captures cannot run, for the user; "" if nothing is known to be wrong. As of the last
    :func:`look_whether_ready`, because panels call this often."""
    return _not_ready


def look_whether_ready(*_) -> str:
    """Check whether captures can run; return the reason if not, else ""."""
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
        _not_ready = (
            f"Missing packages: {', '.join(missing)} (install the zip for this system)" if missing else ""
        )
    return _not_ready


def data_folder(name: str) -> Path:
    """A subfolder of the extension's user folder, created if necessary.

    Raises:
        NikiError: it cannot be created.
    """
    try:
        return Path(bpy.utils.extension_path_user(EXTENSION, path=name, create=True))
    except ValueError:  # not run as an extension
        folder = _folder_of_this_session() / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    except OSError as problem:
        raise NikiError(
            f"The extension's folder cannot be written to: {words.describe_error(problem)}"
        ) from problem


@cache
def _folder_of_this_session() -> Path:
    """A new temporary folder, deleted at exit."""
    folder = Path(tempfile.mkdtemp(prefix="niki-blender-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
