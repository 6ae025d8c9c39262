"""Everyday poses of a fresh body, pulled with the mouse as an animator would: first from one side, then from the other."""

from __future__ import annotations

import numpy as np
from posing import PosingScenario, describe_times
from window import SIZE

from niki.body.skeleton import JOINTS

PICTURES = ("crossed-hands.jpg", "raised-knee.jpg", "sitting.jpg", "all-fours.jpg")
"""What the scenario makes for the manual."""
FRONT, SIDE, BETWEEN = "FRONT", "RIGHT", "BETWEEN"
_MOVES = 24
_SUNK = 0.03  # meters that soft skin may go into the floor
LOWEST = """
def lowest():
    graph = bpy.context.evaluated_depsgraph_get()
    return min((o.matrix_world @ v.co).z for o in bpy.context.object.children if o.type == 'MESH'
               for v in o.evaluated_get(graph).data.vertices)
def pixels(place):
    area, region, _ = view()
    at = location_3d_to_region_2d(region, area.spaces.active.region_3d, Vector(place))
    return [window().x + region.x + at.x, window().y + region.y + at.y]
"""
VIEW_CROP = f"a = view()[0]; result = f'{{a.width}}x{{a.height}}+{{a.x}}+{{{SIZE[1]} - a.y - a.height}}'"

Place = tuple[float | None, float | None, float | None]


