"""The operator Reduce Keys, and what it shares with Bake: the dense keys stay as a muted NLA track."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import bpy
import numpy as np
from bpy.props import BoolProperty, FloatProperty

from ...niki.body.skeleton import BONES
from ...niki.errors import NikiError
from ..pose.last_pull import take_pulls_along
from ..rig import unkeyed
from ..rig.animation import (
    add_muted_track,
    assign_action,
    copy_action,
    copy_in_place,
    ensure_animation_data,
    fcurves_of,
    slot_handle,
)
from ..rig.armature import OnArmature, active_object
from ..rig.confidence import thin_confidence
from ..rig.root import ROOT, has_root
from ..rig.selection import is_selected
from .reducing import Reduced, reduce_keys


class NIKI_OT_reduce_keys(OnArmature, bpy.types.Operator):
    """Replace the keys of the armature's action by fewer ones with Bezier handles. The dense keys stay in a muted NLA track"""

    bl_idname = "niki.reduce_keys"
    bl_label = "Reduce Keys"
    bl_options = {"REGISTER", "UNDO"}

    max_error: FloatProperty(
        name="Max Error (mm)",
        default=5.0,
        min=0.01,
        description="How far any part of the bones may be from where it was, in millimeters",
    )
    only_selected: BoolProperty(
        name="Only Selected Bones", description="Reduce the keys of the selected bones only"
    )

    def execute(self, context):
        rig = active_object(context)
        bones = [bone.name for bone in rig.pose.bones if not self.only_selected or is_selected(bone)]
        problem = ""
        if not any(len(curve.keyframe_points) for curve in fcurves_of(rig)):
            problem = "The armature has no action with keyframes"
        elif not bones:
            problem = "No bones are selected. Select some, or turn off Only Selected Bones"
        if problem:
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        manager = context.window_manager
        manager.progress_begin(0, 1)
        try:
            with unkeyed.keep_posed_by_hand(rig, context.scene) as (by_hand, changed):
                reduced = keep_dense_and_reduce(rig, self.max_error, bones, progress=manager.progress_update)
                changed |= {
                    (rig, path) for path in reduced.paths if not any(f'["{n}"]' in path for n in by_hand)
                }
        except NikiError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        finally:
            manager.progress_end()
        if not reduced.kept:
            self.report({"INFO"}, ". ".join(["No keys can go: nothing was changed", *untouched(reduced)]))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{rig.animation_data.action.name}: {in_words(rig, reduced)}")
        return {"FINISHED"}


def keep_dense_and_reduce(
    rig: bpy.types.Object,
    max_error: float,
    bones: Iterable[str] = BONES,
    span: tuple[int, int] | None = None,
    step: int = 1,
    overwrite: bool = False,
    progress: Callable[[float], None] = lambda share: None,
) -> Reduced:
    """Reduce the keys of the rig's action. The action as it was stays in a muted NLA track; if no key can go, nothing
    changes.

    Args:
        max_error: millimeters in the world.
        bones, span, step, progress: as in :func:`.reducing.reduce_keys`.
        overwrite: change the action itself, and keep a copy in the track; default: change a copy.

    Raises:
        NikiError: the rig's action cannot be changed now.
    """
    ensure_animation_data(rig)
    dense, handle = rig.animation_data.action, slot_handle(rig)
    assert dense is not None  # there is something to reduce
    fake_user = dense.use_fake_user
    names = list(bones) + [ROOT] * (has_root(rig) and set(BONES) <= set(bones))
    if overwrite:
        kept, wanted = copy_in_place(rig, f"{dense.name} dense"), dense
    else:
        kept, wanted = dense, copy_action(rig, f"{dense.name} reduced")
    reduced = reduce_keys(rig, max_error / 1000 / _scale(rig), names, span, step, progress)
    if not reduced.kept:
        if not overwrite:
            assign_action(rig, dense, handle)
            dense.use_fake_user = fake_user
        bpy.data.actions.remove(kept if overwrite else wanted)
        return reduced
    take_pulls_along(rig, dense.name)
    thin_confidence(rig, set(names), span)
    name = kept.name if overwrite else f"{kept.name} dense"
    add_muted_track(rig, kept, handle, name)
    return reduced


def in_words(rig: bpy.types.Object, reduced: Reduced) -> str:
    """What a reduction did."""
    track = rig.animation_data.nla_tracks[-1].name
    return ". ".join(
        [
            f"kept {reduced.kept:,} of {reduced.before:,} keys ({reduced.kept / reduced.before:.0%}), "
            f"max error {1000 * reduced.error * _scale(rig):.1f} mm",
            f"The dense keys are in the muted NLA track {track}",
            *untouched(reduced),
        ]
    )


def untouched(reduced: Reduced) -> list[str]:
    """What a reduction has left alone, as a sentence, or nothing."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in reduced.left_alone.items())
    return [f"Curves left alone: {kinds}"] if kinds else []


def _scale(rig: bpy.types.Object) -> float:
    """How much larger the object and its bones make what hangs on them."""
    world = rig.matrix_world
    bones = [(world @ bone.matrix).to_scale() for bone in rig.pose.bones if bone.children]
    scales = [world.to_scale(), *bones]
    return float(np.abs(np.array(scales)).max()) or 1.0


CLASSES = (NIKI_OT_reduce_keys,)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
