"""Targets that live in the scene: empties that joints are drawn to, frame by frame."""

from __future__ import annotations

import contextlib
import json
import traceback

import bpy
import numpy as np
from mathutils import Matrix

from ...niki.body.skeleton import BONES, JOINTS, NUM_BONES
from ...niki.errors import NikiError
from ...niki.pose.targets import ORIENTED, Posture
from ..rig.animation import bone_path, fcurves_of
from ..rig.armature import OnArmature, is_our_armature
from ..rig.channels import Channels
from ..work import words
from .pulling import Pull, Start, joints_and_bones

_USUAL = ("left_wrist", "right_wrist", "left_ankle", "right_ankle", "head", "pelvis")
_SIZE = 0.05  # of the body's height
_solving = False  # whether handlers are to keep still


def targets_of(rig: bpy.types.Object) -> list[bpy.types.Object]:
    """The empties that draw joints of ``rig``."""
    return [o for o in bpy.data.objects if o.niki.target_of == rig and o.niki.target_joint in JOINTS]


def make_targets(rig: bpy.types.Object, joints) -> list[bpy.types.Object]:
    """An empty for each joint by name, where it is now; those that are there already stay."""
    places, turned = joints_and_bones(rig)
    there = {o.niki.target_joint for o in targets_of(rig)}
    collection = _collection(rig)
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


def _collection(rig: bpy.types.Object) -> bpy.types.Collection:
    """Where the rig's targets are, or a new collection beside the rig."""
    for empty in targets_of(rig):
        for collection in empty.users_collection:
            return collection
    collection = bpy.data.collections.new(f"{rig.name} Targets")
    beside = next(iter(rig.users_collection), bpy.context.scene.collection)
    beside.children.link(collection)
    return collection


def remember_base(rig: bpy.types.Object) -> None:
    """Remember the pose that targets change, for frames that no action poses."""
    _remember(rig, Start.of(rig))
    solve_targets(rig, bpy.context.evaluated_depsgraph_get())


def solve_targets(rig: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> None:
    """Pose ``rig`` for its targets as they stand."""
    targets = targets_of(rig)
    if not targets or _solving:
        return
    with _unheard(), _problem_shown(rig):
        world = np.array(rig.evaluated_get(depsgraph).matrix_world)
        pull, wanted = Pull(rig, _remembered(rig), world), []
        for empty in targets:
            settings, matrix = empty.niki, np.array(empty.evaluated_get(depsgraph).matrix_world)
            joint, weight = settings.target_joint, settings.target_weight
            turns = settings.target_turns and joint in ORIENTED
            looks = settings.target_looks and joint == "head"
            wanted.append(pull.target(joint, matrix, weight, turns, looks))
        pull.solve(wanted)


@contextlib.contextmanager
def _problem_shown(rig: bpy.types.Object):
    """What cannot be met, such as two empties that want one joint in two places, leaves the pose as it was
    and is said in the panel."""
    problem = ""
    try:
        yield
    except NikiError as error:
        problem = str(error)
    except Exception as error:  # a handler must not fail: Blender would say it at every move
        traceback.print_exc()
        problem = words.describe_error(error)
    if rig.niki.target_problem != problem:
        rig.niki.target_problem = problem


@contextlib.contextmanager
def _unheard():
    """What is written meanwhile does not call our handlers again."""
    global _solving
    _solving = True
    try:
        yield
    finally:
        _solving = False


def _remember(rig: bpy.types.Object, start: Start) -> None:
    """Keep the pose with the armature: it goes with it through undo, files and renaming."""
    rig.niki.base = json.dumps({
        "rotations": start.posture.rotations.ravel().tolist(),
        "translation": start.posture.translation.tolist(),
        "channels": start.channels.rotations,
        "locations": start.channels.locations,
    })  # fmt: skip


def _remembered(rig: bpy.types.Object) -> Start:
    try:
        kept = json.loads(rig.niki.base)
        posture = Posture(np.array(kept["rotations"]).reshape(NUM_BONES, 3, 3), np.array(kept["translation"]))
        rotations = {name: (mode, tuple(values)) for name, (mode, values) in kept["channels"].items()}
        return Start(posture, Channels(rotations, kept["locations"]))
    except (ValueError, KeyError, TypeError):
        return Start.of(rig)


def _following(scene):
    return [o for o in scene.objects if o.type == "ARMATURE" and o.niki.follow_targets and is_our_armature(o)]


@bpy.app.handlers.persistent
def follow_frame(scene, depsgraph) -> None:
    """Handler: another frame; animation has posed the rigs anew."""
    for rig in _following(scene):
        animated = _animated_bones(rig)
        if animated:
            still = [name for name in BONES if name not in animated]
            if still:  # they are where the last frame's targets drew them
                _remembered(rig).channels.restore(rig, still)
                with _unheard():
                    depsgraph.update()
            _remember(rig, Start.of(rig, depsgraph))
        solve_targets(rig, depsgraph)


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
        solve_targets(rig, depsgraph)
    if depsgraph.id_type_updated("COLLECTION") or depsgraph.id_type_updated("SCENE"):
        forget_deleted_rigs()


@bpy.app.handlers.persistent
def forget_deleted_rigs(*_) -> None:
    """Handler: let go of rigs that are in no scene any more: a target, or the choice of an armature to
    animate, would keep them in the file."""
    for empty in bpy.data.objects:
        rig = empty.niki.target_of
        if rig is not None and not rig.users_collection and empty.library is None:
            empty.niki.target_of = None
    for scene in bpy.data.scenes:
        rig = scene.niki.armature
        if rig is not None and not rig.users_collection and scene.library is None:
            scene.niki.armature = None


def _animated_bones(rig: bpy.types.Object) -> set[str]:
    """Bones that the rig's action or its NLA poses at every frame."""
    data = rig.animation_data
    if data is None:
        return set()
    if any(not track.mute for track in data.nla_tracks):
        return set(BONES)
    paths = {curve.data_path for curve in fcurves_of(rig)}
    return {name for name in BONES if any(path.startswith(bone_path(name, "")) for path in paths)}


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
        self.report({"INFO"}, f"{len(made)} targets in the collection {_collection(rig).name}")
        return {"FINISHED"}


CLASSES = (NIKI_OT_make_targets,)


def register():
    bpy.app.handlers.frame_change_post.append(follow_frame)
    bpy.app.handlers.depsgraph_update_post.append(follow_changes)
    bpy.app.handlers.save_pre.append(forget_deleted_rigs)


def unregister():
    bpy.app.handlers.save_pre.remove(forget_deleted_rigs)
    bpy.app.handlers.depsgraph_update_post.remove(follow_changes)
    bpy.app.handlers.frame_change_post.remove(follow_frame)
