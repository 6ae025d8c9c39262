"""Inside Blender: the armature, its keys, the body, the camera. Runs on every bpy supported."""

import shutil

import numpy as np
import pytest
from conftest import ROOT, some_motion

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from niki.body import rotation as rot
from niki.body.skeleton import BONES, PARENTS, Body
from niki.formats.bvh import save_bvh
from niki.meshes.mannequin import mannequin
from niki.motion.camera_tilt import camera_to_library, up_from_tilt
from niki.review.blender_process import blender_module, run_job

animation, armature, keying, body_module = (
    blender_module(n) for n in ("rig.animation", "rig.armature", "rig.keying", "rig.body")
)
footage, scene, space, square_views, users_scene = (
    blender_module(n)
    for n in (
        "placement.camera",
        "placement.build",
        "rig.space",
        "placement.square_views",
        "scene.users_scene",
    )
)


@pytest.fixture(autouse=True)
def empty_file():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield
    bpy.ops.wm.read_factory_settings(use_empty=True)


def heads(rig, names=BONES):
    """World positions of the bones' heads, as Blender evaluates them now, in library space."""
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return space.to_library(np.array([posed.matrix_world @ posed.pose.bones[n].head for n in names]))


def a_camera(motion):
    """That of ``motion``, made the empty scene's own, whose picture is as large as the footage."""
    current = bpy.context.scene
    users_scene.match_to_footage(current, motion, 1)
    current.camera = footage.create_camera(motion, "Camera", current, current.collection)
    return current.camera


def test_spaces_are_each_others_inverse(rng):
    points = rng.normal(size=(5, 3))
    np.testing.assert_allclose(space.to_library(space.to_blender(points)), points)
    np.testing.assert_allclose(space.to_blender(np.array([0, 0, 1.0])), [0, -1, 0])  # faces Blender's front


def test_armature_has_the_bodys_proportions_and_smpls_names(body):
    rig = armature.create_armature(body)
    assert {b.name for b in rig.data.bones} == set(BONES)
    for name, parent in zip(BONES[1:], PARENTS[1:24], strict=True):
        assert rig.data.bones[name].parent.name == BONES[parent]
    np.testing.assert_allclose(heads(rig), body.rest_joints[:24], atol=1e-6)
    knee, ankle = rig.data.bones["L_Knee"], rig.data.bones["L_Ankle"]
    np.testing.assert_allclose(knee.tail_local, ankle.head_local, atol=1e-6)


def test_left_and_right_bones_mirror_each_other(body):
    rig = armature.create_armature(body)
    axes = dict(zip(BONES, armature.rest_orientations(rig), strict=True))
    for name in BONES:
        if name.startswith("L_"):
            np.testing.assert_allclose(axes["R_" + name[2:]][:, 1], axes[name][:, 1] * [-1, 1, 1], atol=1e-5)
            np.testing.assert_allclose(axes["R_" + name[2:]][:, 2], axes[name][:, 2] * [-1, 1, 1], atol=1e-5)


def test_saved_file_opens_with_keys_that_put_every_joint_in_place(tmp_path):
    motion = some_motion(frames=40, footage="")
    motion.save(tmp_path / "m.npz")
    assert scene.save_blend(str(tmp_path / "m.npz"), str(tmp_path / "m.blend")) == []
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "m.blend"))
    rig = next(o for o in bpy.data.objects if o.type == "ARMATURE")
    assert len(rig.data.bones) == 24
    current = bpy.context.scene
    assert (current.frame_start, current.frame_end) == (1, 40)
    curves = animation.fcurves_of(rig)
    assert len(curves) == 24 * 5 + 3  # turns, confidence; the root moves
    assert all(c.group.name in BONES for c in curves)
    for curve in curves:
        assert [k.co[0] for k in curve.keyframe_points] == list(range(1, 41))
    expected = motion.solved_joints()[:, :24]
    for t in range(40):
        current.frame_set(1 + t)
        np.testing.assert_allclose(heads(rig), expected[t], atol=1e-4)


def test_a_second_bake_leaves_the_first_action(body):
    rig = armature.create_armature(body)
    first = keying.bake_motion(rig, some_motion(rest_joints=body.rest_joints))
    second = keying.bake_motion(rig, some_motion(rest_joints=body.rest_joints, seed=9), frame_start=100)
    assert first != second
    assert first.use_fake_user
    assert rig.animation_data.action == second
    assert second.frame_range[0] == 100


def test_bvh_comes_back_through_blenders_importer(tmp_path):
    motion = some_motion(frames=10)
    save_bvh(motion, tmp_path / "m.bvh")
    bpy.ops.preferences.addon_enable(module="io_anim_bvh")
    bpy.ops.import_anim.bvh(filepath=str(tmp_path / "m.bvh"), use_fps_scale=False, update_scene_fps=False)
    rig = bpy.context.object
    expected = motion.solved_joints()[:, :24]
    for t in range(10):
        bpy.context.scene.frame_set(1 + t)
        np.testing.assert_allclose(heads(rig), expected[t], atol=2e-5)
    bpy.ops.preferences.addon_disable(module="io_anim_bvh")


