"""What Blender and the worker say to each other: JSON-RPC 2.0, one message a line of UTF-8. Both ends."""

from __future__ import annotations

import json
import math
from typing import Any

LONGEST = 1 << 20
"""Bytes in a line: arrays travel in files."""

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND = -32700, -32600, -32601
INVALID_PARAMS, INTERNAL_ERROR = -32602, -32603
FAILED, CANCELLED, BUSY = -32000, -32001, -32002
"""The job failed for a reason the user can read; it was cancelled; another one is being done."""


class WireError(Exception):
    """A message that says no: with a code, what is wrong, and what to do."""

    def __init__(self, code: int, message: str, hint: str = ""):
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def request(identity: int, method: str, **params) -> bytes:
    """Ask for something; the answer carries the same ``identity``."""
    return _line({"id": identity, "method": method, "params": params})


def notification(method: str, **params) -> bytes:
    """Tell something that nobody answers."""
    return _line({"method": method, "params": params})


def result(identity: int | str, value: Any) -> bytes:
    """Answer."""
    return _line({"id": identity, "result": value})


def error(identity: int | str | None, problem: WireError) -> bytes:
    """Answer that it could not be done."""
    about = {"code": problem.code, "message": problem.message, "data": {"hint": problem.hint}}
    return _line({"id": identity, "error": about})


def _line(message: dict) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}, allow_nan=False).encode() + b"\n"


def parse(line: bytes) -> tuple[str, dict]:
    """A line -> its kind ("request", "notification", "result" or "error") and the message, in which
    every field that this kind has is there and of its type.

    Raises:
        WireError: it is not JSON, too long, or no message of JSON-RPC 2.0.
    """
    if len(line) > LONGEST:
        raise WireError(PARSE_ERROR, f"the line is longer than {LONGEST} bytes")
    try:
        message = json.loads(line, parse_constant=_refused, parse_float=_finite)
    except (ValueError, RecursionError) as problem:  # also what is not UTF-8
        raise WireError(PARSE_ERROR, f"the line is not JSON: {problem}") from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise WireError(INVALID_REQUEST, 'not a JSON-RPC message: "jsonrpc" must be "2.0"')
    kind = _kind(message)
    if kind is None:
        raise WireError(INVALID_REQUEST, "neither a request, nor a notification, nor an answer")
    return kind, message


def identity_of(line: bytes) -> int | str | None:
    """The id in a line that may be no message, as far as it can be told."""
    try:
        found = json.loads(line[:LONGEST])
    except (ValueError, RecursionError):
        return None
    found = found.get("id") if isinstance(found, dict) else None
    return found if _is_identity(found) else None


def _kind(message: dict) -> str | None:
    answers = [name for name in ("result", "error") if name in message]
    if "method" in message:
        message.setdefault("params", {})
        fits = isinstance(message["method"], str) and isinstance(message["params"], dict) and not answers
        if "id" not in message:
            return "notification" if fits else None
        return "request" if fits and _is_identity(message["id"]) else None
    if len(answers) != 1 or not (message.get("id") is None or _is_identity(message["id"])):
        return None
    if answers == ["error"] and not _is_error(message["error"]):
        return None
    return answers[0]


def _is_identity(value) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _is_error(value) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("message"), str):
        return False
    data = value.setdefault("data", {})
    if not isinstance(data, dict):
        value["data"] = data = {}
    if not isinstance(data.setdefault("hint", ""), str):
        data["hint"] = ""
    return isinstance(value.get("code"), int)


def _refused(name):
    raise ValueError(f"{name} is not a number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refused(text)
