"""What captures and imports do to a scene of the user's: they add what they promise, where they promise it."""

import json
import shutil

import numpy as np
import pytest
from conftest import ROOT, some_motion

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from mathutils import Vector
from registered import data_folder, in_start_up_file  # noqa: F401 (fixtures)

from niki.review.blender_process import blender_module

results, operators, footage, people, placing, registration, sampling, sources, space, users_scene = (
    blender_module(n)
    for n in ("capture.results", "capture.operators", "placement.camera", "capture.people", "placement.placing", "registration", "rig.sampling", "capture.sources",
              "rig.space", "scene.users_scene")
)  # fmt: skip
SAMPLE = ROOT / "samples/sample.mp4"


def filmed(tmp_path, frames=12, first=0, **changes):
    """A motion of the sample clip's frames from ``first`` on, with a copy of the clip behind it."""
    clip = tmp_path / "take.mp4"
    shutil.copy(SAMPLE, clip)
    motion = some_motion(frames=frames, footage=str(clip), **{"mocap_framerate": 24.0} | changes)
    motion.frames = motion.frames + first
    return motion


def place(motion, name="take", **how):
    return placing.place_motion(motion, name, placing.Placement(**how))


def import_it(motion, path, **how):
    motion.save(path)
    return bpy.ops.niki.import_motion(filepath=str(path), **how)


def rigs():
    return [o for o in bpy.data.objects if o.type == "ARMATURE"]


def users_own():
    """Make the current scene one in which somebody has worked."""
    scene = bpy.context.scene
    render = scene.render
    render.fps, render.fps_base, render.resolution_x, render.resolution_y = 25, 1.0, 3840, 2160
    render.resolution_percentage, scene.frame_start, scene.frame_end = 50, 101, 180
    bpy.data.objects["Cube"].location = (1, 2, 3)
    bpy.data.objects["Cube"].keyframe_insert("location", frame=110)
    scene.timeline_markers.new("cut", frame=120)
    return scene


def state(item, depth=3):
    """All that RNA shows of a data-block, structs within it included, other data-blocks by name."""
    found = {}
    for prop in item.bl_rna.properties:
        name = prop.identifier
        if name in {
            "rna_type",
            "users",
            "session_uid",
            "is_evaluated",
            "original",
            "id_data",
            "uv_sculpt",
        }:
            continue
        if (
            name.startswith(("is_", "niki"))
            or "deprecated" in prop.description.lower()
            or getattr(prop, "deprecated_note", "")
        ):
            continue
        try:
            found[name] = plain(getattr(item, name), depth)
        except (AttributeError, RuntimeError, TypeError):
            continue
    return found


def plain(value, depth):
    if isinstance(value, bpy.types.ID):
        return value.name_full
    if isinstance(value, bpy.types.bpy_struct):
        return state(value, depth - 1) if depth else "..."
    if isinstance(value, bpy.types.bpy_prop_collection):
        return [plain(each, depth - 1) for each in value] if depth else len(value)
    if isinstance(value, float | int | str | bool | set | type(None)):
        return value
    try:
        return [plain(each, depth) for each in value]
    except TypeError:
        return str(type(value))


_KINDS = ("scenes", "objects", "meshes", "cameras", "lights", "materials", "actions", "movieclips", "worlds")
_GROWS = {
    "objects",
    "all_objects",
    "collection",
    "collections",
    "view_layers",
    "users_collection",
    "depsgraph",
}
"""Of a scene: it may hold more than before, which the tests look at one by one."""


def everything():
    """By kind and name, what the file holds."""
    for scene in bpy.data.scenes:
        scene.view_layers[0].update()
    found = {}
    for kind in _KINDS:
        for item in getattr(bpy.data, kind):
            left_out = _GROWS if kind == "scenes" else ()
            found[kind, item.name_full] = {n: value for n, value in state(item).items() if n not in left_out}
    return found


def differences(before, after):
    """Names of what was there before and is not the same now."""
    lost = []
    for key, was in before.items():
        now = after.get(key)
        if now is None:
            lost.append(f"{key} is gone")
        elif now != was:
            lost.append(f"{key}: {[name for name in was if now.get(name) != was[name]]}")
    return lost


def pelvis_at(rig, frame):
    bpy.context.scene.frame_set(frame)
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array(posed.matrix_world @ posed.pose.bones["Pelvis"].head)


# what is the user's stays as it is


def test_an_import_changes_nothing_in_a_scene_of_the_users(tmp_path):
    scene = users_own()
    motion = filmed(tmp_path)
    own_clip = bpy.data.movieclips.load(motion.footage)
    own_clip.frame_start, own_clip.frame_offset = 777, 10
    before, camera = everything(), scene.camera
    import_it(motion, tmp_path / "m.npz")
    assert differences(before, everything()) == []
    assert scene.camera == camera
    assert (scene.render.fps, scene.render.resolution_x, scene.render.resolution_percentage) == (25, 3840, 50)
    assert (scene.frame_start, scene.frame_end) == (101, 180)
    assert (own_clip.frame_start, own_clip.frame_offset, own_clip.name) == (777, 10, "take.mp4")


