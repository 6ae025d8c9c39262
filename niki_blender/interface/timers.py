"""Timers that survive exceptions, and redrawing."""

import functools
import traceback
from collections.abc import Callable

import bpy

_Timer = Callable[[], float | None]
_RETRY_AFTER = 1.0  # seconds until a function that failed is called again


def keep_running(on_fault: Callable[[Exception], None]) -> Callable[[_Timer], _Timer]:
    """Decorator for a function to :func:`start`: an exception does not stop its timer, but is printed and passed to
    ``on_fault``, which ends what caused it."""

    def decorate(function: _Timer) -> _Timer:
        printed = ""

        @functools.wraps(function)
        def guarded() -> float | None:
            nonlocal printed
            try:
                return function()
            except Exception as problem:
                if printed != repr(problem):  # once, not every second
                    printed = repr(problem)
                    traceback.print_exc()
                try:
                    on_fault(problem)
                except Exception:
                    traceback.print_exc()
                return _RETRY_AFTER

        return guarded

    return decorate


def start(function: _Timer, wait: float = 0.0) -> None:
    """Call ``function`` every so many seconds as it returns, until it returns None; first after ``wait`` seconds. Goes
    on when another file is opened. Does nothing if it is running already."""
    if not bpy.app.timers.is_registered(function):
        bpy.app.timers.register(function, first_interval=wait, persistent=True)


def stop(function: _Timer) -> None:
    """Stop calling ``function``."""
    if bpy.app.timers.is_registered(function):
        bpy.app.timers.unregister(function)


def redraw(*kinds: str) -> None:
    """Redraw all areas of the given types."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in kinds:
                area.tag_redraw()
