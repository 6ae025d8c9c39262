"""What is stored about confidence: on armatures, whether bones show it; in scenes, from where on it is doubtful."""

import bpy
from bpy.props import BoolProperty, FloatProperty, PointerProperty, StringProperty

from .confidence import color_bones, keep_colors, uncolor_bones


def _show_changed(settings, context):
    rig = settings.id_data
    if settings.show:
        keep_colors(rig)
        color_bones(rig, context.scene.frame_current_final)
    else:
        uncolor_bones(rig)


class NIKI_PG_confidence(bpy.types.PropertyGroup):
    """On an armature."""

    show: BoolProperty(
        name="Color Bones",
        update=_show_changed,
        description="Green where the capture is sure of a joint, red where it is not, frame by frame",
    )
    own_colors: StringProperty(options={"HIDDEN"}, description="The bones' own colors, for later")


class NIKI_PG_scene_confidence(bpy.types.PropertyGroup):
    """In a scene."""

    threshold: FloatProperty(
        name="Doubtful Below",
        min=0.0,
        max=1.0,
        default=0.45,
        subtype="FACTOR",
        description="Frames are doubtful where a joint's confidence is lower",
    )


CLASSES = (NIKI_PG_confidence, NIKI_PG_scene_confidence)

_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register():
    _register_classes()
    bpy.types.Object.niki_confidence = PointerProperty(type=NIKI_PG_confidence)
    bpy.types.Scene.niki_confidence = PointerProperty(type=NIKI_PG_scene_confidence)


def unregister():
    del bpy.types.Scene.niki_confidence
    del bpy.types.Object.niki_confidence
    _unregister_classes()