def test_camera_sees_joints_where_the_footage_has_them():
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    motion = some_motion()
    camera = a_camera(motion)
    bpy.context.view_layer.update()
    current = bpy.context.scene
    assert (current.render.resolution_x, current.render.resolution_y) == (640, 480)
    for joint, pixel in zip(motion.solved_joints()[0], motion.projected()[0], strict=True):
        seen = world_to_camera_view(current, camera, Vector(space.to_blender(joint)))
        np.testing.assert_allclose([seen.x * 640, (1 - seen.y) * 480], pixel, atol=0.05)


def test_footage_is_behind_the_camera_and_in_step(tmp_path):
    clip_file = tmp_path / "clip with spaces.mp4"
    shutil.copy(ROOT / "samples/sample.mp4", clip_file)
    motion = some_motion(frames=12)
    motion.frames = motion.frames + 30
    camera = a_camera(motion)
    clip = footage.show_behind(camera, str(clip_file), motion, frame_start=1)
    assert clip.frame_start == 1 - 30
    assert camera.data.background_images[0].clip == clip
    assert footage.show_behind(camera, str(tmp_path / "gone.mp4"), motion) is None


def test_image_sequences_can_be_behind_the_camera(tmp_path):
    image = bpy.data.images.new("frame", 64, 48)
    for n in range(1, 6):
        image.filepath_raw, image.file_format = str(tmp_path / f"shot_{n:03d}.png"), "PNG"
        image.save()
    camera = a_camera(some_motion(frames=5))
    clip = footage.show_behind(camera, str(tmp_path / "shot_001.png"), some_motion(frames=5))
    assert (clip.source, clip.frame_duration, tuple(clip.size)) == ("SEQUENCE", 5, (64, 48))


def test_a_camera_that_turns_is_keyed_and_follows_the_person():
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    turns = rot.matrix_from_axis_angle(np.linspace(0, 0.4, 6)[:, None] * [0.3, 1, 0.2])
    motion = some_motion(frames=6, footage="", camera_turns=turns)
    current = bpy.context.scene
    still = footage.create_camera(some_motion(frames=6, footage=""), "Still", current, current.collection)
    assert still.animation_data is None
    current.render.resolution_x, current.render.resolution_y = (int(n) for n in motion.image_size)
    current.camera = footage.create_camera(motion, "Turning", current, current.collection, frame_start=11)
    joints, pixels = motion.solved_joints(), motion.projected()
    for t in (0, 3, 5):
        current.frame_set(11 + t)
        for joint, pixel in zip(joints[t], pixels[t], strict=True):
            seen = world_to_camera_view(current, current.camera, Vector(space.to_blender(joint)))
            x, y = seen.x * motion.image_size[0], (1 - seen.y) * motion.image_size[1]
            np.testing.assert_allclose([x, y], pixel, atol=0.1)


def test_scene_keeps_fractional_rates():
    for rate in (24, 24000 / 1001, 30000 / 1001, 59.94005994, 12.5, 50):
        users_scene.set_rate(bpy.context.scene, rate)
        assert users_scene.rate_of(bpy.context.scene) == pytest.approx(rate, rel=1e-6)


@pytest.mark.parametrize(
    ("rate", "pair"), [(23.976, (24, 1.001)), (29.97, (30, 1.001)), (25.0000001, (25, 1))]
)
def test_rates_as_containers_write_them_become_the_exact_ones(rate, pair):
    users_scene.set_rate(bpy.context.scene, rate)
    render = bpy.context.scene.render
    assert (render.fps, render.fps_base) == pytest.approx(pair, rel=1e-7)


@pytest.mark.parametrize("size", [0.75, 1.0, 1.2])
def test_mannequin_is_closed_and_every_vertex_is_held(size):
    body = Body(Body.default().rest_joints * size)
    skin = mannequin(body)
    edges = np.stack([skin.faces, np.roll(skin.faces, -1, axis=1)], -1).reshape(-1, 2)
    forward = {tuple(e) for e in edges.tolist()}
    assert all((b, a) in forward for a, b in forward)  # every edge has a face on either side
    np.testing.assert_allclose(skin.weights.sum(1), 1, atol=1e-9)
    assert (skin.weights > 0).any(0).all()
    a, b, c, d = (skin.vertices[skin.faces[:, k]] for k in range(4))
    volume = sum((np.cross(p, q) * r).sum(-1).sum() / 6 for p, q, r in ((a, b, c), (a, c, d)))
    assert 0.045 * size**3 < volume < 0.095 * size**3  # litres of a person, and not inside out
    left = skin.vertices[:, 0] > 0.12
    for i, name in enumerate(BONES):
        if name.startswith("R_"):
            assert skin.weights[left][:, i].max() < 0.02


