"""What a corpus was made from, and what has been made of it: manifest.json beside the shards."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .. import __version__
from ..errors import NikiError
from ..files import writing
from ..locks import Lock

NAME = "manifest.json"
_WAIT = 0.05  # seconds
_FIXED = ("version", "seed", "mocap")


def begin(folder: Path, seed: int, mocap: Sequence[str], shards: int) -> None:
    """Write the manifest, or find that the one that is there says the same.

    Args:
        mocap: hashes of the motion that goes in. shards: how many there will be; may grow.

    Raises:
        NikiError: the folder holds a corpus of another version, seed or motion, or its manifest is damaged.
    """
    wanted = {"version": __version__, "seed": seed, "mocap": list(mocap), "shards": shards, "made": {}}
    path = folder / NAME
    with alone(folder):
        if path.exists():
            found = _read(path)
            for name in _FIXED:
                if found.get(name) != wanted[name]:
                    what = "other motion capture" if name == "mocap" else f"another {name}"
                    raise NikiError(f"{folder} holds a corpus made with {what}", "choose another folder")
            wanted["made"] = found["made"]
        _write(path, wanted)


def note(folder: Path, name: str, shard: dict[str, np.ndarray]) -> None:
    """Add a shard, by its file's name, and how much it holds."""
    with alone(folder):
        manifest = _read(folder / NAME)
        counts = {
            "clips": len(shard["clip_name"]),
            "frames": len(shard["clip"]),
            "seen": int(shard["seen"].sum()),
        }
        manifest["made"][name] = counts
        _write(folder / NAME, manifest)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While no other process is inside this for the same folder."""
    lock = Lock(folder / "manifest.lock")
    while not lock.acquire():
        time.sleep(_WAIT)
    try:
        yield
    finally:
        lock.discard()


def _read(path: Path) -> dict:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("made"), dict):
        raise NikiError(f"{path} is damaged", "choose another folder")
    return manifest


def _write(path: Path, manifest: dict) -> None:
    manifest["frames"] = sum(shard["frames"] for shard in manifest["made"].values())
    with writing(path) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
