"""What Blender is told of when the extension is enabled, and told to forget when it is disabled."""

import bpy

from . import panels, properties
from .capture import footage_files, people, sources
from .capture import operators as capture
from .capture import results as background
from .exchange import motion_files as exchange
from .pose import bake as bake_operator
from .pose import correcting, handles, targets
from .pose import tool as pull_tool
from .rig import confidence, doubt, new_body
from .settings import environment_operators as setting_up
from .settings import preferences

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
