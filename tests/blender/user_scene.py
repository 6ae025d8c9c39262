"""A file as an animator might have it, made up from a seed: everything in it is theirs, the armature too.

The choices (modes, interpolation, handles, locks, rates, places, which scene ...) are the seed's; what there is of
each kind is always there.
"""

from __future__ import annotations

import math
import random
from pathlib import Path

import bpy
from conftest import ROOT
from mathutils import Quaternion

from niki.body.skeleton import BONES

FILM = ROOT / "samples/sample.mp4"
SCENE, OTHER_SCENE, RIG, TWIN, ACTION = "Shot 10", "Shot 20", "Hero", "Twin", "Walk"
FIRST, LAST = 1, 31
LOCKED = "R_Shoulder"
"""A bone that may not be turned."""
CONSTRAINED = "Head"
"""A bone that copies half the rotation of an empty."""
DRIVEN = "R_Hand"
"""A bone that a driver turns and no key does."""
SLOTTED = hasattr(bpy.types, "ActionSlot")


def make(folder: Path, seed: int) -> Path:
    """Write such a file into ``folder``; its path. The extension must be registered."""
    rng = random.Random(seed)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    library = _write_library(folder)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.name = SCENE
    cube = _own_things(rng, library)
    _scene_settings(scene, rng)
    _own_cameras(scene, rng)
    _strips_and_markers(scene, rng)
    rig = _rig(scene, rng)
    _animate(rig, rng)
    _share(rig, cube, rng)
    _constrain_and_lock(rig, rng)
    _bone_settings(rig, rng)
    _drive(rig, cube)
    _tool_settings(scene, rig, rng)
    _other_scene(rng)
    for o in bpy.context.view_layer.objects:
        o.select_set(o in (rig, cube))
    bpy.context.view_layer.objects.active = rig
    scene.frame_set(rng.randint(8, 20))
    path = folder / f"user_{seed}.blend"
    bpy.context.preferences.filepaths.save_version = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def curves_of(o: bpy.types.Object) -> list[bpy.types.FCurve]:
    """The f-curves that move an object."""
    data = o.animation_data
    return [] if data is None or data.action is None else curves_in(data.action, o)


def curves_in(action: bpy.types.Action, o: bpy.types.Object) -> list[bpy.types.FCurve]:
    """The f-curves of an action, or of a copy of it, that are an object's."""
    if not SLOTTED:
        return list(action.fcurves)
    slot = action.slots[o.animation_data.action_slot.identifier]
    bags = [s.channelbag(slot) for layer in action.layers for s in layer.strips]
    return [curve for bag in bags if bag for curve in bag.fcurves]


def rotation_channel(bone: bpy.types.PoseBone) -> str:
    modes = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}
    return modes.get(bone.rotation_mode, "rotation_euler")


def _write_library(folder: Path) -> Path:
    prop = bpy.data.objects.new("Linked Prop", bpy.data.meshes.new("Linked Prop"))
    prop.data.materials.append(bpy.data.materials.new("Linked Steel"))
    path = folder / "library.blend"
    bpy.data.libraries.write(str(path), {prop}, fake_user=True)
    return path


