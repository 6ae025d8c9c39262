"""*Key Pose*: keys poses that were pulled and not keyed, also after leaving their frame; and the warning about them."""

from __future__ import annotations

import bpy

from ..rig.armature import OnArmature, active_object, is_our_armature
from ..rig.channels import Channels
from ..rig.unkeyed import keep_posed_by_hand
from .auto_keying import key_changed
from .last_pull import (
    LastPull,
    is_in_view,
    is_lost_elsewhere,
    keys_at,
    pulls_of,
    unlocked_components,
    write_pulls,
)

_shown = ""  # what the status bar says of ours


def unkeyed_pulls(rig: bpy.types.Object, frame: int) -> list[LastPull]:
    """The pulls that *Key Pose* keys with ``frame`` as the current one.

    Those are the pulls that leaving their frame loses, and the one at ``frame``. A pose of bones that nothing
    animates stays when one leaves its frame, so it is no longer the pose of that frame alone.
    """
    pulls = [pull for pull in pulls_of(rig) if not pull.keyed]
    return [
        pull
        for pull in pulls
        if is_lost_elsewhere(rig, pull) or (pull.frame == frame and not _is_keyed(rig, pull))
    ]


def lost_frames(rig: bpy.types.Object, frame: int | None = None) -> list[int]:
    """The frames whose pulled pose is lost elsewhere, ascending; without ``frame`` while its pose is in view."""
    return sorted(
        pull.frame
        for pull in pulls_of(rig)
        if not pull.keyed
        and is_lost_elsewhere(rig, pull)
        and not (pull.frame == frame and is_in_view(rig, pull))
    )


def describe_lost(frames: list[int]) -> str:
    """What the user is told of frames with a pulled pose that is not keyed."""
    if len(frames) == 1:
        return f"Frame {frames[0]} has a pulled pose that is not keyed"
    return f"Frames {', '.join(map(str, frames))} have pulled poses that are not keyed"


def _is_keyed(rig: bpy.types.Object, pull: LastPull) -> bool:
    """Whether every channel that the pull changed has a key at its frame. The animation then holds the pose, as
    :func:`is_lost_elsewhere` tells."""
    return all(key is not None for key in keys_at(rig, pull.changed, pull.frame).values())


class NIKI_OT_key_pose(OnArmature, bpy.types.Operator):
    """Key the bones that were pulled and not keyed, at the frame where they were pulled, by the settings of auto-keying"""

    bl_idname = "niki.key_pose"
    bl_label = "Key Pose"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context):
        if not super().poll(context):
            return False
        if not unkeyed_pulls(active_object(context), context.scene.frame_current):
            cls.poll_message_set("No pulled pose is waiting to be keyed. Pull a joint first")
            return False
        return True

    def execute(self, context):
        rig, scene = active_object(context), context.scene
        waiting, posed = unkeyed_pulls(rig, scene.frame_current), Channels.of(rig)
        others = [pull for pull in pulls_of(rig) if pull.frame not in {p.frame for p in waiting}]
        shown = [pull for pull in waiting if pull.frame == scene.frame_current and is_in_view(rig, pull)]
        frames = []
        with keep_posed_by_hand(rig, scene) as (by_hand, changed):
            for pull in waiting:
                if pull in shown:
                    pull.after = posed  # with what the user has done to it by hand since
                pull.after.restore(rig, pull.changed)
                replaced = keys_at(rig, pull.changed, pull.frame)
                if key_changed(context, rig, pull.changed, pull.frame, new_curves=True):
                    frames.append(pull.frame)
                    pull.keyed, pull.replaced = True, replaced | pull.replaced
                    # keying may have made the first action
                    pull.action = rig.animation_data.action.name
                    paths = {path for path, _, _ in unlocked_components(rig, pull.changed)}
                    kept = {p for name in by_hand for p in paths if f'"{name}"' in p}
                    changed |= {(rig, path) for path in paths - kept}
        waiting.sort(key=lambda pull: pull.frame == scene.frame_current)
        keyed = [pull for pull in waiting if pull.keyed]
        write_pulls(rig, [*others, *(pull for pull in waiting if not pull.keyed), *keyed[-1:]])
        if not frames:
            self.report(
                {"WARNING"},
                "Nothing was keyed: the active keying set has none of the pulled bones. Add them, or choose another",
            )
            return {"CANCELLED"}
        self.report({"INFO"}, f"Keyed the pulled pose at frame {', '.join(map(str, sorted(frames)))}")
        return {"FINISHED"}


class NIKI_OT_forget_pulls(OnArmature, bpy.types.Operator):
    """Leave pulled poses unkeyed and stop the reminder. The pose in the view does not change"""

    bl_idname = "niki.forget_pulls"
    bl_label = "Dismiss"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context):
        rig = active_object(context)
        write_pulls(rig, [pull for pull in pulls_of(rig) if pull.keyed])
        return {"FINISHED"}


def status_of(scene: bpy.types.Scene) -> str:
    """What the status bar says of poses that were left and are not in view; "" if there are none."""
    texts = []
    for rig in scene.objects:
        pulled = rig.type == "ARMATURE" and rig.niki_pose.last_pull and is_our_armature(rig)
        if pulled and (frames := lost_frames(rig, scene.frame_current)):
            texts.append(f"{rig.name}: {describe_lost(frames)}. I: Key Pose")
    return "   ".join(texts)


def _show_status(scene: bpy.types.Scene) -> None:
    global _shown
    if bpy.app.is_job_running("RENDER"):
        return
    text = status_of(scene)
    if text != _shown:
        _shown = text
        windows = bpy.context.window_manager.windows
        for workspace in [window.workspace for window in windows] if text else bpy.data.workspaces:
            workspace.status_text_set(text or None)  # the text may be in a workspace that was left


@bpy.app.handlers.persistent
def warn_of_lost(scene: bpy.types.Scene, *_) -> None:
    """Handler: after a frame change, say which pulled poses were left."""
    _show_status(scene)


@bpy.app.handlers.persistent
def withdraw_warning(scene: bpy.types.Scene, *_) -> None:
    """Handler: after any other change, withdraw a warning that no longer holds."""
    if _shown:
        _show_status(scene)


@bpy.app.handlers.persistent
def _start_anew(*_) -> None:
    """Handler: another file is open."""
    global _shown
    _shown = ""


_HANDLERS = (
    ("frame_change_post", warn_of_lost),
    ("depsgraph_update_post", withdraw_warning),
    ("undo_post", withdraw_warning),
    ("redo_post", withdraw_warning),
    ("load_post", _start_anew),
)
CLASSES = (NIKI_OT_key_pose, NIKI_OT_forget_pulls)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register():
    _register_classes()
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister():
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(handler)
    _unregister_classes()
