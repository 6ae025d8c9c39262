"""Films and images from the disk: a file browser that shows nothing else, and films dropped onto the 3D view."""

import contextlib
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ..settings.chosen import why_not_ready
from ..work.paths import is_file
from .sources import chosen_source


def choose_file(context: bpy.types.Context, path: str) -> None:
    """Make a file the footage of the next capture, its path relative where the user likes paths so."""
    if bpy.data.filepath and context.preferences.filepaths.use_relative_paths:
        with contextlib.suppress(ValueError):  # on another drive
            path = bpy.path.relpath(path)
    settings = context.scene.niki_capture
    settings.source, settings.path = "FILE", path


class NIKI_OT_choose_footage(bpy.types.Operator):
    """Choose a film, or one image of a numbered sequence"""

    bl_idname = "niki.choose_footage"
    bl_label = "Choose Footage"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    filepath: StringProperty(subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"})
    filter_movie: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_image: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context, event):
        self.filepath = bpy.path.abspath(context.scene.niki_capture.path)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context):
        if not is_file(self.filepath):
            self.report({"ERROR"}, f"There is no file {self.filepath}")
            return {"CANCELLED"}
        choose_file(context, self.filepath)
        return {"FINISHED"}


class NIKI_OT_capture_file(bpy.types.Operator):
    """Capture the motion of a person in this film"""

    bl_idname = "niki.capture_file"
    bl_label = "Capture Motion from Film"
    bl_options = {"REGISTER", "INTERNAL"}

    filepath: StringProperty(subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"})
    begin: BoolProperty(
        name="Capture Now",
        description="Begin at once; otherwise the film is only chosen in the sidebar's tab NIKI",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context, event):
        return context.window_manager.invoke_props_dialog(self, title=self.bl_label, confirm_text="Use Film")

    def draw(self, context):
        self.layout.label(text=Path(self.filepath).name, icon="FILE_MOVIE")
        self.layout.prop(context.scene.niki_capture, "quality")
        self.layout.prop(self, "begin")

    def execute(self, context):
        if not is_file(self.filepath):
            self.report({"ERROR"}, f"There is no file {self.filepath}")
            return {"CANCELLED"}
        choose_file(context, self.filepath)
        if self.begin:
            return self._begin(context)
        self.report({"INFO"}, "The film is chosen: Capture Motion is in the sidebar's tab NIKI")
        return {"FINISHED"}

    def _begin(self, context):
        """Capture it; the film stays chosen also where that cannot be."""
        problem = chosen_source(context.scene).problem or why_not_ready()
        if not problem:
            try:
                return bpy.ops.niki.capture()
            except RuntimeError as refused:  # what the operator reports, when it is called from here
                problem = str(refused).strip().removeprefix("Error: ")
        self.report({"WARNING"}, f"The film is chosen, but not captured: {problem}")
        return {"FINISHED"}


class NIKI_FH_film(bpy.types.FileHandler):
    """Offers films dropped onto the 3D view for capture. Images stay Blender's: they are dropped as references
    every day."""

    bl_idname = "NIKI_FH_film"
    bl_label = "Capture motion"
    bl_import_operator = "niki.capture_file"
    bl_file_extensions = ";".join(sorted(bpy.path.extensions_movie))

    @classmethod
    def poll_drop(cls, context):
        return context.area is not None and context.area.type == "VIEW_3D"


CLASSES = (NIKI_OT_choose_footage, NIKI_OT_capture_file, NIKI_FH_film)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
