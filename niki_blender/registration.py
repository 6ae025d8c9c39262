"""What Blender is told of when the extension is enabled, and told to forget when it is disabled."""

import bpy

from . import (
    background,
    bake_operator,
    capture,
    confidence,
    correcting,
    doubt,
    exchange,
    footage_files,
    handles,
    new_body,
    panels,
    people,
    preferences,
    properties,
    pull_tool,
    setting_up,
    sources,
    targets,
)

_CLASSES = (
    *properties.CLASSES, preferences.NIKI_AP_preferences, *capture.CLASSES, *people.CLASSES, *setting_up.CLASSES, *doubt.CLASSES, *exchange.CLASSES, *footage_files.CLASSES,
    *pull_tool.CLASSES, *correcting.CLASSES, *bake_operator.CLASSES, *targets.CLASSES,
    *new_body.CLASSES, *panels.CLASSES,
)  # fmt: skip
_MODULES = (
    properties,
    sources,
    setting_up,
    background,
    people,
    exchange,
    handles,
    pull_tool,
    targets,
    new_body,
)


def register():
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    for module in _MODULES:
        module.register()
    bpy.app.handlers.frame_change_post.append(confidence.follow_frame)


def unregister():
    bpy.app.handlers.frame_change_post.remove(confidence.follow_frame)
    for module in reversed(_MODULES):
        module.unregister()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
