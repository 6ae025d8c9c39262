"""Small corpora, and motion to make them from."""

import numpy as np

from niki.body import rotation as rot
from niki.mocap.collection import Poses


def some_poses(seed=0, subjects=("01", "14", ""), frames=150):
    """Gentle movements of a clip for each of ``subjects``; "14" is one of the people held out."""
    rng = np.random.default_rng(seed)
    count = len(subjects)
    steps = np.cumsum(rng.normal(0, 0.012, (count, frames, 24, 3)), axis=1)
    return Poses(
        rot.matrix_from_axis_angle(steps).reshape(-1, 24, 3, 3).astype(np.float32),
        np.repeat(np.arange(count), frames),
        np.array([f"clip_{k}" for k in range(count)]),
        np.array(subjects),
        np.full(count, "source"),
        np.full((count, 29), 0.2),
        np.zeros((count, 29)),
    )


def some_shard(frames=(3, 2), readings=2, seed=0, **changes):
    """The arrays of a shard with clips of so many ``frames``, all made up but a camera that looks down by 20
    degrees and is turned by 10."""
    rng, count, clips = np.random.default_rng(seed), sum(frames), len(frames)
    numbers = np.zeros((clips, 20), np.float32)
    numbers[:, 3:7] = 500, 448, 336, 20
    tilt, roll = np.radians([20, 10])
    up = [np.sin(roll) * np.cos(tilt), -np.cos(roll) * np.cos(tilt), -np.sin(tilt)]
    numbers[:, [9, 12, 15]] = up
    shard = {
        "world": rng.normal(size=(count, readings, 33, 3)).astype(np.float16),
        "slope": rng.normal(size=(count, readings, 33, 2)).astype(np.float16),
        "visibility": rng.random((count, readings, 33)).astype(np.float16),
        "presence": rng.random((count, readings)).astype(np.float16),
        "roi": rng.random((count, 4)).astype(np.float16),
        "truth": rng.normal(size=(count, 29, 3)).astype(np.float16),
        "root": rng.normal(size=(count, 3)).astype(np.float32),
        "rot6d": rng.normal(size=(count, 24, 6)).astype(np.float16),
        "seen": np.ones(count, bool),
        "unoccluded": np.ones((count, 29), bool),
        "clip": np.repeat(np.arange(clips), frames).astype(np.int32),
        "clip_name": np.array([f"clip_{k}" for k in range(clips)]),
        "clip_subject": np.array(["01"] * clips),
        "clip_kind": np.array(["anny"] * clips),
        "clip_numbers": numbers,
        "rate": np.array(15.0),
    }
    return shard | changes