@pytest.mark.parametrize("seed", range(4))
def test_a_capture_changes_nothing_of_a_random_scene(tmp_path, seed):
    rng = np.random.default_rng(seed)
    scene = users_own()
    render = scene.render
    render.fps, scene.frame_end = int(rng.integers(12, 120)), int(rng.integers(5, 500))
    if rng.random() < 0.5:
        scene.camera = None
    for n in range(rng.integers(1, 5)):
        item = bpy.data.objects.new(f"thing {n}", rng.choice([None, bpy.data.objects["Cube"].data]))
        scene.collection.objects.link(item)
        item.location = rng.normal(size=3)
        item.constraints.new("COPY_LOCATION").target = bpy.data.objects["Cube"]
        item.driver_add("scale", 0).driver.expression = "frame"
    other = bpy.data.scenes.new("Shot B")
    other.render.fps = 60
    motion = filmed(tmp_path)
    bpy.data.movieclips.load(motion.footage).frame_start = int(rng.integers(-50, 50))
    before = everything()
    had_camera, add_camera = scene.camera is not None, bool(rng.random() < 0.7)
    rig, _ = place(
        motion, scene=rng.choice(["Scene", "Shot B"]), camera=add_camera, point=tuple(rng.normal(size=3))
    )
    changed = differences(before, everything())
    where = next(s for s in bpy.data.scenes if rig.name in s.objects)
    if add_camera and (where == other or not had_camera):
        assert changed.pop(0 if where == scene else -1) == f"('scenes', '{where.name}'): ['camera']"
    assert changed == []


def test_a_new_camera_becomes_the_scenes_where_it_has_none_or_it_is_asked_for(tmp_path):
    scene = users_own()
    own = scene.camera
    rig, _ = place(filmed(tmp_path))
    assert scene.camera == own
    place(filmed(tmp_path), active_camera=True)
    assert scene.camera != own
    scene.camera = None
    rig, _ = place(filmed(tmp_path))
    assert scene.camera.name == f"{rig.name} Camera"


def test_a_scene_is_matched_to_the_footage_only_where_it_is_empty_or_that_is_asked_for(tmp_path):
    scene = users_own()
    motion = filmed(tmp_path, mocap_framerate=30000 / 1001)
    place(motion, match_scene="IF_EMPTY")
    assert (scene.render.fps, scene.render.resolution_x, scene.frame_end) == (25, 3840, 180)
    place(motion, match_scene="ALWAYS", frame_start=5)
    assert (scene.render.fps, scene.render.fps_base) == pytest.approx((30, 1.001))
    assert (scene.render.resolution_x, scene.render.resolution_y) == (640, 480)
    assert (scene.frame_start, scene.frame_end) == (5, 16)


def test_blenders_start_up_scene_takes_the_footages_settings_and_shows_the_person(tmp_path):
    scene, cube = bpy.context.scene, bpy.data.objects["Cube"]
    _, warnings = place(filmed(tmp_path), match_scene="IF_EMPTY", point=(0, 0, 0))
    assert scene.camera.name == "take Camera"
    assert (scene.render.resolution_x, scene.frame_end) == (640, 12)
    assert not cube.visible_get()
    assert cube.hide_render
    assert any("default cube was hidden" in warning for warning in warnings)
    place(filmed(tmp_path), match_scene="IF_EMPTY")
    assert scene.camera.name == "take Camera"  # it is not empty any more


@pytest.mark.parametrize(
    "work",
    [
        lambda s: bpy.data.objects["Cube"].modifiers.new("Bevel", "BEVEL"),
        lambda s: setattr(bpy.data.objects["Cube"].data.vertices[0], "co", (-2, -1, -1)),
        lambda s: setattr(bpy.data.objects["Camera"], "location", (5, 0, 1)),
        lambda s: s.collection.objects.link(bpy.data.objects.new("mine", None)),
        lambda s: s.timeline_markers.new("cut"),
        lambda s: setattr(s, "frame_end", 99),
        lambda s: setattr(s.render, "fps", 30),
    ],
)
def test_a_scene_in_which_something_was_done_is_the_users(work):
    scene = bpy.context.scene
    assert users_scene.is_untouched(scene)
    work(scene)
    assert not users_scene.is_untouched(scene)


def test_a_motion_that_is_longer_than_the_scene_is_told_of_and_the_range_left(tmp_path):
    scene = users_own()
    scene.frame_end = 105
    _, warnings = place(filmed(tmp_path, mocap_framerate=25.0), frame_start=101)
    assert scene.frame_end == 105
    assert "The motion ends at frame 112, after the end of the scene (105)" in warnings


# which scene it lands in


