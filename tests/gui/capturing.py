"""What a user does to capture, in Blender's own start-up scene: with the panel's buttons, the mouse and keys."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from window import Window

START_UP = ["Camera", "Cube", "Light"]
SEEN = """
from bpy_extras.object_utils import world_to_camera_view
from bpy_extras.view3d_utils import location_3d_to_region_2d, region_2d_to_origin_3d
def places():
    # The joints of the armature that came in, in the scene.
    rig = next(o for o in bpy.data.objects if o.type == 'ARMATURE')
    rig = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return [rig.matrix_world @ bone.head for bone in rig.pose.bones]
def in_the_way(eye, places):
    # Names of what stands between an eye and these places, or around the eye, the person's own body aside.
    graph, found = bpy.context.evaluated_depsgraph_get(), set()
    for place in places:
        way = place - eye
        hit, at, _, _, thing, _ = bpy.context.scene.ray_cast(graph, eye, way.normalized(), distance=way.length)
        if hit and (thing.parent is None or thing.parent.type != 'ARMATURE'):
            found.add(thing.name)
    return sorted(found)
def through_view(places):
    # Where places are in the 3D view, as shares of its width and height.
    area, region, _ = view()
    at = [location_3d_to_region_2d(region, area.spaces.active.region_3d, place) for place in places]
    return [(p.x / region.width, p.y / region.height) if p else (-1, -1) for p in at]
def through_camera(places):
    at = [world_to_camera_view(bpy.context.scene, bpy.context.scene.camera, place) for place in places]
    return [(p.x, p.y) if p.z > 0 else (-1, -1) for p in at]
def views_eye():
    area, region, _ = view()
    return region_2d_to_origin_3d(region, area.spaces.active.region_3d, (region.width / 2, region.height / 2))
def next_key():
    # The frame to which the timeline's own Jump to Next Keyframe goes: it sees the keys that the timeline draws.
    bpy.context.scene.frame_set(1)
    area = next(a for a in window().screen.areas if a.type == 'DOPESHEET_EDITOR')
    with bpy.context.temp_override(window=window(), area=area, region=area.regions[-1]):
        with contextlib.suppress(RuntimeError):
            bpy.ops.screen.keyframe_jump(next=True)
    return bpy.context.scene.frame_current
