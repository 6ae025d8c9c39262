"""The handles on the joints of the active armature in a 3D view, and the one under the mouse."""

from __future__ import annotations

import bpy
import numpy as np

from ..rig.armature import is_our_armature
from ..rig.posture import joint_positions
from .handle_shapes import handle_sizes, hit_handle, project
from .selecting import selected_joints

TOOL = "niki.pull"


class InPoseMode:
    """Mixin for operators on handles: in Pose Mode, with one of our armatures active."""

    @classmethod
    def poll(cls, context):
        if posed_armature(context) is None:
            cls.poll_message_set("Select a captured armature or a NIKI Body, in Pose Mode")
            return False
        return True


def posed_armature(context: bpy.types.Context) -> bpy.types.Object | None:
    """The active armature, if it has the SMPL bones and is in Pose Mode."""
    rig = context.object
    return rig if rig is not None and rig.mode == "POSE" and is_our_armature(rig) else None


def is_tool_active(context: bpy.types.Context) -> bool:
    """Whether the Pull Joints tool is the one of the 3D views."""
    tool = context.workspace.tools.from_space_view3d_mode(context.mode)
    return tool is not None and tool.idname == TOOL


def handles_in_view(context: bpy.types.Context, rig: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """The handles in the region, in pixels: (29, 2) places, NaN behind the view, and (29,) radii."""
    region, view = context.region, context.region_data
    places, depth = project(
        joint_positions(rig), np.array(view.perspective_matrix), region.width, region.height
    )
    pixels_per_meter = view.window_matrix[0][0] * region.width / 2 / depth
    size = abs(np.linalg.det(np.array(rig.matrix_world)[:3, :3])) ** (1 / 3)
    return places, handle_sizes(pixels_per_meter, context.preferences.system.ui_scale, size)


def joint_under_mouse(context: bpy.types.Context, rig: bpy.types.Object, x: float, y: float) -> int | None:
    """The index of the joint whose handle is at (x, y); None if there is none."""
    scale = context.preferences.system.ui_scale
    return hit_handle(*handles_in_view(context, rig), (x, y), scale, selected_joints(rig))
