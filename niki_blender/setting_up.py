"""Operators that make, check and remove the worker's environment."""

import bpy

from . import environment, timers
from .preferences import chosen_runtime, data_folder, preferences
from .runtime import Question, described, own_runtime


class State:
    """What is under way, and what the last check said."""

    def __init__(self):
        self.setup: environment.Setup | None = None
        self.question: Question | None = None
        self.checked = ""
        self.good = False

    def end(self) -> None:
        """Stop it all."""
        if self.setup is not None and not self.setup.over:
            self.setup.cancel()
        if self.question is not None:
            self.question.end(wait=True)
        self.__init__()


state = State()


def environment_folder():
    """Where the environment is made."""
    return data_folder("environment") / "python"


def environment_log():
    """What making it printed."""
    return data_folder("environment") / "setup.log"


def _poll() -> float | None:
    if state.setup is not None and not state.setup.over:
        state.setup.poll()
        if state.setup.answer is not None:
            _use_it(state.setup.answer)
    if state.question is not None and (answer := state.question.poll()) is not None:
        state.question = None
        _say(answer)
    timers.redraw("PREFERENCES", "VIEW_3D")
    going = state.question is not None or (state.setup is not None and not state.setup.over)
    return 0.1 if going else None


def _say(answer: dict):
    state.checked = described(answer)
    state.good = not (answer.get("problem") or answer.get("missing"))


def _use_it(answer: dict):
    """The environment is ready: the worker runs in it from now on."""
    _say(answer)
    chosen = preferences()
    if chosen is not None:
        chosen.runtime, chosen.python = "ENVIRONMENT", str(environment.python_of(environment_folder()))
        names = [device.get("name") for device in answer.get("devices", [])]
        chosen.device = next((name for name in ("cuda", "directml") if name in names), "cpu")


class NIKI_OT_make_environment(bpy.types.Operator):
    """Download what the chosen device needs into an environment of the extension's own, or repair it"""

    bl_idname = "niki.make_environment"
    bl_label = "Make Environment"

    @classmethod
    def poll(cls, context):
        chosen = preferences()
        if state.setup is not None and not state.setup.over:
            cls.poll_message_set("It is being made")
            return False
        if not bpy.app.online_access and not (chosen and chosen.wheels):
            cls.poll_message_set("Allow Online Access in Blender's preferences, or give a folder of wheels")
            return False
        return True

    def invoke(self, context, event):
        return context.window_manager.invoke_confirm(
            self, event, message="Packages of up to 3 GB are installed into a folder of the extension's own"
        )

    def execute(self, context):
        chosen = preferences()
        device = chosen.new_device if chosen else "cpu"
        wheels = bpy.path.abspath(chosen.wheels) if chosen and chosen.wheels else ""
        packages = [*environment.PACKAGES, environment.ONNX_RUNTIMES[device]]
        steps = environment.steps_of(environment_folder(), own_runtime().python, packages, wheels)
        state.end()
        state.setup = environment.Setup(environment_folder(), steps, environment_log())
        timers.begin(_poll)
        return {"FINISHED"}


class NIKI_OT_cancel_environment(bpy.types.Operator):
    """Stop making the environment"""

    bl_idname = "niki.cancel_environment"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    def execute(self, context):
        if state.setup is not None and not state.setup.over:
            state.setup.cancel()
        return {"FINISHED"}


class NIKI_OT_check_runtime(bpy.types.Operator):
    """Start the worker and ask what it has"""

    bl_idname = "niki.check_runtime"
    bl_label = "Check"

    def execute(self, context):
        if state.question is None:
            state.checked = ""
            state.question = Question(chosen_runtime(), data_folder("captures") / "check.log", "describe")
            timers.begin(_poll)
        return {"FINISHED"}


class NIKI_OT_remove_environment(bpy.types.Operator):
    """Delete the environment; the worker runs in Blender's Python again"""

    bl_idname = "niki.remove_environment"
    bl_label = "Remove Environment"

    @classmethod
    def poll(cls, context):
        if not environment_folder().exists():
            cls.poll_message_set("There is none")
            return False
        return True

    def invoke(self, context, event):
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context):
        state.end()
        environment.remove(environment_folder())
        chosen = preferences()
        if chosen is not None:
            chosen.runtime = "OWN"
        return {"FINISHED"}


CLASSES = (
    NIKI_OT_make_environment, NIKI_OT_cancel_environment, NIKI_OT_check_runtime, NIKI_OT_remove_environment,
)  # fmt: skip


def forget() -> None:
    """Stop what is under way: the extension is being disabled."""
    state.end()
    timers.end(_poll)
