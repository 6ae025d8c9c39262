"""The root package of the extension. Blender calls :func:`register` when it is enabled."""


def register() -> None:
    """Register everything with Blender."""
    from .niki_blender.registration import register

    register()


def unregister() -> None:
    """Unregister everything."""
    from .niki_blender.registration import unregister

    unregister()