def test_a_result_lands_in_the_scene_it_was_started_from(tmp_path):
    scene = users_own()
    scene.niki_capture.path, scene.niki_capture.place_at = str(SAMPLE), "FILMED"
    placement = operators.placement_of(scene)
    other = bpy.data.scenes.new("Shot B")
    other.render.fps = 60
    bpy.context.window.scene = other
    thing = bpy.data.objects.new("thing", bpy.data.meshes.new("thing"))
    other.collection.objects.link(thing)
    thing.select_set(True)
    bpy.context.view_layer.objects.active = thing
    bpy.ops.object.mode_set(mode="EDIT")
    rig, _ = placing.place_motion(filmed(tmp_path), "take", placing.Placement(**placement.as_dict()))
    assert rig.name in scene.objects
    assert list(other.objects) == [thing]
    assert (other.render.fps, other.camera, bpy.context.scene) == (60, None, other)
    assert (bpy.context.mode, bpy.context.object, bpy.context.selected_objects) == (
        "EDIT_MESH",
        thing,
        [thing],
    )
    assert len(rig.data.bones) == 24


def test_its_scene_may_be_renamed_meanwhile_but_not_removed(tmp_path):
    scene = users_own()
    placement = operators.placement_of(scene)
    scene.name = "Shot A"
    bpy.data.scenes.new("Scene")  # another of the old name
    rig, _ = placing.place_motion(filmed(tmp_path), "take", placement)
    assert rig.name in scene.objects
    bpy.context.window.scene = bpy.data.scenes["Scene"]
    bpy.data.scenes.remove(scene)
    count = len(bpy.data.objects)
    bpy.data.scenes["Scene"].name = "Shot C"
    with pytest.raises(placing.NikiError, match="scene 'Scene' no longer exists"):
        placing.place_motion(filmed(tmp_path), "take", placement)
    assert len(bpy.data.objects) == count


@pytest.mark.parametrize("mode", ["EDIT", "SCULPT", "WEIGHT_PAINT"])
def test_another_mode_stays_as_it_is_when_a_result_comes_in(tmp_path, mode):
    users_own()
    cube = bpy.data.objects["Cube"]
    bpy.ops.object.mode_set(mode=mode)
    was = bpy.context.mode
    rig, _ = place(filmed(tmp_path))
    assert (bpy.context.mode, bpy.context.object, cube.select_get()) == (was, cube, True)
    assert not rig.select_get()


def test_pose_mode_stays_as_it_is_when_a_result_comes_in(tmp_path):
    first, _ = place(filmed(tmp_path))
    bpy.ops.object.mode_set(mode="POSE")
    second, _ = place(filmed(tmp_path))
    assert (bpy.context.mode, bpy.context.object, second.mode) == ("POSE", first, "OBJECT")


def test_an_import_in_edit_mode_can_be_undone(tmp_path):
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.ed.undo_push(message="before")
    import_it(filmed(tmp_path), tmp_path / "m.npz")
    bpy.ops.ed.undo_push(message="after")
    assert len(rigs()) == 1
    bpy.ops.ed.undo()
    assert rigs() == []


def test_a_linked_scene_or_armature_is_refused_and_nothing_is_added(tmp_path):
    rig, _ = place(filmed(tmp_path), name="linked")
    rig.name, bpy.context.scene.name = "Linked Rig", "Linked Scene"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_factory_settings()
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, linked):
        linked.scenes, linked.objects = ["Linked Scene"], ["Linked Rig"]
    count = len(bpy.data.objects), len(bpy.data.actions)
    with pytest.raises(placing.NikiError, match="'Linked Scene' is linked from a library"):
        place(filmed(tmp_path), scene="Linked Scene")
    with pytest.raises(placing.NikiError, match="Linked Rig is linked from a library"):
        place(filmed(tmp_path), armature="Linked Rig")
    assert (len(bpy.data.objects), len(bpy.data.actions)) == count


# where in the scene


@pytest.mark.parametrize("point", [(0, 0, 0), (3, -2, 0.5)])
def test_the_person_stands_where_asked_and_the_camera_sees_them_as_before(tmp_path, point):
    from bpy_extras.object_utils import world_to_camera_view

    scene = bpy.context.scene
    motion = filmed(tmp_path)
    motion.confidence[:3] = 0  # not seen yet
    rig, _ = place(motion, point=point, match_scene="ALWAYS")
    height = (motion.trans + motion.body.pelvis)[3, 1]
    np.testing.assert_allclose(pelvis_at(rig, 4), np.array(point) + (0, 0, height), atol=1e-4)
    assert (tuple(rig.location), tuple(rig.rotation_euler), tuple(rig.scale)) == (
        (0, 0, 0),
        (0, 0, 0),
        (1, 1, 1),
    )
    scene.frame_set(9)
    for bone, j in (("Pelvis", 0), ("L_Wrist", 20), ("R_Ankle", 8)):
        seen = world_to_camera_view(scene, scene.camera, rig.matrix_world @ rig.pose.bones[bone].head)
        np.testing.assert_allclose([seen.x * 640, (1 - seen.y) * 480], motion.projected()[8, j], atol=0.1)
    turned = sampling.sample_motion(rig, 1, 12)
    np.testing.assert_allclose(turned.rotations[:, 0], motion.rotations[:, 0], atol=1e-4)  # faces as before


