"""Import and export of motion files: .npz of NIKI and AMASS."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ...niki.errors import NikiError
from ...niki.formats.amass import is_amass, load_amass, save_amass
from ...niki.motion.motion import Motion
from ..interface.layout import CONTEXT
from ..placement.choices import MATCH_DESCRIPTION, MATCH_NAME, MATCHES, PLACES
from ..placement.placing import NEVER, Placement, place_motion
from ..rig.armature import OnArmature, active_object, is_our_armature
from ..rig.sampling import sample_motion
from ..scene.users_scene import place_of


class NIKI_OT_import_motion(bpy.types.Operator, ImportHelper):
    """Import a NIKI motion file, or an AMASS file with SMPL, SMPL-H or SMPL-X poses"""

    bl_idname = "niki.import_motion"
    bl_label = "Import Motion"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".npz"
    filter_glob: StringProperty(default="*.npz", options={"HIDDEN"})
    filepath: StringProperty(name="File Path", subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"})
    frame_start: IntProperty(
        name="Start Frame", default=1, description="Scene frame of the motion's first frame"
    )
    place_at: EnumProperty(
        name="Place At",
        translation_context=CONTEXT,
        items=PLACES,
        description="Where the motion goes in the scene",
    )
    match_scene: EnumProperty(
        name=MATCH_NAME,
        translation_context=CONTEXT,
        items=MATCHES,
        default=NEVER,
        description=MATCH_DESCRIPTION,
    )
    onto_active: BoolProperty(
        name="Onto Active Armature",
        description="Animate the active armature with a new action; its own action is kept",
    )
    root_bone: BoolProperty(
        name="Root Bone",
        description="Give a new armature a root bone on the floor under the pelvis, as game engines use it",
    )
    camera: BoolProperty(name="Camera", default=True, description="Add the camera of a captured motion")
    active_camera: BoolProperty(
        name="Make Active", description="Make it the scene's active camera, even if the scene has one"
    )

    def execute(self, context):
        rig = context.object if self.onto_active and is_our_armature(context.object) else None
        if self.onto_active and rig is None:
            self.report(
                {"ERROR"}, "Select a captured armature or a NIKI Body, or turn off Onto Active Armature"
            )
            return {"CANCELLED"}
        placement = Placement(
            armature=rig.name if rig else "",
            frame_start=self.frame_start,
            point=place_of(context.scene, self.place_at),
            match_scene=self.match_scene,
            camera=self.camera,
            footage=self.camera,
            active_camera=self.active_camera,
            root_bone=self.root_bone,
        )
        notes = []
        try:
            from_amass = is_amass(self.filepath)
            motion = load_amass(self.filepath, notes.append) if from_amass else Motion.load(self.filepath)
            if context.mode not in ("OBJECT", "POSE"):  # undo steps of Edit Mode do not include new objects
                bpy.ops.object.mode_set(mode="OBJECT")
            path = "" if from_amass else self.filepath
            rig, warnings = place_motion(motion, Path(self.filepath).stem, placement, readings=path)
        except NikiError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        for warning in [*notes, *warnings]:
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, f"{rig.name}: {len(motion)} frames")
        return {"FINISHED"}

    def invoke(self, context, event):
        if self.properties.is_property_set("filepath"):  # dropped onto the window
            title = Path(self.filepath).name
            return context.window_manager.invoke_props_dialog(self, title=title, confirm_text="Import Motion")
        return super().invoke(context, event)


class NIKI_OT_export_motion(OnArmature, bpy.types.Operator, ExportHelper):
    """Export the motion of the active armature as a NIKI or AMASS file"""

    changes = False
    bl_idname = "niki.export_motion"
    bl_label = "Export Motion"

    filename_ext = ".npz"
    filter_glob: StringProperty(default="*.npz", options={"HIDDEN"})
    layout: EnumProperty(
        name="Format",
        description="Fields and axes of the file",
        translation_context=CONTEXT,
        items=(
            ("NIKI", "NIKI", "Y up, with skeleton and confidence"),
            ("AMASS", "AMASS", "Z up, the 24 SMPL joints"),
        ),
    )

    def execute(self, context):
        scene = context.scene
        try:
            motion = sample_motion(active_object(context), scene.frame_start, scene.frame_end)
            (motion.save if self.layout == "NIKI" else lambda path: save_amass(motion, path))(self.filepath)
        except NikiError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{self.filepath}: {len(motion)} frames")
        return {"FINISHED"}


class NIKI_FH_motion(bpy.types.FileHandler):
    """Import motion files dropped onto the 3D view."""

    bl_idname = "NIKI_FH_motion"
    bl_label = "NIKI or SMPL Motion"
    bl_import_operator = "niki.import_motion"
    bl_file_extensions = ".npz"

    @classmethod
    def poll_drop(cls, context):
        return context.area is not None and context.area.type == "VIEW_3D"


def _draw_import(menu, context):
    menu.layout.operator(NIKI_OT_import_motion.bl_idname, text="NIKI or SMPL Motion (.npz)")


def _draw_export(menu, context):
    menu.layout.operator(NIKI_OT_export_motion.bl_idname, text="NIKI or SMPL Motion (.npz)")


CLASSES = (NIKI_OT_import_motion, NIKI_OT_export_motion, NIKI_FH_motion)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register() -> None:
    _register_classes()
    bpy.types.TOPBAR_MT_file_import.append(_draw_import)
    bpy.types.TOPBAR_MT_file_export.append(_draw_export)


def unregister() -> None:
    bpy.types.TOPBAR_MT_file_import.remove(_draw_import)
    bpy.types.TOPBAR_MT_file_export.remove(_draw_export)
    _unregister_classes()
