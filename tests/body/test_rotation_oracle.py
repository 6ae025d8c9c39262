"""niki.body.rotation against roma (Brégier, 3DV 2021), which shares no code with it."""

import numpy as np
import pytest
from conftest import random_rotations

from niki.body import rotation as rot

torch = pytest.importorskip("torch")
roma = pytest.importorskip("roma")

COUNT = 200


@pytest.fixture
def vectors(rng):
    """(COUNT, 3) rotation vectors of up to half a turn, tiny ones and half turns among them."""
    angle = rng.uniform(0, np.pi, (COUNT, 1))
    angle[:8, 0] = 0, 1e-9, 1e-5, 1e-3, np.pi - 1e-3, np.pi - 1e-5, np.pi - 1e-7, np.pi / 2
    return angle * rot.normalize(rng.normal(size=(COUNT, 3)))


@pytest.fixture
def quaternions(rng):
    """(COUNT, 4) unit quaternions, w first."""
    return rot.normalize(rng.normal(size=(COUNT, 4)))


def to_roma(quaternions):
    """(w, x, y, z) -> roma's (x, y, z, w)."""
    return torch.tensor(np.roll(quaternions, -1, axis=-1))


def from_roma(quaternions):
    return np.roll(quaternions.numpy(), 1, axis=-1)


def assert_same_up_to_sign(a, b, tolerance=1e-12):
    np.testing.assert_allclose(a * np.sign((a * b).sum(-1, keepdims=True)), b, atol=tolerance)


def test_rotation_vectors_become_the_same_matrices(vectors):
    expected = roma.rotvec_to_rotmat(torch.tensor(vectors)).numpy()
    np.testing.assert_allclose(rot.matrix_from_axis_angle(vectors), expected, atol=1e-12)


def test_matrices_become_the_same_rotation_vectors(vectors):
    m = roma.rotvec_to_rotmat(torch.tensor(vectors))
    ours, expected = rot.axis_angle_from_matrix(m.numpy()), roma.rotmat_to_rotvec(m).numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-9)


def test_rotation_vectors_become_the_same_quaternions_and_back(vectors):
    expected = roma.rotvec_to_unitquat(torch.tensor(vectors))
    ours = rot.quaternion_from_axis_angle(vectors)
    assert_same_up_to_sign(ours, from_roma(expected))
    back = roma.unitquat_to_rotvec(expected).numpy()
    np.testing.assert_allclose(rot.axis_angle_from_quaternion(ours), back, atol=1e-9)


def test_quaternions_become_the_same_matrices_and_back(quaternions):
    expected = roma.unitquat_to_rotmat(to_roma(quaternions))
    ours = rot.matrix_from_quaternion(quaternions)
    np.testing.assert_allclose(ours, expected.numpy(), atol=1e-12)
    back = from_roma(roma.rotmat_to_unitquat(expected))
    assert_same_up_to_sign(rot.quaternion_from_matrix(ours), back)


def test_six_numbers_become_the_same_matrix(rng):
    columns = rng.normal(size=(COUNT, 3, 2))
    sixd = np.concatenate([columns[..., 0], columns[..., 1]], -1)
    expected = roma.special_gramschmidt(torch.tensor(columns)).numpy()
    np.testing.assert_allclose(rot.matrix_from_6d(sixd), expected, atol=1e-12)


def test_slerp_takes_the_same_way(rng, quaternions):
    others = rot.normalize(rng.normal(size=(COUNT, 4)))
    others[:20] = -quaternions[:20] + 0.1 * others[:20]  # near, but on the other hemisphere
    others = rot.normalize(others)
    for share in (0.0, 0.1, 0.5, 0.9, 1.0):
        expected = roma.unitquat_slerp(
            to_roma(quaternions), to_roma(others), torch.tensor(share, dtype=torch.float64)
        )
        ours = rot.slerp(quaternions, others, np.full((COUNT, 1), share))
        assert_same_up_to_sign(ours, from_roma(expected))


def test_angles_between_random_rotations_agree(rng):
    a, b = random_rotations(rng, COUNT, spread=2), random_rotations(rng, COUNT, spread=2)
    expected = roma.rotmat_geodesic_distance(torch.tensor(a), torch.tensor(b)).numpy()
    np.testing.assert_allclose(rot.angle_between(a, b), expected, atol=1e-9)


def test_the_best_fitting_rotation_is_the_same_also_of_mirrored_points(rng):
    source, target = rng.normal(size=(2, COUNT, 6, 3))
    weights = rng.uniform(0.1, 1, (COUNT, 6))
    expected = roma.rigid_vectors_registration(*map(torch.tensor, (source, target, weights)))
    np.testing.assert_allclose(rot.kabsch(source, target, weights), expected.numpy(), atol=1e-8)


def test_euler_angles_become_the_same_matrix(rng):
    angles = rng.uniform(-4, 4, (COUNT, 3))
    for order in ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"):
        in_order = torch.tensor(angles[:, ["XYZ".index(axis) for axis in order]])
        # Lower case: about fixed axes, as Blender's orders are.
        expected = roma.euler_to_rotmat(order.lower(), in_order).numpy()
        np.testing.assert_allclose(rot.matrix_from_euler(angles, order), expected, atol=1e-12)


def test_torch_tensors_give_what_numpy_arrays_give(vectors):
    m = torch.tensor(rot.matrix_from_axis_angle(vectors))
    np.testing.assert_allclose(
        rot.quaternion_from_matrix(m), rot.quaternion_from_matrix(m.numpy()), atol=1e-12
    )
    np.testing.assert_allclose(rot.matrix_from_6d(rot.sixd_from_matrix(m)), m.numpy(), atol=1e-12)
