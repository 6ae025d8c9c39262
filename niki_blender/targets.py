"""Targets that live in the scene: empties that joints are drawn to, frame by frame."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from ..niki.errors import NikiError
from ..niki.posing import ORIENTED, Posture
from ..niki.skeleton import JOINTS, NUM_BONES
from .animation import fcurves_of
from .armature import OnArmature, is_our_armature
from .posture import body_of, read_posture
from .pulling import Pull, joints_and_bones

COLLECTION = "NIKI Targets"
_USUAL = ("left_wrist", "right_wrist", "left_ankle", "right_ankle", "head", "pelvis")
_BASE = "niki_base"
_SIZE = 0.05  # of the body's height
_starts: dict[str, Posture] = {}
_solving = False


def targets_of(rig: bpy.types.Object) -> list[bpy.types.Object]:
    """The empties that draw joints of ``rig``."""
    return [o for o in bpy.data.objects if o.niki.target_of == rig and o.niki.target_joint in JOINTS]


def make_targets(rig: bpy.types.Object, joints) -> list[bpy.types.Object]:
    """An empty for each joint by name, where it is now; those that are there already stay."""
    collection = bpy.data.collections.get(COLLECTION) or bpy.data.collections.new(COLLECTION)
    if collection.name not in bpy.context.scene.collection.children:
        bpy.context.scene.collection.children.link(collection)
    places, turned = joints_and_bones(rig)
    there = {o.niki.target_joint for o in targets_of(rig)}
    made = []
    for joint in joints:
        if joint in there:
            continue
        empty = bpy.data.objects.new(f"{rig.name} {joint}", None)
        empty.empty_display_type = "SPHERE"
        empty.empty_display_size = _SIZE * np.ptp(places[:, 2])
        empty.show_in_front = True
        empty.color = (1.0, 0.62, 0.1, 1.0)
        empty.location = places[JOINTS.index(joint)]
        empty.niki.target_of, empty.niki.target_joint = rig, joint
        if joint in ORIENTED:
            empty.rotation_euler = Matrix(turned[JOINTS.index(joint)].tolist()).to_euler()
            empty.niki.target_turns = joint.endswith("ankle")
        collection.objects.link(empty)
        made.append(empty)
    return made


def begin(rig: bpy.types.Object) -> None:
    """Remember the pose that targets change, for frames that no action poses."""
    posture = read_posture(rig, body_of(rig))
    rig[_BASE] = np.append(posture.rotations.ravel(), posture.translation).tolist()
    _starts.pop(rig.name, None)
    solve(rig)


def solve(rig: bpy.types.Object) -> None:
    """Pose ``rig`` for its targets as they stand."""
    global _solving
    targets = targets_of(rig)
    if not targets or _solving:
        return
    _solving = True
    try:
        pull = Pull(rig, _starts.get(rig.name) or _base(rig))
        depsgraph = bpy.context.evaluated_depsgraph_get()
        wanted = []
        for empty in targets:
            settings, matrix = empty.niki, np.array(empty.evaluated_get(depsgraph).matrix_world)
            joint, weight = settings.target_joint, settings.target_weight
            turns, looks = (
                settings.target_turns and joint in ORIENTED,
                settings.target_looks and joint == "head",
            )
            wanted.append(pull.target(joint, matrix, weight, turns, looks))
        pull.solve(wanted)
    except NikiError:  # a target without a place, or a rig scaled to nothing: the pose stays as it was
        pass
    finally:
        _solving = False


def _base(rig: bpy.types.Object) -> Posture:
    values = np.array(rig.get(_BASE, ()), float)
    if len(values) != 9 * NUM_BONES + 3:
        return read_posture(rig, body_of(rig))
    return Posture(values[:-3].reshape(NUM_BONES, 3, 3), values[-3:])


def _following(scene):
    return [o for o in scene.objects if o.type == "ARMATURE" and o.niki.follow_targets and is_our_armature(o)]


@bpy.app.handlers.persistent
def follow_frame(scene, *_) -> None:
    """Handler: another frame; animation has posed the rigs anew."""
    for rig in _following(scene):
        if any(curve.data_path.startswith("pose.bones") for curve in fcurves_of(rig)):
            _starts[rig.name] = read_posture(rig, body_of(rig))
        solve(rig)


@bpy.app.handlers.persistent
def follow_changes(_scene, depsgraph) -> None:
    """Handler: something moved; was it a target?"""
    if _solving:
        return
    rigs = set()
    for update in depsgraph.updates:  # few, where the scene's objects may be many
        if update.is_updated_transform and isinstance(update.id, bpy.types.Object):
            rig = update.id.original.niki.target_of
            if rig is not None and rig.niki.follow_targets and is_our_armature(rig):
                rigs.add(rig)
    for rig in rigs:
        solve(rig)


class NIKI_OT_make_targets(OnArmature, bpy.types.Operator):
    """Make empties for the selected joints, or for hands, feet, head and hips where none is selected, that draw the body"""

    bl_idname = "niki.make_targets"
    bl_label = "Make Targets"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context):
        rig = context.object
        chosen = [JOINTS[j] for j, pulled in enumerate(rig.niki.pulled) if pulled] or _USUAL
        made = make_targets(rig, chosen)
        rig.niki.follow_targets = True
        self.report({"INFO"}, f"{len(made)} targets in the collection {COLLECTION}")
        return {"FINISHED"}


CLASSES = (NIKI_OT_make_targets,)


def register():
    bpy.app.handlers.frame_change_post.append(follow_frame)
    bpy.app.handlers.depsgraph_update_post.append(follow_changes)


def unregister():
    bpy.app.handlers.depsgraph_update_post.remove(follow_changes)
    bpy.app.handlers.frame_change_post.remove(follow_frame)
    _starts.clear()
