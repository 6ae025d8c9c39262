"""Motions in AMASS's .npz and its relatives (SMPL, SMPL-H, SMPL-X): body joints in and out. numpy only.

AMASS (Mahmood et al., ICCV 2019) has Z up in the world and SMPL's Y up in the body; ours has Y up in
both. The pelvis is at its place in SMPL's rest pose plus ``trans``.
"""

from __future__ import annotations

import os
import zipfile

import numpy as np

from . import rotation as rot
from .errors import NikiError
from .files import save_npz
from .motion import Motion
from .skeleton import NUM_BONES, Body

_RATES = ("mocap_framerate", "mocap_frame_rate", "fps", "frame_rate")
_LAYOUTS = {72: "SMPL", 156: "SMPL-H", 165: "SMPL-X"}
_BODY = 22  # joints before the hands, the same in all layouts
_FROM_Z_UP = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
_SMPL_PELVIS = np.array([-0.0018, -0.2233, 0.0282])
"""Of SMPL's mean body: what turning the root about it, as AMASS does, is corrected by."""


def load_amass(path: str | os.PathLike) -> Motion:
    """Read body poses of any of the layouts; fingers and face are left out.

    The skeleton is the default one: SMPL's own proportions need its licence-gated files.

    Raises:
        NikiError: not such a file, or names the field that is missing or wrong.
    """
    values = _read(path)
    poses = _poses(values, path)
    rate = next((float(values[name]) for name in _RATES if name in values and values[name].size == 1), None)
    if rate is None:
        raise NikiError(f"{path} does not say its frame rate", f"expected one of {', '.join(_RATES)}")
    trans = np.asarray(values.get("trans", np.zeros((len(poses), 3))), float)
    if trans.shape != (len(poses), 3):
        raise NikiError(f"{path}: trans must have shape {(len(poses), 3)}, not {trans.shape}")
    rotations = rot.matrix_from_axis_angle(poses)
    rotations[:, 0] = _FROM_Z_UP @ rotations[:, 0]
    betas = np.zeros(10)
    given = np.asarray(values.get("betas", betas), float).ravel()[:10]
    betas[: len(given)] = given
    body = Body.default()
    try:
        return Motion(
            poses=rot.axis_angle_from_matrix(rotations).reshape(len(poses), 72),
            trans=(trans + _SMPL_PELVIS) @ _FROM_Z_UP.T - body.pelvis,
            mocap_framerate=rate,
            rest_joints=body.rest_joints,
            betas=betas,
            gender=str(values.get("gender", "neutral")),
            source=f"{_LAYOUTS.get(_width(values), 'SMPL')} poses from {os.path.basename(os.fspath(path))}",
        )
    except NikiError as error:
        raise NikiError(f"{path}: {error.message}") from None


def save_amass(motion: Motion, path: str | os.PathLike) -> None:
    """Write SMPL's 24 joints with AMASS's fields, Z up; the frame rate under all its names."""
    rotations = motion.rotations
    rotations[:, 0] = _FROM_Z_UP.T @ rotations[:, 0]
    rate = np.float64(motion.mocap_framerate)
    values = {
        "poses": rot.axis_angle_from_matrix(rotations).reshape(len(motion), 72),
        "trans": (motion.trans + motion.body.pelvis) @ _FROM_Z_UP - _SMPL_PELVIS,
        "betas": motion.betas, "gender": motion.gender, "surface_model_type": "smpl",
        "mocap_framerate": rate, "mocap_frame_rate": rate,
    }  # fmt: skip
    save_npz(path, values)


def is_amass(path: str | os.PathLike) -> bool:
    """Whether a file holds poses but no skeleton, as ours do."""
    return "rest_joints" not in _read(path)


def _read(path) -> dict:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise NikiError(f"There is no file {path}") from None
    except (ValueError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile):
        raise NikiError(f"{path} is no .npz of motions", "expected poses of SMPL, SMPL-H or SMPL-X") from None


def _width(values) -> int:
    return int(np.prod(np.shape(values["poses"])[1:])) if "poses" in values else 0


def _poses(values: dict, path) -> np.ndarray:
    """(T, 24, 3) axis-angle; hands that have fingers of their own are left straight."""
    if "poses" not in values and {"root_orient", "pose_body"} <= values.keys():
        parts = [
            np.asarray(values[n], float).reshape(len(values[n]), -1) for n in ("root_orient", "pose_body")
        ]
        poses = np.concatenate(parts, 1)
    elif "poses" in values and np.ndim(values["poses"]) >= 2:
        poses = np.asarray(values["poses"], float)
        poses = poses.reshape(len(poses), int(np.prod(poses.shape[1:])))
    else:
        raise NikiError(f"{path} lacks the field 'poses'")
    known = poses.shape[1] in (3 * _BODY, *_LAYOUTS) and len(poses)
    if not known or not np.isfinite(poses).all():
        raise NikiError(
            f"{path}: poses must be (frames, 66, 72, 156 or 165) finite numbers, not {poses.shape}"
        )
    full = np.zeros((len(poses), NUM_BONES, 3))
    joints = NUM_BONES if poses.shape[1] == 3 * NUM_BONES else _BODY
    full[:, :joints] = poses[:, : 3 * joints].reshape(len(poses), joints, 3)
    return full
