"""Errors and exit codes in words for the user. No bpy."""

from __future__ import annotations

import signal

from ...niki.errors import NikiError, in_words


def describe_error(problem: BaseException) -> str:
    """One line about an exception: for an OSError the file and the system's reason, without its number; anything
    unexpected is called an internal error."""
    if isinstance(problem, NikiError):
        return str(problem)
    if isinstance(problem, OSError) and problem.strerror:
        return in_words(problem)
    return f"Internal error: {type(problem).__name__}: {problem}"


def describe_exit(code: int | None) -> str:
    """How a process ended, as the end of a sentence.

    Args:
        code: exit code; negative for a signal, as subprocess gives it; None for a process that still runs.
    """
    if code is None:
        return "is not responding"
    if code in (-9, -15):
        return "was stopped by the system (out of memory?)"
    if code < 0 or code >= 0xC0000000:  # Windows' codes for a crash
        return f"crashed ({_crash(code)})"
    return f"ended with exit code {code}"


def _crash(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"{code:#x}" if code > 0 else f"signal {-code}"
