"""The extension's preferences: what the worker runs in; and how panels show it."""

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..interface.layout import draw_text
from . import environment_operators
from .chosen import EXTENSION, look_whether_ready, preferences, why_not_ready


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
        layout = self.layout
        layout.use_property_split = True
        draw_runtime(layout, self)
        layout.prop(self, "import_at_once")


def draw_runtime(layout, chosen):
    """The runtime's part of the preferences."""
    layout.prop(chosen, "runtime")
    if chosen.runtime == "ENVIRONMENT":
        layout.prop(chosen, "python")
        layout.prop(chosen, "device")
    problem, state = why_not_ready(), environment_operators.state
    row = layout.row()
    said = problem or state.checked or ("Asking the worker" if state.question else "Not checked yet")
    bad = bool(problem) or (state.checked and not state.good)
    draw_text(row.column(), said, "ERROR" if bad else "CHECKMARK" if state.good else "INFO")
    row.operator("niki.check_runtime")
    box = layout.box()
    box.label(text="Environment for a Graphics Card")
    setup = state.setup
    if setup is not None and not setup.over:
        row = box.row()
        row.progress(factor=setup.share, type="BAR", text=setup.title)
        row.operator("niki.cancel_environment", text="", icon="CANCEL")
        return
    box.prop(chosen, "new_device")
    box.prop(chosen, "wheels")
    if setup is not None and setup.problem:
        draw_text(box, setup.problem, "ERROR")
    row = box.row()
    row.operator("niki.make_environment", text="Repair" if state.there else "Make Environment")
    row.operator("niki.remove_environment", text="Remove")
    row.operator("niki.open_log").log = "ENVIRONMENT"


def draw_device(layout):
    """What the worker will run on, and the way to change it."""
    chosen = preferences()
    split = layout.split(factor=0.4)
    title = split.row()
    title.alignment = "RIGHT"
    title.label(text="Device")
    row = split.row(align=True)
    if chosen and chosen.runtime == "ENVIRONMENT":
        row.prop(chosen, "device", text="")
    else:
        row.label(text="CPU")
    row.operator("preferences.addon_show", text="", icon="PREFERENCES", emboss=False).module = EXTENSION


def draw_not_ready(layout):
    """What stands in the way of captures, and the way to the preferences."""
    problem = why_not_ready()
    if problem:
        box = layout.box()
        said = box.column()
        said.alert = True
        draw_text(said, problem, "ERROR")
        box.operator("preferences.addon_show", text="Open Preferences").module = EXTENSION


CLASSES = (NIKI_AP_preferences,)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