def test_on_an_armature_that_stands_elsewhere_the_person_is_where_asked(tmp_path):
    from bpy_extras.object_utils import world_to_camera_view

    scene = bpy.context.scene
    motion = filmed(tmp_path)
    rig, _ = place(motion)
    rig.location, rig.rotation_euler, rig.scale = (5, 1, 0.3), (0.1, 0.2, 1.2), (2, 2, 2)
    bpy.context.view_layer.update()
    before = rig.animation_data.action
    assert place(motion, armature=rig.name, point=(1, 2, 0), match_scene="ALWAYS")[0] == rig
    height = 2 * (motion.trans + motion.body.pelvis)[0, 1]
    np.testing.assert_allclose(pelvis_at(rig, 1), (1, 2, height), atol=1e-3)
    assert tuple(rig.location) == pytest.approx((5, 1, 0.3))
    assert before.use_fake_user
    scene.frame_set(9)
    for bone, j in (("Pelvis", 0), ("L_Wrist", 20), ("R_Ankle", 8)):
        seen = world_to_camera_view(scene, scene.camera, rig.matrix_world @ rig.pose.bones[bone].head)
        np.testing.assert_allclose([seen.x * 640, (1 - seen.y) * 480], motion.projected()[8, j], atol=0.2)
    turned = sampling.sample_motion(rig, 1, 12)
    np.testing.assert_allclose(turned.rotations[:, 0], motion.rotations[:, 0], atol=1e-4)


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (640, 480), (500, 500)])
@pytest.mark.parametrize("image_size", [(640, 480), (480, 640), (640, 640)])
def test_the_footage_lies_under_the_person_in_a_scene_of_any_shape(tmp_path, size, image_size):
    from bpy_extras.object_utils import world_to_camera_view

    scene = users_own()
    scene.render.resolution_x, scene.render.resolution_y = size
    motion = filmed(tmp_path, image_size=np.array(image_size))
    place(motion, active_camera=True)
    bpy.context.view_layer.update()
    shown = np.array(image_size) * min(np.array(size) / image_size)  # as "Fit" shows it, in the middle
    for joint, pixel in zip(motion.solved_joints()[0], motion.projected()[0], strict=True):
        seen = world_to_camera_view(scene, scene.camera, Vector(space.to_blender(joint)))
        at = (np.array([seen.x, 1 - seen.y]) - 0.5) * size / shown + 0.5
        np.testing.assert_allclose(at * image_size, pixel, atol=0.1)


def test_the_result_is_selected_and_in_the_middle_of_the_view(tmp_path):
    users_own()
    rig, _ = place(filmed(tmp_path), point=(50, 0, 0))
    assert (bpy.context.object, bpy.context.selected_objects) == (rig, [rig])
    view = next(a for a in bpy.context.window.screen.areas if a.type == "VIEW_3D").spaces.active.region_3d
    assert (view.view_location - Vector((50, 0, 1))).length < 3
    assert all(bone.select if hasattr(bone, "select") else bone.bone.select for bone in rig.pose.bones)


def test_a_view_through_a_camera_or_of_some_objects_only_is_left_alone(tmp_path):
    users_own()
    area = next(a for a in bpy.context.window.screen.areas if a.type == "VIEW_3D")
    view = area.spaces.active.region_3d
    view.view_perspective = "CAMERA"
    before = view.view_location.copy(), view.view_distance
    place(filmed(tmp_path), point=(50, 0, 0))
    assert (view.view_perspective, view.view_location, view.view_distance) == ("CAMERA", *before)
    view.view_perspective = "PERSP"
    region = next(r for r in area.regions if r.type == "WINDOW")
    with bpy.context.temp_override(area=area, region=region):
        bpy.ops.view3d.localview(frame_selected=False)
    before = view.view_location.copy(), view.view_distance
    place(filmed(tmp_path), point=(-50, 0, 0))
    assert (view.view_location, view.view_distance) == before


# what it is called, and what holds it


def test_one_collection_for_each_capture_in_the_active_one(tmp_path):
    for name in ("take", "take.001"):
        rig, _ = place(filmed(tmp_path))
        (held,) = rig.users_collection
        assert held.name == name
        assert {o.name for o in held.objects} == {name, f"{name} Body", f"{name} Camera"}
        assert held.name in bpy.data.collections["Collection"].children
    assert len(bpy.context.scene.collection.objects) == 0


@pytest.mark.parametrize("how", ["exclude", "hide_viewport", "collection hidden"])
def test_a_result_does_not_vanish_in_a_collection_that_is_not_shown(tmp_path, how):
    layer = bpy.context.view_layer.active_layer_collection
    if how == "collection hidden":
        layer.collection.hide_viewport = True
    else:
        setattr(layer, how, True)
    rig, _ = place(filmed(tmp_path))
    assert rig.visible_get()
    assert rig.users_collection[0].name in bpy.context.scene.collection.children


