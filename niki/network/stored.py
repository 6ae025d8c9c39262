"""Networks in files: .npz archives of weights, with a spec and remarks as JSON. Nothing in a file is run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from ..errors import NikiError
from ..files import read_npz, save_npz

Spec = TypeVar("Spec")

_SINGLE = ("mean_", "turns", "metric.")  # what is kept in single precision: small, and everything rests on it


def save_network(path: str | os.PathLike, spec: dict, weights: dict, dtype: DTypeLike, remarks: dict) -> None:
    """Write a spec, weights (as ``dtype``; the means in single precision) and remarks as .npz, whole or not at
    all."""
    values = {
        name: np.asarray(value, np.float32 if name.startswith(_SINGLE) else dtype)
        for name, value in weights.items()
    }
    save_npz(path, {"about": json.dumps({"spec": spec, **remarks}), **values})


def load_network(
    path: str | os.PathLike,
    make_spec: Callable[..., Spec],
    shapes_of: Callable[[Spec, dict], dict[str, tuple]],
    kind: str,
    hint: str,
) -> tuple[Spec, dict[str, np.ndarray], dict[str, Any]]:
    """Read what :func:`save_network` wrote.

    Args:
        make_spec: makes the spec from what was stored of it; its NikiError says what is wrong.
        shapes_of: the shape of each weight by name, from the spec and the weights that are there.
        kind: what the file should be, such as "a NIKI network". hint: where to get one.

    Returns:
        the spec, the weights in single precision, and the remarks.

    Raises:
        NikiError: the file is missing or is not of that kind, or a weight is missing, has the wrong shape or is
            not finite; the message names it.
    """
    weights = read_npz(path, kind=kind, hint=hint)
    try:
        about = json.loads(weights.pop("about").item())
        spec = make_spec(**about.pop("spec"))
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise NikiError(f"{path} is not {kind}", hint) from None
    except NikiError as error:
        raise NikiError(f"{path}: {error.message}") from None
    check_shapes(weights, shapes_of(spec, weights), path)
    for name, value in weights.items():
        with np.errstate(over="ignore"):
            weights[name] = value.astype(np.float32)
        if not np.isfinite(weights[name]).all():
            raise NikiError(f"{path}: the weight {name} has a value that is not finite")
    return spec, weights, about


def kind_of(path: str | os.PathLike) -> str:
    """The ``kind`` that the spec in a file names; empty if it names none.

    Raises:
        NikiError: the file is missing or damaged.
    """
    try:
        return str(json.loads(read_npz(path, ["about"])["about"].item())["spec"]["kind"])
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return ""


def check_shapes(weights: dict, shapes: dict[str, tuple], path: str | os.PathLike) -> None:
    """Raise NikiError unless the weights are exactly those that are expected, in name, kind and shape."""
    for name in sorted(shapes.keys() | weights.keys()):
        if name not in weights:
            raise NikiError(f"{path} lacks the weight {name}")
        if name not in shapes:
            raise NikiError(f"{path} has a weight {name!r} that does not belong to its network")
        if weights[name].dtype.kind != "f":
            raise NikiError(f"{path}: the weight {name} must hold decimal numbers")
        if weights[name].shape != shapes[name]:
            raise NikiError(
                f"{path}: the weight {name} must have shape {shapes[name]}, not {weights[name].shape}"
            )
