"""Keys in a stretch are replaced; the curve keeps its shape elsewhere, beyond its ends too."""

import itertools

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="bpy is not installed here")

from registered import data_folder, in_empty_file  # noqa: F401 (fixtures)

from niki.review.blender_process import blender_module

animation = blender_module("rig.animation")
KINDS = ("LINEAR", "BEZIER", "CONSTANT", "BOUNCE")
KEYS = {1: 0.2, 6: 1.0, 11: -0.5, 16: 0.7}


def make(kinds, extrapolation):
    o = bpy.data.objects.new("o", None)
    for frame, value in KEYS.items():
        o.location.x = value
        o.keyframe_insert("location", index=0, frame=frame)
    (curve,) = animation.fcurves_of(o)
    for point, kind in zip(curve.keyframe_points, kinds, strict=True):
        point.interpolation = kind
    curve.extrapolation = extrapolation
    curve.update()
    return animation.fcurve_owner(o), curve


@pytest.mark.parametrize("stretch", [(2, 3), (2, 8), (8, 9), (8, 12), (8, 15), (12, 13), (14, 15)])
@pytest.mark.parametrize("extrapolation", ["LINEAR", "CONSTANT"])
def test_the_curve_keeps_its_shape_outside_of_the_stretch(extrapolation, stretch):
    first, last = stretch
    for inner, end in itertools.product(KINDS, repeat=2):
        owner, curve = make((end, inner, inner, end), extrapolation)
        outside = [*np.arange(-9, first - 0.9), *np.arange(last + 1, 27)]
        was = [curve.evaluate(frame) for frame in outside]
        frames = np.arange(first, last + 1)
        animation.write_curves(owner, "location", "o", frames, np.full((len(frames), 1), 5.0))
        curve = owner.fcurves.find("location", index=0)
        now = [curve.evaluate(frame) for frame in outside]
        np.testing.assert_allclose(now, was, atol=2e-4, err_msg=f"{inner} between, {end} at the ends")
        assert [curve.evaluate(frame) for frame in frames] == pytest.approx([5.0] * len(frames))
