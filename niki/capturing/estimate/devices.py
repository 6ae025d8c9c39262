"""What networks can run on here: the CPU, and what ONNX Runtime was built for."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

from ...errors import NikiError

_PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "cpu": "CPUExecutionProvider",
}


@dataclass(frozen=True)
class Device:
    """``name`` to ask for it by; ``label`` to show."""

    name: str
    label: str


def devices() -> list[Device]:
    """What there is to choose from, the CPU last."""
    import onnxruntime

    available = set(onnxruntime.get_available_providers())
    labels = {"cuda": f"CUDA, {_graphics_card()}", "directml": "DirectML", "cpu": "CPU"}
    return [Device(name, labels[name]) for name, provider in _PROVIDERS.items() if provider in available]


def session(model: str | os.PathLike, device: str, threads: int):
    """An ONNX Runtime session of ``model`` on ``device``.

    Raises:
        NikiError: there is no such device, or it does not take the network.
    """
    import onnxruntime

    provider = _PROVIDERS.get(device)
    if provider not in onnxruntime.get_available_providers():
        names = ", ".join(d.name for d in devices())
        raise NikiError(f"There is no device '{device}' for ONNX Runtime", f"choose from: {names}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    loaded = onnxruntime.InferenceSession(str(model), options, providers=[provider])
    if provider not in loaded.get_providers():  # it falls back to the CPU without a word
        raise NikiError(f"{device} could not be started", "is its driver installed? Choose the CPU meanwhile")
    return loaded


def _graphics_card() -> str:
    try:
        result = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "no driver"
    return result.stdout.strip().splitlines()[0] if result.stdout.strip() else "no card"
