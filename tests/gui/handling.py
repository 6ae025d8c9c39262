"""What a user does to handles, and undoes: no step of drags, pins and selections is one of the test's own."""

from __future__ import annotations

import numpy as np

WRIST, HAND, HEAD = 20, 21, 15  # the left wrist, the right one
STATE = """
def ours(name):
    return next(m for n, m in sys.modules.items() if n.startswith('{module}.') and n.endswith('.' + name))
def chosen():
    return ours('selecting').selected_joints(bpy.context.object)
def empties():
    return [o for o in bpy.data.objects if o.type == 'EMPTY']
def tool():
    return bpy.context.workspace.tools.from_space_view3d_mode(bpy.context.mode).idname
"""


class HandlingScenario:
    """Handles under the mouse, selected, pinned, pulled.

    Args:
        posing: the scenario of posing, whose window and Blender this one goes on with.
    """

    def __init__(self, posing, module: str):
        self._posing, self.window, self._module = posing, posing.window, module
        self._file = f"{posing.window.folder}/handling.blend"

    def run(self) -> None:
        """All of it; AssertionError where something is not as a user expects."""
        w = self.window
        w.do("exec(" + repr(STATE.format(module=self._module)) + ", globals())")
        self.save_file()
        self.open_file()
        self.undo_the_first_drag()
        self.hover_over_handles()
        self.select_with_a_box()
        self.undo_a_pin()
        self.cancel_without_a_step()
        w.do("bpy.ops.object.mode_set('EXEC_DEFAULT', True, mode='OBJECT')")
        w.do("bpy.ops.niki.add_body('EXEC_DEFAULT', True)")
        w.do("bpy.ops.view3d.view_selected()")
        self.undo_the_first_drag()
        self.delete_with_targets()
        self.open_file()

    def save_file(self):
        self.window.do(f"bpy.ops.wm.save_as_mainfile(filepath='{self._file}')")

    def open_file(self):
        """Open the saved file, with which undo begins anew."""
        w = self.window
        w.do("bpy.context.scene['unsaved'] = True")
        w.do(f"bpy.app.timers.register(lambda: bpy.ops.wm.open_mainfile(filepath='{self._file}') and None)")
        w.until("'unsaved' not in bpy.context.scene")
        w.settle()

    def undo_the_first_drag(self):
        """Undo, undo, redo, redo: the drag, then entering the tool."""
        w = self.window
        w.press("niki.pull_mode")
        w.settle()
        before = self.joint(WRIST)
        self.pull(WRIST, 5, -7)
        after = self.joint(WRIST)
        assert np.linalg.norm(after - before) > 0.05, "the wrist was not pulled"
        w.key("ctrl+z")
        assert w.do("result = [bpy.context.mode, tool()]") == ["POSE", "niki.pull"], "undo has left the tool"
        np.testing.assert_allclose(self.joint(WRIST), before, atol=1e-4)
        w.key("ctrl+z")
        assert w.do("result = bpy.context.mode") == "OBJECT", "entering the tool is no step"
        w.key("ctrl+shift+z")
        assert w.do("result = bpy.context.mode") == "POSE"
        w.key("ctrl+shift+z")
        np.testing.assert_allclose(self.joint(WRIST), after, atol=1e-4)

    def hover_over_handles(self):
        """The handle under the mouse is highlighted, and no other."""
        w, hovered = self.window, "result = ours('hover').hovered_joint(view()[1])"
        for joint in (WRIST, HEAD):
            w.move(*self.handle(joint))
            assert w.do(hovered) == joint
        w.screenshot(self._posing.output / "21_hover.png")
        x, y = self.handle(HEAD)
        w.move(x + 150, y)
        assert w.do(hovered) is None

    def select_with_a_box(self):
        """A drag beside the handles, B, and both with Shift and Ctrl; a click there, A and Alt+A; undone."""
        w = self.window
        self.box(HEAD)
        assert self.chosen() == [HEAD]
        self.box(HAND, "shift")
        assert {HEAD, HAND} <= set(self.chosen())
        self.box(HEAD, "ctrl")
        left = self.chosen()
        assert HEAD not in left
        assert HAND in left
        x, y = self.handle(HEAD)
        w.click(x + 150, y)
        assert self.chosen() == []
        w.key("ctrl+z")
        assert self.chosen() == left
        w.key("a")
        assert len(self.chosen()) == 29
        w.key("alt+a")
        assert self.chosen() == []
        w.move(x + 150, y)
        w.key("b")
        self.box(HEAD)
        assert self.chosen() == [HEAD]
        w.key("b")
        w.key("Escape")
        assert self.chosen() == [HEAD]

    def undo_a_pin(self):
        w, pinned = self.window, f"result = bpy.context.object.niki_pose.pinned[{HAND}]"
        w.click(*self.handle(HAND))
        w.key("p")
        assert w.do(pinned), "the wrist is not pinned"
        w.key("ctrl+z")
        assert not w.do(pinned), "the pin stays"
        assert self.chosen() == [HAND], "undoing a pin undoes the selection, too"

    def cancel_without_a_step(self):
        """Undo after a canceled drag undoes what was before it."""
        w, before = self.window, self.joint(WRIST)
        self.pull(WRIST, 3, -4)
        pulled = self.joint(WRIST)
        self.pull(HEAD, 5, 2, cancel=True)
        np.testing.assert_allclose(self.joint(WRIST), pulled, atol=1e-4)
        assert self.chosen() == [WRIST], "a canceled drag has changed the selection"
        w.key("ctrl+z")
        np.testing.assert_allclose(self.joint(WRIST), before, atol=1e-4)

    def delete_with_targets(self):
        """The targets go with their armature, come back with it, still followed, and go again."""
        w = self.window
        w.do("bpy.ops.object.mode_set('EXEC_DEFAULT', True, mode='OBJECT')")
        w.do("bpy.ops.niki.make_targets('EXEC_DEFAULT', True)")
        count = w.do("result = len(empties())")
        assert count
        w.do("bpy.ops.object.select_all('EXEC_DEFAULT', True, action='DESELECT')")
        w.do("bpy.context.object.select_set(True); bpy.ops.ed.undo_push(message='select')")
        w.move(500, 500)
        w.key("Delete")
        w.until("not empties()")
        w.key("ctrl+z")
        w.until(f"len(empties()) == {count}")
        w.do("target = next(o for o in empties() if o.niki_pose.target_joint == 'left_wrist')")
        w.do("target.location.z += 0.2")
        w.settle()
        there = w.do("result = list(target.matrix_world.translation)")
        np.testing.assert_allclose(self.joint(WRIST), there, atol=2e-3)
        w.key("ctrl+shift+z")
        w.until("not empties()")

    def pull(self, joint: int, dx: float, dy: float, cancel: bool = False):
        """Drag a handle by 15 steps of so many pixels; ``cancel`` presses Escape at the end."""
        x, y = self.handle(joint)
        path = [(x, y), *((x + dx * k, y + dy * k) for k in range(1, 16))]
        self.window.drag(path, at=lambda k: cancel and k == 15 and self.window.key("Escape"))

    def box(self, joint: int, modifier: str = ""):
        """Drag a box around a handle, from beside it."""
        x, y = self.handle(joint)
        if modifier:
            self.window._xdotool("keydown", modifier)
        self.window.drag([(x - 45, y - 18), (x, y), (x + 25, y + 18)])
        if modifier:
            self.window._xdotool("keyup", modifier)

    def chosen(self) -> list[int]:
        return self.window.do("result = chosen()")

    def joint(self, joint: int):
        return self._posing.joint(joint)

    def handle(self, joint: int) -> tuple[float, float]:
        return self._posing.handle(joint)
