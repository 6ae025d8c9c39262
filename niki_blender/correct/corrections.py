"""The list of a corrected action's corrections. Each can be muted, removed and faded differently at any time.

The action keeps its original, from whose keys and the corrections its own keys are written.
"""

from __future__ import annotations

from collections.abc import Collection

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)

from ...niki.errors import NikiError
from ..interface.layout import CONTEXT
from ..rig.animation import copy_action, ensure_animation_data, owner_in, slot_handle
from ..rig.unkeyed import keep_posed_by_hand
from .layers import Layer
from .recomposing import Applied, recompose


def _settings_changed(correction: NIKI_PG_correction, context: bpy.types.Context) -> None:
    action = correction.id_data
    if not correction.data:  # it is being made
        return
    if not can_change(action):  # its keys stay, and so must what tells of them
        on, fade_in, fade_out = correction.written
        for name, value in (("muted", not on), ("fade_in", fade_in), ("fade_out", fade_out)):
            if correction.get(name) != value and getattr(correction, name) != value:
                setattr(correction, name, value)
        return
    if _state(correction) != tuple(correction.written):
        rewrite(context, action)


class NIKI_PG_correction(bpy.types.PropertyGroup):
    """A correction of an action."""

    kind: EnumProperty(
        name="Kind",
        translation_context=CONTEXT,
        items=[
            ("PULL", "Pull", "A pulled pose, blended into the frames around it"),
            ("HOLD", "Hold", "Joints held in place"),
        ],
    )
    frame: IntProperty(name="Frame", description="The frame that was corrected, or the first one")
    muted: BoolProperty(
        name="Mute", description="Leave this correction out of the motion", update=_settings_changed
    )
    fade_in: IntProperty(
        name="Fade In",
        min=0,
        soft_max=100,
        description="Number of frames before the correction over which it fades in",
        update=_settings_changed,
    )
    fade_out: IntProperty(
        name="Fade Out",
        min=0,
        soft_max=100,
        description="Number of frames after the correction over which it fades out",
        update=_settings_changed,
    )
    data: StringProperty(options={"HIDDEN"}, description="What the correction adds to the channels of bones")
    written: IntVectorProperty(
        size=3,
        options={"HIDDEN"},
        description="Whether it is in the action's keys, and how it fades there",
    )


def can_change(action: bpy.types.Action | None) -> bool:
    """Whether the corrections of an action can be changed: it is in this file, and its original still exists."""
    return action is not None and action.library is None and action.niki_original is not None


def add_correction(
    rig: bpy.types.Object, layer: Layer, name: str, kind: str, fades: tuple[int, int]
) -> bpy.types.Action:
    """Add a correction to the rig's motion and return the corrected action.

    Unless the rig's action is a corrected one that nothing else uses, the rig gets a copy first.

    Raises:
        NikiError: the rig's action cannot be changed now.
    """
    action = _corrected_action(rig)
    correction = action.niki_corrections.add()
    correction.name, correction.kind, correction.frame = name, kind, layer.first
    correction.fade_in, correction.fade_out = fades
    correction.data = layer.to_text()  # last: with it, changed settings write the keys
    action.niki_correction_index = len(action.niki_corrections) - 1
    _rewrite(action)
    return action


def remove_correction(context: bpy.types.Context, action: bpy.types.Action, index: int) -> None:
    """Take a correction out of the motion and off the list."""
    correction = action.niki_corrections[index]
    if not correction.muted:
        correction.muted = True
    action.niki_corrections.remove(index)
    action.niki_correction_index = min(max(index - 1, 0), max(len(action.niki_corrections) - 1, 0))


def rewrite(context: bpy.types.Context, action: bpy.types.Action) -> None:
    """Write the action's keys as its corrections are now. Poses that are not keyed stay in the view."""
    rig = context.object
    if rig is None or rig.animation_data is None or rig.animation_data.action != action:
        _rewrite(action)
        return
    layers = [Layer.from_text(correction.data) for correction in _changed(action)]
    with keep_posed_by_hand(rig, context.scene) as (unkeyed, changed):
        _rewrite(action, posed=unkeyed)
        for layer in layers:
            changed |= layer.changed_paths(rig, excluded=unkeyed)


def _rewrite(action: bpy.types.Action, posed: Collection[str] = ()) -> None:
    """Write the keys anew.

    Args:
        posed: bones that keep their pose even where no f-curve of theirs is left.
    """
    original, handle = action.niki_original, action.niki_slot
    owner = owner_in(action, handle)
    if owner is None:
        raise NikiError(
            f"{action.name} has lost the channels of its armature", "undo, or use the original action"
        )
    before, after = [], []
    for correction in action.niki_corrections:
        layer, state = Layer.from_text(correction.data), _state(correction)
        before += [Applied(layer, *correction.written[1:])] * bool(correction.written[0])
        after += [Applied(layer, *state[1:])] * bool(state[0])
    curves = {(curve.data_path, curve.array_index) for curve in owner.fcurves}
    recompose(owner, owner_in(original, handle), before, after)
    gone = curves - {(curve.data_path, curve.array_index) for curve in owner.fcurves}
    changes = [change for applied in before for change in applied.layer.changes if change.bone not in posed]
    for rig in _animated_by(action, handle):
        for change in changes:
            change.put_back(rig, [index for path, index in gone if path == change.path])
    for correction in _changed(action):
        correction.written = _state(correction)


def _animated_by(action: bpy.types.Action, handle: int) -> list[bpy.types.Object]:
    """The armatures that a slot of an action animates."""
    armatures = [o for o in bpy.data.objects if o.type == "ARMATURE" and o.animation_data is not None]
    return [o for o in armatures if o.animation_data.action == action and slot_handle(o) == handle]


def _changed(action: bpy.types.Action) -> list[NIKI_PG_correction]:
    return [item for item in action.niki_corrections if _state(item) != tuple(item.written)]


def _state(correction: NIKI_PG_correction) -> tuple[int, int, int]:
    return int(not correction.muted), correction.fade_in, correction.fade_out


def _corrected_action(rig: bpy.types.Object) -> bpy.types.Action:
    """The rig's action, if it is a corrected one that nothing else uses; otherwise a copy in its place."""
    ensure_animation_data(rig)
    action = rig.animation_data.action
    if can_change(action) and action.users - action.use_fake_user == 1:
        return action
    origin, handle = action, slot_handle(rig)
    if action.niki_original is not None:
        origin, handle = action.niki_original, action.niki_slot
    copy = copy_action(rig, f"{origin.name} corrected")
    if action.niki_original is None:
        copy.niki_corrections.clear()  # of an original that is gone: they are part of the motion now
    copy.niki_original, copy.niki_slot = origin, handle
    return copy


CLASSES = (NIKI_PG_correction,)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)
_PROPERTIES = ("niki_corrections", "niki_correction_index", "niki_original", "niki_slot")


def register():
    _register_classes()
    kind = bpy.types.Action
    kind.niki_corrections = CollectionProperty(type=NIKI_PG_correction)
    kind.niki_correction_index = IntProperty(name="Active Correction", min=0)
    kind.niki_original = PointerProperty(
        name="Original", type=bpy.types.Action, description="The action without the corrections"
    )
    kind.niki_slot = IntProperty(options={"HIDDEN"})


def unregister():
    for name in _PROPERTIES:
        delattr(bpy.types.Action, name)
    _unregister_classes()