class EverydayScenario(PosingScenario):
    """Crossed arms, a raised knee, sitting, kneeling, all fours."""

    def run(self) -> None:
        """All of it; AssertionError where a joint is not where it was dragged, or what should stay does not."""
        self.prepare()
        self._ticks: dict[str, list[float]] = {}
        self.window.do("exec(" + repr(LOWEST) + ", globals())")
        self.window.do("bpy.context.preferences.view.smooth_view = 0")
        self.cross_the_arms()
        self.raise_a_knee()
        self.sit_down()
        self.kneel()
        self.go_on_all_fours()
        for joint, times in self._ticks.items():
            print(f"everyday: {joint}, {describe_times(times)}")

    def fresh_body(self):
        """A NIKI Body, standing, in Pose Mode with the tool."""
        w = self.window
        w.do("bpy.ops.object.mode_set(mode='OBJECT') if bpy.context.mode != 'OBJECT' else None")
        w.do("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]; bpy.ops.niki.add_body()")
        w.do(
            "bpy.ops.niki.pull_mode(); bpy.ops.view3d.view_axis(type='FRONT'); bpy.ops.view3d.view_selected()"
        )
        w.do("bpy.ops.ed.undo_push(message='body')")
        w.settle()

    def look(self, side: str):
        between = side == BETWEEN
        self.window.do(f"bpy.ops.view3d.view_axis(type='{FRONT if between else side}')")
        if between:  # in an exact side view handles of the left and the right hide each other
            self.window.do("bpy.ops.view3d.view_orbit(angle=1.2, type='ORBITRIGHT')")
        self.window.settle()

    def place(self, joint: str) -> np.ndarray:
        return self.joint(JOINTS.index(joint))

    def select(self, *joints: str):
        """Click the handles, from the front, where none hides another."""
        w = self.window
        self.look(FRONT)
        w.click(*self.handle(JOINTS.index(joints[0])))
        w._xdotool("keydown", "shift")
        for joint in joints[1:]:
            w.click(*self.handle(JOINTS.index(joint)))
        w._xdotool("keyup", "shift")

    def pull(self, side: str, joint: str, to: Place, near: float = 0.02):
        """Drag a joint, and what is selected with it, to where a place is seen from ``side``: None is as it is now."""
        w, j = self.window, JOINTS.index(joint)
        self.look(side)
        place = self.place(joint)
        wanted = [float(now) if new is None else new for now, new in zip(place, to, strict=True)]
        start, end = np.array(self.handle(j)), self.pixels(wanted)
        w.do("pulling.tick_times.clear()")
        w.drag([tuple(start + (end - start) * k / _MOVES) for k in range(_MOVES + 1)])
        self._ticks.setdefault(joint, []).extend(w.do("result = list(pulling.tick_times)"))
        per_meter = np.linalg.norm(self.pixels(place + [0, 0, 1]) - self.pixels(place))
        missed = float(np.linalg.norm(self.handle(j) - end) / per_meter)
        assert missed < near, f"{joint} is {100 * missed:.1f} cm from where it was dragged"

    def pixels(self, place) -> np.ndarray:
        x, y = self.window.do(f"result = pixels({list(map(float, place))})")
        return np.array([x, SIZE[1] - y])

    def shoot(self, name: str):
        """Pictures from both sides; nothing is under the floor."""
        w = self.window
        for side, tag in ((FRONT, "front"), (SIDE, "side")):
            self.look(side)
            w.screenshot(self.output / f"{name}_{tag}.png")
        low = w.do("result = lowest()")
        assert low > -_SUNK, f"{name}: the body is {-100 * low:.1f} cm under the floor"

    def picture(self, name: str, turn: float, height: float, distance: float):
        """A JPEG of the 3D view and its sidebar for the docs.

        Args:
            turn: degrees around the body, 0 from the front, 90 from its left. height: meters above the floor of what
                is looked at. distance: meters to it.
        """
        w = self.window
        w.do(
            f"from math import radians; from mathutils import Euler; r = view()[0].spaces.active.region_3d\n"
            f"r.view_perspective, r.view_distance = 'PERSP', {distance}\n"
            f"r.view_location = (*(sum(p[:2] for p in posture.joint_positions(bpy.context.object)) / 29), {height})\n"
            f"r.view_rotation = Euler((radians(78), 0, radians({turn}))).to_quaternion()"
        )
        w.screenshot(self.output / f"{name}.jpg", crop=w.do(VIEW_CROP))

    def stays(self, before: dict[str, np.ndarray], within: float):
        for joint, place in before.items():
            moved = float(np.linalg.norm(self.place(joint) - place))
            assert moved < within, f"{joint} has moved by {100 * moved:.1f} cm"

    def places(self, *joints: str) -> dict[str, np.ndarray]:
        return {joint: self.place(joint) for joint in joints}

    def cross_the_arms(self):
        """One wrist after the other, each from the front and from the side: the first stays when the second is pulled."""
        self.fresh_body()
        feet = self.places("left_ankle", "right_ankle")
        self.pull(FRONT, "left_wrist", (-0.12, None, 1.2))
        self.pull(SIDE, "left_wrist", (None, -0.22, 1.2))
        first = self.places("left_wrist")
        self.pull(FRONT, "right_wrist", (0.12, None, 1.25))
        self.pull(SIDE, "right_wrist", (None, -0.28, 1.25))
        self.shoot("30_arms_crossed")
        self.window.do("bpy.ops.view3d.view_axis(type='TOP')")
        self.window.screenshot(self.output / "30_arms_crossed_top.png")
        self.picture("crossed-hands", turn=20, height=0.95, distance=2.6)
        self.stays(first, 0.03)
        self.stays(feet, 0.005)

    def raise_a_knee(self):
        """The other foot stays planted."""
        self.fresh_body()
        other = self.places("right_ankle", "right_foot")
        self.pull(BETWEEN, "left_knee", (0.12, -0.38, 0.8))
        self.shoot("31_knee_raised")
        self.picture("raised-knee", turn=50, height=0.85, distance=2.6)
        self.stays(other, 0.01)

    def sit_down(self):
        """Hips back and down to the floor, then both feet ahead."""
        self.fresh_body()
        self.pull(SIDE, "pelvis", (None, 0.35, 0.13))
        self.shoot("32_sitting_down")
        hips = self.places("pelvis")
        self.select("left_ankle", "right_ankle")
        self.pull(SIDE, "left_ankle", (None, -0.3, 0.09))
        self.shoot("33_sitting")
        self.picture("sitting", turn=55, height=0.4, distance=2.0)
        self.stays(hips, 0.03)

    def kneel(self):
        """Both knees to the floor, pinned; then the hips up."""
        self.fresh_body()
        self.select("left_knee", "right_knee")
        self.pull(SIDE, "left_knee", (None, -0.12, 0.06))
        self.shoot("34_knees_down")
        self.window.key("p")
        knees = self.places("left_knee", "right_knee")
        self.pull(SIDE, "pelvis", (None, -0.08, 0.52))
        self.shoot("35_kneeling")
        self.stays(knees, 0.01)

    def go_on_all_fours(self):
        """From kneeling: both hands down to the floor ahead."""
        knees = self.places("left_knee", "right_knee")
        self.select("left_wrist", "right_wrist")
        self.pull(SIDE, "left_wrist", (None, -0.65, 0.07))
        self.shoot("36_all_fours")
        self.picture("all-fours", turn=60, height=0.3, distance=2.0)
        self.stays(knees, 0.01)