def _own_things(rng, library: Path) -> bpy.types.Object:
    """Objects, materials and collections, some of them with names that we would give."""
    root = bpy.context.scene.collection
    bpy.ops.mesh.primitive_cube_add(location=(2, rng.random(), 0))
    cube = bpy.context.object
    cube.name = "Crate"
    clay = bpy.data.materials.new("NIKI Clay")
    clay.diffuse_color = (0.8, 0.1, rng.random(), 1)
    cube.data.materials.append(clay)
    for name in ("sample", "Body", "motion"):
        mine = bpy.data.collections.new(name)
        root.children.link(mine)
        for k in range(2):
            empty = bpy.data.objects.new(f"{name} prop {k}", None)
            empty.location = (rng.random(), k, 0)
            mine.objects.link(empty)
    for name in (
        "sample",
        "Body",
        "Mannequin",
        "motion",
        "sample Camera",
        f"{RIG} Left Wrist",
        "Aim",
        "Foot Goal",
    ):
        empty = bpy.data.objects.new(name, None)
        empty.location, empty.rotation_euler = (rng.random(), 1, 1), (rng.random(), 0.2, 0.1)
        root.objects.link(empty)
    for name in ("motion", f"{RIG} corrected", f"{ACTION} corrected"):
        bpy.data.actions.new(name).use_fake_user = True
    bpy.context.scene["production"] = {"shot": 10, "notes": "keep", "scale": [1.0, 2.0]}
    bpy.data.texts.new("notes").write("mine")
    bpy.context.scene.world = bpy.data.worlds.new("Sky")
    with bpy.data.libraries.load(str(library), link=True) as (there, wanted):
        wanted.objects = there.objects
    root.objects.link(bpy.data.objects["Linked Prop"])
    active = bpy.context.view_layer.layer_collection.children["sample"]
    bpy.context.view_layer.active_layer_collection = active
    return cube


def _scene_settings(scene, rng):
    render = scene.render
    render.fps, render.fps_base = rng.choice(((25, 1.0), (60, 1.0), (24, 1.001)))
    render.resolution_x, render.resolution_y = rng.choice(((3840, 2160), (1080, 1920)))
    render.resolution_percentage = 50
    render.filepath = "//out/shot_"
    scene.frame_start, scene.frame_end = FIRST, LAST
    scene.use_preview_range = rng.random() < 0.5
    if scene.use_preview_range:
        scene.frame_preview_start, scene.frame_preview_end = 3, 25
    scene.cursor.location = (rng.random(), -1, 0.5)
    scene.cursor.rotation_euler = (0, 0, rng.random())


def _own_cameras(scene, rng):
    clip = bpy.data.movieclips.load(str(FILM))
    clip.name, clip.frame_start, clip.frame_offset = "My Plate", 777, rng.randint(1, 9)
    data = bpy.data.cameras.new("My Lens")
    data.lens = rng.uniform(20, 80)
    data.show_background_images = True
    behind = data.background_images.new()
    behind.source, behind.clip, behind.alpha = "MOVIE_CLIP", clip, 0.3
    camera = bpy.data.objects.new("My Camera", data)
    camera.location = (0, -6, 1.5)
    scene.collection.objects.link(camera)
    scene.camera, scene.active_clip = camera, clip


def _strips_and_markers(scene, rng):
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_movie(name="Take 3", filepath=str(FILM), channel=2, frame_start=rng.randint(5, 30))
    offset = (
        "left_handle_offset" if hasattr(strip, "left_handle_offset") else "frame_offset_start"
    )  # before 5.2
    setattr(strip, offset, 5)
    strip.blend_alpha = 0.5
    for name in ("start", "jump"):
        scene.timeline_markers.new(name, frame=rng.randint(1, 30))


def _rig(scene, rng) -> bpy.types.Object:
    bpy.ops.niki.add_body(height=rng.choice((1.6, 1.9)))
    rig = bpy.context.object
    rig.name, rig.data.name = RIG, RIG
    rig.rotation_euler = (0, 0, rng.random())
    modes = ("QUATERNION", "QUATERNION", "XYZ", "ZXY", "AXIS_ANGLE")
    for name in BONES:
        if name not in (LOCKED, CONSTRAINED, "Pelvis"):
            rig.pose.bones[name].rotation_mode = rng.choice(modes)
    rig.pose.bones[DRIVEN].rotation_mode = "XYZ"
    return rig