def test_a_fresh_body_goes_to_the_active_collection_and_uses_the_clay_there_is():
    bpy.ops.niki.add_body()
    bpy.ops.niki.add_body()
    bodies = [o for o in bpy.data.objects if o.find_armature()]
    assert all(body.users_collection[0].name == "Collection" for body in bodies)
    assert {body.data.materials[0].name for body in bodies} == {"NIKI Clay"}
    assert [o.name for o in bodies] == ["Body Body", "Body.001 Body"]
    assert bpy.context.object == rigs()[-1]


@pytest.mark.parametrize("change", ["diffuse_color", "node", "link"])
def test_a_clay_that_the_user_has_changed_is_theirs(change):
    bpy.ops.niki.add_body()
    clay = bpy.data.materials["NIKI Clay"]
    if change == "diffuse_color":
        clay.diffuse_color = (1, 0, 0, 1)
    elif change == "node":
        next(n for n in clay.node_tree.nodes if n.type == "BSDF_PRINCIPLED").inputs[
            "Metallic"
        ].default_value = 1
    else:
        clay.node_tree.links.clear()
    bpy.ops.niki.add_body()
    assert len([m for m in bpy.data.materials if m.name.startswith("NIKI Clay")]) == 2


def test_a_material_of_the_users_that_is_called_like_ours_is_not_taken():
    bpy.data.materials.new("NIKI Clay")
    bpy.ops.niki.add_body()
    (body,) = (o for o in bpy.data.objects if o.find_armature())
    assert body.data.materials[0].name == "NIKI Clay.001"


# in time


def test_each_capture_has_a_clip_of_its_own_that_stays_in_step(tmp_path):
    first, _ = place(filmed(tmp_path, first=0))
    second, _ = place(filmed(tmp_path, first=60))
    cameras = [bpy.data.objects[f"{rig.name} Camera"] for rig in (first, second)]
    clips = [camera.data.background_images[0].clip for camera in cameras]
    assert [clip.frame_start for clip in clips] == [1, -59]
    assert clips[0] != clips[1]
    assert clips[0].name == "take Footage"


def strip_of(scene, name="Take 3", at=20, left=0, right=0, trim=0):
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_movie(name=name, filepath=str(SAMPLE), channel=1, frame_start=at)
    for new, old, value in (("left_handle_offset", "frame_offset_start", left),
                            ("right_handle_offset", "frame_offset_end", right),
                            ("content_trim_start", "animation_offset_start", trim)):  # fmt: skip
        setattr(strip, new if hasattr(strip, new) else old, value)
    scene.niki_capture.source, scene.niki_capture.strip = "STRIP", name
    return strip


def test_undo_while_capturing_does_not_lose_the_scene():
    bpy.ops.ed.undo_push(message="before the capture")
    placement = operators.placement_of(bpy.context.scene)
    bpy.ops.ed.undo_push(message="something else")
    bpy.ops.ed.undo()
    assert users_scene.find_scene(placement.scene, placement.scene_identity) == bpy.context.scene


def test_a_strip_is_captured_as_far_as_it_is_shown_and_lies_over_its_motion():
    scene = bpy.context.scene
    strip_of(scene, at=20, left=5, right=30)
    source = sources.readable_source(scene)
    assert (source.path, source.title, source.first, source.last) == (str(SAMPLE), "Take 3", 5, 77)
    assert source.frame_start == operators.placement_of(scene).frame_start == 25
    scene.niki_capture.use_range, scene.niki_capture.first, scene.niki_capture.last = True, 15, 24
    source = sources.readable_source(scene)
    assert (source.first, source.last, source.frame_start) == (15, 24, 35)


def test_a_strips_trim_counts():
    scene = bpy.context.scene
    strip = strip_of(scene, at=20, left=4, trim=7)
    source = sources.readable_source(scene)
    shown_from = strip.left_handle if hasattr(strip, "left_handle") else strip.frame_final_start
    assert (source.first, source.frame_start) == (11, shown_from)


@pytest.mark.skipif(bpy.app.version >= (5, 0), reason="movie_strip_add crashes this Blender without a window")
def test_a_strip_that_keeps_its_films_rate_in_a_scene_with_another(tmp_path):
    scene = bpy.context.scene
    area = bpy.context.window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    if hasattr(bpy.context.workspace, "sequencer_scene"):
        bpy.context.workspace.sequencer_scene = scene
    with bpy.context.temp_override(area=area, region=next(r for r in area.regions if r.type == "WINDOW")):
        add = bpy.ops.sequencer.movie_strip_add
        known = (
            add.get_rna_type().properties
        )  # Blender 5.2 would have the mouse move it, and crashes without one
        still = {"move_strips": False} if "move_strips" in known else {}
        add(
            filepath=str(SAMPLE),
            frame_start=101,
            sound=False,
            adjust_playback_rate=True,
            fit_method="FIT",
            **still,
        )
    strip = scene.sequence_editor.active_strip
    scene.render.fps = 60  # 2.5 frames of the timeline for each of the film's 24
    setattr(strip, "left_handle_offset" if hasattr(strip, "left_handle_offset") else "frame_offset_start", 50)
    scene.niki_capture.source, scene.niki_capture.strip = "STRIP", strip.name
    source = sources.readable_source(scene)
    assert (source.first, source.last, source.frame_start) == (20, 107, 151)


