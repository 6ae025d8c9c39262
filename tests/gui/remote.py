"""Runs inside Blender: executes what ``window.Window`` sends, on the main thread, in the 3D view's context.

The driver writes command.json whole, this answers answer.json.
"""

import contextlib
import io
import json
import os
import re
import traceback
from pathlib import Path

import bpy

FOLDER = Path(os.environ["NIKI_DRIVE"])
NAMES = {"bpy": bpy}
_drawn, _watched = False, ""


def window():
    return bpy.context.window_manager.windows[0]


def view():
    """The 3D view: its area, its picture's region and its sidebar's."""
    area = next(a for a in window().screen.areas if a.type == "VIEW_3D")
    regions = {region.type: region for region in area.regions}
    return area, regions["WINDOW"], regions["UI"]


def button():
    """What the button under the mouse in the sidebar runs, as Python; "" where there is no such button."""
    manager, (area, _, sidebar) = bpy.context.window_manager, view()
    with bpy.context.temp_override(window=window(), area=area, region=sidebar):
        if not bpy.ops.ui.copy_python_command_button.poll():
            return ""
        manager.clipboard = ""
        bpy.ops.ui.copy_python_command_button()
    return manager.clipboard


def scrolled():
    """How far the sidebar is scrolled."""
    return view()[2].view2d.region_to_view(0, 0)[1]


def watch_panel(name):
    """From now on :func:`is_drawn` tells of this panel: Blender says nowhere whether a panel is open."""
    global _drawn, _watched
    panel = getattr(bpy.types, name)
    draw, _drawn = panel.draw, False

    def draw_and_tell(self, context):
        global _drawn
        _drawn = True
        draw(self, context)

    if _watched != name:
        panel.draw, _watched = draw_and_tell, name


def is_drawn():
    return _drawn


def header_places():
    """Where headers of panels may be, from the top down: on their triangles, which are at the left of all else."""
    sidebar = view()[2]
    x = int(sidebar.x + 0.06 * sidebar.width)
    return [(x, sidebar.y + up) for up in range(sidebar.height - 12, 0, -Search.STEP)]


class Search:
    """Moves the mouse over the sidebar until it is on the button whose command matches ``pattern``.

    Attributes:
        over: whether it has ended. found: the mouse's place then, pixels from the window's bottom left; or None.
    """

    STEP = 9  # pixels; buttons are 18 high and more

    def __init__(self, pattern):
        self._pattern, self.over, self.found = re.compile(pattern), False, None
        self._steps = self._look()
        bpy.app.timers.register(self._go_on)

    def _go_on(self):
        if next(self._steps, None) is None:
            self.over = True
            return None
        return 0.0

    def _look(self):
        for place in self._places():
            window().cursor_warp(*place)
            yield True  # the event arrives in the next turn of Blender's loop, after the timers of that turn
            yield True
            if self._pattern.search(button()):
                self.found = place
                return

    def _places(self):
        """Icons at the right edge, then what is at the left, then all else."""
        sidebar = view()[2]
        for right in (0.3, 0.85, 0.6, 0.91, 0.75, 0.45):
            for up in range(sidebar.height - self.STEP, 0, -self.STEP):
                yield int(sidebar.x + right * sidebar.width), sidebar.y + up


NAMES |= {"re": re, "window": window, "view": view, "button": button, "scrolled": scrolled, "Search": Search}
NAMES |= {"watch_panel": watch_panel, "is_drawn": is_drawn, "header_places": header_places}


def answer(command):
    reply, printed = {"id": command["id"], "error": None}, io.StringIO()
    NAMES["result"] = None
    try:
        area, region, _ = view()
        with (
            contextlib.redirect_stdout(printed),
            bpy.context.temp_override(window=window(), area=area, region=region),
        ):
            exec(command["code"], NAMES)
        reply["value"] = NAMES["result"]
    except Exception:
        reply["error"] = traceback.format_exc()
    reply["printed"] = printed.getvalue()
    unfinished = FOLDER / "answer.part"
    unfinished.write_text(json.dumps(reply, default=repr))
    unfinished.rename(FOLDER / "answer.json")


def poll():
    file = FOLDER / "command.json"
    if file.is_file():
        command = json.loads(file.read_text())
        file.unlink()
        answer(command)
    return 0.01


bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(poll, first_interval=0.1, persistent=True)
