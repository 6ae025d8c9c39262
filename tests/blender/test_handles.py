"""Handles of joints: their sizes, what the mouse is on, and their selection."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.body.skeleton import BONES, JOINTS, NUM_JOINTS
from niki.review.blender_process import blender_module

mesh, shapes, selecting, selection = (
    blender_module(n) for n in ("pose.handle_mesh", "pose.handle_shapes", "pose.selecting", "rig.selection")
)
WRIST, HAND, TIP = (JOINTS.index(n) for n in ("left_wrist", "left_hand", "left_middle_finger"))


@pytest.fixture
def rig():
    bpy.ops.niki.add_body()
    return bpy.context.object


def selected_bones(rig):
    return {bone.name for bone in rig.pose.bones if selection.is_selected(bone)}


def test_sizes_follow_the_distance_between_a_least_and_a_greatest():
    near, middle, far = (shapes.handle_sizes(np.full(NUM_JOINTS, m), 1.0)[WRIST] for m in (1e5, 250, 1))
    assert far < middle < near
    assert middle == pytest.approx(0.035 * 250)
    np.testing.assert_allclose(
        shapes.handle_sizes(np.full(NUM_JOINTS, 1e5), 2.0),
        2 * shapes.handle_sizes(np.full(NUM_JOINTS, 1e5), 1.0),
    )


def test_large_handles_are_larger_and_in_front():
    sizes = shapes.handle_sizes(np.full(NUM_JOINTS, 250.0), 1.0)
    assert sizes[shapes.LARGE].min() > sizes[~shapes.LARGE].max()
    assert shapes.LARGE[shapes.drawing_order()[-shapes.LARGE.sum() :]].all()


def test_of_overlapping_handles_the_nearer_relative_to_its_size_is_hit():
    places, sizes = np.full((NUM_JOINTS, 2), np.nan), np.full(NUM_JOINTS, 10.0)
    places[WRIST], places[HAND], sizes[WRIST] = (0, 0), (20, 0), 20
    assert shapes.hit_handle(places, sizes, (12, 0), 1.0) == WRIST
    assert shapes.hit_handle(places, sizes, (16, 0), 1.0) == HAND
    assert shapes.hit_handle(places, sizes, (0, 21), 1.0) is None


def test_points_behind_the_view_are_nowhere():
    perspective = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, -0.2], [0, 0, -1, 0]], float)
    places, depth = shapes.project(np.array([[0, 0, -2.0], [0, 0, 2.0]]), perspective, 200, 100)
    np.testing.assert_allclose(places[0], [100, 50])
    assert depth[0] == 2
    assert np.isnan(places[1]).all()


def test_a_selected_handle_selects_its_bone_and_makes_it_active(rig):
    selecting.select_joints(rig, [WRIST, TIP], active=TIP)
    assert selecting.selected_joints(rig) == [WRIST, TIP]
    assert selected_bones(rig) == {BONES[WRIST], BONES[HAND]}
    assert rig.data.bones.active.name == BONES[HAND]


def test_a_bone_deselected_by_blender_deselects_its_handle(rig):
    selecting.select_joints(rig, [WRIST, HAND])
    selection.select(rig.pose.bones[BONES[WRIST]], False)
    assert selecting.selected_joints(rig) == [HAND]


def test_a_new_body_shows_no_handle_as_selected(rig):
    assert selecting.selected_joints(rig) == []


def area(corners, triangles):
    a, b, c = (corners[triangles[:, k], :2].astype(float) for k in range(3))
    return 0.5 * np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum()


@pytest.mark.parametrize(("square", "expected"), [(False, np.pi * 12**2), (True, 24**2)])
def test_a_handles_triangles_cover_its_shape(square, expected):
    """And the half pixel over which its outline fades."""
    white = np.ones((1, 4))
    radius = 12 - mesh.OUTLINE - 0.5
    corners, colors, triangles = mesh.handle_mesh(
        np.array([[100.0, 50.0]]), np.array([radius]), np.array([square]), white, white, 1.0
    )
    assert area(corners, triangles) == pytest.approx(expected, rel=0.01)
    np.testing.assert_allclose(corners[:, :2].mean(0), [100, 50], atol=1e-4)
    np.testing.assert_allclose(np.abs(corners[:, 0] - 100).max(), 12, atol=1e-4)
    assert colors.min(0)[3] == 0


def test_triangles_of_handles_come_in_their_order():
    colors = np.ones((3, 4))
    corners, _, triangles = mesh.handle_mesh(
        np.array([[0.0, 0.0], [100, 0], [200, 0]]), np.full(3, 5.0), np.zeros(3, bool), colors, colors, 1.0
    )
    assert (np.diff(np.round(corners[triangles[:, 0], 0] / 100)) >= 0).all()
