"""On armatures: how the captured motion is to be refined, where its readings are, and how it was placed."""

import bpy
import numpy as np
from bpy.props import (
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ...niki.motion.refinement import LIMBS, LONGEST, Refinement
from ..interface.layout import CONTEXT
from ..work.paths import is_file
from .contacts import contacts_edited, keyed_contacts

SOLVERS = (
    # Files store the number.
    ("auto", "Automatic", "NIKI or Temporal NIKI, whichever suits the estimator", "NONE", 2),
    ("niki", "NIKI", "A neural network that keeps the pose plausible where joints are hidden", "NONE", 0),
    ("niki-temporal", "Temporal NIKI", "NIKI with a view of two seconds, for joints that jitter", "NONE", 3),
    ("hybrik", "Analytic", "Follows the detected joints exactly, plausible or not", "NONE", 1),
)
"""How a motion is solved, as items of an enum."""

_DEFAULTS = Refinement()
_missing: set[str] = set()


def is_missing(path: str) -> bool:
    """Whether the last :func:`look_at` found no file; panels draw often and may not wait for a disk."""
    return path in _missing


def look_at(path: str) -> bool:
    """Whether there is a file at a path as the user gave it."""
    found = is_file(bpy.path.abspath(path))
    (_missing.discard if found else _missing.add)(path)
    return found


def _readings_chosen(settings, _context):
    if settings.readings:
        look_at(settings.readings)


def _seconds(name: str, limb: str):
    return FloatProperty(
        name=name, min=0.0, max=LONGEST, soft_max=0.5, step=1, precision=2, unit="TIME_ABSOLUTE",
        default=getattr(_DEFAULTS, f"smooth_{limb}"),
        description=f"Smoothing of the {limb} in seconds: movements to and fro within this time are halved. 0 is off",
    )  # fmt: skip


class NIKI_PG_refine(bpy.types.PropertyGroup):
    """Refinement of an armature's captured motion."""

    readings: StringProperty(
        name="Readings",
        subtype="FILE_PATH",
        update=_readings_chosen,
        description=(
            "The motion file with what was detected in the footage, from which the motion is solved again. That of a "
            "capture is kept in the extension's folder, and removed with it: copy the file to keep it"
        ),
    )
    smooth_trunk: _seconds("Smooth Trunk", "trunk")
    smooth_legs: _seconds("Legs", "legs")
    smooth_arms: _seconds("Arms", "arms")
    smooth_hands: _seconds("Hands", "hands")
    solver: EnumProperty(
        name="Solver",
        default="auto",
        translation_context=CONTEXT,
        description="How bone rotations are computed from the detected joints",
        items=SOLVERS,
    )
    feet: EnumProperty(
        name="Feet",
        default=_DEFAULTS.feet,
        translation_context=CONTEXT,
        description="How feet are kept in place",
        items=(
            ("off", "Off", "As they were solved", "NONE", 0),
            ("automatic", "Automatic", "Still while they touch the ground", "NONE", 1),
            (
                "always",
                "Always",
                "Both feet stay in one place throughout: only for people who never step",
                "NONE",
                2,
            ),
            ("grounded", "Grounded", "As Automatic, and the lower foot never leaves the ground", "NONE", 3),
        ),
    )
    contacts: EnumProperty(
        name="Contacts",
        default="AUTO",
        translation_context=CONTEXT,
        description="Where feet and hands touch something",
        items=(
            ("AUTO", "Automatic", "As keyed once you have edited them, before that as found", "NONE", 0),
            ("FOUND", "Found", "Where feet are seen to touch the ground; hands never", "NONE", 1),
            ("KEYED", "As Keyed", "As in the action that is shown, whoever keyed them", "NONE", 2),
        ),
    )
    frames: IntProperty(
        options={"HIDDEN"}, description="Frames of the captured motion; 0 if it has no readings"
    )
    captured: StringProperty(options={"HIDDEN"}, description="Fingerprint of what the motion was solved from")
    frame_start: IntProperty(options={"HIDDEN"}, description="Scene frame of the motion's first frame")
    rate: FloatProperty(options={"HIDDEN"}, description="Frame rate that the motion was placed at")
    captured_rate: FloatProperty(options={"HIDDEN"}, description="Frame rate that the motion was captured at")
    offset: FloatVectorProperty(
        options={"HIDDEN"}, description="How far the motion was moved when it was placed"
    )
    world: FloatVectorProperty(
        options={"HIDDEN"}, size=16, description="The armature's world matrix when the motion was placed"
    )
    before: PointerProperty(type=bpy.types.Action, options={"HIDDEN"}, description="The captured action")
    after: PointerProperty(type=bpy.types.Action, options={"HIDDEN"}, description="The refined action")
    slot: IntProperty(options={"HIDDEN"}, description="The slot of both actions that animates the armature")
    fingerprint: StringProperty(
        options={"HIDDEN"}, description="Of the refined action's keys as they were made"
    )

    def refinement(self) -> Refinement:
        """What the panel shows, without the noise of single precision."""
        names = [f"smooth_{limb}" for limb in LIMBS]
        return Refinement(**{name: round(getattr(self, name), 4) for name in names}, feet=self.feet)

    def contacts_as_keyed(self) -> bool:
        """Whether the contacts in the armature's action are used, and none looked for."""
        return self.contacts == "KEYED" or (self.contacts == "AUTO" and contacts_edited(self.id_data))

    def keyed_contacts(self) -> np.ndarray:
        """(T, 6) the contacts in the armature's action, at the frames of the capture."""
        spacing = self.rate / self.captured_rate if self.captured_rate else 1.0
        return keyed_contacts(self.id_data, self.frame_start + spacing * np.arange(self.frames))


CLASSES = (NIKI_PG_refine,)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register():
    _register_classes()
    bpy.types.Object.niki_refine = PointerProperty(type=NIKI_PG_refine)


def unregister():
    del bpy.types.Object.niki_refine
    _unregister_classes()
