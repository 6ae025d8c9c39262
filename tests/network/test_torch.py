"""The same source on torch tensors gives what it gives on numpy arrays, with gradients."""

import numpy as np
import pytest
from conftest import random_rotations

from niki.body import rotation as rot
from niki.body.kinematics import analytic_ik, forward_kinematics, swing_and_twist

torch = pytest.importorskip("torch", reason="torch is not installed here (niki[train])")


def test_torch_agrees_with_numpy(body, rng):
    pose = random_rotations(rng, 5, 24)
    joints = forward_kinematics(pose, body)[0]
    twist = swing_and_twist(pose, body)[1]
    tensors = torch.as_tensor(pose), torch.as_tensor(joints), torch.as_tensor(twist)
    np.testing.assert_allclose(forward_kinematics(tensors[0], body)[0].numpy(), joints, atol=1e-12)
    np.testing.assert_allclose(swing_and_twist(tensors[0], body)[1].numpy(), twist, atol=1e-12)
    np.testing.assert_allclose(analytic_ik(tensors[1], body, tensors[2]).numpy(), pose, atol=1e-9)
    for name in ("axis_angle_from_matrix", "quaternion_from_matrix", "sixd_from_matrix"):
        np.testing.assert_allclose(
            getattr(rot, name)(tensors[0]).numpy(), getattr(rot, name)(pose), atol=1e-12
        )
    q = rot.quaternion_from_matrix(tensors[0])
    np.testing.assert_allclose(rot.slerp(q, q, torch.full((5, 24, 1), 0.3)).numpy(), q.numpy(), atol=1e-12)
    continuous = rot.continuous_quaternions(q).numpy()
    np.testing.assert_allclose(continuous, rot.continuous_quaternions(q.numpy()), atol=1e-12)


def test_torch_gradients_are_finite(body, rng):
    axis_angle = torch.as_tensor(rng.normal(size=(3, 24, 3)), dtype=torch.float32).requires_grad_()
    joints = forward_kinematics(rot.matrix_from_axis_angle(axis_angle), body)[0]
    joints.square().sum().backward()
    assert torch.isfinite(axis_angle.grad).all()
    assert axis_angle.grad.abs().max() > 0
