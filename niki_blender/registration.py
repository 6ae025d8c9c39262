"""Register the extension with Blender.

A room lists in ``MODULES`` the modules that register. Each of them has ``register()`` and ``unregister()`` for its
classes, properties and handlers.
"""

from importlib import import_module

ROOMS = ("scene", "settings", "rig", "handles", "pose", "correct", "bake", "capture", "refine", "exchange")
"""Rooms that register, in this order."""


def find_modules() -> list:
    """Import the modules that register, in their order."""
    rooms = [import_module(f".{room}", __package__) for room in ROOMS]
    return [import_module(f".{name}", room.__name__) for room in rooms for name in room.MODULES]


def register() -> None:
    registered = []
    try:
        for module in find_modules():
            module.register()
            registered.append(module)
    except Exception:
        for module in reversed(registered):  # so that the user may try again
            module.unregister()
        raise


def unregister() -> None:
    for module in reversed(find_modules()):
        module.unregister()
