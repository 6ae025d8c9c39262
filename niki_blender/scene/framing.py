"""Select a result and frame it in the 3D views."""

import bpy


def select_only(rig: bpy.types.Object, layer: bpy.types.ViewLayer) -> None:
    """Make ``rig`` the only selected object and the active one. Does nothing if it is not in ``layer``."""
    layer.update()  # new objects are unknown to it before
    if rig.name not in layer.objects:
        return
    for other in list(layer.objects.selected):
        other.select_set(False, view_layer=layer)
    rig.select_set(True, view_layer=layer)
    layer.objects.active = rig


def frame_selected(scene: bpy.types.Scene) -> None:
    """Frame the selection in every 3D view of ``scene``, except in camera views and Local View."""
    for window in bpy.context.window_manager.windows:
        if window.scene != scene:
            continue
        for area in window.screen.areas:
            if area.type == "VIEW_3D" and _is_free(area.spaces.active):
                region = next(region for region in area.regions if region.type == "WINDOW")
                with bpy.context.temp_override(window=window, area=area, region=region):
                    if bpy.ops.view3d.view_selected.poll():
                        bpy.ops.view3d.view_selected(use_all_regions=True)


def _is_free(space: bpy.types.Space | None) -> bool:
    return (
        space.region_3d is not None and space.region_3d.view_perspective != "CAMERA" and not space.local_view
    )
