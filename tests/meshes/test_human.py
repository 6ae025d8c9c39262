"""The realistic body: Anny on our 24 bones."""

import numpy as np
import pytest

pytest.importorskip("anny", reason="anny is not installed here (niki[human])")

from niki.body.skeleton import BONES, JOINTS, Body
from niki.errors import NikiError
from niki.meshes.anny import REGIONS, make_human

pytestmark = pytest.mark.timeout(900)  # Anny compiles its kernels the first time


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    path = tmp_path_factory.mktemp("human") / "human.npz"
    body = make_human(path)
    with np.load(path, allow_pickle=False) as file:
        return body, dict(file)


def test_it_stands_in_a_t_pose(own):
    body, skin = own
    wrist, shoulder = (body.rest_joints[JOINTS.index(f"left_{n}")] for n in ("wrist", "shoulder"))
    assert abs(wrist[1] - shoulder[1]) < 0.03
    assert skin["vertices"][:, 1].min() == pytest.approx(0, abs=0.01)
    assert 1.5 < np.ptp(skin["vertices"][:, 1]) < 2.0
    fingers = skin["weights"][:, BONES.index("L_Hand")] > 0.9
    assert skin["vertices"][fingers, 0].min() > wrist[0]


def test_every_vertex_is_held_and_every_face_dressed(own):
    _, skin = own
    np.testing.assert_allclose(skin["weights"].sum(1), 1, atol=1e-5)
    assert (skin["weights"].max(0) > 0.4).all()
    assert set(np.unique(skin["regions"])) == set(range(len(REGIONS)))


def test_it_takes_on_a_persons_proportions(tmp_path):
    body = Body.from_bone_lengths(Body.default().bone_lengths * 1.2)
    assert make_human(tmp_path / "tall.npz", body) is body
    with np.load(tmp_path / "tall.npz") as file:
        vertices, weights = file["vertices"], file["weights"]
    forearm = weights[:, BONES.index("L_Elbow")] > 0.9
    reach = vertices[forearm, 0]
    assert reach.max() == pytest.approx(body.rest_joints[JOINTS.index("left_wrist"), 0], abs=0.06)


def test_a_path_that_cannot_be_written(tmp_path):
    with pytest.raises(NikiError):
        make_human(tmp_path / "nowhere/human.npz")
