"""The extension's preferences: what the worker runs in."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ...niki.errors import NikiError
from ..work import runtime, words
from ..work.paths import is_file

EXTENSION = __package__.removesuffix(".niki_blender.settings")
"""The name that Blender gives the extension."""


class NIKI_AP_preferences(bpy.types.AddonPreferences):
    """Runtime and device."""

    bl_idname = EXTENSION

    runtime: EnumProperty(
        name="Run In",
        update=lambda chosen, context: look_whether_ready(),
        items=(
            ("OWN", "Blender's Python", "The packages that come with the extension, on the CPU"),
            ("ENVIRONMENT", "Environment", "Another Python with niki's packages, such as one for a GPU"),
        ),
    )
    python: StringProperty(
        name="Python",
        subtype="FILE_PATH",
        description="The environment's Python program",
        update=lambda chosen, context: look_whether_ready(),
    )
    device: EnumProperty(
        name="Device",
        items=(
            ("cpu", "CPU", "Works everywhere"),
            ("cuda", "CUDA", "An NVIDIA graphics card; needs an environment with onnxruntime-gpu"),
            (
                "directml",
                "DirectML",
                "Any graphics card on Windows; needs an environment with onnxruntime-directml",
            ),
        ),
    )
    new_device: EnumProperty(
        name="For",
        items=(
            ("cuda", "CUDA", "An NVIDIA graphics card"),
            ("directml", "DirectML", "Any graphics card on Windows"),
            ("cpu", "CPU", "No graphics card"),
        ),
        description="What the environment to make is for",
    )
    wheels: StringProperty(
        name="Wheels",
        subtype="DIR_PATH",
        description="Folder of packages to install from, without a network; empty to download them",
    )
    import_at_once: BoolProperty(
        name="Import When Done",
        default=True,
        description="Put a finished capture into the scene as soon as Blender is in Object Mode",
    )

    def draw(self, context):
        from ..panels import draw_runtime

        layout = self.layout
        layout.use_property_split = True
        draw_runtime(layout, self)
        layout.prop(self, "import_at_once")


def preferences() -> NIKI_AP_preferences | None:
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
