"""Runs inside Blender: executes what ``window.Window`` sends, on the main thread, in the 3D view's context.

The driver writes command.json whole, this answers answer.json.
"""

import contextlib
import io
import json
import os
import traceback
from pathlib import Path

import bpy

FOLDER = Path(os.environ["NIKI_DRIVE"])
NAMES = {"bpy": bpy}


def window():
    return bpy.context.window_manager.windows[0]


def view():
    """The 3D view: its area, its picture's region and its sidebar's."""
    area = next(a for a in window().screen.areas if a.type == "VIEW_3D")
    regions = {region.type: region for region in area.regions}
    return area, regions["WINDOW"], regions["UI"]


NAMES |= {"window": window, "view": view}


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
    return 0.05


bpy.app.timers.register(poll, first_interval=0.1, persistent=True)
