"""Who is in the footage: asked of a worker, shown as pictures to choose from."""

import shutil
import tempfile
from dataclasses import dataclass

import bpy
import bpy.utils.previews
from bpy.props import FloatVectorProperty

from ..niki.errors import NikiError
from . import timers
from .preferences import chosen_runtime, data_folder
from .runtime import Question
from .sources import OnFootage, readable_source


@dataclass
class Found:
    """Somebody in the footage: where, and the icon that pictures them."""

    place: tuple[float, float]
    icon: int


class Search:
    """The search under way, or what the last one found."""

    def __init__(self):
        self.question: Question | None = None
        self.people: list[Found] = []
        self.problem = ""
        self._icons = None
        self._folder = ""

    def begin(self, path: str, frame: int) -> None:
        """Ask who is in a frame of the footage."""
        self.end()
        self._folder = tempfile.mkdtemp(prefix="niki-people-")
        log = data_folder("captures") / "people.log"
        self.question = Question(
            chosen_runtime(), log, "people", footage=path, frame=frame, folder=self._folder
        )
        timers.begin(_poll)

    def take(self, answer: dict) -> None:
        """Show what the worker found."""
        self.question, self.problem = None, str(answer.get("problem", ""))
        self._icons = bpy.utils.previews.new()
        for person in answer.get("people", []):
            picture = self._icons.load(person["picture"], person["picture"], "IMAGE")
            self.people.append(Found((person["x"], person["y"]), picture.icon_id))
        if not self.problem and not self.people:
            self.problem = "Nobody was found in the first frame"

    def end(self) -> None:
        """Forget it all."""
        if self.question is not None:
            self.question.end(wait=True)
        if self._icons is not None:
            bpy.utils.previews.remove(self._icons)
        shutil.rmtree(self._folder, ignore_errors=True)
        self.__init__()


search = Search()


def _poll() -> float | None:
    if search.question is None:
        return None
    answer = search.question.poll()
    if answer is not None:
        search.take(answer)
        timers.redraw("VIEW_3D")
    return None if answer is not None else 0.1


class NIKI_OT_find_people(OnFootage, bpy.types.Operator):
    """Look who is in the first frame of the footage, to choose whom to follow"""

    bl_idname = "niki.find_people"
    bl_label = "Find People"

    def execute(self, context):
        try:
            source = readable_source(context.scene)
        except NikiError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        search.begin(source.path, source.first or 0)
        return {"FINISHED"}


class NIKI_OT_follow_person(bpy.types.Operator):
    """Follow this person"""

    bl_idname = "niki.follow_person"
    bl_label = "Follow"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    place: FloatVectorProperty(size=2, options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context):
        settings = context.scene.niki
        settings.use_subject, settings.subject = True, self.place
        search.end()
        return {"FINISHED"}


def forget_choice(scene: bpy.types.Scene) -> None:
    """Nobody is chosen in the scene any more: its footage is another."""
    search.end()
    scene.niki.use_subject = False


CLASSES = (NIKI_OT_find_people, NIKI_OT_follow_person)


def forget() -> None:
    """Stop what is under way: the extension is being disabled."""
    search.end()
    timers.end(_poll)
