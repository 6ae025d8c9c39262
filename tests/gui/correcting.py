"""Corrections of a captured motion: propagated with auto-keying off and on, muted and removed from their list."""

from __future__ import annotations

import numpy as np
from everyday import VIEW_CROP
from keying import KeyingScenario

PICTURE = "corrections.jpg"
"""What the scenario makes for the manual."""
CORRECTIONS = "bpy.context.object.animation_data.action.niki_corrections"


class CorrectingScenario(KeyingScenario):
    """A captured person, two corrections, the list."""

    def run(self) -> None:
        """All of it; AssertionError where something is not as a user expects."""
        w = self.window
        self.start()
        self.captured = {frame: self.place_at(frame) for frame in (30, 40, 70, 80)}
        w.screenshot(self.output / "correcting_1_captured.png")
        first = self.propagate(40)
        w.screenshot(self.output / "correcting_2_propagated.png")
        w.do("bpy.context.scene.tool_settings.use_keyframe_insert_auto = True")
        second = self.propagate(80)
        w.do("bpy.context.scene.tool_settings.use_keyframe_insert_auto = False")
        w.screenshot(self.output / "correcting_3_two.png")
        w.screenshot(self.output / PICTURE, crop=w.do(VIEW_CROP))
        assert self.names() == ["Left Wrist, frame 40", "Left Wrist, frame 80"]
        self.is_at(40, first)
        self.is_at(80, second)
        self.mute()
        self.is_at(80, second)
        w.do("bpy.ops.niki.remove_correction('EXEC_DEFAULT', True)")
        assert self.names() == ["Left Wrist, frame 80"]
        w.press("niki.remove_correction")
        w.settle()
        assert self.names() == []
        for frame, place in self.captured.items():
            self.is_at(frame, place)
        w.screenshot(self.output / "correcting_6_removed.png")
        w.key("ctrl+z")
        assert self.names() == ["Left Wrist, frame 80"], "undo does not bring the correction back"
        self.is_at(80, second)

    def propagate(self, frame: int):
        """Pull the wrist at a frame and click Propagate; where the wrist is then."""
        w = self.window
        self.go_to(frame)
        self.pull()
        place = self.wrist()
        w.press("niki.propagate")
        w.settle()
        np.testing.assert_allclose(self.wrist(), place, atol=1e-3)
        return place

    def mute(self):
        """Muting the first correction shows the captured motion there, and undo brings it back."""
        w = self.window
        corrected = self.place_at(40)
        w.do(
            f"bpy.context.object.animation_data.action.niki_correction_index = 0; {CORRECTIONS}[0].muted = True"
        )
        w.settle()
        w.screenshot(self.output / "correcting_4_muted.png")
        self.is_at(40, self.captured[40])
        w.do(f"{CORRECTIONS}[0].muted = False")
        self.is_at(40, corrected)

    def names(self) -> list[str]:
        return self.window.do(f"result = [c.name for c in {CORRECTIONS}]")

    def place_at(self, frame: int):
        self.go_to(frame)
        return self.wrist()

    def is_at(self, frame: int, place) -> None:
        np.testing.assert_allclose(self.place_at(frame), place, atol=1e-3)
