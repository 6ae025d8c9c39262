"""What *Propagate* would make of the pose, at the frames around the current one: the poses behind ghosts and trails.

Computed from f-curves when the frame, the action or a setting changes, then changed with the pose. Draws nothing.
"""

from __future__ import annotations

import bpy
import numpy as np

from ...niki.body.kinematics import forward_kinematics
from ...niki.pose.corrections import fade_weights
from ..rig.animation import action_range, bone_path, fcurves_of, slot_handle
from ..rig.channels import MIN_MOVE, Channels, rotation_property
from ..rig.posture import body_of
from ..rig.space import to_blender
from .neighbors import current_pose, keyed_frames, layer, object_moves, poses_at

BEYOND = 6
"""Frames that a trail shows further than the correction reaches."""
_MIN_CHANGE = 1e-5  # of matrices: channels are in single precision


class Preview:
    """The poses around a frame.

    Args:
        rig: an armature whose f-curves have keys.
        frame: the current frame, with its fraction.
        channels: for what is not animated.

    Attributes:
        frames: (T,) ascending, within the action.
        weights: (T,) how much of the change at the current frame each takes.
        ghosts: indices of frames that have a ghost. trail: those of a trail.
        keyed: (T,) whether a frame has keys.
        version: changes with the poses.
    """

    def __init__(self, rig: bpy.types.Object, frame: float, channels: Channels):
        settings, (first, last) = rig.niki_pose, action_range(rig)
        now = int(np.floor(frame))
        steps = settings.ghost_step * np.arange(1, settings.ghost_count + 1)
        around = np.concatenate([now - steps, now + steps])
        path = np.arange(now - settings.fade_in - BEYOND, now + settings.fade_out + BEYOND + 1)
        around, path = (f[(first <= f) & (f <= last)] for f in (around, path))
        self.now, self.frames = now, np.unique(np.concatenate([around, path]))
        self.ghosts = np.flatnonzero(np.isin(self.frames, around))
        self.trail = np.flatnonzero(np.isin(self.frames, path))
        self.keyed = np.isin(self.frames, np.round(keyed_frames(rig)))
        self.weights = np.zeros(len(self.frames))
        if first <= now <= last:
            start = min(now, self.frames[0])
            count = max(now, self.frames[-1]) - start + 1
            weights = fade_weights(count, now - start, settings.fade_in, settings.fade_out)
            self.weights = weights[self.frames - start]
        self._body = body_of(rig)
        poses = poses_at(rig, np.append(self.frames, frame), channels)
        self._poses, self._was = poses.at(slice(0, -1)), poses.at(slice(-1, None))
        self._moves = object_moves(rig, self.frames)
        self._before = forward_kinematics(self._poses.rotations, self._body, self._poses.translation)
        self._after = self._before
        self._reached = np.flatnonzero(self.weights)
        self.version, self._seen = 0, None

    @property
    def body(self):
        """The proportions of the armature."""
        return self._body

    def follow(self, rig: bpy.types.Object) -> None:
        """Take the armature's pose as it is now."""
        channels = Channels.of(rig)
        seen = channels.rotations, channels.locations
        if seen == self._seen:
            return
        self._seen, now = seen, current_pose(rig, channels)
        turned = np.abs(now.rotations - self._was.rotations).max() > _MIN_CHANGE
        moved = np.abs(now.translation - self._was.translation).max() > max(MIN_MOVE, _MIN_CHANGE)
        if (turned or moved) and len(self._reached):
            poses = layer(self._poses.at(self._reached), self._was, now, self.weights[self._reached])
            changed = forward_kinematics(poses.rotations, self._body, poses.translation)
            self._after = self._before[0].copy(), self._before[1].copy()
            for whole, part in zip(self._after, changed, strict=True):
                whole[self._reached] = part
        elif self._after is self._before:
            return
        else:
            self._after = self._before
        self.version += 1

    @property
    def corrected(self) -> bool:
        """Whether the pose differs from the animation."""
        return self._after is not self._before

    def kinematics(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Joints (n, 29, 3) and orientations (n, 24, 3, 3) of the frames numbered ``indices``, in library space."""
        return self._after[0][indices], self._after[1][indices]

    def worlds(self, rig: bpy.types.Object, indices: np.ndarray) -> np.ndarray:
        """(n, 4, 4) the world matrices of the armature at the frames numbered ``indices``."""
        world = np.array(rig.matrix_world)
        return np.tile(world, (len(indices), 1, 1)) if self._moves is None else world @ self._moves[indices]

    def paths(self, rig: bpy.types.Object, joints: list[int], before: bool = False) -> np.ndarray:
        """(joints, T', 3) the paths along the trail in world space, with the correction or ``before`` it."""
        positions = to_blender((self._before if before else self._after)[0][self.trail][:, joints])
        worlds = self.worlds(rig, self.trail)
        moved = np.einsum("tij,tkj->tki", worlds[:, :3, :3], positions) + worlds[:, None, :3, 3]
        return np.swapaxes(moved, 0, 1)


_made: tuple[tuple, Preview] | None = None
_held: tuple[str, float, Channels] | None = None  # during a drag: armature, frame, and its channels before


def preview_of(rig: bpy.types.Object, frame: float) -> Preview | None:
    """The poses around ``frame`` with the armature's pose as it is now; None without an action that has keys."""
    global _made
    if not any(len(curve.keyframe_points) for curve in fcurves_of(rig)):
        return None
    dragged = _held is not None and _held[:2] == (rig.name_full, frame)
    key = _key(rig, frame, _held[2] if dragged and _held else Channels.of(rig))
    if _made is None or _made[0] != key:
        _made = key, Preview(rig, frame, _held[2] if dragged and _held else Channels.of(rig))
    _made[1].follow(rig)
    return _made[1]


def begin(rig: bpy.types.Object, frame: float) -> None:
    """At the start of a drag: from here on only pulled bones change."""
    global _held
    _held = rig.name_full, frame, Channels.of(rig)


def update(context: bpy.types.Context) -> None:
    """Redraw all 3D views, in which ghosts and trails move along."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def end() -> None:
    """At the end of a drag."""
    global _held
    _held = None


@bpy.app.handlers.persistent
def forget(*_) -> None:
    """Drop the poses: the animation may have changed."""
    global _made
    _made = None


def _key(rig: bpy.types.Object, frame: float, channels: Channels) -> tuple:
    """What the poses depend on, beside the animation itself, of whose changes Blender tells."""
    settings, animated = rig.niki_pose, {curve.data_path for curve in fcurves_of(rig) if not curve.mute}
    still = [
        values
        for name, (mode, values) in channels.rotations.items()
        if bone_path(name, rotation_property(rig.pose.bones[name])) not in animated
    ]
    modes = [mode for mode, _ in channels.rotations.values()]
    sizes = settings.fade_in, settings.fade_out, settings.ghost_count, settings.ghost_step
    action = rig.animation_data.action
    return rig.name_full, action.name_full, slot_handle(rig), frame, sizes, modes, still


@bpy.app.handlers.persistent
def _forget_when_edited(scene, depsgraph) -> None:
    """Handler: keys may have changed."""
    if depsgraph.id_type_updated("ACTION"):
        forget()


@bpy.app.handlers.persistent
def _forget_all(*_) -> None:
    """Handler: after undo, redo and loading."""
    end()
    forget()


_HANDLERS = (
    (bpy.app.handlers.load_post, _forget_all),
    (bpy.app.handlers.undo_post, _forget_all),
    (bpy.app.handlers.redo_post, _forget_all),
    (bpy.app.handlers.frame_change_post, forget),
    (bpy.app.handlers.depsgraph_update_post, _forget_when_edited),
)


def register():
    for handlers, handler in _HANDLERS:
        handlers.append(handler)


def unregister():
    for handlers, handler in _HANDLERS:
        handlers.remove(handler)
    _forget_all()