def _animate(rig, rng):
    data = rig.animation_data_create()
    data.action = bpy.data.actions.new(ACTION)
    frames = list(range(FIRST, LAST + 1, rng.choice((1, 3, 5))))
    for name in BONES:
        bone = rig.pose.bones[name]
        if name == DRIVEN:
            continue
        channel, phase, size = rotation_channel(bone), rng.uniform(0, 6), rng.uniform(0.05, 0.25)
        rest = list(getattr(bone, channel))
        for frame in frames:
            values = [v + size * math.sin(phase + k + frame / 5) for k, v in enumerate(rest)]
            if channel == "rotation_axis_angle":
                values = [size * math.sin(phase + frame / 5), *rest[1:]]
                values[2] = values[2] or 1.0
            if channel == "rotation_quaternion" and name != "Pelvis":  # there, of no particular length
                values = Quaternion(values).normalized()
            setattr(bone, channel, values)
            bone.keyframe_insert(channel, frame=frame, group=name)
    pelvis, head = rig.pose.bones["Pelvis"], rig.pose.bones["Head"]
    head["mine"] = 0.5
    head.id_properties_ui("mine").update(min=0.0, max=2.0, description="How tired they are")
    for frame in frames:
        pelvis.location = (0.01 * frame, 0.02 * math.sin(frame), 0)
        pelvis.keyframe_insert("location", frame=frame, group="Pelvis")
        rig.location = (0.1 * frame, 0, 0)
        rig.keyframe_insert("location", frame=frame, group="Object Transforms")
    for frame in frames[:: max(1, len(frames) // 4)]:
        rig.pose.bones["Spine3"].scale = (1, 1 + 0.001 * frame, 1)
        rig.pose.bones["Spine3"].keyframe_insert("scale", frame=frame)
        head["mine"] = frame / 31
        head.keyframe_insert('["mine"]', frame=frame)
    for name in BONES:
        bone = rig.pose.bones[name]
        for frame in frames:
            bone["confidence"] = rng.uniform(0.3, 1)
            bone.keyframe_insert('["confidence"]', frame=frame, group=name)
    for curve in curves_of(rig):
        _style(curve, rng)


def _style(curve, rng):
    """Interpolation, handles and the rest of a curve, as an animator leaves them."""
    kinds = ("BEZIER", "BEZIER", "CONSTANT", "LINEAR", "SINE")
    curve.extrapolation = rng.choice(("CONSTANT", "LINEAR"))
    curve.color_mode = rng.choice(("AUTO_RAINBOW", "CUSTOM"))
    curve.color = (rng.random(), 0.5, 0.5)
    for point in curve.keyframe_points:
        point.interpolation, point.easing = rng.choice(kinds), rng.choice(("AUTO", "EASE_IN"))
        point.type = rng.choice(("KEYFRAME", "EXTREME", "JITTER"))
        handle = rng.choice(("FREE", "ALIGNED", "AUTO", "VECTOR"))
        point.handle_left_type = point.handle_right_type = handle
        if handle == "FREE":
            point.handle_left = (point.co[0] - 0.4, point.co[1] - 0.01)
            point.handle_right = (point.co[0] + 0.4, point.co[1] + 0.02)
    curve.update()
    if curve.data_path == "location":
        noise = curve.modifiers.new("NOISE")
        noise.strength = 0.02


def _share(rig, cube, rng):
    """The action has other users: another rig, strips, and on 4.4 and later another slot with far later keys."""
    action = rig.animation_data.action
    twin = rig.copy()
    twin.name = TWIN
    bpy.context.scene.collection.objects.link(twin)
    if SLOTTED:
        twin.animation_data.action_slot = rig.animation_data.action_slot
        cube.animation_data_create().action = action
        cube.animation_data.action_slot = action.slots.new(id_type="OBJECT", name="Crate")
    else:
        cube.animation_data_create().action = bpy.data.actions.new("Crate")
    for frame in (1, 150):
        cube.location.x = frame / 1000
        cube.keyframe_insert("location", index=0, frame=frame)
    wave = bpy.data.actions.new("Wave")
    track = twin.animation_data.nla_tracks.new()
    track.name, track.mute = "takes", True
    strip = track.strips.new("Walk again", 40, action)
    strip.blend_type, strip.influence = "COMBINE", 0.5
    other = rig.animation_data.nla_tracks.new()
    other.name, other.mute = "old takes", True
    other.strips.new("Wave", rng.randint(50, 60), wave)


def _constrain_and_lock(rig, rng):
    bones, objects = rig.pose.bones, bpy.data.objects
    copy = bones[CONSTRAINED].constraints.new("COPY_ROTATION")
    copy.name, copy.target, copy.influence, copy.mix_mode = "look", objects["Aim"], 0.5, "REPLACE"
    goal = bones["R_Ankle"].constraints.new("IK")
    goal.target, goal.chain_count, goal.influence = objects["Foot Goal"], 2, 0.3
    limit = bones["Spine2"].constraints.new("LIMIT_ROTATION")
    limit.use_limit_x, limit.min_x, limit.max_x, limit.owner_space = True, -0.05, 0.05, "LOCAL"
    muted = bones["L_Hand"].constraints.new("COPY_LOCATION")
    muted.target, muted.mute = objects["Aim"], True
    locked = bones[LOCKED]
    locked.lock_rotations_4d, locked.lock_rotation_w = True, True
    locked.lock_rotation = (True, True, True)
    bones["L_Collar"].lock_rotation = (True, rng.random() < 0.5, False)
    bones["Spine3"].lock_scale = (True, False, True)
    if rng.random() < 0.5:
        bones["Pelvis"].lock_location = (True, True, True)


def _bone_settings(rig, rng):
    bones = rig.pose.bones
    bones["Spine1"].color.palette = "THEME03"
    bones["Head"].color.palette = "CUSTOM"
    bones["Head"].color.custom.normal = (0.9, rng.random(), 0.1)
    rig.data.bones["Neck"].color.palette = "THEME07"
    bones["Pelvis"].custom_shape = bpy.data.objects["Aim"]
    left = rig.data.collections.new("Left")
    for name in BONES:
        if name.startswith("L_"):
            left.assign(rig.data.bones[name])
    rig.data.collections.new("Hidden").is_visible = False
    rig.show_in_front = False
    rig["power"] = 0.25
    rig.id_properties_ui("power").update(min=0.0, max=1.0)


def _drive(rig, cube):
    for target, path, index in ((cube, "location", 2), (rig, f'pose.bones["{DRIVEN}"].rotation_euler', 0)):
        driver = target.driver_add(path, index).driver
        driver.type = "SCRIPTED"
        variable = driver.variables.new()
        variable.name = "power"
        variable.targets[0].id, variable.targets[0].data_path = rig, '["power"]'
        driver.expression = "power * 0.5"


def _tool_settings(scene, rig, rng):
    settings = scene.tool_settings
    settings.use_keyframe_insert_auto = rng.random() < 0.5
    settings.auto_keying_mode = rng.choice(("ADD_REPLACE_KEYS", "REPLACE_KEYS"))
    settings.keyframe_type = rng.choice(("KEYFRAME", "BREAKDOWN"))
    settings.use_snap = rng.random() < 0.5
    mine = scene.keying_sets.new(idname="MINE", name="Mine")
    mine.paths.add(rig, 'pose.bones["Head"].rotation_quaternion', group_method="NAMED", group_name="Head")
    scene.keying_sets.active = mine


def _other_scene(rng):
    """A second scene, with a collection that has the name of ours for targets."""
    scene = bpy.data.scenes.new(OTHER_SCENE)
    camera = bpy.data.objects.new("Other Camera", bpy.data.cameras.new("Other Lens"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.fps, scene.render.resolution_x = 50, 1234
    scene.frame_start, scene.frame_end = 5, 6
    scene.frame_current = 5
    targets = bpy.data.collections.new("NIKI Targets")
    scene.collection.children.link(targets)
    archery = bpy.data.objects.new("Archery Target", None)
    archery.location.x = rng.random()
    targets.objects.link(archery)
