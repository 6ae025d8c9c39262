"""AMASS's .npz motions and their relatives (SMPL, SMPL-H, SMPL-X): body joints only. numpy only.

AMASS (Mahmood et al., ICCV 2019) has Z up in the world and SMPL's Y up in the body; library space has Y up
in both. In AMASS the pelvis is at its position in SMPL's rest pose plus ``trans``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ..body import rotation as rot
from ..body.skeleton import NUM_BONES, Body
from ..errors import NikiError
from ..files import read_npz, save_npz
from ..motion.motion import Motion

_RATES = ("mocap_framerate", "mocap_frame_rate", "fps", "frame_rate")
_REST = "niki_rest_joints"  # our own field: the proportions, in files that we wrote
_READ = ("poses", "root_orient", "pose_body", "trans", "betas", "gender", _REST, *_RATES)
_KIND: dict[str, Any] = {"kind": "a motion file (.npz)", "hint": "expected poses of SMPL, SMPL-H or SMPL-X"}
_LAYOUTS = {72: "SMPL", 156: "SMPL-H", 165: "SMPL-X"}
_BODY = 22  # joints before the hands, the same in all layouts
_FROM_Z_UP = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
_SMPL_PELVIS = np.array([-0.0018, -0.2233, 0.0282])
"""Metres, of SMPL's mean body: AMASS turns the root about this point."""


def load_amass(path: str | os.PathLike, warn: Callable[[str], None] = lambda text: None) -> Motion:
    """Read the body poses of any of the layouts, without fingers and face.

    The skeleton is the one that :func:`save_amass` stored. Other files have only SMPL's shape (``betas``),
    which gives proportions only together with SMPL's own, license-gated files; the skeleton is then the
    default one.

    Args:
        path: the file.
        warn: called with a message if the proportions are not the person's.

    Raises:
        NikiError: the file cannot be read, or a field is missing or wrong; the message names it.
    """
    values = read_npz(path, _READ, **_KIND)
    poses = _poses(values, path)
    rate = next((values[name] for name in _RATES if name in values and values[name].size == 1), None)
    if rate is None:
        raise NikiError(f"{path} does not say its frame rate", f"expected one of {', '.join(_RATES)}")
    trans = _numbers(values.get("trans", np.zeros((len(poses), 3))), "trans", path)
    if trans.shape != (len(poses), 3):
        raise NikiError(f"{path}: trans must have shape {(len(poses), 3)}, not {trans.shape}")
    rotations = rot.matrix_from_axis_angle(poses)
    rotations[:, 0] = _FROM_Z_UP @ rotations[:, 0]
    betas = np.zeros(10)
    stored = _numbers(values.get("betas", betas), "betas", path).ravel()[:10]
    betas[: len(stored)] = stored
    try:
        body = Body(values[_REST]) if _REST in values else Body.default()
        motion = Motion(
            poses=rot.axis_angle_from_matrix(rotations).reshape(len(poses), 72),
            trans=(trans + _SMPL_PELVIS) @ _FROM_Z_UP.T - body.pelvis,
            mocap_framerate=rate.reshape(()),  # pyright: ignore[reportArgumentType]
            rest_joints=body.rest_joints,
            betas=betas,
            gender=values.get("gender", "neutral"),  # pyright: ignore[reportArgumentType]
            source=f"{_LAYOUTS.get(_width(values), 'SMPL')} poses from {os.path.basename(os.fspath(path))}",
        )
    except NikiError as error:
        raise NikiError(f"{path}: {error.message}") from None
    if _REST not in values and betas.any():
        warn(
            "The person's proportions are not known without SMPL's own files; the body is of average proportions"
        )
    return motion


def save_amass(motion: Motion, path: str | os.PathLike) -> None:
    """Write SMPL's 24 joints in AMASS's fields, Z up.

    The frame rate is stored under both names in use, and the skeleton as ``niki_rest_joints`` (Y up) for
    :func:`load_amass`.

    Raises:
        NikiError: the path cannot be written.
    """
    rotations = motion.rotations
    rotations[:, 0] = _FROM_Z_UP.T @ rotations[:, 0]
    rate = np.float64(motion.mocap_framerate)
    values = {
        "poses": rot.axis_angle_from_matrix(rotations).reshape(len(motion), 72),
        "trans": (motion.trans + motion.body.pelvis) @ _FROM_Z_UP - _SMPL_PELVIS,
        "betas": motion.betas, "gender": motion.gender, "surface_model_type": "smpl",
        "mocap_framerate": rate, "mocap_frame_rate": rate, _REST: motion.rest_joints,
    }  # fmt: skip
    save_npz(path, values)


def is_amass(path: str | os.PathLike) -> bool:
    """Whether an .npz of motions is not a motion file of NIKI, which has ``rest_joints``."""
    return "rest_joints" not in read_npz(path, ["rest_joints"], **_KIND)


def _width(values) -> int:
    return int(np.prod(np.shape(values["poses"])[1:])) if "poses" in values else 0


def _poses(values: dict, path) -> np.ndarray:
    """(T, 24, 3) axis-angle; in layouts with fingers the hands stay straight."""
    names = ("poses",) if "poses" in values else ("root_orient", "pose_body")
    if any(name not in values for name in names):
        raise NikiError(f"{path} lacks the field 'poses'")
    parts = [_numbers(values[name], name, path) for name in names]
    if any(part.ndim < 2 or len(part) != len(parts[0]) for part in parts):
        raise NikiError(f"{path}: {' and '.join(names)} must hold the same number of frames, one per row")
    poses = np.concatenate([part.reshape(len(part), int(np.prod(part.shape[1:]))) for part in parts], 1)
    if poses.shape[1] not in (3 * _BODY, *_LAYOUTS) or not len(poses):
        raise NikiError(
            f"{path}: poses must be (frames, 66, 72, 156 or 165) finite numbers, not {poses.shape}"
        )
    full = np.zeros((len(poses), NUM_BONES, 3))
    joints = NUM_BONES if poses.shape[1] == 3 * NUM_BONES else _BODY
    full[:, :joints] = poses[:, : 3 * joints].reshape(len(poses), joints, 3)
    return full


def _numbers(value: np.ndarray, name: str, path) -> np.ndarray:
    """In double precision, or NikiError naming the field."""
    if value.dtype.kind not in "iuf":
        raise NikiError(f"{path}: {name} must hold numbers, not {value.dtype}")
    with np.errstate(over="ignore"):
        value = value.astype(float)
    if not (np.abs(value) < 1e12).all():
        raise NikiError(f"{path}: {name} must hold finite numbers below 1e12")
    return value
