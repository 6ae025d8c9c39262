"""What is drawn is where the truth says, and the front-end finds it."""

import numpy as np
import pytest
from corpus_samples import some_poses

pytest.importorskip("anny")
pytest.importorskip("numba")

from niki.body.skeleton import JOINTS
from niki.capturing.estimate.blazepose import models
from niki.corpus import people as people_module
from niki.corpus.cameras import Placed, camera_turn
from niki.corpus.motions import Motions
from niki.corpus.people import make_people
from niki.corpus.reading import BlazePose, read_frames
from niki.corpus.scene import Scene
from niki.errors import NikiError

INNER = [JOINTS.index(name) for name in JOINTS if not name.endswith(("finger", "toe", "head_top"))]


@pytest.fixture(scope="module")
def people():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people_module, "COUNT", 2)
        yield make_people(1)


@pytest.fixture(scope="module")
def motions():
    return Motions([some_poses(subjects=("01", "02"))], "train")


def scene_of(people, motions, seed, placed=None):
    rng = np.random.default_rng(seed)
    window = motions.draw(rng)
    figure = people.figure(seed % 2, ("anny", "wide", "real")[seed % 3], rng)
    return Scene(people, figure, window, rng, placed)


@pytest.mark.parametrize("seed", range(6))
def test_the_silhouette_holds_the_joints(people, motions, seed):
    scene = scene_of(people, motions, seed)
    for t in (0, len(scene) // 2, len(scene) - 1):
        mask, pixels = scene.silhouette(t), scene.placed.pixels(scene.joints[t])
        column, row = np.round(pixels[INNER]).astype(int).T
        seen = (column >= 0) & (column < mask.shape[1]) & (row >= 0) & (row < mask.shape[0])
        assert mask[row[seen], column[seen]].mean() > 0.95
        assert mask.mean() < 0.5  # and not because it is everywhere


def test_the_head_is_up_and_to_the_right_before_a_camera_turned_counter_clockwise(people, motions):
    level = scene_of(people, motions, 1).placed
    placed = Placed(level.camera, camera_turn(0, 30, 0), np.array([0, 1, 6.0]))
    scene = scene_of(people, motions, 1, placed)
    row, column = np.nonzero(scene.silhouette(0))
    upper, lower = column[row < np.quantile(row, 0.2)], column[row > np.quantile(row, 0.8)]
    assert upper.mean() > lower.mean() + 20


def test_the_person_stands_on_the_floor(people, motions):
    joints = scene_of(people, motions, 2).joints
    assert (joints[..., 1].min(1) > 0).all()
    assert (joints[..., 1].min(1) < 0.08).all()


def test_a_clip_drawn_twice_is_the_same_and_changes_from_frame_to_frame(people, motions):
    frames = list(scene_of(people, motions, 4).frames())
    assert all(
        np.array_equal(a, b) for a, b in zip(frames, scene_of(people, motions, 4).frames(), strict=True)
    )
    assert frames[0].dtype == np.uint8
    assert not np.array_equal(frames[0], frames[1])


def test_the_truth_knows_what_is_hidden(people, motions):
    scenes = (scene_of(people, motions, seed) for seed in range(100))
    scene = next(scene for scene in scenes if scene.things)
    pixels = scene.placed.pixels(scene.joints)
    left, top, right, bottom = scene.things[0].box
    hidden = (pixels > [left, top]).all(-1) & (pixels < [right, bottom]).all(-1)
    assert not scene.unoccluded[hidden].any()


def test_the_front_end_finds_the_person(people, motions):
    try:
        models.check()
    except NikiError as error:
        pytest.skip(str(error))
    scene = next(s for s in (scene_of(people, motions, k) for k in range(100)) if s.unoccluded.all())
    camera = scene.placed.camera
    frames = list(scene.frames())[:8]
    fields = read_frames(BlazePose("cpu", threads=1), frames, camera)
    assert fields["seen"].mean() > 0.7
    for landmark, joint in ((15, "left_wrist"), (28, "right_ankle"), (11, "left_shoulder")):
        read = np.nanmean(fields["slope"][:, :, landmark], axis=1) * camera.focal + camera.centre
        true = scene.placed.pixels(scene.joints[:8, JOINTS.index(joint)])
        height = np.ptp(scene.placed.pixels(scene.joints[0])[:, 1])
        assert np.nanmedian(np.linalg.norm(read - true, axis=-1)) < 0.15 * height
