"""Find the people in the footage with a worker, and show their pictures to choose from."""

import shutil
import tempfile
import threading
from dataclasses import dataclass

import bpy
import bpy.utils.previews
from bpy.props import FloatVectorProperty

from ...niki.errors import NikiError
from ..interface import timers
from ..settings.chosen import chosen_runtime, data_folder
from ..work import words
from ..work.runtime import Question
from .sources import OnFootage, chosen_source, readable_source


@dataclass
class FoundPerson:
    """A person in the footage: position (x, y) in pixels, and the icon with their picture."""

    place: tuple[float, float]
    icon: int


class Search:
    """The current search for people, or the result of the last one, in footage of the open file."""

    def __init__(self):
        self.question: Question | None = None
        self.people: list[FoundPerson] = []
        self.problem = ""
        self._path = ""
        self._icons = None
        self._folder = ""

    def is_of(self, scene: bpy.types.Scene) -> bool:
        """Whether it is about the footage of this scene."""
        return self._path != "" and self._path == chosen_source(scene).path

    def begin(self, path: str, frame: int) -> None:
        """Search for people in a frame of the footage.

        Args:
            path: of the footage.
            frame: counted from 0.

        Raises:
            NikiError, OSError: the folder for the pictures cannot be created.
        """
        self.end()
        self._path = path
        self._folder = tempfile.mkdtemp(prefix="niki-people-")
        log = data_folder("captures") / "people.log"
        self.question = Question(
            chosen_runtime(), log, "people", footage=path, frame=frame, folder=self._folder
        )
        timers.start(_poll)

    def take(self, answer: dict) -> None:
        """Use the worker's answer."""
        self.question, self.problem = None, str(answer.get("problem", ""))
        self._icons = bpy.utils.previews.new()
        for person in answer.get("people", []):
            picture = self._icons.load(person["picture"], person["picture"], "IMAGE")
            self.people.append(FoundPerson((person["x"], person["y"]), picture.icon_id))
        if not self.problem and not self.people:
            self.problem = "No person was found in the first frame"

    def give_up(self, problem: str) -> None:
        """Stop, with a reason for the user."""
        path = self._path
        self.end()
        self._path, self.problem = path, problem

    def end(self, wait: bool = False) -> None:
        """Discard the search and its result. The worker ends in the background unless ``wait``."""
        if self._icons is not None:
            bpy.utils.previews.remove(self._icons)
        ending = threading.Thread(target=_clear_away, args=(self.question, self._folder), daemon=True)
        ending.start()
        if wait:
            ending.join()
        self.question, self.people, self.problem, self._icons = None, [], "", None
        self._path = self._folder = ""


def _clear_away(question: Question | None, folder: str):
    """Delete the pictures once the worker has ended."""
    if question is not None:
        question.end(wait=True)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


search = Search()


def forget_choice(scene: bpy.types.Scene) -> None:
    """Forget the people found and chosen, when the scene's footage changes."""
    search.end()
    if scene.niki_capture.use_subject:
        scene.niki_capture.use_subject = False


@timers.keep_running(lambda problem: search.give_up(words.describe_error(problem)))
def _poll() -> float | None:
    if search.question is None:
        return None
    answer = search.question.poll()
    if answer is not None:
        search.take(answer)
        timers.redraw("VIEW_3D")
    return None if answer is not None else 0.1


class NIKI_OT_find_people(OnFootage, bpy.types.Operator):
    """Start a search for people."""

    bl_idname = "niki.find_people"
    bl_label = "Find People"
    bl_description = "List the people in the first frame to choose which one to follow"

    def execute(self, context):
        try:
            source = readable_source(context.scene)
            search.begin(source.path, source.first or 0)
        except (NikiError, OSError) as problem:
            self.report({"ERROR"}, words.describe_error(problem))
            return {"CANCELLED"}
        return {"FINISHED"}


class NIKI_OT_follow_person(bpy.types.Operator):
    """Choose one of the people found."""

    bl_idname = "niki.follow_person"
    bl_label = "Follow"
    bl_description = "Follow this person"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    place: FloatVectorProperty(size=2, options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context):
        if not search.is_of(context.scene):
            self.report({"ERROR"}, "These people are from other footage: use Find People again")
            return {"CANCELLED"}
        settings = context.scene.niki_capture
        settings.use_subject, settings.subject = True, self.place
        search.end()
        return {"FINISHED"}


CLASSES = (NIKI_OT_find_people, NIKI_OT_follow_person)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


@bpy.app.handlers.persistent
def _file_opened(*_):
    """Handler: discard the search, which was for the previous file."""
    search.end()


def register() -> None:
    _register_classes()
    bpy.app.handlers.load_post.append(_file_opened)


def unregister() -> None:
    bpy.app.handlers.load_post.remove(_file_opened)
    search.end(wait=True)
    timers.stop(_poll)
    _unregister_classes()