def test_a_clips_start_and_offset_count():
    scene = bpy.context.scene
    clip = bpy.data.movieclips.load(str(SAMPLE))
    clip.frame_start, clip.frame_offset = 50, 10
    scene.niki_capture.source, scene.niki_capture.clip = "CLIP", clip
    source = sources.readable_source(scene)
    assert (source.path, source.title, source.first, source.frame_start) == (str(SAMPLE), "sample", 10, 50)
    scene.niki_capture.use_range, scene.niki_capture.first, scene.niki_capture.last = True, 30, 40
    assert operators.placement_of(scene).frame_start == 70
    assert operators.task_of(scene)[0].start == 30


def test_a_clip_of_images_counts_from_the_image_it_names(tmp_path):
    image = bpy.data.images.new("frame", 8, 8)
    for n in range(3, 12):
        image.filepath_raw, image.file_format = str(tmp_path / f"shot_{n:03d}.png"), "PNG"
        image.save()
    scene = bpy.context.scene
    scene.niki_capture.source, scene.niki_capture.clip = (
        "CLIP",
        bpy.data.movieclips.load(str(tmp_path / "shot_007.png")),
    )
    scene.niki_capture.clip.frame_start = 40
    source = sources.readable_source(scene)
    assert (source.first, source.frame_start, source.fps) == (4, 40, 24)


def test_a_file_begins_at_the_start_frame_of_the_panel():
    scene = bpy.context.scene
    scene.niki_capture.path, scene.niki_capture.frame_start = str(SAMPLE), 33
    assert operators.placement_of(scene).frame_start == 33


# choosing footage


def test_the_footage_of_the_editor_that_one_is_in_is_offered():
    scene = bpy.context.scene
    strip = strip_of(scene)
    scene.sequence_editor.active_strip = strip
    scene.active_clip = clip = bpy.data.movieclips.load(str(SAMPLE))
    area = bpy.context.window.screen.areas[0]
    for editor, expected in (("CLIP_EDITOR", ("CLIP", clip)), ("SEQUENCE_EDITOR", ("STRIP", "Take 3"))):
        scene.niki_capture.source = "FILE"
        area.type = editor
        if editor == "CLIP_EDITOR":
            area.spaces.active.clip = clip
        with bpy.context.temp_override(area=area):
            assert bpy.ops.niki.use_active_footage() == {"FINISHED"}
        assert (
            scene.niki_capture.source,
            getattr(scene.niki_capture, scene.niki_capture.source.lower()),
        ) == expected


def test_a_choice_of_person_ends_with_the_footage_it_was_made_in():
    settings = bpy.context.scene.niki_capture
    clip = bpy.data.movieclips.load(str(SAMPLE))
    for name, value in (("path", str(SAMPLE)), ("clip", clip), ("source", "CLIP")):
        settings.use_subject = True
        people.search.people = [people.FoundPerson((1, 2), 0)]
        setattr(settings, name, value)
        assert not settings.use_subject
        assert people.search.people == []


def test_no_poll_looks_at_the_disk(monkeypatch):
    settings = bpy.context.scene.niki_capture
    settings.path = str(SAMPLE)

    def fail(*_, **__):
        raise AssertionError("the disk was asked")

    for name in ("exists", "is_file", "stat", "glob"):
        monkeypatch.setattr(sources.Path, name, fail)
    sources.OnFootage.poll(bpy.context)
    sources.chosen_source(bpy.context.scene)
    operators.NIKI_OT_use_active_footage.poll(bpy.context)


def test_a_dropped_film_is_chosen_and_not_yet_captured():
    assert bpy.ops.niki.capture_file(filepath=str(SAMPLE)) == {"FINISHED"}
    settings = bpy.context.scene.niki_capture
    assert (settings.source, settings.path) == ("FILE", str(SAMPLE))
    assert results.captures().jobs == []
    assert ".mp4" in bpy.types.NIKI_FH_video.bl_file_extensions.split(";")


def test_the_file_browser_shows_films_and_images():
    properties = bpy.ops.niki.choose_footage.get_rna_type().properties
    assert all(properties[name].default for name in ("filter_movie", "filter_image", "filter_folder"))
    bpy.ops.niki.choose_footage(filepath=str(SAMPLE))
    assert bpy.context.scene.niki_capture.path == str(SAMPLE)


def test_the_import_asks_for_a_file_each_time():
    for operator in (bpy.ops.niki.import_motion, bpy.ops.niki.capture_file, bpy.ops.niki.choose_footage):
        assert operator.get_rna_type().properties["filepath"].is_skip_save


