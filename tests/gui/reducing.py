"""Reduce Keys, as the Graph Editor shows it: dense keys, few keys, and dense ones again after undoing."""

from __future__ import annotations

import numpy as np
from posing import PosingScenario

GRAPH = """
fcurves_of = sys.modules['{module}.niki_blender.rig.animation'].fcurves_of
def count_keys():
    return sum(len(curve.keyframe_points) for curve in fcurves_of(bpy.context.object))
def bones_at(frames):
    places = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        places.append([list(bone.head) for bone in bpy.context.object.pose.bones])
    return places
def graph_editor():
    return next(a for a in window().screen.areas if a.type == 'GRAPH_EDITOR')
def split():
    before = set(window().screen.areas)
    bpy.ops.screen.area_split(direction='HORIZONTAL', factor=0.45)
    new = next(a for a in window().screen.areas if a not in before)
    new.type = 'GRAPH_EDITOR'
def in_graph_editor(operator):
    area = graph_editor()
    region = next(r for r in area.regions if r.type == 'WINDOW')
    with bpy.context.temp_override(window=window(), area=area, region=region):
        operator()
"""
FRAMES = list(range(1, 90, 4))


class ReducingScenario(PosingScenario):
    """A captured motion with a key on every frame."""

    def run(self) -> None:
        """All of it; AssertionError where keys are not as a user expects."""
        w = self.window
        self.prepare()
        w.do("exec(" + repr(GRAPH.format(module=self._module)) + ", globals())")
        w.do("bpy.ops.object.mode_set(mode='OBJECT') if bpy.context.mode != 'OBJECT' else None")
        w.do("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
        w.do(
            f"bpy.ops.niki.import_motion(filepath='{w.folder}/sample_truth.npz', camera=False, match_scene='ALWAYS')"
        )
        w.do("bpy.ops.niki.pull_mode()")
        w.do("split()")
        w.settle()
        w.do("bones = bpy.context.object.data.bones; bones.active = bones['L_Elbow']")
        w.do("[setattr(b, 'select', b.name == 'L_Elbow') for b in bones]")
        w.do("bpy.ops.ed.undo_push(message='before')")
        self.shoot("40_dense_keys")
        dense, before = w.do("result = count_keys()"), self.motion()
        w.press("niki.reduce_keys")
        w.until(f"count_keys() != {dense}")
        self.shoot("41_reduced_keys")
        few, apart = w.do("result = count_keys()"), np.linalg.norm(self.motion() - before, axis=-1).max()
        print(f"reduce keys: {few} of {dense} keys, joints {1000 * apart:.1f} mm apart")
        assert few < dense / 3, f"{few} of {dense} keys are left"
        assert apart < 0.005, f"a joint is {1000 * apart:.1f} mm from where it was"
        w.move(420, 300)
        w.key("ctrl+z")
        self.shoot("42_undone_keys")
        assert w.do("result = count_keys()") == dense, "undoing has not brought the keys back"
        np.testing.assert_allclose(self.motion(), before, atol=1e-4)
        w.do("in_graph_editor(bpy.ops.screen.area_close)")

    def motion(self) -> np.ndarray:
        """(frames, bones, 3) where bones begin."""
        return np.array(self.window.do(f"result = bones_at({FRAMES})"))

    def shoot(self, name: str):
        w = self.window
        w.do("in_graph_editor(bpy.ops.graph.view_all)")
        w.screenshot(self.output / f"{name}.png")
