"""Ghosts and trails in the 3D view, and the reach of a correction set with the mouse and the keyboard."""

from __future__ import annotations

import numpy as np
from posing import PosingScenario
from window import SIZE

WRIST = 20
FRAME = 40
VIEWS = {"side": "RIGHT", "front": "FRONT", "above": "TOP"}
TIMING = """
import time
onion, preview, trail = (sys.modules[f"{module}.niki_blender.pose.{name}"] for name in ("onion_skin", "preview", "trail"))
def timed(function, times):
    def call(*arguments):
        started = time.perf_counter()
        result = function(*arguments)
        times.append(1000 * (time.perf_counter() - started))
        return result
    return call
draw_times, poses_times = [], []
bpy.types.SpaceView3D.draw_handler_remove(onion._draw_handler, 'WINDOW')
onion._draw_handler = bpy.types.SpaceView3D.draw_handler_add(timed(onion._draw, draw_times), (), 'WINDOW', 'POST_VIEW')
onion.preview_of = timed(onion.preview_of, poses_times)
def shown():
    return preview.preview_of(bpy.context.object, bpy.context.scene.frame_current_final)
def path():
    return shown().frames[shown().trail].tolist(), shown().paths(bpy.context.object, [wrist])[0].tolist()
def ends(name):
    rig = bpy.context.object
    points = trail.paths_in_region(bpy.context, rig, shown())[0]
    now, end = (shown().frames[shown().trail] == shown().now).argmax(), trail.markers(rig, shown())[name]
    beyond = range(end, -1, -1) if end < now else range(end, len(points))
    inward = range(end, now) if end < now else range(end, now, -1)
    region, w = view()[1], window()
    return [[(w.x + region.x + points[k][0], w.y + region.y + points[k][1]) for k in path] for path in (inward, beyond)]
"""


