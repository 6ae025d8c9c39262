"""Checks of single values: those a user gives, with a message for them to read, and those of unknown origin."""

from __future__ import annotations

import numbers

from .errors import NikiError


def number_between(name: str, value, low: float, high: float, unit: str = "") -> float:
    """``value`` as a float.

    Args:
        name: begins the message: "The frame rate". low, high: what it may be, both included.
        unit: ends it: "frames per second".

    Raises:
        NikiError: no single real number, not finite, or out of bounds.
    """
    if not isinstance(value, numbers.Real):
        given = repr(value) if isinstance(value, str) else f"a {type(value).__name__}"
        raise NikiError(f"{name} must be a number, not {given}")
    if not low <= value <= high:  # pyright: ignore[reportOperatorIssue]  # false for NaN as well
        unit = f" {unit}" if unit else ""
        raise NikiError(f"{name} must be between {_plain(low)} and {_plain(high)}{unit}, not {_given(value)}")
    return float(value)


def frame_number(name: str, value) -> int:
    """``value`` as a frame number, counted from 0.

    Raises:
        NikiError: no whole number, negative, or beyond any footage.
    """
    if not isinstance(value, numbers.Integral):
        raise NikiError(f"{name} must be a whole number, not {value!r}")
    if not 0 <= value <= MOST_FRAMES:  # pyright: ignore[reportOperatorIssue]
        raise NikiError(f"{name} must be between 0 and {_plain(MOST_FRAMES)}, not {_given(value)}")
    return int(value)


MOST_FRAMES = 10**9
"""No footage has more: a year at 30 frames per second."""

_LARGEST = 1e9  # no frame, pixel or rate is beyond


def is_text(value) -> bool:
    """Whether this is text that can be a name or a path."""
    return isinstance(value, str) and bool(value) and "\0" not in value


def is_number(value) -> bool:
    """Whether this is a finite number, of a size that footage has."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST


def is_whole_number(value) -> bool:
    """Whether this is an integer, of a size that footage has."""
    return isinstance(value, int) and is_number(value)


def is_point(value) -> bool:
    """Whether this is a list of two numbers, as JSON carries a point."""
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value))


def _plain(number: float) -> str:
    return f"{number:,.12g}"


def _given(value) -> str:
    try:
        return f"{value:.12g}"
    except OverflowError:
        return "a number of hundreds of digits"