def our_enums():
    """Every enum property of ours, by class and name."""
    for module in registration.find_modules():
        for cls in getattr(module, "CLASSES", ()):
            names = {name for base in cls.__mro__ for name in vars(base).get("__annotations__", {})}
            rna = cls.bl_rna
            if issubclass(cls, bpy.types.Operator):
                rna = getattr(bpy.ops.niki, cls.bl_idname.removeprefix("niki.")).get_rna_type()
            for prop in rna.properties:
                if prop.identifier in names and prop.type == "ENUM":
                    yield f"{cls.__name__}.{prop.identifier}", prop


def test_blenders_dictionary_is_not_asked_for_words_that_mean_something_else_there():
    enums = dict(our_enums())
    assert {"NIKI_PG_capture.quality", "NIKI_OT_import_motion.match_scene"} <= set(enums)
    assert [name for name, prop in enums.items() if prop.translation_context != "NIKI"] == []


# what goes wrong, and what is the user's


def as_it_is():
    """The scene's settings, and the names of what is in the file."""
    scene = bpy.context.scene
    kinds = (
        "objects",
        "collections",
        "armatures",
        "meshes",
        "cameras",
        "actions",
        "materials",
        "movieclips",
        "scenes",
    )
    render = scene.render
    return (
        {kind: sorted(item.name for item in getattr(bpy.data, kind)) for kind in kinds},
        (render.fps, render.resolution_x, render.resolution_y, scene.frame_end, scene.camera),
        [(thing.name, thing.hide_render, thing.hide_get()) for thing in scene.objects],
    )


def test_an_armature_in_tweak_mode_is_refused_before_anything_is_changed(tmp_path):
    rig, _ = place(filmed(tmp_path))
    data = rig.animation_data
    track = data.nla_tracks.new()
    track.strips.new("take", 1, data.action)
    data.action = None
    track.select = True
    data.use_tweak_mode = True
    assert data.use_tweak_mode
    before = as_it_is()
    with pytest.raises(placing.NikiError, match="tweak mode"):
        place(filmed(tmp_path, frames=40, mocap_framerate=60.0), armature=rig.name, match_scene="ALWAYS")
    assert as_it_is() == before


