"""What Blender is told of when the extension is enabled, and told to forget when it is disabled.

A room names the modules that register as ``MODULES``; each of these has ``register()`` and ``unregister()`` for its
classes, properties and handlers.
"""

from importlib import import_module

ROOMS = ("scene", "settings", "rig", "pose", "capture", "exchange")
"""In the order in which they register."""


def find_modules() -> list:
    rooms = [import_module(f".{room}", __package__) for room in ROOMS]
    return [import_module(f".{name}", room.__name__) for room in rooms for name in room.MODULES]


def register():
    done = []
    try:
        for module in find_modules():
            module.register()
            done.append(module)
    except Exception:
        for module in reversed(done):  # all or nothing: the user may enable it again
            module.unregister()
        raise


def unregister():
    for module in reversed(find_modules()):
        module.unregister()
