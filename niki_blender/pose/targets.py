"""Targets: empties in the scene that joints follow, frame by frame."""

from __future__ import annotations

import contextlib
import json
import traceback
from collections.abc import Iterable

import bpy
import numpy as np
from mathutils import Matrix

from ...niki.body.skeleton import BONES, JOINTS, NUM_BONES
from ...niki.errors import NikiError
from ...niki.pose.targets import ORIENTED, Posture
from ..handles.selecting import selected_joints
from ..rig.animation import bone_path, fcurves_of
from ..rig.armature import (
    OnArmature,
    active_object,
    is_our_armature,
    joint_label,
    may_have_deleted,
    release_deleted,
)
from ..rig.channels import Channels
from ..rig.posture import pose_in_scene
from ..work import words
from .pulling import Pull, Start

_DEFAULT_JOINTS = ("left_wrist", "right_wrist", "left_ankle", "right_ankle", "head", "pelvis")
_SIZE = 0.05  # of an empty, as a share of the body's height
_MADE = "niki_targets"
"""Custom property of the collections that were made for targets."""
_solving = False  # while set, handlers do nothing


def targets_of(rig: bpy.types.Object) -> list[bpy.types.Object]:
    """The empties that joints of ``rig`` follow."""
    return [
        o for o in bpy.data.objects if o.niki_pose.target_of == rig and o.niki_pose.target_joint in JOINTS
    ]


def make_targets(rig: bpy.types.Object, joints: Iterable[str]) -> list[bpy.types.Object]:
    """Add an empty at each joint, by name, that does not have one; return the new empties."""
    positions, rotations = pose_in_scene(rig)
    existing = {o.niki_pose.target_joint for o in targets_of(rig)}
    collection = _collection(rig)
    new = []
    for joint in joints:
        if joint in existing:
            continue
        empty = bpy.data.objects.new(f"{rig.name} {joint_label(joint)}", None)
        empty.empty_display_type = "SPHERE"
        empty.empty_display_size = _SIZE * np.ptp(positions[:, 2])
        empty.show_in_front = True
        empty.color = (1.0, 0.62, 0.1, 1.0)
        empty.location = positions[JOINTS.index(joint)]
        empty.parent = rig  # so that targets come along when the armature's object moves
        empty.matrix_parent_inverse = rig.matrix_world.inverted_safe()
        empty.niki_pose.target_of, empty.niki_pose.target_joint = rig, joint
        if joint in ORIENTED:
            empty.rotation_euler = Matrix(rotations[JOINTS.index(joint)].tolist()).to_euler()
            empty.niki_pose.target_turns = joint.endswith("ankle")
        collection.objects.link(empty)
        new.append(empty)
    return new


def _collection(rig: bpy.types.Object) -> bpy.types.Collection:
    """The collection with the rig's targets, or a new one next to the rig."""
    for empty in targets_of(rig):
        for collection in empty.users_collection:
            return collection
    collection = bpy.data.collections.new(f"{rig.name} Targets")
    collection[_MADE] = True
    parent = next(iter(rig.users_collection), bpy.context.scene.collection)
    parent.children.link(collection)
    return collection


def remember_base(rig: bpy.types.Object) -> None:
    """Store the current pose as the one that targets change, and solve."""
    _store_start(rig, Start.of(rig))
    solve_targets(rig, bpy.context.evaluated_depsgraph_get())


