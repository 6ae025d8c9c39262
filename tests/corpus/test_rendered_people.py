"""Rendered people have real people's proportions, and their skin is where their joints are."""

import numpy as np
import pytest

pytest.importorskip("anny")

from niki.body.skeleton import JOINTS, Body
from niki.corpus import people as people_module
from niki.corpus.people import PROPORTIONS, People, flank_share, make_people
from niki.errors import NikiError


@pytest.fixture(scope="module")
def people():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people_module, "COUNT", 6)
        yield make_people(1)


@pytest.fixture(scope="module")
def figures(people):
    """30 of each kind of proportions."""
    return {
        kind: [people.figure(k % 6, kind, np.random.default_rng(k)) for k in range(30)]
        for kind in PROPORTIONS
    }


def test_trunks_are_as_long_as_those_of_real_people(figures):
    assert flank_share(Body.default()) == pytest.approx(0.594, abs=0.001)
    for kind in ("wide", "real"):
        shares = np.array([flank_share(figure.body) for figure in figures[kind]])
        assert (shares > 0.499).all()
        assert (shares < 0.621).all()
        assert (shares < 0.55).any()
        assert (shares > 0.59).any()


def test_bones_vary_by_kind_and_are_the_same_left_and_right(people, figures):
    lengths = np.array([figure.body.bone_lengths for figure in figures["real"]])
    sides = [
        [JOINTS.index(f"{s}_{n}") for s in ("left", "right")] for n in ("knee", "elbow", "wrist", "ankle")
    ]
    for left, right in sides:
        assert np.allclose(lengths[:, left], lengths[:, right], rtol=0.02)
    thigh_to_shin = lengths[:, JOINTS.index("left_knee")] / lengths[:, JOINTS.index("left_ankle")]
    assert 0.05 < np.log(thigh_to_shin).std() < 0.2


def test_statures_are_those_of_adults_and_a_few_children(people, figures):
    statures = np.array(
        [np.ptp(figure.body.rest_joints[:, 1]) for kind in PROPORTIONS for figure in figures[kind]]
    )
    assert statures.max() <= 2.0 + 1e-9
    assert 1.55 < np.median(statures) < 1.85
    assert (people.statures[:, 0] < 1.45).mean() <= 0.35


def test_everybody_stands_on_the_floor_and_ends_where_their_mesh_does(figures):
    for kind in PROPORTIONS:
        for figure in figures[kind]:
            joints, vertices = figure.body.rest_joints, figure.vertices
            assert vertices[:, 1].min() == pytest.approx(0, abs=1e-5)
            assert joints[JOINTS.index("head_top"), 1] == pytest.approx(vertices[:, 1].max(), abs=0.005)
            for side, sign in (("left", 1), ("right", -1)):
                tip = joints[JOINTS.index(f"{side}_middle_finger"), 0]
                assert tip == pytest.approx(sign * (sign * vertices[:, 0]).max(), abs=0.03)


def test_the_seed_makes_the_people(people, monkeypatch):
    monkeypatch.setattr(people_module, "COUNT", 1)
    assert np.array_equal(make_people(1).vertices[0], people.vertices[0])
    assert not np.array_equal(make_people(2).vertices[0], people.vertices[0])


def test_people_are_kept_in_a_file(people, tmp_path):
    people.save(tmp_path / "people.npz")
    loaded = People.load(tmp_path / "people.npz")
    assert all(np.array_equal(value, getattr(loaded, name)) for name, value in vars(people).items())
    (tmp_path / "people.npz").write_bytes(b"nothing")
    with pytest.raises(NikiError, match="delete it"):
        People.load(tmp_path / "people.npz")
