"""All measurements of posing in one report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...mocap.collection import Poses
from ...network.posing import PosingNetwork
from .handling import (
    FarPull,
    Return,
    Ticks,
    go_and_return,
    move_without_pull,
    pull_far,
    time_drags,
    time_loading,
)
from .methods import CCD, CLASSICAL, all_methods, our_methods
from .nearness import nearest_training_poses
from .problems import CASES, DRAG, DRAGGED_WRIST, make_problems
from .scores import Scores, compare, measure

_MOST_PATHS, _MOST_PULLS, _MOST_DRAGS = 24, 100, 50


@dataclass(eq=False)
class Report:
    """The results, most of them by method.

    Attributes:
        data: what was measured on, in words.
        table: by case and method.
        clips: by case, the clip of each problem.
        far: a wrist pulled by 20 cm, with feet free and planted.
        returns: paths there and back.
        unmoved: see :func:`~niki.evaluation.posing.handling.move_without_pull`.
        ticks: what drags cost. loading: milliseconds, once in a session.
        nearness: see :func:`~niki.evaluation.posing.nearness.nearest_training_poses`; None without training poses.
    """

    data: str
    table: dict[str, dict[str, Scores]]
    clips: dict[str, np.ndarray]
    far: dict[str, tuple[FarPull, FarPull]]
    returns: dict[str, Return]
    unmoved: dict[str, tuple[float, float]]
    ticks: dict[str, Ticks]
    loading: float
    nearness: dict[str, np.ndarray] | None


def evaluate(
    measured: Poses, count: int, runs: dict[str, PosingNetwork], training: Poses | None = None
) -> Report:
    """Measure the posing tool, with the network that ships and those in ``runs``, and classical methods.

    Args:
        measured: poses that no network was trained on.
        count: number of problems for each case.
        training: the poses that were trained on.
    """
    table, clips = {}, {}
    for k, case in enumerate(CASES):
        problems = make_problems(measured, case, count, np.random.default_rng(k))
        table[case] = measure(all_methods(runs), problems)
        clips[case] = np.array([problem.clip for problem in problems])

    def draw(case: str, most: int, seed: int):
        return make_problems(measured, case, max(1, min(most, count // 4)), np.random.default_rng(seed))

    paths, pulls = draw(DRAGGED_WRIST, _MOST_PATHS, 9), draw(DRAGGED_WRIST, _MOST_PULLS, 7)
    free = our_methods(runs)
    planted = {name: method.planting(True) for name, method in free.items()}
    return Report(
        _describe(measured), table, clips,
        {n: (pull_far(free[n], pulls), pull_far(planted[n], pulls)) for n in free},
        {n: go_and_return(method, paths) for n, method in planted.items()},
        {n: move_without_pull(method, paths) for n, method in planted.items()},
        time_drags(free, draw(DRAG, _MOST_DRAGS, 11)), time_loading(),
        None if training is None else nearest_training_poses(measured, training),
    )  # fmt: skip


def _describe(poses: Poses) -> str:
    people, sources = np.unique(poses.subjects), np.unique(poses.sources)
    return (
        f"{len(poses):,} poses in {len(poses.names)} clips of {len(people)} people or files,"
        f" from {', '.join(map(str, sources))}."
    )


def as_markdown(report: Report) -> str:
    """The results as Markdown tables."""
    lines = [report.data, *_nearness(report.nearness)]
    for case, rows in report.table.items():
        lines += ["", f"{case}:", "", *_table(
            "| | effector mm | off > 1 mm | MPJPE mm | rotation | not pulled mm | beyond limits (newly) | p50 ms | p99 ms |",
            (
                f"| {name} | {s.mean('effector'):.2f} | {s.mean('missed'):.0%} | {s.mean('mpjpe'):.1f} "
                f"| {s.mean('rotation'):.1f} | {_number(s.mean('unpulled'))} | {s.mean('beyond'):.0%} ({s.mean('newly_beyond'):.0%}) "
                f"| {s.percentile(50):.1f} | {s.percentile(99):.1f} |"
                for name, s in rows.items()
            ),
        )]  # fmt: skip
    lines += ["", *_comparison(report), "", *_far(report.far), "", *_returns(report.returns), ""]
    lines += [
        "Furthest that a joint goes and a bone turns when effectors are told to stay where they are: "
        + "; ".join(
            f"{name} {mm:.3f} mm and {turn:.3f} degrees" for name, (mm, turn) in report.unmoved.items()
        )
        + ".",
        "",
        *_costs(report),
    ]
    return "\n".join(lines) + "\n"


def _comparison(report: Report) -> list[str]:
    """What NIKI gains, in percent of the others' errors."""
    columns, rows = ("mpjpe", "rotation", "unpulled"), []
    for case, scores in report.table.items():
        ours = [name for name in scores if name.endswith("+ refinement")]
        for name in ours:
            for other in (CLASSICAL, CCD):
                changes = (compare(scores[name], scores[other], c, report.clips[case]) for c in columns)
                cells = " | ".join(_change(*change) for change in changes)
                rows.append(f"| {case} | {name} | {other} | {cells} |")
    return [
        "Error against another method's on the same problems, in percent; in brackets, the interval of 95 percent if the"
        " clips were drawn again:",
        "",
        *_table("| case | | against | MPJPE | rotation | not pulled |", rows),
    ]


