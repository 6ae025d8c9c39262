"""Runs jobs of ``niki_blender`` in a process of their own, with the ``bpy`` module.

A process of its own because ``bpy`` may hang or crash when Python exits, and because ``niki``
itself never imports it.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
import types
from pathlib import Path

from ..errors import NikiError, in_words
from ..files import writing
from ..motion.motion import Motion

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds ``niki`` and ``niki_blender``; the extension's root."""

_PACKAGE = "niki_extension"


def blender_module(name: str):
    """The module ``niki_blender.<name>``; most need bpy.

    The root is loaded as one package, as Blender loads it: ``niki_blender`` imports ``..niki``.
    """
    if _PACKAGE not in sys.modules:
        package = types.ModuleType(_PACKAGE)
        package.__path__ = [str(ROOT)]
        sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.niki_blender.{name}")


def run_job(job: str, time_limit: float = 1800, **arguments):
    """Call ``niki_blender.<module>.<function>``, ``job`` being "module.function", elsewhere.

    Args:
        arguments: anything JSON can carry.
        time_limit: seconds after which the process is killed.

    Returns:
        what the function returns, through JSON.

    Raises:
        NikiError: bpy is not installed, the job failed, or it took too long.
    """
    if importlib.util.find_spec("bpy") is None:
        raise NikiError("Blender's Python module is not installed", 'run: pip install "niki[blender]"')
    with tempfile.TemporaryDirectory() as folder:
        task, answer = Path(folder, "task.json"), Path(folder, "answer.json")
        task.write_text(json.dumps({"job": job, "arguments": arguments, "answer": str(answer)}))
        # -P: nothing is imported from the folder that the user happens to be in.
        command = [sys.executable, "-P", "-c", _BOOTSTRAP, str(ROOT), str(task)]
        try:
            result = subprocess.run(
                command, capture_output=True, encoding="utf-8", errors="replace", timeout=time_limit
            )
        except subprocess.TimeoutExpired:
            raise NikiError(f"Blender did not finish within {time_limit:.0f} s") from None
        except OSError as error:
            raise NikiError(f"Blender could not be started: {in_words(error)}") from None
        if not answer.is_file():
            raise _why_it_ended(result)
        reply = json.loads(answer.read_text())
    if "error" in reply:
        raise NikiError(f"Blender's job failed: {reply['error']}")
    return reply["value"]


def _why_it_ended(result: subprocess.CompletedProcess) -> NikiError:
    """For the user: a Blender that gave no answer."""
    if result.returncode == -getattr(signal, "SIGKILL", 9):
        return NikiError(
            "Blender was stopped by the system (out of memory?)", "close other programs, try again"
        )
    if result.returncode < 0 or result.returncode >= 0xC0000000:  # a signal; Windows' exceptions
        return NikiError("Blender crashed", "try again; if it happens again, please report it")
    lines = (result.stderr or result.stdout).strip().splitlines()
    return NikiError(f"Blender ended without an answer: {(lines or ['it said nothing'])[-1]}")


def save_blend(motion_file: str, path: str, body: str = "mannequin") -> list[str]:
    """Write a scene with the animated body, in a Blender of its own; returns warnings."""
    with writing(path) as temporary, tempfile.TemporaryDirectory() as folder:
        skin_file = ""
        if body == "human":
            from ..meshes.anny import make_human

            skin_file = str(Path(folder, "human.npz"))
            make_human(skin_file, Motion.load(motion_file).body)
        return run_job(
            "placement.build.save_blend",
            motion_file=str(Path(motion_file).resolve()),
            path=str(temporary.resolve()),
            skin_file=skin_file,
        )


_BOOTSTRAP = """
import sys
sys.path.insert(0, sys.argv[1])
from niki.review.blender_process import _answer
_answer(sys.argv[2])
"""


def _answer(task_file: str) -> None:
    """The other process: do the job, write the answer, leave without Blender's exit handlers."""
    task = json.loads(Path(task_file).read_text())
    try:
        module, _, function = task["job"].rpartition(".")
        reply = {"value": getattr(blender_module(module), function)(**task["arguments"])}
    except Exception as error:
        traceback.print_exc()
        said = in_words(error) if isinstance(error, OSError) else str(error)
        reply = {"error": said or type(error).__name__}
    unfinished = Path(task["answer"] + ".part")
    unfinished.write_text(json.dumps(reply))
    unfinished.replace(task["answer"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
