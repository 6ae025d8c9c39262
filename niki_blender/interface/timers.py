"""Functions that Blender calls now and then, and what they show."""

import functools
import traceback
from collections.abc import Callable

import bpy

_AFTER_A_FAULT = 1.0  # seconds until a function that failed is called again


def keep_running(on_fault: Callable[[Exception], None]):
    """Decorator for a function to :func:`start`: an exception does not end it, as Blender would, but goes
    to the console and to ``on_fault``, which gives up what caused it."""

    def decorate(function: Callable[[], float | None]) -> Callable[[], float | None]:
        said = ""

        @functools.wraps(function)
        def guarded() -> float | None:
            nonlocal said
            try:
                return function()
            except Exception as problem:
                if said != repr(problem):  # once, not every second
                    said = repr(problem)
                    traceback.print_exc()
                try:
                    on_fault(problem)
                except Exception:
                    traceback.print_exc()
                return _AFTER_A_FAULT

        return guarded

    return decorate


def start(function: Callable[[], float | None], wait: float = 0.0) -> None:
    """Have ``function`` called until it returns None, first after ``wait`` seconds, also across files;
    once, however often begun."""
    if not bpy.app.timers.is_registered(function):
        bpy.app.timers.register(function, first_interval=wait, persistent=True)


def stop(function: Callable[[], float | None]) -> None:
    """Have it called no more."""
    if bpy.app.timers.is_registered(function):
        bpy.app.timers.unregister(function)


def redraw(*kinds: str) -> None:
    """Draw areas of these types anew, in all windows."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in kinds:
                area.tag_redraw()
