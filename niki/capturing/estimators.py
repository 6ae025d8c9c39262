"""The joint estimators by name: a new one takes a room of its own and an entry here."""

from __future__ import annotations

from collections.abc import Callable

from ..checks import number_between
from ..errors import NikiError
from .estimate.estimator import JointEstimator

QUALITIES = ("fast", "standard", "best")


def _make_blazepose(quality: str, subject: tuple[float, float] | None, device: str) -> JointEstimator:
    from .estimate.blazepose.estimator import BlazePoseEstimator  # needs onnxruntime: only when used

    return BlazePoseEstimator(quality, subject, device)


_MAKERS: dict[str, Callable[[str, tuple[float, float] | None, str], JointEstimator]] = {
    "blazepose": _make_blazepose,
}
ESTIMATORS = tuple(_MAKERS)


def make_estimator(
    name: str = "blazepose",
    quality: str = "best",
    subject: tuple[float, float] | None = None,
    device: str = "cpu",
) -> JointEstimator:
    """The estimator called ``name``.

    Args:
        quality: of ``QUALITIES``. subject: (x, y) pixels at which the person to follow is first
            seen; default the largest. device: a name from :func:`~niki.capturing.estimate.devices.devices`.

    Raises:
        NikiError: there is none of that name, or what it needs is not installed.
    """
    if name not in ESTIMATORS:
        raise NikiError(f"There is no estimator '{name}'", f"choose from: {', '.join(ESTIMATORS)}")
    if quality not in QUALITIES:
        raise NikiError(f"There is no quality '{quality}'", f"choose from: {', '.join(QUALITIES)}")
    if subject is not None:
        x, y = subject
        subject = tuple(number_between("The person's place", v, -1e6, 1e6, "pixels") for v in (x, y))  # pyright: ignore[reportAssignmentType]
    return _MAKERS[name](quality, subject, device)
