"""The refinement under way: a worker solves the motion; a timer waits for it and adds the action."""

import shutil
import tempfile
import threading
from pathlib import Path

import bpy

from ...niki.errors import NikiError
from ...niki.motion.contacts import save_contacts
from ...niki.motion.motion import Motion
from ..interface import timers
from ..placement.refined import Origin, add_refined
from ..rig.contacts import contact_keys
from ..rig.curve_keys import CurveKeys
from ..rig.refine_settings import look_at
from ..scene.identity import find_by_identity, identity_of
from ..settings.chosen import chosen_runtime, data_folder
from ..work import words
from ..work.runtime import Question

_POLL_EVERY = 0.1  # seconds
_LONGEST = 3600.0  # seconds for the worker's answer
_MOTION, _CONTACTS = "refined.npz", "contacts.npz"


class Refining:
    """The refinement under way, or the outcome of the last one, in the open file."""

    def __init__(self):
        self.question: Question | None = None
        self.solved: Path | None = None
        self.problem = ""
        self._contacts: dict[str, CurveKeys] | None = None  # of the user; None if they were found
        self._origin: Origin | None = None
        self._folder = self._rig = self._identity = ""

    @property
    def busy(self) -> bool:
        """Whether a motion is being solved, or waits to be added."""
        return self.question is not None or self.solved is not None

    def is_of(self, rig: bpy.types.Object) -> bool:
        """Whether it is about this armature."""
        return bool(self._rig) and rig == self.armature()

    def armature(self) -> bpy.types.Object | None:
        """The armature that it is about; None if that was deleted."""
        return find_by_identity(bpy.data.objects, self._rig, self._identity)

    def begin(self, rig: bpy.types.Object) -> None:
        """Solve the motion of an armature again, as its settings say.

        Raises:
            NikiError: there are no readings.
            OSError: the folder for the result cannot be created.
        """
        settings = rig.niki_refine
        if not settings.readings or not look_at(settings.readings):
            raise NikiError(
                f"The readings are not there: {settings.readings or 'no file is chosen'}",
                "choose the motion file of this capture under Readings, or capture the footage again",
            )
        self.end()
        self._rig, self._identity = rig.name, identity_of(rig)
        self._origin = Origin.of(rig)
        self._folder = tempfile.mkdtemp(prefix="niki-refine-")
        self._contacts, told = None, {}
        if settings.contacts_as_keyed():
            self._contacts = contact_keys(rig)
            told["contacts"] = str(Path(self._folder) / _CONTACTS)
            save_contacts(told["contacts"], settings.keyed_contacts())
        self.question = Question(
            chosen_runtime(), data_folder("captures") / "refine.log", "solve", timeout=_LONGEST,
            motion=bpy.path.abspath(settings.readings), output=str(Path(self._folder) / _MOTION),
            solver=settings.solver, **told, **settings.refinement().as_dict(),
        )  # fmt: skip
        timers.start(_poll)

    def take(self, answer: dict) -> None:
        """Use the worker's answer."""
        self.question = None
        if answer.get("problem"):
            self.give_up(str(answer["problem"]))
        else:
            self.solved = Path(self._folder) / _MOTION

    def add(self) -> bpy.types.Action | None:
        """Add what was solved as an action, as one undo step; None after an error, which is kept for the panel."""
        assert self.solved is not None
        rig, solved, self.solved = self.armature(), self.solved, None
        try:
            if rig is None:
                raise NikiError("The armature that was refined no longer exists")
            scene = next(iter(rig.users_scene), bpy.context.scene)
            action = add_refined(scene, rig, Motion.load(solved), self._contacts, self._origin)
        except NikiError as problem:
            self.give_up(words.describe_error(problem))
            return None
        self.problem = ""
        self._clear_away(None)
        bpy.ops.ed.undo_push(message="Refine Motion")
        return action

    def give_up(self, problem: str) -> None:
        """Stop, with a reason for the user."""
        question, self.question, self.solved, self.problem = self.question, None, None, problem
        self._clear_away(question)

    def end(self, wait: bool = False) -> None:
        """Stop, and forget the outcome. The worker ends in the background unless ``wait``."""
        question, self.question, self.solved, self.problem = self.question, None, None, ""
        self._clear_away(question, wait)
        self._rig = self._identity = ""

    def _clear_away(self, question: Question | None, wait: bool = False):
        """Delete the result once the worker has ended."""
        folder, self._folder = self._folder, ""
        if question is None and not folder:
            return
        ending = threading.Thread(target=_end, args=(question, folder), daemon=True)
        ending.start()
        if wait:
            ending.join()


def _end(question: Question | None, folder: str):
    if question is not None:
        question.end(wait=True)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


refining = Refining()


def why_it_waits() -> str:
    """Why a solved motion is not added now, for the user; "" if it can be."""
    if bpy.app.is_job_running("RENDER"):
        return "Waits until rendering has finished"
    if bpy.context.mode not in ("OBJECT", "POSE"):  # undo steps of other modes do not include actions
        return "Waits until you are in Object or Pose Mode"
    if any(window.modal_operators for window in bpy.context.window_manager.windows):
        return "Waits until you finish the current operation"
    return ""


@timers.keep_running(lambda problem: refining.give_up(words.describe_error(problem)))
def _poll() -> float | None:
    if refining.question is not None:
        answer = refining.question.poll()
        if answer is not None:
            refining.take(answer)
    if refining.solved is not None and not why_it_waits():
        refining.add()
    if not refining.busy:
        timers.redraw("VIEW_3D", "DOPESHEET_EDITOR", "GRAPH_EDITOR")
        return None
    return _POLL_EVERY


def _look_at_all() -> None:
    """Timer: once for each opened file, look whether the readings are there that its panels show."""
    for rig in bpy.data.objects:
        if rig.type == "ARMATURE" and rig.niki_refine.readings:
            look_at(rig.niki_refine.readings)


@bpy.app.handlers.persistent
def _file_opened(*_):
    """Handler: discard the refinement, which was for the previous file."""
    refining.end()
    timers.start(_look_at_all)


def register() -> None:
    bpy.app.handlers.load_post.append(_file_opened)
    timers.start(_look_at_all)


def unregister() -> None:
    bpy.app.handlers.load_post.remove(_file_opened)
    timers.stop(_look_at_all)
    timers.stop(_poll)
    refining.end(wait=True)