def _far(far: dict[str, tuple[FarPull, FarPull]]) -> list[str]:
    return [
        "One wrist pulled by 20 cm within reach: mm that the other wrist and the head go, median / 90th percentile:",
        "",
        *_table(
            "| | other wrist, feet free | head, feet free | other wrist, feet planted | head, feet planted"
            " | wrist off its target at most |",
            (
                f"| {name} | {' | '.join(_pair(p) for pull in pulls for p in (pull.other_wrist, pull.head))}"
                f" | {max(pull.missed for pull in pulls):.2f} |"
                for name, pulls in far.items()
            ),
        ),
    ]


def _returns(returns: dict[str, Return]) -> list[str]:
    return [
        "A wrist dragged along a path of 30 cm, a millimeter at a time, and back along it, ten at a time; feet planted:",
        "",
        *_table(
            "| | turn of a bone, degrees per mm, median / greatest | greatest on the way back"
            " | mm off the start pose at the end, median / greatest | mm off the way there, greatest |",
            (
                f"| {name} | {r.turns[0]:.2f} / {r.turns[1]:.2f} | {r.turns_back:.2f} "
                f"| {r.home[0]:.2f} / {r.home[1]:.2f} | {r.apart:.1f} |"
                for name, r in returns.items()
            ),
        ),
    ]


def _costs(report: Report) -> list[str]:
    least = report.ticks[CLASSICAL]
    return [
        "Milliseconds of processor time of an update in drags with planted feet, and as multiples of the classical solver's"
        f" median; the fastest of three runs. Loading the weights takes {report.loading:.0f} ms, once:",
        "",
        *_table(
            "| | p50 | p99 | first of a drag | p50, multiple | first, multiple | p99 / p50 |",
            (
                f"| {name} | {t.p50:.2f} | {t.p99:.2f} | {t.first:.2f} | {t.p50 / least.p50:.2f} "
                f"| {t.first / least.p50:.2f} | {t.p99 / t.p50:.1f} |"
                for name, t in report.ticks.items()
            ),
        ),
    ]


def _nearness(nearness: dict[str, np.ndarray] | None) -> list[str]:
    if nearness is None:
        return []
    people = "; ".join(
        f"{name} {' / '.join(f'{value:.1f}' for value in values)}" for name, values in nearness.items()
    )
    return [
        "Nearest pose trained on, degrees rms over the bones, least / 5th percentile / median: "
        + people
        + "."
    ]


def _table(head: str, rows) -> list[str]:
    return [head, "|" + "---|" * (head.count("|") - 1), *rows]


def _change(change: float, low: float, high: float) -> str:
    return f"{change:+.0f} ({low:+.0f} to {high:+.0f})" if np.isfinite(change) else ""


def _pair(values: tuple[float, float]) -> str:
    return f"{values[0]:.0f} / {values[1]:.0f}"


def _number(value: float) -> str:
    return f"{value:.1f}" if np.isfinite(value) else ""
