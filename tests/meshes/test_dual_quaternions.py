"""Four bones for each vertex, blended as dual quaternions."""

import numpy as np
import pytest
from conftest import random_rotations

from niki.body import rotation as rot
from niki.body.kinematics import forward_kinematics
from niki.body.skeleton import NUM_BONES, Body
from niki.meshes.dual_quaternions import dual_quaternions, skin_vertices, strongest_bones, vertex_normals
from niki.meshes.mannequin import mannequin
from niki.meshes.skinning import skin

BODY = Body.default()


@pytest.fixture
def pose(rng):
    """Joints and orientations of some pose."""
    rotations = random_rotations(rng, NUM_BONES)
    return forward_kinematics(rotations, BODY, np.array([0.3, -0.2, 1.5]))


def test_vertices_on_one_bone_move_with_it(rng, pose):
    vertices, weights = rng.normal(size=(50, 3)), np.eye(NUM_BONES)[rng.integers(0, NUM_BONES, 50)]
    moved = dual_quaternions(*pose, BODY.rest_joints)
    found = skin_vertices(vertices, *strongest_bones(weights), moved)
    np.testing.assert_allclose(found, skin(vertices, weights, BODY.rest_joints, *pose), atol=1e-12)


def test_a_stiff_body_moves_as_one_however_its_weights_are(rng):
    turn, move = random_rotations(rng), rng.normal(size=3)
    joints, world = rot.apply(turn, BODY.rest_joints) + move, np.tile(turn, (NUM_BONES, 1, 1))
    vertices, weights = rng.normal(size=(50, 3)), rng.random((50, NUM_BONES))
    found = skin_vertices(
        vertices, *strongest_bones(weights), dual_quaternions(joints, world, BODY.rest_joints)
    )
    np.testing.assert_allclose(found, rot.apply(turn, vertices) + move, atol=1e-12)


def test_a_rotation_and_its_negative_are_the_same(rng, pose):
    moved = dual_quaternions(*pose, BODY.rest_joints)
    other = moved * rng.choice([-1, 1], (NUM_BONES, 1))
    vertices, carried = rng.normal(size=(50, 3)), strongest_bones(rng.random((50, NUM_BONES)))
    np.testing.assert_allclose(
        skin_vertices(vertices, *carried, moved), skin_vertices(vertices, *carried, other), atol=1e-12
    )


def test_between_two_bones_skin_turns_half_as_far_and_keeps_its_distance():
    world = np.tile(np.eye(3), (NUM_BONES, 1, 1))
    world[5] = rot.matrix_from_axis_angle(np.array([0, 0, 2.0]))
    moved = dual_quaternions(np.zeros((29, 3)), world, np.zeros((29, 3)))
    weights = np.zeros((1, NUM_BONES))
    weights[0, [4, 5]] = 0.5
    found = skin_vertices(np.array([[1.0, 0, 0]]), *strongest_bones(weights), moved)
    np.testing.assert_allclose(found, [[np.cos(1), np.sin(1), 0]], atol=1e-12)


def test_the_mannequin_hardly_has_more_than_four_bones():
    figure = mannequin(BODY, 0.02)
    bones, weights = strongest_bones(figure.weights)
    np.testing.assert_allclose(weights.sum(1), 1)
    assert (np.diff(weights, axis=1) <= 0).all()
    assert np.take_along_axis(figure.weights, bones, 1).sum(1).min() > 0.9


def test_normals_point_outward():
    figure = mannequin(BODY, 0.02)
    triangles = figure.faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    normals = vertex_normals(figure.vertices, triangles)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    head = figure.vertices[:, 1] > BODY.rest_joints[15, 1] + 0.12
    away = figure.vertices[head] - figure.vertices[head].mean(0)
    assert ((normals[head] * away).sum(1) > 0).mean() > 0.95
