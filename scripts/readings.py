"""Captures whose readings are kept, so that the next measurement does not read the footage again."""

from pathlib import Path

from environment import ROOT

from niki.capturing.pipeline import Captured, capture
from niki.cli import progress_bar
from niki.errors import NikiError
from niki.task import Task

READINGS = ROOT / "build/readings"


def captured_with_memory(footage: Path, focal: float | None = None, end: int | None = None) -> Captured:
    """A capture whose readings are kept for the next run. Those of other footage or of another
    estimator are no use."""
    READINGS.mkdir(parents=True, exist_ok=True)
    journal = READINGS / f"{footage.stem}.readings"
    task = Task(footage, end=end, focal=focal, journal=journal)
    with progress_bar(footage.stem) as show:

        def progress(stage, done, expected):
            if stage == "reading":
                show(done, expected)

        try:
            return capture(task, progress)
        except NikiError as error:
            if "start over" not in error.hint:
                raise
            journal.unlink()
            return capture(task, progress)
