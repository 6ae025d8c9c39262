"""What a user does with the mouse in Pose Mode: pulls joints, pins, cancels, undoes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from handling import HandlingScenario
from window import SIZE, Window

MOVES = 200
PROJECT = """
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector
pulling = sys.modules['{module}.niki_blender.pose.pulling']
posture = sys.modules['{module}.niki_blender.rig.posture']
def handle(joint):
    area, region, _ = view()
    place = Vector(posture.joint_positions(bpy.context.object)[joint])
    at = location_3d_to_region_2d(region, area.spaces.active.region_3d, place)
    w = window()
    return [w.x + region.x + at.x, w.y + region.y + at.y]
def blenders_own(count):
    import time
    rig, times = bpy.context.object, []
    bone = rig.pose.bones['L_Elbow']
    before = bone.rotation_quaternion.copy()
    for k in range(count):
        started = time.perf_counter()
        bone.rotation_quaternion.x += 1e-4
        bpy.context.view_layer.update()
        times.append(time.perf_counter() - started)
    bone.rotation_quaternion = before
    return times
"""


def describe_times(seconds: list[float]) -> str:
    """How many there are, their median and their 95th percentile."""
    p50, p95 = 1000 * np.percentile(seconds, (50, 95))
    return f"{len(seconds)} ticks, p50 {p50:.1f} ms, p95 {p95:.1f} ms"


class PosingScenario:
    """A standing person, the tool, the mouse."""

    def __init__(self, window: Window, module: str, output: Path):
        self.window, self.output = window, output
        self._module = module

    def run(self) -> None:
        """All of it; AssertionError where something is not as a user expects."""
        w = self.window
        self.handle_joints()
        w.press("niki.pull_mode")
        w.settle()
        self.drag_a_wrist()
        self.undo_it()
        self.cancel_it()
        self.follow_as_told()
        self.along_an_axis()
        self.two_at_once()
        self.propagate_it()
        self.pin_and_pull()
        self.plant_a_foot()
        self.bake_it()
        self.follow_targets()
        self.from_scratch()
        self.through_a_camera()

    def handle_joints(self):
        """What comes before a drag, on a captured person and a fresh body; the captured one is there afterwards."""
        w = self.window
        self.prepare()
        w.do("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
        w.do("[bpy.data.actions.remove(a) for a in list(bpy.data.actions)]")
        w.do(
            f"bpy.ops.niki.import_motion(filepath='{w.folder}/sample_truth.npz', camera=False, match_scene='ALWAYS')"
        )
        w.do("bpy.context.scene.frame_set(40)")
        w.do("bpy.ops.view3d.view_axis(type='RIGHT'); bpy.ops.view3d.view_selected()")
        w.do("bpy.ops.view3d.view_orbit(angle=0.5, type='ORBITLEFT')")
        w.do("bpy.ops.object.mode_set(mode='OBJECT') if bpy.context.mode != 'OBJECT' else None")
        HandlingScenario(self, self._module).run()

    def prepare(self):
        """Define in Blender what finds handles."""
        self.window.do("import sys; exec(" + repr(PROJECT.format(module=self._module)) + ", globals())")

    def joint(self, joint: int):
        return np.array(
            self.window.do(f"result = list(map(float, posture.joint_positions(bpy.context.object)[{joint}]))")
        )

    def handle(self, joint: int) -> tuple[float, float]:
        x, y = self.window.do(f"result = handle({joint})")
        return x, SIZE[1] - y

    def drag_a_wrist(self):
        """Two hundred moves along a curve; the time of each, beyond what Blender takes for itself."""
        w = self.window
        self.before = self.joint(20)
        feet = [self.joint(7), self.joint(8)]
        x, y = self.handle(20)
        t = np.linspace(0, 1, MOVES)
        path = [(x, y), *zip(x + 160 * np.sin(2.5 * t), y - 260 * t * (1.4 - t), strict=True)]
        shots = {10: "11_drag_start", MOVES // 2: "12_drag_middle", MOVES - 2: "13_drag_end"}
        w.do("pulling.tick_times.clear()")
        w.drag(path, at=lambda k: k in shots and w.screenshot(self.output / f"{shots[k]}.png"))
        ours, own = w.do("result = list(pulling.tick_times), blenders_own(100)")
        print(f"drag: {describe_times(ours)}; Blender's own for one bone: {describe_times(own)}")
        assert np.linalg.norm(self.joint(20) - self.before) > 0.2, "the wrist was not pulled"
        apart = max(np.linalg.norm(self.joint(j) - place) for j, place in zip((7, 8), feet, strict=True))
        assert apart < 0.002, f"feet have moved by {1000 * apart:.1f} mm"

    def undo_it(self):
        w = self.window
        w.key("ctrl+z")
        assert w.do("result = bpy.context.mode") == "POSE", "undoing the first drag has left Pose Mode"
        np.testing.assert_allclose(self.joint(20), self.before, atol=1e-4)

    def cancel_it(self):
        """Escape amid a drag restores the pose."""
        w = self.window
        x, y = self.handle(20)
        w.move(x, y)
        w._xdotool("mousedown", 1)
        for k in range(1, 8):
            w._xdotool("mousemove", int(x + 10 * k), int(y - 10 * k))
            w.handle_events()
        assert np.linalg.norm(self.joint(20) - self.before) > 0.02, "the drag has not begun"
        w.key("Escape")
        w._xdotool("mouseup", 1)
        w.settle()
        np.testing.assert_allclose(self.joint(20), self.before, atol=1e-4)

    def follow_as_told(self):
        """The slider in the sidebar: at 0 the other wrist hardly moves, at 1 the body moves along."""
        w, moved = self.window, []
        for follow in (1, 0):
            self.set_as_a_user("float", "object.niki_pose.follow", follow)
            before, (x, y) = self.joint(21), self.handle(20)
            w.drag([(x, y), *((x + 4 * k, y - 6 * k) for k in range(1, 20))])
            w.screenshot(self.output / f"20_follow_{follow}.png")
            moved.append(np.linalg.norm(self.joint(21) - before))
            w.key("ctrl+z")
        assert moved[1] < moved[0], f"the other wrist moved by {moved} m"
        self.set_as_a_user("float", "object.niki_pose.follow", 0.4)

    def set_as_a_user(self, kind: str, path: str, value):
        """Set a property with a step of undo, as its button does."""
        self.window.do(
            f"bpy.ops.wm.context_set_{kind}('EXEC_DEFAULT', True, data_path='{path}', value={value!r})"
        )

    def pin_and_pull(self):
        """A click selects the right wrist, P pins it (window managers often take Alt-click for themselves); the
        head is pulled, and auto-keyed; the wrist stays."""
        w = self.window
        place = self.joint(21)
        x, y = self.handle(21)
        w.click(x, y)
        w.key("p")
        assert w.do("result = bpy.context.object.niki_pose.pinned[21]"), "the wrist is not pinned"
        w.do("bpy.context.scene.tool_settings.use_keyframe_insert_auto = True")
        x, y = self.handle(15)
        w.drag([(x, y), *((x - 6 * k, y + 4 * k) for k in range(1, 20))])
        w.screenshot(self.output / "14_pinned.png")
        assert np.linalg.norm(self.joint(21) - place) < 0.002, "the pinned wrist has moved"
        now = self.joint(15)
        w.do("bpy.context.scene.frame_set(41); bpy.context.scene.frame_set(40)")
        np.testing.assert_allclose(self.joint(15), now, atol=1e-4)  # it was keyed
        w.do("bpy.context.scene.tool_settings.use_keyframe_insert_auto = False")
        w.do("bpy.ops.niki.unpin_all('EXEC_DEFAULT', True)")

    def along_an_axis(self):
        """Z, pressed amid a drag, lets the joint move up and down alone."""
        w, before = self.window, self.joint(20)
        x, y = self.handle(20)
        w.drag([(x, y), *((x + 4 * k, y - 4 * k) for k in range(1, 20))], at=lambda k: k == 8 and w.key("z"))
        moved = self.joint(20) - before
        assert moved[2] > 0.03, f"the wrist has moved by {moved}"
        np.testing.assert_allclose(moved[:2], 0, atol=2e-3)
        w.key("ctrl+z")

    def two_at_once(self):
        """Shift-click selects a second joint; both are dragged."""
        w, before = self.window, [self.joint(j) for j in (20, 21)]
        w.click(*self.handle(20))
        w._xdotool("keydown", "shift")
        w.click(*self.handle(21))
        w._xdotool("keyup", "shift")
        x, y = self.handle(21)
        w.drag([(x, y), *((x, y - 3 * k) for k in range(1, 16))])
        moved = [self.joint(j) - place for j, place in zip((20, 21), before, strict=True)]
        np.testing.assert_allclose(moved[0], moved[1], atol=3e-3)
        assert moved[0][2] > 0.02
        w.key("ctrl+z")

    def propagate_it(self):
        """The path to come is drawn during the drag; Propagate makes a second action."""
        w = self.window
        x, y = self.handle(20)
        w.click(x, y)
        w.drag(
            [(x, y), *((x + 2 * k, y - 6 * k) for k in range(1, 24))],
            at=lambda k: k == 22 and w.screenshot(self.output / "15_path.png"),
        )
        place = self.joint(20)
        w.do("bpy.ops.niki.propagate('EXEC_DEFAULT', True)")
        np.testing.assert_allclose(self.joint(20), place, atol=1e-3)
        assert w.do("result = len(bpy.data.actions)") == 2

    def plant_a_foot(self):
        """The selected ankle is held over the frames that the dialog offers."""
        w = self.window
        w.click(*self.handle(7))
        self.dialog("bpy.ops.niki.hold('INVOKE_DEFAULT')", "18_hold")
        place = self.joint(7)
        w.do("bpy.context.scene.frame_set(55)")
        np.testing.assert_allclose(self.joint(7), place, atol=2e-3)
        w.do("bpy.context.scene.frame_set(40)")

    def dialog(self, command: str, shot: str):
        """Open a dialog, take its picture and confirm it."""
        w = self.window
        w.move(420, 420)
        w.do(command)
        w.screenshot(self.output / f"{shot}.png")
        w.key("Return")

    def bake_it(self):
        """Baking shows how far it is; Escape stops it and nothing is changed."""
        w = self.window
        modal = "len(bpy.context.window.modal_operators)"
        w.do("bpy.ops.niki.bake('EXEC_DEFAULT', span='CUSTOM', first=1, last=5000)")
        w.until(modal)
        w.move(500, 500)
        w.key("Escape")
        w.until(f"not {modal}")
        assert w.do("result = [len(bpy.data.actions), bpy.context.scene.frame_current]") == [2, 40]
        self.dialog(
            "bpy.ops.niki.bake('INVOKE_DEFAULT', span='ACTION', reduce=True, max_error=20)", "19_bake"
        )
        w.until(f"not {modal}")
        assert w.do("result = len(bpy.data.actions)") == 4  # the bake with few keys, and the dense one
        assert w.do("result = [t.mute for t in bpy.context.object.animation_data.nla_tracks]") == [True]

    def follow_targets(self):
        w = self.window
        w.do("bpy.context.object.niki_pose.pulled = [False] * 29; bpy.ops.niki.make_targets()")
        w.do("o = bpy.data.objects[bpy.context.object.name + ' Right Wrist']; o.location.z += 0.3")
        w.screenshot(self.output / "16_targets.png")
        there = w.do("result = list(o.location)")
        np.testing.assert_allclose(self.joint(21), there, atol=2e-3)
        w.do(
            "o.keyframe_insert('location', frame=40); o.location.z -= 0.2; o.keyframe_insert('location', frame=80)"
        )
        w.do("bpy.context.scene.frame_set(40); bpy.ops.screen.animation_play()")
        w.until("bpy.context.scene.frame_current > 45")
        w.do("bpy.ops.screen.animation_cancel(restore_frame=False)")
        w.settle()
        there = w.do("result = list(o.matrix_world.translation)")
        np.testing.assert_allclose(self.joint(21), there, atol=2e-3)

    def through_a_camera(self):
        """A joint is pulled in the plane of the camera's view."""
        w = self.window
        w.do(
            "c = bpy.data.objects.new('C', bpy.data.cameras.new('C')); bpy.context.scene.collection.objects.link(c)"
        )
        w.do("bpy.context.scene.camera = c; bpy.ops.view3d.camera_to_view()")
        w.settle()
        before, (x, y) = self.joint(21), self.handle(21)
        w.drag([(x, y), *((x - 3 * k, y - 3 * k) for k in range(1, 15))])
        moved = self.joint(21) - before
        assert np.linalg.norm(moved) > 0.02, "the wrist was not pulled"
        view = np.array(w.do("result = [list(r) for r in c.matrix_world]"))[:3, 2]
        assert abs(moved @ view) < 0.02 * np.linalg.norm(moved) + 2e-3

    def from_scratch(self):
        """A fresh body: hips down, a hand up and pinned, the other hand forward."""
        w = self.window
        w.do("bpy.context.object.niki_pose.follow_targets = False; bpy.ops.object.mode_set(mode='OBJECT')")
        w.do("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]; bpy.ops.niki.add_body()")
        w.do("bpy.ops.niki.pull_mode('EXEC_DEFAULT', True); bpy.ops.view3d.view_selected()")
        for joint, dx, dy in ((0, 10, 60), (20, -110, -330), (21, -150, -40)):
            x, y = self.handle(joint)
            w.drag([(x, y), *((x + dx * k / 20, y + dy * k / 20) for k in range(1, 21))])
            if joint == 20:
                w.key("p")
        w.do("bpy.context.object.niki_pose.pulled = [False] * 29")
        w.screenshot(self.output / "17_from_scratch.png")
        assert self.joint(20)[2] > self.joint(15)[2], "the wrist is not overhead"