def solve_targets(rig: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> None:
    """Pose ``rig`` to meet its targets where they are now."""
    targets = targets_of(rig)
    if not targets or _solving:
        return
    with _mute_handlers(), _report_problem(rig):
        world = np.array(rig.evaluated_get(depsgraph).matrix_world)
        pull, demands = Pull(rig, _stored_start(rig), world), []
        for empty in targets:
            settings, matrix = empty.niki_pose, np.array(empty.evaluated_get(depsgraph).matrix_world)
            joint, weight = settings.target_joint, settings.target_weight
            turns = settings.target_turns and joint in ORIENTED
            looks = settings.target_looks and joint == "head"
            demands.append(pull.make_target(joint, matrix, weight, turns, looks))
        pull.solve(demands)


@contextlib.contextmanager
def _report_problem(rig: bpy.types.Object):
    """Show errors of the context in the panel, such as two targets that contradict each other.

    The pose then stays as it is.
    """
    problem = ""
    try:
        yield
    except NikiError as error:
        problem = str(error)
    except Exception as error:  # a handler must not raise: Blender would report it on every update
        traceback.print_exc()
        problem = words.describe_error(error)
    if rig.niki_pose.target_problem != problem:
        rig.niki_pose.target_problem = problem


@contextlib.contextmanager
def _mute_handlers():
    """Within the context, changes do not trigger the handlers of this module."""
    global _solving
    _solving = True
    try:
        yield
    finally:
        _solving = False


def _store_start(rig: bpy.types.Object, start: Start) -> None:
    """Store the pose on the armature, where it survives undo, saving and renaming."""
    rig.niki_pose.base = json.dumps({
        "rotations": start.posture.rotations.ravel().tolist(),
        "translation": start.posture.translation.tolist(),
        "channels": start.channels.rotations,
        "locations": start.channels.locations,
    })  # fmt: skip


def _stored_start(rig: bpy.types.Object) -> Start:
    """The pose that :func:`_store_start` stored; without one, the current pose."""
    try:
        stored = json.loads(rig.niki_pose.base)
        rotations = np.array(stored["rotations"]).reshape(NUM_BONES, 3, 3)
        channels = {name: (mode, tuple(values)) for name, (mode, values) in stored["channels"].items()}
        return Start(
            Posture(rotations, np.array(stored["translation"])), Channels(channels, stored["locations"])
        )
    except (ValueError, KeyError, TypeError):
        return Start.of(rig)


def _rigs_following(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The armatures in ``scene`` that follow targets."""
    return [
        o for o in scene.objects if o.type == "ARMATURE" and o.niki_pose.follow_targets and is_our_armature(o)
    ]


@bpy.app.handlers.persistent
def follow_frame(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """Handler: after a frame change, the animation has posed the rigs; solve their targets."""
    for rig in _rigs_following(scene):
        animated = _animated_bones(rig)
        if animated:
            unanimated = [name for name in BONES if name not in animated]
            if unanimated:  # they are still posed for the targets of the previous frame
                _stored_start(rig).channels.restore(rig, unanimated)
                with _mute_handlers():
                    depsgraph.update()
            _store_start(rig, Start.of(rig, depsgraph))
        solve_targets(rig, depsgraph)


@bpy.app.handlers.persistent
def follow_changes(_scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """Handler: solve for the targets that have moved."""
    if _solving:
        return
    rigs = set()
    for update in depsgraph.updates:  # these are few; the objects in the scene may be many
        if update.is_updated_transform and isinstance(update.id, bpy.types.Object):
            moved = update.id.original
            rig = moved if moved.type == "ARMATURE" else moved.niki_pose.target_of
            if rig is not None and rig.niki_pose.follow_targets and is_our_armature(rig):
                rigs.add(rig)
    for rig in rigs:
        solve_targets(rig, depsgraph)
    if may_have_deleted(depsgraph):
        if bpy.app.background:
            forget_deleted_rigs()
        elif not bpy.app.timers.is_registered(forget_deleted_rigs):
            bpy.app.timers.register(forget_deleted_rigs)  # not while Blender goes through what has changed


@bpy.app.handlers.persistent
def forget_deleted_rigs(*_) -> None:
    """Handler: remove the targets of rigs that were deleted. Those that the user has put to another use only become
    ordinary empties."""
    deleted = [empty for empty in bpy.data.objects if _follows_deleted(empty)]
    parents = {o.parent for o in bpy.data.objects if o.parent is not None} if deleted else set()
    emptied = set()
    for empty in deleted:
        rig = empty.niki_pose.target_of
        if empty.users_collection and empty not in parents and _is_as_made(empty, rig):
            emptied |= set(empty.users_collection)
            bpy.data.objects.remove(empty)
        else:
            release_deleted(empty.niki_pose, "target_of")
    for collection in emptied:
        if collection.get(_MADE) and not collection.objects and not collection.children:
            bpy.data.collections.remove(collection)


def _follows_deleted(empty: bpy.types.Object) -> bool:
    rig = empty.niki_pose.target_of
    return rig is not None and not rig.users_collection and not rig.use_fake_user and empty.library is None


def _is_as_made(empty: bpy.types.Object, rig: bpy.types.Object) -> bool:
    """Whether a target has nothing that the user added: keys, drivers, constraints, a parent of another kind, or
    something else that uses it."""
    users = bpy.data.user_map(subset={empty})[empty]  # pyright: ignore[reportCallIssue]
    return (
        all(isinstance(user, (bpy.types.Collection, bpy.types.Scene)) for user in users)
        and empty.type == "EMPTY"
        and empty.animation_data is None
        and not empty.constraints
        and empty.parent in (None, rig)
    )


def _animated_bones(rig: bpy.types.Object) -> set[str]:
    """The names of bones that the rig's action or NLA poses on every frame."""
    data = rig.animation_data
    if data is None:
        return set()
    if any(not track.mute for track in data.nla_tracks):
        return set(BONES)
    paths = {curve.data_path for curve in fcurves_of(rig)}
    return {name for name in BONES if any(path.startswith(bone_path(name, "")) for path in paths)}


class NIKI_OT_make_targets(OnArmature, bpy.types.Operator):
    """Add empties that the body follows: for the selected joints, or else for hands, feet, head and hips"""

    bl_idname = "niki.make_targets"
    bl_label = "Add Targets"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context):
        rig = active_object(context)
        joints = [JOINTS[j] for j in selected_joints(rig)] or _DEFAULT_JOINTS
        new = make_targets(rig, joints)
        rig.niki_pose.follow_targets = True
        self.report(
            {"INFO"},
            f"Added {len(new)} target{'s' * (len(new) != 1)} to the collection {_collection(rig).name}",
        )
        return {"FINISHED"}


CLASSES = (NIKI_OT_make_targets,)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register():
    _register_classes()
    bpy.app.handlers.frame_change_post.append(follow_frame)
    bpy.app.handlers.depsgraph_update_post.append(follow_changes)
    bpy.app.handlers.save_pre.append(forget_deleted_rigs)


def unregister():
    if bpy.app.timers.is_registered(forget_deleted_rigs):
        bpy.app.timers.unregister(forget_deleted_rigs)
    bpy.app.handlers.save_pre.remove(forget_deleted_rigs)
    bpy.app.handlers.depsgraph_update_post.remove(follow_changes)
    bpy.app.handlers.frame_change_post.remove(follow_frame)
    _unregister_classes()
