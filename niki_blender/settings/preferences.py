"""The extension's preferences, and how they are drawn there and in the panels."""

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..interface.layout import CONTEXT, draw_text, titled_row
from . import environment_operators
from .chosen import EXTENSION, look_whether_ready, preferences, why_not_ready


class NIKI_AP_preferences(bpy.types.AddonPreferences):
    """The Python and the hardware for captures."""

    bl_idname = EXTENSION

    runtime: EnumProperty(
        name="Run With",
        description="Python that runs the captures",
        translation_context=CONTEXT,
        update=lambda chosen, context: look_whether_ready(),
        items=(
            ("OWN", "Blender's Python", "The packages included in the extension; runs on the CPU"),
            (
                "ENVIRONMENT",
                "Environment",
                "A separate Python with the packages that captures need, for example for a graphics card",
            ),
        ),
    )
    python: StringProperty(
        name="Python",
        subtype="FILE_PATH",
        description="Python executable of the environment",
        update=lambda chosen, context: look_whether_ready(),
    )
    device: EnumProperty(
        name="Device",
        description="Hardware that runs the captures",
        translation_context=CONTEXT,
        items=(
            ("cpu", "CPU", "Works everywhere"),
            ("cuda", "CUDA", "NVIDIA graphics card; needs an environment with onnxruntime-gpu"),
            (
                "directml",
                "DirectML",
                "Any graphics card on Windows; needs an environment with onnxruntime-directml",
            ),
        ),
    )
    new_device: EnumProperty(
        name="Hardware",
        translation_context=CONTEXT,
        items=(
            ("cuda", "CUDA", "NVIDIA graphics card"),
            ("directml", "DirectML", "Any graphics card on Windows"),
            ("cpu", "CPU", "No graphics card"),
        ),
        description="Hardware to create the environment for",
    )
    wheels: StringProperty(
        name="Packages Folder",
        subtype="DIR_PATH",
        description="Folder of downloaded packages (wheels) to install without a network; leave empty to download them",
    )
    import_at_once: BoolProperty(
        name="Import When Done",
        default=True,
        description="Import a finished capture as soon as Blender is in Object Mode",
    )

    def draw(self, context):
        layout = self.layout
        layout.use_property_split = True
        draw_runtime(layout, self)
        layout.prop(self, "import_at_once")


def draw_runtime(layout: bpy.types.UILayout, chosen: NIKI_AP_preferences) -> None:
    """Draw the preferences of the Python, its check and the environment."""
    layout.prop(chosen, "runtime")
    if chosen.runtime == "ENVIRONMENT":
        layout.prop(chosen, "python")
        layout.prop(chosen, "device")
    problem, state = why_not_ready(), environment_operators.state
    row = layout.row()
    message = problem or state.checked or ("Checking..." if state.question else "Not checked yet")
    failed = bool(problem) or (state.checked and not state.good)
    draw_text(row.column(), message, "ERROR" if failed else "CHECKMARK" if state.good else "INFO")
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
    row.operator("niki.make_environment", text="Repair" if state.exists else "Create Environment")
    row.operator("niki.remove_environment", text="Remove")
    row.operator("niki.open_log").log = "ENVIRONMENT"


def draw_device(layout: bpy.types.UILayout) -> None:
    """Draw the device for captures, and a button to the preferences."""
    chosen = preferences()
    row = titled_row(layout, "Device")
    if chosen and chosen.runtime == "ENVIRONMENT":
        row.prop(chosen, "device", text="")
    else:
        row.label(text="CPU")
    row.operator("preferences.addon_show", text="", icon="PREFERENCES", emboss=False).module = EXTENSION


def draw_not_ready(layout: bpy.types.UILayout) -> None:
    """Draw why captures cannot run, and a button to the preferences."""
    problem = why_not_ready()
    if problem:
        box = layout.box()
        message = box.column()
        message.alert = True
        draw_text(message, problem, "ERROR")
        box.operator("preferences.addon_show", text="Open Preferences").module = EXTENSION


CLASSES = (NIKI_AP_preferences,)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