@pytest.mark.parametrize("onto", [False, True])
def test_a_placement_that_fails_half_way_takes_back_what_it_has_done(tmp_path, monkeypatch, onto):
    rig = place(filmed(tmp_path), camera=False)[0] if onto else None
    action = rig.animation_data.action if onto else None
    before = as_it_is()
    monkeypatch.setattr(placing, "select_bones", lambda rig: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        place(
            filmed(tmp_path, frames=40, mocap_framerate=60.0),
            armature="take" if onto else "",
            match_scene="ALWAYS",
        )
    assert as_it_is() == before
    if onto:
        assert rig.animation_data.action == action
        assert not action.use_fake_user
        monkeypatch.undo()
        bpy.context.view_layer.update()
        assert pelvis_at(rig, 3) is not None


def test_a_socket_that_holds_a_data_block_is_no_obstacle():
    class Socket(bpy.types.NodeSocket):
        bl_idname = "TestObjectSocket"
        bl_label = "Object"
        default_value: bpy.props.PointerProperty(type=bpy.types.Object)

        def draw(self, context, layout, node, text):
            pass

        @classmethod
        def draw_color_simple(cls):
            return (1, 1, 1, 1)

    class Node(bpy.types.Node):
        bl_idname = bl_label = "TestObjectNode"

        def init(self, context):
            self.inputs.new("TestObjectSocket", "thing")

    bpy.utils.register_class(Socket)
    bpy.utils.register_class(Node)
    try:
        bpy.ops.niki.add_body()
        (clay,) = (m for m in bpy.data.materials if m.name.startswith("NIKI Clay"))
        theirs = clay.copy()
        theirs.name = "theirs"
        for material in (clay, theirs):
            (socket,) = material.node_tree.nodes.new("TestObjectNode").inputs
            socket.default_value = bpy.data.objects["Cube"]
        bpy.ops.niki.add_body()
        assert len([m for m in bpy.data.materials if m.name.startswith("NIKI Clay")]) == 2
    finally:
        for material in bpy.data.materials:  # Blender 4.2 crashes on freeing a node whose class is gone
            if material.node_tree:
                material.node_tree.nodes.clear()
        bpy.utils.unregister_class(Node)
        bpy.utils.unregister_class(Socket)


def test_a_deleted_armature_is_not_animated_and_does_not_stay_in_the_file(tmp_path):
    scene = bpy.context.scene
    rig, _ = place(filmed(tmp_path), camera=False)
    scene.niki_capture.armature = rig
    placement = operators.placement_of(scene)
    bpy.ops.object.select_all(action="DESELECT")
    rig.select_set(True)
    bpy.ops.object.delete()
    assert bpy.data.objects.get("take") == rig  # the setting keeps it
    made, warnings = placing.place_motion(filmed(tmp_path), "next", placement)
    assert made != rig
    assert any("armature 'take' no longer exists" in warning for warning in warnings)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"), copy=True)
    assert scene.niki_capture.armature is None


def test_a_result_follows_its_armature_to_another_name_and_does_not_go_to_a_namesake(tmp_path):
    scene = bpy.context.scene
    hero, _ = place(filmed(tmp_path), "Hero", camera=False)
    scene.niki_capture.armature = hero
    placement = placing.Placement.from_dict(json.loads(json.dumps(operators.placement_of(scene).as_dict())))
    hero.name = "Old Hero"
    other, _ = place(filmed(tmp_path), "Hero", camera=False)
    assert other.name == "Hero"
    assert placing.place_motion(filmed(tmp_path), "next", placement)[0] == hero
    scene.niki_capture.armature = None
    bpy.data.objects.remove(hero)
    made, warnings = placing.place_motion(filmed(tmp_path), "next", placement)
    assert made not in (hero, other)
    assert any("armature 'Hero' no longer exists" in warning for warning in warnings)


def test_of_a_scene_and_its_copy_a_result_goes_to_the_one_that_it_was_meant_for():
    scene = bpy.context.scene
    first = operators.placement_of(scene)
    bpy.ops.scene.new(type="FULL_COPY")
    copy = bpy.context.scene
    assert copy != scene
    second = operators.placement_of(copy)
    assert second.scene_identity != first.scene_identity
    assert users_scene.find_scene(first.scene, first.scene_identity) == scene
    assert users_scene.find_scene(second.scene, second.scene_identity) == copy


def test_copies_that_cannot_be_told_apart_get_no_result():
    scene = bpy.context.scene
    placement = operators.placement_of(scene)
    bpy.ops.scene.new(type="FULL_COPY")
    scene.name, bpy.context.scene.name = "A", "B"
    assert not users_scene.has_scene(placement.scene, placement.scene_identity)


def test_a_capture_of_a_linked_scene_is_refused_at_once(tmp_path):
    bpy.context.scene.name = "Linked"
    bpy.data.libraries.write(str(tmp_path / "lib.blend"), {bpy.context.scene}, fake_user=True)
    bpy.context.scene.name = "Own"
    with bpy.data.libraries.load(str(tmp_path / "lib.blend"), link=True) as (_, to):
        to.scenes = ["Linked"]
    with pytest.raises(placing.NikiError, match="'Linked' is linked from a library"):
        operators.task_of(to.scenes[0])


def test_capture_now_says_why_it_does_not(monkeypatch):
    drop = {"filepath": str(SAMPLE), "begin": True}
    for module in (sources, blender_module("capture.footage_files")):
        monkeypatch.setattr(module, "why_not_ready", lambda: "numbers is missing")
    assert bpy.ops.niki.capture_file(**drop) == {"FINISHED"}
    for module in (sources, blender_module("capture.footage_files")):
        monkeypatch.setattr(module, "why_not_ready", lambda: "")
    monkeypatch.setattr(operators, "look_whether_ready", lambda: "gone meanwhile")
    assert bpy.ops.niki.capture_file(**drop) == {"FINISHED"}
    assert bpy.context.scene.niki_capture.path == str(SAMPLE)


@pytest.mark.parametrize("path", ["/" + "x" * 5000, "/" + "x/" * 3000])
def test_a_path_that_is_too_long_is_no_file(path):
    with pytest.raises(RuntimeError, match="File not found"):
        bpy.ops.niki.choose_footage(filepath=path[:1000])
    assert not blender_module("work.paths").is_file(path)
    assert not blender_module("work.paths").is_file("a\0b")


@pytest.mark.parametrize("point", [[10**400, 0, 0], [1e300, 0, 0], [float("nan"), 0, 0], [0, 0]])
def test_a_point_that_is_none_is_left_out(point):
    assert placing.Placement.from_dict({"point": point}).point is None


def test_a_strip_stays_chosen_when_others_are_removed():
    scene = bpy.context.scene
    first, second = strip_of(scene, "A", at=1), strip_of(scene, "B", at=300)
    assert scene.niki_capture.strip == "B"
    users_scene.strips_of(scene).remove(first)
    assert scene.niki_capture.strip == second.name == "B"
    assert sources.chosen_source(scene).title == "B"


def test_people_found_in_the_footage_of_one_scene_are_not_offered_in_another():
    scene = bpy.context.scene
    scene.niki_capture.path = str(SAMPLE)
    people.search._path, people.search.people = str(SAMPLE), [people.FoundPerson((1.0, 2.0), 0)]
    assert people.search.is_of(scene)
    bpy.context.window.scene = bpy.data.scenes.new("other")
    assert not people.search.is_of(bpy.context.scene)
    with pytest.raises(RuntimeError, match="other footage"):
        bpy.ops.niki.follow_person(place=(1.0, 2.0))
    assert not bpy.context.scene.niki_capture.use_subject
