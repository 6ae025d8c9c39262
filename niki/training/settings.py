"""Settings of a training run: TOML read into data classes, each value checked and named when it is wrong."""

from __future__ import annotations

import math
import os
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Self

from ..errors import NikiError


def read_kind(path: str | os.PathLike, kinds: tuple[str, ...]) -> str:
    """What a file trains, by its ``kind``: one of ``kinds``, by default the first.

    Raises:
        NikiError: it is another one, or the file cannot be read.
    """
    kind = _load(Path(path)).get("kind", kinds[0])
    if kind not in kinds:
        raise NikiError(f"{path}: 'kind' must be {' or '.join(kinds)}, not {kind!r}")
    return kind


def read_toml(path: Path, above: tuple[Path, ...] = ()) -> dict:
    """The file's settings on top of those of its ``base``; ``above``: the files that led here, to find loops."""
    if path.resolve() in above:
        raise NikiError(f"{path} names itself as its base, by itself or through others")
    values = _load(path)
    for name in ("start", "base", "corpus"):
        if not isinstance(values.get(name, ""), str):
            raise NikiError(f"{path}: '{name}' must be a text, not {values[name]!r}")
    here = path.resolve().parent
    for name in ("start", "corpus"):
        if values.get(name):
            values[name] = str((here / values[name]).resolve())
    if "data" in values:
        values["data"] = _folders(path, values["data"], here)
    values.pop("kind", None)
    base = values.pop("base", None)
    return (read_toml(path.parent / base, (*above, path.resolve())) if base else {}) | values


class Settings:
    """What a data class of settings derives from."""

    @classmethod
    def read(cls, path: str | os.PathLike) -> Self:
        """The settings in a file.

        Raises:
            NikiError: the file cannot be read, or a setting is unknown, missing or wrong; the message names it.
        """
        values = read_toml(Path(path))
        try:
            config = cls(**checked_table("", cls, values))
            config.check()
        except NikiError as error:
            raise NikiError(f"{path}: {error.message}", error.hint) from None
        return config

    def check(self) -> None:
        """Raise NikiError for values that training cannot use."""
        raise NotImplementedError


def check_least(config: object, least: dict[str, int]) -> None:
    """Raise NikiError for a setting below its ``least`` value, by name."""
    for name, number in least.items():
        if getattr(config, name) < number:
            raise NikiError(f"'{name}' must be {number} or more, not {getattr(config, name)}")


def _folders(path: Path, value, here: Path):
    """The folder that ``value`` names, or the folders, as seen from ``here``."""
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) for name in names):
        raise NikiError(f"{path}: 'data' must be a text or texts, not {value!r}")
    return [str((here / name).resolve()) for name in names if name]


def _load(path: Path) -> dict:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise NikiError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise NikiError(f"{path} is not valid TOML: {error}") from None


def checked_table(table: str, kind: type, values: dict) -> dict:
    """A TOML table's settings as the fields of the data class ``kind``.

    Raises:
        NikiError: a setting is unknown or has the wrong type; the message names it.
    """
    where, known = f" in [{table}]" if table else "", {f.name: getattr(kind(), f.name) for f in fields(kind)}
    checked = {}
    for name, value in values.items():
        if name not in known:
            raise NikiError(f"There is no setting '{name}'{where}", f"choose from: {', '.join(known)}")
        usual = known[name]
        if is_dataclass(usual) or isinstance(usual, dict):
            if not isinstance(value, dict):
                raise NikiError(f"'{name}'{where} must be a table, not {value!r}")
            if is_dataclass(usual):
                value = type(usual)(**checked_table(name, type(usual), value))
            elif not all(_is_a(float, share) for share in value.values()):
                raise NikiError(f"[{name}] must hold numbers")
        elif isinstance(usual, list):
            pass  # folders, which are checked where they are read
        elif isinstance(usual, tuple):
            pairs = isinstance(value, list) and all(isinstance(p, list) and len(p) == 2 for p in value)
            if not pairs or not all(_is_a(int, n) and n >= 0 for pair in value for n in pair):
                raise NikiError(f"'{name}'{where} must be pairs of whole numbers, not {value!r}")
        elif not _is_a(type(usual), value):
            raise NikiError(f"'{name}'{where} must be {_NAMES[type(usual)]}, not {value!r}")
        checked[name] = value
    return checked


_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _is_a(kind: type, value) -> bool:
    """Whether a value from TOML is of a ``kind``; a whole number also is a float, but true is not a number."""
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is kind