"""


class CaptureScenario:
    """What a user does to capture, in order."""

    def __init__(self, window: Window, module: str, output: Path):
        self.window, self.output = window, output
        self._results = f"sys.modules['{module}.niki_blender.capture.results']"
        self._queue, self._module = f"{self._results}.captures()", module

    def run(self) -> None:
        """All of it; AssertionError where something is not as a user expects."""
        w, queue = self.window, self._queue
        w.do("import contextlib; exec(" + repr(SEEN) + ", globals())")
        assert self.objects() == START_UP, "this is not Blender's start-up scene"
        w.do(f"s = bpy.context.scene.niki_capture; s.path = '{w.folder}/sample.mp4'; s.quality = 'standard'")
        w.do("bpy.ops.ed.undo_push(message='set up')")
        self.shot("1_before")
        w.press(r"niki\.capture\(")
        w.until(f"{queue}.running and {queue}.running.frames >= 20")
        self.shot("2_during")
        self.stays_usable()
        w.until(f"not {queue}.jobs")
        assert self.armatures() == 1, "the capture did not survive saving and undo"
        self.shot("3_after")
        self.is_seen()
        self.is_in_the_timeline()
        self.leaves_the_users_things()
        self.look_through_camera()
        self.undo()
        self.queue()
        self.kill()
        self.choose_person()
        self.preferences()
        self.fail()
        self.runtime_missing()
        longest = w.do(f"result = {self._results}.longest_tick()")
        print(f"the timer held Blender up for {1000 * longest:.1f} ms at most")

    def armatures(self) -> int:
        return self.window.do("result = len([o for o in bpy.data.objects if o.type == 'ARMATURE'])")

    def objects(self) -> list[str]:
        return self.window.do("result = sorted(o.name for o in bpy.context.scene.objects)")

    def stays_usable(self):
        """Scrub, orbit and save while the worker works."""
        w = self.window
        look = "result = [bpy.context.scene.frame_current, list(view()[0].spaces.active.region_3d.view_rotation)]"
        before = w.do(look)
        w.do("bpy.context.scene.frame_set(17)")
        w.do("bpy.ops.view3d.view_orbit(angle=0.3, type='ORBITLEFT')")
        w.do(f"bpy.ops.wm.save_as_mainfile(filepath='{w.folder}/saved.blend')")
        w.do("bpy.ops.ed.undo_push(message='x'); bpy.ops.ed.undo()")
        assert before != w.do(look)
        print(f"saved and undone; capturing meanwhile: {w.do(f'result = bool({self._queue}.busy)')}")

    def is_seen(self):
        """Without touching the view, the person is in the middle of it, large, and nothing is before them."""
        for frame in (1, 60, 108):
            self.window.do(f"bpy.context.scene.frame_set({frame})")
            self.all_in("the 3D view", "through_view(places())")
            hidden_by = self.window.do("result = in_the_way(views_eye(), places())")
            assert not hidden_by, f"in frame {frame} {hidden_by} hide the person in the 3D view"
        low, high = self.height("through_view(places())")
        assert high - low > 0.3, f"the person is {high - low:.0%} of the 3D view's height"

    def all_in(self, what: str, shares: str):
        out = [(x, y) for x, y in self.window.do(f"result = {shares}") if not (0 <= x <= 1 and 0 <= y <= 1)]
        assert not out, f"{len(out)} of 24 joints are outside of {what}"

    def height(self, shares: str) -> tuple[float, float]:
        up = [y for _, y in self.window.do(f"result = {shares}")]
        return min(up), max(up)

    def is_in_the_timeline(self):
        """Blender's timeline shows keys of selected bones alone: they are selected, so the keys are there. The scene,
        empty before, ends where the motion does."""
        w = self.window
        assert w.do("result = next_key()") == 2, "the timeline shows no keys"
        first, last = w.do("s = bpy.context.scene; result = [s.frame_start, s.frame_end]")
        assert (first, last) == (1, 108), f"the scene plays frames {first} to {last}"

    def leaves_the_users_things(self):
        """Nothing of the start-up scene is gone or has moved; what came in is in a collection of its own."""
        w = self.window
        assert set(START_UP) < set(self.objects())
        places = w.do(f"result = [[round(c, 2) for c in bpy.data.objects[n].location] for n in {START_UP}]")
        assert places == [[7.36, -6.93, 4.96], [0, 0, 0], [4.08, 1.01, 5.9]]
        new = w.do(f"result = [[c.name for c in o.users_collection] for o in bpy.data.objects if o.name not in {START_UP}]")  # fmt: skip
        assert new
        assert all(collections == ["sample"] for collections in new), f"they are in the collections {new}"

    def look_through_camera(self):
        """The person is where the camera has the film behind them, and nothing is before the camera."""
        w = self.window
        w.do("bpy.context.scene.frame_set(60); view()[0].spaces.active.region_3d.view_perspective = 'CAMERA'")
        w.do("bpy.ops.view3d.view_center_camera()")
        w.settle()
        self.shot("3_camera")
        self.all_in("the camera's picture", "through_camera(places())")
        hidden_by = w.do("result = in_the_way(bpy.context.scene.camera.matrix_world.translation, places())")
        assert not hidden_by, f"{hidden_by} hide the person from the camera"
        behind = w.do(
            "result = [b.clip.name for b in bpy.context.scene.camera.data.background_images if b.clip]"
        )
        assert len(behind) == 1, f"behind the camera's picture there are {behind}"

    def undo(self):
        """One step takes the whole import back, and one brings it again."""
        w = self.window
        assert self.armatures() == 1
        w.move(500, 500)
        w.key("ctrl+z")
        assert self.objects() == START_UP
        assert w.do("result = bpy.data.objects['Cube'].visible_get()"), "the cube is hidden"
        w.key("ctrl+shift+z")
        assert self.armatures() == 1

    @contextlib.contextmanager
    def worker_held(self):
        """The running capture does not end before the mouse has found the button."""
        pid = self.window.do(f"result = {self._queue}._worker._process.pid")
        self.window.do(f"os.kill({pid}, signal.SIGSTOP)")
        try:
            yield
        finally:
            self.window.do(f"os.kill({pid}, signal.SIGCONT)")

    def queue(self):
        """Two captures, one after the other; the first is cancelled, and continued after the second."""
        w, queue = self.window, self._queue
        w.do("s = bpy.context.scene.niki_capture; s.camera = False; s.use_range = True; s.last = 50")
        w.unfold("NIKI_PT_capture_folded")
        w.press(r"niki\.capture\(")
        w.until(f"{queue}.running and {queue}.running.frames >= 5")
        with self.worker_held():
            w.press(r"niki\.capture\(")
            w.until(f"[job.state for job in {queue}.jobs] == ['RUNNING', 'WAITING']")
            self.shot("4_queued")
            clicked = w.press(r"niki\.cancel_capture")
        w.until(f"{queue}.jobs[0].state == 'CANCELLED'")
        print(f"cancelled within {time.monotonic() - clicked:.1f} s of the click")
        self.shot("5_cancelled")
        w.until(f"len({queue}.jobs) == 1")
        assert self.armatures() == 2
        self.continues(3)

    def continues(self, armatures: int):
        w = self.window
        w.press(r"niki\.continue_capture\((?!.*finish=True)")
        w.until(f"not {self._queue}.jobs")
        assert self.armatures() == armatures

    def kill(self):
        """The system ends the worker: the panel says so, and goes on where it was."""
        w, queue = self.window, self._queue
        w.press(r"niki\.capture\(")
        w.until(f"{queue}.running and {queue}.running.frames >= 10")
        w.do(f"os.kill({queue}._worker._process.pid, signal.SIGKILL)")
        w.until(f"{queue}.jobs[0].state == 'FAILED'")
        self.shot("6_killed")
        self.continues(4)

    def choose_person(self):
        w = self.window
        w.press(r"niki\.find_people")
        w.until(f"sys.modules['{self._module}.niki_blender.capture.people'].search.people")
        self.shot("7_people")
        w.press(r"niki\.follow_person")
        w.until("bpy.context.scene.niki_capture.use_subject")

    def preferences(self):
        """The wheel beside the device leads there; the worker says that it is ready."""
        w = self.window
        w.press(r"preferences\.addon_show")
        w.until("len(bpy.context.window_manager.windows) == 2")
        w.do("bpy.ops.niki.check_runtime()")
        w.until(f"sys.modules['{self._module}.niki_blender.settings.environment_operators'].state.good")
        self.shot("8_preferences")
        w.do(
            "other = bpy.context.window_manager.windows[1]\n"
            "with bpy.context.temp_override(window=other): bpy.ops.wm.window_close()"
        )

    def fail(self):
        w, queue = self.window, self._queue
        (w.home / "broken.mp4").write_bytes(b"this is no film")
        w.do(f"bpy.context.scene.niki_capture.path = '{w.folder}/broken.mp4'")
        w.press(r"niki\.capture\(")
        w.until(f"{queue}.jobs and {queue}.jobs[0].state == 'FAILED'")
        self.shot("9_failed")
        w.do(f"bpy.ops.niki.dismiss_capture(job={queue}.jobs[0].folder.name)")

    def runtime_missing(self):
        w = self.window
        w.do(f"p = bpy.context.preferences.addons['{self._module}'].preferences; p.runtime = 'ENVIRONMENT'")
        self.shot("10_runtime_missing")
        w.do("p.runtime = 'OWN'")

    def shot(self, name: str):
        self.window.screenshot(self.output / f"{name}.png")
