"""BlazePose's two networks: read from the mediapipe wheel once, converted, kept on this machine.

The wheel serves as an archive: it is downloaded by pip, never installed or imported, and both
members are checked against their SHA-256. Networks: Google, Apache-2.0.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import platformdirs

from ....errors import NikiError, in_words
from ....files import writing

_WHEEL = "mediapipe==0.10.21"
_PLATFORM = ["--platform", "manylinux_2_28_x86_64", "--python-version", "311"]
_FOLDER = "mediapipe/modules/"
_MEMBERS = {
    "pose_detection": (
        "pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    ),
    "pose_landmark_full": (
        "pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    ),
}
_DROPPED = {"pose_landmark_full": ("Identity_2",)}  # the segmentation mask


def model_path(name: str) -> Path:
    """Where the converted network ``name`` is.

    Raises:
        NikiError: it has not been set up.
    """
    path = _file(name)
    if not path.is_file():
        raise NikiError("The BlazePose networks are not set up", "reinstall the add-on, or run: niki setup")
    return path


def check() -> None:
    """Raises NikiError where a network has not been set up."""
    for name in _MEMBERS:
        model_path(name)


def set_up() -> list[Path]:
    """Download and convert what is missing; quick when nothing is.

    Raises:
        NikiError: no download, a hash that differs, or converters that are not installed.
    """
    paths = [_file(name) for name in _MEMBERS]
    if all(path.is_file() for path in paths):
        return paths
    try:
        from .tflite_to_onnx import convert
    except ImportError as error:
        raise NikiError(f"{error.name} is not installed", 'run: pip install "niki[capture]"') from None
    try:
        paths[0].parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NikiError(f"The networks cannot be kept there: {in_words(error)}") from None
    with tempfile.TemporaryDirectory() as temporary, zipfile.ZipFile(_download(temporary)) as wheel:
        for (name, (member, sha256)), path in zip(_MEMBERS.items(), paths, strict=True):
            model = wheel.read(_FOLDER + member)
            if hashlib.sha256(model).hexdigest() != sha256:
                raise NikiError(f"{member} of {_WHEEL} is not the file that was expected")
            with writing(path) as unfinished:
                unfinished.write_bytes(convert(model, _DROPPED.get(name, ())))
    return paths


def _file(name: str) -> Path:
    folder = Path(os.environ.get("NIKI_MODELS") or platformdirs.user_cache_dir("niki", False))
    return folder / "blazepose" / f"{name}.onnx"


def _download(folder: str) -> Path:
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    result = subprocess.run(
        [*command, *_PLATFORM, "--dest", folder, _WHEEL],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    wheels = list(Path(folder).glob("mediapipe-*.whl"))
    if result.returncode or not wheels:
        reason = (result.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise NikiError(f"{_WHEEL} could not be downloaded: {reason}", "is there a network connection?")
    return wheels[0]
