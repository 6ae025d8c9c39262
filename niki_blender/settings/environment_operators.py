"""Operators that make, check and remove the worker's environment. All this is about Blender, not about the
file that is open: it goes on when another one is opened."""

import sys
from dataclasses import dataclass

import bpy

from ...niki.errors import NikiError
from ..interface import timers
from ..work import environment, words
from ..work.runtime import Question, describe_runtime, own_runtime
from .chosen import chosen_runtime, data_folder, look_whether_ready, preferences


@dataclass
class State:
    """What is under way, and what the last look and check said.

    Attributes:
        setup, question: making an environment; asking the worker. checked, good: what it said, and whether
        it can work. there: whether there is an environment of ours.
    """

    setup: environment.Setup | None = None
    question: Question | None = None
    checked: str = ""
    good: bool = False
    there: bool = False

    def end(self) -> None:
        """Stop it all, and forget what was said."""
        if self.setup is not None and not self.setup.over:
            self.setup.cancel()
        if self.question is not None:
            self.question.end(wait=True)
        self.setup, self.question, self.checked, self.good = None, None, "", False

    def look(self) -> None:
        """See whether there is an environment, and whether captures can be made."""
        look_whether_ready()
        try:
            self.there = environment_folder().exists()
        except NikiError:
            self.there = False


state = State()


def environment_folder():
    """Where the environment is made."""
    return data_folder("environment") / "python"


def environment_log():
    """What making it printed."""
    return data_folder("environment") / "setup.log"


def _give_up(problem: Exception):
    if state.setup is not None and not state.setup.over:
        state.setup.give_up(words.describe_error(problem))
    if state.question is not None:
        state.question.end()
    state.question, state.checked, state.good = None, words.describe_error(problem), False


@timers.keep_running(_give_up)
def _poll() -> float | None:
    if state.setup is not None and not state.setup.over:
        state.setup.poll()
        if state.setup.over:
            state.look()
        if state.setup.answer is not None:
            _use_it(state.setup.answer)
    if state.question is not None and (answer := state.question.poll()) is not None:
        _say(answer)
        state.question = None
    timers.redraw("PREFERENCES", "VIEW_3D")
    going = state.question is not None or (state.setup is not None and not state.setup.over)
    return 0.1 if going else None


def _say(answer: dict):
    state.checked = describe_runtime(answer)
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
    """Makes or repairs the environment, in the background."""

    bl_idname = "niki.make_environment"
    bl_label = "Make Environment"
    bl_description = (
        "Download what the chosen device needs into an environment of the extension's own, or repair it"
    )

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
        if sys.version_info[:2] not in environment.PYTHONS:
            known = " and ".join(".".join(map(str, version)) for version in environment.PYTHONS)
            self.report(
                {"ERROR"},
                f"There are pinned packages for Python {known} only: choose an environment of your own",
            )
            return {"CANCELLED"}
        requirements = environment.requirements_of(device)
        try:
            steps = environment.steps_of(environment_folder(), own_runtime().python, requirements, wheels)
            state.end()
            state.setup = environment.Setup(environment_folder(), steps, environment_log())
        except (NikiError, OSError) as problem:
            self.report({"ERROR"}, words.describe_error(problem))
            return {"CANCELLED"}
        timers.start(_poll)
        return {"FINISHED"}


class NIKI_OT_cancel_environment(bpy.types.Operator):
    """Stops making it."""

    bl_idname = "niki.cancel_environment"
    bl_label = "Cancel"
    bl_description = "Stop making the environment"
    bl_options = {"INTERNAL"}

    def execute(self, context):
        if state.setup is not None and not state.setup.over:
            state.setup.cancel()
            state.look()
        return {"FINISHED"}


class NIKI_OT_check_runtime(bpy.types.Operator):
    """Asks a worker to describe itself, without waiting."""

    bl_idname = "niki.check_runtime"
    bl_label = "Check"
    bl_description = "Start the worker and ask what it has"

    def execute(self, context):
        if state.question is None:
            try:
                state.look()
                state.question = Question(chosen_runtime(), data_folder("captures") / "check.log", "describe")
            except NikiError as problem:
                self.report({"ERROR"}, str(problem))
                return {"CANCELLED"}
            state.checked, state.good = "", False
            timers.start(_poll)
        return {"FINISHED"}


class NIKI_OT_remove_environment(bpy.types.Operator):
    """Deletes the environment."""

    bl_idname = "niki.remove_environment"
    bl_label = "Remove Environment"
    bl_description = "Delete the environment; the worker runs in Blender's Python again"

    @classmethod
    def poll(cls, context):
        if not state.there:
            cls.poll_message_set("There is no environment")
            return False
        return True

    def invoke(self, context, event):
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context):
        state.end()
        chosen = preferences()
        if chosen is not None:
            chosen.runtime = "OWN"
        try:
            environment.remove(environment_folder())
        except NikiError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        finally:
            state.look()
        return {"FINISHED"}


CLASSES = (
    NIKI_OT_make_environment, NIKI_OT_cancel_environment, NIKI_OT_check_runtime, NIKI_OT_remove_environment,
)  # fmt: skip
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def _look():
    """Timer: once, when Blender has time for it."""
    state.look()


def register():
    _register_classes()
    timers.start(_look)


def unregister():
    state.end()
    timers.stop(_look)
    timers.stop(_poll)
    _unregister_classes()
