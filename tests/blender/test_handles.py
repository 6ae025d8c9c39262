"""Handles of joints: their sizes, what the mouse is on, and their selection."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.body.skeleton import BONES, JOINTS, NUM_JOINTS
from niki.review.blender_process import blender_module

axis_line, mesh, shapes, selecting, selection, tool_status = (
    blender_module(n)
    for n in (
        *("pose.axis_line", "handles.handle_mesh", "handles.handle_shapes", "handles.selecting"),
        *("rig.selection", "pose.tool_status"),
    )
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


@pytest.mark.parametrize("apart", [0, 3])
def test_of_coinciding_handles_the_one_in_front_is_hit(apart):
    """A selected one before a large one before a small one, wherever in them the mouse is."""
    places = np.full((NUM_JOINTS, 2), np.nan)
    places[TIP], places[HAND], places[WRIST] = (0, 0), (apart, 0), (apart / 2, 1)
    sizes = shapes.handle_sizes(np.full(NUM_JOINTS, 250.0), 1.0)
    for at in ((0, 0), (apart, 0), (4, -2)):
        assert shapes.hit_handle(places, sizes, at, 1.0) == WRIST
        assert shapes.hit_handle(places, sizes, at, 1.0, [HAND]) == HAND
        assert shapes.hit_handle(places, sizes, at, 1.0, [HAND, WRIST]) == WRIST
    assert shapes.drawing_order([TIP])[-2:] == [shapes.drawing_order()[-1], TIP]


PERSPECTIVE = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, -0.2], [0, 0, -1, 0]], float)


def test_points_behind_the_view_are_nowhere():
    places, depth = shapes.project(np.array([[0, 0, -2.0], [0, 0, 2.0]]), PERSPECTIVE, 200, 100)
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


def test_a_box_has_the_handles_whose_centers_are_in_it():
    places = np.full((NUM_JOINTS, 2), np.nan)
    places[WRIST], places[HAND], places[TIP] = (10, 10), (30, 20), (60, 20)
    for corner, opposite in (((0, 0), (40, 40)), ((40, 40), (0, 0)), ((0, 40), (40, 0))):
        assert shapes.handles_in_box(places, np.array(corner), np.array(opposite)) == [WRIST, HAND]
    assert shapes.handles_in_box(places, np.array((31, 0)), np.array((59, 90))) == []


@pytest.mark.parametrize("axis", [0, 1])
def test_the_line_of_an_axis_across_the_view_crosses_it_through_the_joint(axis):
    ends = axis_line.axis_segment(np.array([0.3, -0.2, -2.0]), axis, PERSPECTIVE)
    np.testing.assert_allclose(ends[:, 1 - axis], (-0.1, 0.15)[axis])
    assert ends[0, axis] < -1
    assert ends[1, axis] > 1


@pytest.mark.parametrize("view", [PERSPECTIVE, PERSPECTIVE @ np.diag([1.0, 1, -1, 1])])
def test_the_line_of_an_axis_toward_the_viewer_ends_before_him(view):
    """Its two ends are where it vanishes, and far outside of the view on the joint's side."""
    joint = np.array([0.3, -0.2, -2.0]) * (1, 1, -view[3, 2])
    ends = axis_line.axis_segment(joint, 2, view)
    ends = ends[np.argsort(np.abs(ends[:, 0]))]
    np.testing.assert_allclose(ends[0], 0, atol=1e-3)
    np.testing.assert_allclose(ends[1], np.array([0.15, -0.1]) / 0.02)


def test_no_line_of_an_axis_through_a_joint_behind_the_viewer():
    assert axis_line.axis_segment(np.array([0.3, -0.2, 2.0]), 0, PERSPECTIVE) is None


def test_the_tool_says_what_armatures_it_works_on(rig):
    assert tool_status.refusal_of(rig) == ""
    other = bpy.data.objects.new("Other", bpy.data.armatures.new("Other"))
    assert "NIKI armatures" in tool_status.refusal_of(other)


def test_a_selection_can_be_restored(rig):
    selecting.select_joints(rig, [WRIST], active=WRIST)
    selection.select(rig.pose.bones["Head"])
    before = selecting.Selection.of(rig)
    selecting.select_joints(rig, [HAND], active=HAND)
    before.restore(rig)
    assert selecting.selected_joints(rig) == [WRIST]
    assert selected_bones(rig) == {BONES[WRIST], "Head"}
    assert rig.data.bones.active.name == BONES[WRIST]