class GhostScenario(PosingScenario):
    """A captured person, the tool, the mouse."""

    def run(self) -> None:
        """All of it; AssertionError where something is not as a user expects."""
        w = self.window
        self.prepare()
        names = f"module, wrist = {self._module!r}, {WRIST}"
        w.do("exec(" + repr(names + TIMING) + ", globals())")
        w.do("bpy.context.preferences.view.smooth_view = 0")
        w.do("bpy.ops.object.mode_set(mode='OBJECT') if bpy.context.mode != 'OBJECT' else None")
        w.do("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
        w.do("[bpy.data.actions.remove(a) for a in list(bpy.data.actions)]")
        w.do(
            f"bpy.ops.niki.import_motion(filepath='{w.folder}/sample_truth.npz', camera=False, match_scene='ALWAYS')"
        )
        w.do(f"bpy.context.scene.frame_set({FRAME})")
        w.do("bpy.context.scene.tool_settings.use_keyframe_insert_auto = False")
        w.do("bpy.ops.view3d.view_axis(type='RIGHT'); bpy.ops.view3d.view_selected()")
        w.do("bpy.ops.niki.pull_mode(); bpy.context.object.niki_pose.onion_skin = True")
        w.do("bpy.ops.ed.undo_push(message='tool')")
        w.settle()
        self.look_around()
        self.widen_and_cancel()
        self.drag_the_ends()
        self.drag_with_ghosts()
        self.propagate_what_was_shown()
        self.scrub()
        self.in_several_views()

    def look_around(self):
        """Ghosts and the trail of a selected wrist, from all sides; how long ghosts take to draw."""
        w = self.window
        w.click(*self.handle(WRIST))
        for name, axis in VIEWS.items():
            w.do(f"bpy.ops.view3d.view_axis(type='{axis}')")
            w.screenshot(self.output / f"40_ghosts_{name}.png")
        self.turn_view()
        w.screenshot(self.output / "40_ghosts.png")
        self.measure(lambda: [w.settle() for _ in range(30)], "standing still")

    def turn_view(self):
        """From the right, a little to the front, and above."""
        w = self.window
        w.do("bpy.ops.view3d.view_axis(type='RIGHT')")
        w.do("bpy.ops.view3d.view_orbit(angle=0.5, type='ORBITLEFT')")
        w.do("bpy.ops.view3d.view_orbit(angle=0.25, type='ORBITDOWN')")
        w.settle()

    def widen_and_cancel(self):
        """The wheel and the Page keys change both fades in a drag; Escape gives the pose back."""
        w, (x, y), before = self.window, self.handle(WRIST), self.joint(WRIST)
        w.move(x, y)
        w._xdotool("mousedown", 1)
        for k in range(1, 12):
            w._xdotool("mousemove", int(x + 6 * k), int(y - 6 * k))
            w.handle_events()
        fades, seen = self.fades(), []
        for act in (("click", 5), ("click", 4), ("key", "Prior"), ("key", "Next")):
            w._xdotool(*act)
            w.handle_events()
            seen.append(self.fades())
        wider = [fade + 1 for fade in fades]
        assert seen == [wider, fades, wider, fades], f"from {fades}: {seen}"
        w.key("Escape")
        w._xdotool("mouseup", 1)
        w.settle()
        np.testing.assert_allclose(self.joint(WRIST), before, atol=1e-4)

    def drag_the_ends(self):
        """Each end of the reach sets its fade, as far as it is dragged; undo restores it, and so does Escape."""
        w = self.window
        w.do("bpy.ops.view3d.view_axis(type='TOP')")
        w.settle()
        for k, name in enumerate(("fade_in", "fade_out")):
            fades = self.fades()
            inward, beyond = self.ends(name)
            w.move(*inward[0])
            w.screenshot(self.output / f"41_{name}_hover.png")
            w.drag(inward[:4], at=lambda _, name=name: w.screenshot(self.output / f"41_{name}.png"))
            assert self.fades()[k] == fades[k] - 3, f"{name} dragged inward: {fades}, then {self.fades()}"
            assert self.fades()[1 - k] == fades[1 - k]
            w.key("ctrl+z")
            assert self.fades() == fades, f"undone: {fades}, then {self.fades()}"
            w.drag(beyond[:4])
            assert self.fades()[k] == fades[k] + 3, f"{name} dragged outward: {fades}, then {self.fades()}"
            w.key("ctrl+z")
            w.move(*inward[0])
            w._xdotool("mousedown", 1)
            for point in inward[1:4]:
                w._xdotool("mousemove", *map(int, point))
                w.handle_events()
            assert self.fades()[k] < fades[k]
            w.key("Escape")
            w._xdotool("mouseup", 1)
            w.settle()
            assert self.fades() == fades, f"canceled: {fades}, then {self.fades()}"

    def drag_with_ghosts(self):
        """Two hundred moves, with the wheel turned amid them; ghosts and trail follow."""
        self.turn_view()
        w, (x, y), fades = self.window, self.handle(WRIST), self.fades()
        t = np.linspace(0, 1, 200)
        path = [(x, y), *zip(x + 90 * np.sin(2.5 * t), y - 200 * t * (1.4 - t), strict=True)]

        def at(k):
            if k in (100, 101, 102, 103):
                w._xdotool("click", 5)
                w.handle_events()
            if k in (60, 190):
                w.screenshot(self.output / f"42_drag_{k}.png")

        w.do("pulling.tick_times.clear()")
        self.measure(lambda: w.drag(path, at), "in a drag")
        ticks = 1000 * np.array(w.do("result = list(pulling.tick_times)"))
        print(
            f"ghosts: tick p50 {np.percentile(ticks, 50):.1f} ms, p95 {np.percentile(ticks, 95):.1f} ms",
            flush=True,
        )
        assert self.fades() == [fade + 4 for fade in fades]
        assert w.do("result = shown().corrected"), "ghosts do not follow"

    def propagate_what_was_shown(self):
        """The motion becomes what the trail has shown; undo brings back both."""
        w = self.window
        frames, places = w.do("result = path()")
        w.press("niki.propagate")
        w.settle()
        w.screenshot(self.output / "43_propagated.png")
        assert not w.do("result = shown().corrected"), "ghosts still show a correction to come"
        off = max(
            np.linalg.norm(self.wrist_at(frame) - place) for frame, place in zip(frames, places, strict=True)
        )
        print(f"ghosts: Propagate differs from the trail by {1000 * off:.3f} mm at most", flush=True)
        assert off < 1e-4
        w.do(f"bpy.context.scene.frame_set({FRAME})")
        w.settle()

    def wrist_at(self, frame: int):
        self.window.do(f"bpy.context.scene.frame_set({frame})")
        return self.joint(WRIST)

    def scrub(self):
        """Frame by frame with the keyboard: ghosts of other frames each time."""
        w = self.window
        w.move(600, 500)
        self.measure(lambda: [w.key("Right") for _ in range(12)], "scrubbing")
        assert w.do("result = [shown().now, shown().frames[shown().ghosts].tolist()]") == [
            FRAME + 12,
            [FRAME + 12 + 4 * k for k in (-3, -2, -1, 1, 2, 3)],
        ]
        w.screenshot(self.output / "44_scrubbed.png")

    def in_several_views(self):
        """Quad view and two views draw ghosts in each; without overlays there are none."""
        w = self.window
        w.do("bpy.ops.screen.region_quadview()")
        w.screenshot(self.output / "45_quad.png")
        w.do("bpy.ops.screen.region_quadview()")
        w.do("bpy.ops.screen.area_split(direction='VERTICAL', factor=0.5)")
        w.settle()
        w.screenshot(self.output / "45_two_views.png")
        assert self.drawn() == [True, True]
        w.do("view()[0].spaces.active.overlay.show_overlays = False")
        w.screenshot(self.output / "45_without_overlays.png")
        assert sorted(self.drawn()) == [False, True], "drawn in a view without overlays"
        w.do("view()[0].spaces.active.overlay.show_overlays = True")
        w.do(
            "a = [a for a in window().screen.areas if a.type == 'VIEW_3D'][1]\n"
            "with bpy.context.temp_override(window=window(), area=a, region=a.regions[-1]): bpy.ops.screen.area_close()"
        )
        w.settle()

    def drawn(self) -> list[bool]:
        """Whether each 3D view draws ghosts."""
        return self.window.do(
            "result = []\n"
            "for a in window().screen.areas:\n"
            "    if a.type == 'VIEW_3D':\n"
            "        r = next(r for r in a.regions if r.type == 'WINDOW')\n"
            "        with bpy.context.temp_override(window=window(), area=a, region=r):\n"
            "            result.append(trail.shown_armature(bpy.context) is not None)"
        )

    def measure(self, act, when: str):
        """Print how long ghosts took to draw meanwhile, and how long their poses took, in milliseconds."""
        self.window.do("draw_times.clear(); poses_times.clear()")
        act()
        for what, times in zip(
            ("drawn", "poses"), self.window.do("result = draw_times, poses_times"), strict=True
        ):
            low, high = np.percentile(times, [50, 95])
            print(
                f"ghosts, {when}: {what} {len(times)} times, p50 {low:.1f} ms, p95 {high:.1f} ms", flush=True
            )

    def ends(self, name: str):
        """Along the trail from an end of the reach: (x, y) inward, and outward."""
        return [[(x, SIZE[1] - y) for x, y in path] for path in self.window.do(f"result = ends({name!r})")]

    def fades(self) -> list[int]:
        return self.window.do("p = bpy.context.object.niki_pose; result = [p.fade_in, p.fade_out]")
