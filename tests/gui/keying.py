"""What becomes of a pulled pose when its frame is left, with auto-keying off and on; and how the tab looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posing import PROJECT
from window import SIZE, Window

WRIST = 20


class KeyingScenario:
    """A captured person, the tool, the mouse, the timeline."""

    def __init__(self, window: Window, module: str, output: Path):
        self.window, self.output, self._module = window, output, module

    def run(self) -> None:
        """All of it; AssertionError where something is not as a user expects."""
        self.start()
        self.leave_and_key()
        self.key_in_place()
        self.key_what_was_left()
        self.key_what_is_selected()
        self.undo_the_pull()
        self.with_auto_keying()

    def start(self):
        """The tool on a captured person."""
        w = self.window
        w.do("import sys; exec(" + repr(PROJECT.format(module=self._module)) + ", globals())")
        w.do("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
        w.settle()
        w.screenshot(self.output / "keying_1_nothing_selected.png")
        w.do(
            f"bpy.ops.niki.import_motion(filepath='{w.folder}/sample_truth.npz', camera=False, match_scene='ALWAYS')"
        )
        w.do("bpy.context.scene.frame_set(40)")
        w.do("bpy.ops.view3d.view_axis(type='RIGHT'); bpy.ops.view3d.view_selected()")
        w.do("bpy.ops.niki.pull_mode('EXEC_DEFAULT', True)")
        w.do("bpy.context.scene.tool_settings.use_keyframe_insert_auto = False")
        w.settle()
        w.screenshot(self.output / "keying_2_armature_active.png")

    def leave_and_key(self):
        """A pose that was left is announced, keyed by the button, and there on coming back."""
        w = self.window
        posed = self.pull()
        w.settle()
        w.screenshot(self.output / "keying_3_pulled.png")
        self.go_to(60)
        w.screenshot(self.output / "keying_4_left.png")
        assert "Frame 40" in self.status(), "the pose is left without a word"
        w.press("niki.key_pose")
        w.settle()
        assert not self.status(), "the warning outlives the keying"
        self.go_to(40)
        w.screenshot(self.output / "keying_5_keyed.png")
        np.testing.assert_allclose(self.wrist(), posed, atol=1e-4)

    def key_in_place(self):
        """I, with the mouse over the view, keys the pulled pose at its frame."""
        self.go_to(80)
        posed = self.pull()
        self.window.key("i")
        self.go_to(60)
        assert not self.status(), "a pose keyed with I is announced"
        self.go_to(80)
        np.testing.assert_allclose(self.wrist(), posed, atol=1e-4)

    def key_what_was_left(self):
        """I, as the status bar says, from another frame; that frame gets no key."""
        w = self.window
        self.go_to(90)
        posed = self.pull()
        self.go_to(95)
        assert "I: Key Pose" in self.status()
        there = self.wrist()
        w.key("i")
        assert not self.status(), "I has not keyed the pose that was left"
        np.testing.assert_allclose(self.wrist(), there, atol=1e-4)
        self.go_to(90)
        np.testing.assert_allclose(self.wrist(), posed, atol=1e-4)

    def key_what_is_selected(self):
        """Where no pulled pose waits, I is Blender's own: it keys the bones whose handles are selected."""
        w, keyed = (
            self.window,
            "result = [c.data_path for c in fcurves() if c.data_path.endswith('.location')]",
        )
        w.do("def fcurves(): return bpy.context.object.animation_data.action.fcurves")
        self.go_to(20)
        before = set(w.do(keyed))
        w.click(*self.handle())
        w.key("i")
        assert set(w.do(keyed)) - before == {'pose.bones["L_Wrist"].location'}
        w.key("ctrl+z")
        assert set(w.do(keyed)) == before

    def undo_the_pull(self):
        """An undone pull is not announced."""
        w = self.window
        self.go_to(50)
        self.pull()
        w.key("ctrl+z")
        self.go_to(60)
        assert not self.status(), "a pose that was undone is announced"

    def with_auto_keying(self):
        w = self.window
        w.do("bpy.context.scene.tool_settings.use_keyframe_insert_auto = True")
        self.go_to(70)
        posed = self.pull()
        self.go_to(60)
        assert not self.status(), "a keyed pose is announced"
        self.go_to(70)
        np.testing.assert_allclose(self.wrist(), posed, atol=1e-4)
        w.do("bpy.context.scene.tool_settings.use_keyframe_insert_auto = False")

    def pull(self):
        """Drag the left wrist; its place afterwards."""
        (x, y), before = self.handle(), self.wrist()
        self.window.drag([(x + 4 * k, y - 8 * k) for k in range(12)])
        assert np.linalg.norm(self.wrist() - before) > 0.05, "the wrist was not pulled"
        return self.wrist()

    def handle(self) -> tuple[float, float]:
        x, y = self.window.do(f"result = handle({WRIST})")
        return x, SIZE[1] - y

    def go_to(self, frame: int):
        self.window.do(f"bpy.context.scene.frame_set({frame})")
        self.window.settle()

    def status(self) -> str:
        return self.window.do(
            f"result = sys.modules['{self._module}.niki_blender.pose.key_pose'].status_of(bpy.context.scene)"
        )

    def wrist(self):
        return np.array(
            self.window.do(f"result = list(map(float, posture.joint_positions(bpy.context.object)[{WRIST}]))")
        )
