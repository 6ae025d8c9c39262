"""A person's own body, measured over a clip."""

from __future__ import annotations

import numpy as np

from ..body.rotation import kabsch
from ..body.skeleton import ANCESTRY, JOINTS, KINDS, MIRROR, NUM_JOINTS, PARENTS, Body
from ..motion.blocks import split_into_blocks

_BUILT = {"head", "head_top", "hand", "middle_finger", "foot", "big_toe"}  # too short to measure
_TRUNK = {
    JOINTS.index(bone): [JOINTS.index(child) for child in children]
    for bone, children in {
        "pelvis": ("left_hip", "right_hip", "spine1"),
        "spine3": ("neck", "left_collar", "right_collar"),
    }.items()
}
"""The bones that carry several others, and the joints of these."""


_FLATTENED = {"elbow": 0.95, "wrist": 0.9}
FLATTENED = np.array([_FLATTENED.get(kind, 1.0) for kind in KINDS])
"""(29,) how long bones are measured, as a share of what they are, where a front end makes depth too flat: upper arms and
forearms (treadmill 0.91 and 0.84, rendered people 0.92 and 0.89; here with some caution)."""


def body_from_joints(joints: np.ndarray, flattened: bool = False) -> Body:
    """Proportions of a person from their joints (T, 29, 3): median bone lengths, and how hips, spine, neck and
    collars are arranged, left and right made equal. Head, hands and feet, too short to measure, are scaled with the
    rest. ``flattened``: a front end has read the joints, and arms come out longer than measured."""
    parts = split_into_blocks(len(joints))
    lengths = np.concatenate(
        [np.linalg.norm(joints[p] - joints[p][:, list(PARENTS)], axis=-1) for p in parts]
    )
    lengths = np.nanmedian(lengths, axis=0)
    lengths = (lengths + lengths[list(MIRROR)]) / 2
    default = Body.default().bone_lengths
    built = np.array([kind in _BUILT for kind in KINDS])
    measured = ~built & (np.arange(NUM_JOINTS) > 0)
    scale = lengths[measured].sum() / default[measured].sum()
    if flattened:
        lengths = lengths / FLATTENED
    body = Body.from_bone_lengths(np.where(built, default * scale, lengths))
    offsets = body.offsets.copy()
    for bone, children in _TRUNK.items():
        usual = offsets[children]
        own = np.concatenate([_arranged(joints[part], bone, children, usual) for part in parts])
        own = np.median(own, axis=0)
        mirrored = own[[children.index(MIRROR[child]) for child in children]] * [-1, 1, 1]
        offsets[children] = (own + mirrored) / 2
    rest = ANCESTRY @ offsets
    return Body(rest - [0, rest[:, 1].min() - body.rest_joints[:, 1].min(), 0])


def _arranged(joints, bone: int, children: list[int], usual: np.ndarray) -> np.ndarray:
    """(n, K, 3) the children about the bone, turned to lie as near as they can to the usual ones (K, 3)."""
    found = joints[:, children] - joints[:, bone : bone + 1]
    found = found[np.isfinite(found).all((1, 2))]
    return found @ kabsch(np.broadcast_to(usual, found.shape), found)  # a row times a turn is turned back


def rearrange_trunk(joints: np.ndarray, body: Body, other: Body) -> np.ndarray:
    """Joints (T, 29, 3) of a person with the proportions of ``body`` as they would be with the trunk of ``other``;
    limbs keep their directions and lengths."""
    bones = joints - joints[:, list(PARENTS)]
    for children in _TRUNK.values():
        own = np.broadcast_to(body.offsets[children], bones[:, children].shape)
        turn = kabsch(own, bones[:, children])
        bones[:, children] += (other.offsets[children] - body.offsets[children]) @ np.swapaxes(turn, 1, 2)
    bones[:, 0] = joints[:, 0]
    return np.einsum("ij,tjk->tik", ANCESTRY, bones)
