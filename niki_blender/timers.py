"""Functions that Blender calls now and then, and what they show."""

from collections.abc import Callable

import bpy


def begin(function: Callable[[], float | None]) -> None:
    """Have ``function`` called until it returns None, also across files; once, however often begun."""
    if not bpy.app.timers.is_registered(function):
        bpy.app.timers.register(function, first_interval=0.0, persistent=True)


def end(function: Callable[[], float | None]) -> None:
    """Have it called no more."""
    if bpy.app.timers.is_registered(function):
        bpy.app.timers.unregister(function)


def redraw(*kinds: str) -> None:
    """Draw areas of these types anew, in all windows."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in kinds:
                area.tag_redraw()
