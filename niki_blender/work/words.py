"""What went wrong, in words for the user. No bpy."""

from __future__ import annotations

import signal

from ...niki.errors import NikiError


def describe_error(problem: BaseException) -> str:
    """A line about an exception: what the system said and of which file, without its numbers; what we
    did not foresee is called a fault of ours."""
    if isinstance(problem, NikiError):
        return str(problem)
    if isinstance(problem, OSError) and problem.strerror:
        return f"{problem.filename}: {problem.strerror}" if problem.filename else problem.strerror
    return f"A fault of ours: {type(problem).__name__}: {problem}"


def describe_exit(code: int | None) -> str:
    """How a process ended, from its exit status; negative, as subprocess gives it, for a signal."""
    if code is None:
        return "does not answer any more"
    if code in (-9, -15):
        return "was stopped by the system, perhaps because memory ran out"
    if code < 0 or code >= 0xC0000000:  # Windows' own codes for a crash lie up there
        return f"crashed ({_crash(code)})"
    return f"ended with status {code}"


def _crash(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"{code:#x}" if code > 0 else f"signal {-code}"
