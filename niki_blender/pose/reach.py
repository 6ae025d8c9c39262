"""Sets how far a correction reaches by dragging the markers at the ends of a joint's trail."""

from __future__ import annotations

import bpy
import numpy as np

from ..handles.handles import handles_in_view, joint_under_mouse, posed_armature
from ..rig.armature import active_object
from .preview import preview_of, update
from .trail import LABELS, markers, paths_in_region

_REACH = 10.0  # pixels, at a resolution scale of 1
_LEAP = 12  # frames that one movement of the mouse may skip: a trail may cross itself


def change_reach(rig: bpy.types.Object, by: int) -> None:
    """Let a correction reach further, or less far, in both directions."""
    settings = rig.niki_pose
    settings.fade_in, settings.fade_out = max(0, settings.fade_in + by), max(0, settings.fade_out + by)


class NIKI_OT_drag_reach(bpy.types.Operator):
    """Drag the end of a correction along the trail to set Fade In or Fade Out"""

    bl_idname = "niki.drag_reach"
    bl_label = "Set Reach"
    bl_options = {"REGISTER", "UNDO", "BLOCKING"}

    @classmethod
    def poll(cls, context):
        if posed_armature(context) is None:
            cls.poll_message_set("Select a captured armature or a NIKI Body, in Pose Mode")
            return False
        return True

    def invoke(self, context, event):
        self._rig = active_object(context)
        found = self._marker(context, np.array([event.mouse_region_x, event.mouse_region_y]))
        if found is None:
            return {"PASS_THROUGH"}
        self._joint, self._name = found
        self._before = getattr(self._rig.niki_pose, self._name)
        context.window_manager.modal_handler_add(self)
        self._tell(context)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        if event.type == "MOUSEMOVE":
            self._drag(context, np.array([event.mouse_region_x, event.mouse_region_y]))
        elif event.type in ("ESC", "RIGHTMOUSE") and event.value == "PRESS":
            self.cancel(context)
            return {"CANCELLED"}
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            context.area.header_text_set(None)
            return {"FINISHED"}
        return {"RUNNING_MODAL"}

    def cancel(self, context):
        """Restore the reach from before."""
        setattr(self._rig.niki_pose, self._name, self._before)
        context.area.header_text_set(None)
        update(context)

    def _marker(self, context, mouse: np.ndarray) -> tuple[int, str] | None:
        """The joint, by its rank among the selected ones, and the setting of the marker under the mouse; None where the
        mouse rather means a handle."""
        preview = preview_of(self._rig, context.scene.frame_current_final)
        if preview is None or not self._rig.niki_pose.trail:
            return None
        reach, found = _REACH * context.preferences.system.ui_scale, None
        joint = joint_under_mouse(context, self._rig, *mouse)
        if joint is not None:
            handle = handles_in_view(context, self._rig)[0][joint]
            reach = min(reach, float(np.linalg.norm(handle - mouse)) / 2)
        for rank, points in enumerate(paths_in_region(context, self._rig, preview)):
            for name, index in markers(self._rig, preview).items():
                distance = np.linalg.norm(points[index] - mouse)
                if distance < reach:  # false for NaN
                    found, reach = (rank, name), distance
        return found

    def _drag(self, context, mouse: np.ndarray) -> None:
        """Move the marker to the frame whose dot is nearest to the mouse."""
        preview = preview_of(self._rig, context.scene.frame_current_final)
        if preview is None:
            return
        settings = self._rig.niki_pose
        points = paths_in_region(context, self._rig, preview)[self._joint]
        away = (preview.frames[preview.trail] - preview.now) * (-1 if self._name == "fade_in" else 1)
        near = (away > 0) & (np.abs(away - 1 - getattr(settings, self._name)) <= _LEAP)
        distance = np.where(near, np.linalg.norm(points - mouse, axis=1), np.nan)
        if not np.isnan(distance).all():
            setattr(settings, self._name, int(away[np.nanargmin(distance)]) - 1)
        self._tell(context)
        update(context)

    def _tell(self, context) -> None:
        frames = getattr(self._rig.niki_pose, self._name)
        context.area.header_text_set(f"{LABELS[self._name]}: {frames} {'frame' if frames == 1 else 'frames'}")


CLASSES = (NIKI_OT_drag_reach,)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
