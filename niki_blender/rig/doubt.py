"""The operator that jumps between doubtful frames."""

import bpy
from bpy.props import EnumProperty

from ..interface.layout import CONTEXT
from .armature import active_object
from .confidence import doubtful_frames, has_confidence, next_doubtful


class NIKI_OT_doubtful_frame(bpy.types.Operator):
    """Jump to the next or previous frame where a joint becomes uncertain"""

    bl_idname = "niki.doubtful_frame"
    bl_label = "Doubtful Frame"
    bl_options = {"REGISTER", "UNDO"}

    direction: EnumProperty(
        name="Direction",
        translation_context=CONTEXT,
        items=(
            ("NEXT", "Next", "After the current frame"),
            ("PREVIOUS", "Previous", "Before the current frame"),
        ),
    )

    @classmethod
    def description(cls, context, properties):
        which = "next" if properties.direction == "NEXT" else "previous"
        return f"Go to the {which} frame where the capture becomes uncertain of a joint"

    @classmethod
    def poll(cls, context):
        if not has_confidence(context.object):
            cls.poll_message_set("Select a captured armature")
            return False
        return True

    def execute(self, context):
        scene = context.scene
        frames = doubtful_frames(active_object(context), scene.niki_confidence.threshold)
        frame = next_doubtful(frames, scene.frame_current_final, self.direction == "NEXT")
        if frame is None:
            self.report({"INFO"}, "No more doubtful frames" if len(frames) else "No doubtful frames")
            return {"CANCELLED"}
        scene.frame_set(int(frame), subframe=frame % 1)
        return {"FINISHED"}


CLASSES = (NIKI_OT_doubtful_frame,)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