def test_mannequin_follows_its_bones(body):
    rig = armature.create_armature(body)
    mesh = body_module.add_mannequin(rig, body)
    rig.pose.bones["L_Elbow"].rotation_quaternion = (0.7071068, 0, 0, 0.7071068)
    bpy.context.view_layer.update()
    rest = np.array([v.co for v in mesh.data.vertices])
    moved_mesh = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    moved = np.linalg.norm(np.array([v.co for v in moved_mesh.vertices]) - rest, axis=-1)
    hand = rest[:, 0] > body.rest_joints[22, 0]
    assert moved[hand].min() > 0.2
    assert moved[rest[:, 0] < body.rest_joints[16, 0]].max() < 1e-5


def test_job_in_its_own_process_reports_errors(tmp_path):
    from niki.errors import NikiError

    with pytest.raises(NikiError, match=r"no file .*none\.npz"):
        run_job(
            "placement.build.save_blend",
            motion_file=str(tmp_path / "none.npz"),
            path=str(tmp_path / "m.blend"),
        )


def test_stills_are_rendered(tmp_path):
    motion = some_motion(
        frames=3,
        footage="",
        camera=np.array([[90.0, 0, 32], [0, 90, 24], [0, 0, 1]]),
        image_size=np.array([64, 48]),
    )
    motion.save(tmp_path / "m.npz")
    paths = run_job(
        "placement.build.render_stills",
        motion_file=str(tmp_path / "m.npz"),
        indices=[0, 2],
        folder=str(tmp_path),
        width=64,
        samples=2,
        views={"side": [30, 40], "above": [30, 20]},
    )
    assert len(paths) == 6
    sizes = [tuple(bpy.data.images.load(path).size) for path in paths]
    assert sizes == [(64, 48)] * 2 + [(30, 40)] * 2 + [(30, 20)] * 2
    assert all((tmp_path / p).stat().st_size > 500 for p in paths)


@pytest.mark.parametrize("name", ["side", "above"])
@pytest.mark.parametrize("tilt", [0.0, 20.0, -15.0])
def test_square_views_hold_the_person_and_the_floor(name, tilt):
    """From the side upright is upright and the footage's camera is to the left; from above it is below."""
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    pose = np.eye(4)
    heading = rot.matrix_from_axis_angle(np.array([0, 0.7, 0]))
    pose[:3, :3] = heading @ camera_to_library(up_from_tilt(tilt, 10.0))
    pose[:3, 3] = heading @ [0, 1.5, 3.0]
    motion = some_motion(frames=4, footage="", camera_pose=pose)
    motion.trans += [0, 1.0, 0]
    render = bpy.context.scene.render
    render.resolution_x, render.resolution_y = 36, 42
    view = square_views.SquareView(name, motion, [0, 3], 42 / 36)

    def seen(point):
        return np.array(
            world_to_camera_view(bpy.context.scene, bpy.context.scene.camera, Vector(space.to_blender(point)))
        )

    joints = motion.solved_joints()
    for t in (0, 3):
        view.aim(t)
        bpy.context.view_layer.update()
        places = np.array([seen(joint) for joint in joints[t]])
        assert (places[:, :2] > 0).all()
        assert (places[:, :2] < 1).all()
        assert (places[:, 2] > 0).all()
        towards_the_camera = seen(joints[t, 0] + heading @ [0, 0, 0.1]) - seen(joints[t, 0])
        upwards = seen(joints[t, 0] + [0, 0.1, 0]) - seen(joints[t, 0])
        if name == "side":
            assert towards_the_camera[0] < -0.01
            np.testing.assert_allclose(towards_the_camera[1:], 0, atol=1e-5)
            np.testing.assert_allclose(upwards[[0, 2]], 0, atol=1e-5)
            floor = seen(joints[t, 0] * [1, 0, 1])[1]
            assert 0 < floor < 0.5
        else:
            assert towards_the_camera[1] < -0.01
            np.testing.assert_allclose(upwards[:2], 0, atol=1e-5)
    view.remove()
    assert not bpy.context.scene.objects


def test_furniture_is_rendered_where_it_stands(tmp_path):
    motion = some_motion(
        frames=1,
        footage="",
        camera=np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]]),
        image_size=np.array([64, 48]),
    )
    motion.save(tmp_path / "m.npz")
    still = run_job(
        "placement.build.render_stills",
        motion_file=str(tmp_path / "m.npz"),
        indices=[0],
        folder=str(tmp_path),
        width=64,
        samples=2,
        boxes=[[0.8, 2, 0, 0.6, 0.2, 1.0]],  # between person and camera, on the right, lower than the camera
    )[0]
    picture = bpy.data.images.load(still)
    colors = np.array(picture.pixels).reshape(48, 64, 4)  # the lowest row first
    brown = colors[..., 0] > 1.3 * colors[..., 2]
    assert brown[1:13, 44:57].all()
    assert not brown[18:40, 44:57].any()
    assert not brown[:, 62:].any()
