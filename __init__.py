"""The extension's root. Blender calls :func:`register` when it is enabled."""


def register():
    """Tell Blender what there is."""
    from .niki_blender.registration import register

    register()


def unregister():
    """Leave nothing behind."""
    from .niki_blender.registration import unregister

    unregister()
