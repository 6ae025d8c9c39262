"""``niki eval ik``: every solver on every case, on people who are not in the training set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..body import rotation as rot
from ..body.kinematics import analytic_ik, forward_kinematics
from ..body.skeleton import KINDS, Bodies
from ..mocap.collection import Poses
from ..network.model import Network, observe
from ..network.uncertainty import KNOWN_BELOW
from ..solve.solver import Solver
from .cases import Case, Truth, make_cases, noisy, scores, solve_case, split_error

SWEEP = (0, 2, 5, 10, 15, 20, 30, 40, 60, 80, 100)
"""Millimetres of noise per axis."""
_LENGTH_ERROR = 0.03
_CONFIDENCE_BINS = 10

Method = Callable[[Case], np.ndarray]
"""A function that solves a case: rotations (N, 24, 3, 3)."""


@dataclass(eq=False)
class Report:
    """The results.

    Attributes:
        poses, people: number of each.
        table: errors by method, case and column, as :func:`niki.evaluation.cases.scores` names them.
        sweep: MPJPE in mm by method at each of ``SWEEP``.
        forward: mm between the network's forward pass with zero latents and kinematics, by network.
        lengths: MPJPE in mm by case, with true bone lengths and with bone lengths 3 % off; of cases that give the true
            ones.
        confidence: (10, 2) mean predicted and actual error in mm, in ten equal parts by predicted error.
        rank: Spearman's correlation of the two, of all cases together and by case.
    """

    poses: int
    people: int
    table: dict[str, dict[str, dict[str, float]]]
    sweep: dict[str, list[float]]
    forward: dict[str, float]
    lengths: dict[str, tuple[float, float]]
    confidence: np.ndarray
    rank: dict[str, float]


def evaluate(held_out: Poses, solver: Solver, runs: dict[str, Network], count: int) -> Report:
    """Measure ``solver``, the analytic solver and every network in ``runs``."""
    cases = make_cases(held_out, count)
    truth = next(iter(cases.values())).truth
    methods = _methods(solver, runs)
    table = {"input": {name: _input_scores(case) for name, case in cases.items()}}
    sweep = {}
    for title, method in methods.items():
        table[title] = {name: scores(case, method(case)) for name, case in cases.items()}
        noise = [noisy(truth, np.random.default_rng(k), mm / 1000) for k, mm in enumerate(SWEEP)]
        sweep[title] = [scores(case, method(case))["mpjpe"] for case in noise]
    networks = {"NIKI": solver.network} | {n: net for n, net in runs.items() if net.spec.kind == "flow"}
    predicted, actual = _predicted_and_actual(cases, solver)
    every = [np.concatenate([*values.values()]) for values in (predicted, actual)]
    from scipy.stats import spearmanr

    return Report(
        len(truth.clip), len(np.unique(held_out.subjects[truth.clip])), table, sweep,
        {name: _forward_error(truth, network) for name, network in networks.items()},
        _length_errors(cases, methods["NIKI"]), _reliability(*every),
        {"all": float(spearmanr(*every).statistic)}
        | {name: float(spearmanr(predicted[name], actual[name]).statistic) for name in predicted},
    )  # fmt: skip


def _methods(solver: Solver, runs: dict[str, Network]) -> dict[str, Method]:
    def with_solver(solver: Solver) -> Method:
        return lambda case: solve_case(solver, case).rotations

    return {
        "analytic": _analytic,
        "NIKI": with_solver(solver),
        "NIKI, network alone": with_solver(Solver(solver.network, blend=False, refine=False)),
    } | {name: with_solver(Solver(network, blend=False, refine=False)) for name, network in runs.items()}


def _analytic(case: Case) -> np.ndarray:
    """HybrIK's swing and twist; unknown joints leave their bones at rest."""
    unknown = (case.sigma >= KNOWN_BELOW).all(-1)[..., None]
    return analytic_ik(np.where(unknown, np.nan, case.joints), case.bodies, case.twist)


def _input_scores(case: Case) -> dict[str, float]:
    """Errors of the joints themselves, pelvis on pelvis."""
    error = case.joints - case.joints[:, :1] - case.truth.joints
    size = np.linalg.norm(error, axis=-1) * 1000
    hidden = size[case.hidden].mean() if case.hidden.any() else np.nan
    seen = size[~case.hidden].mean()
    nothing = {"pa": np.nan, "rotation": np.nan}
    return {"mpjpe": size.mean(), "hidden": hidden, "seen": seen, **nothing, **split_error(error, case.view)}


def _forward_error(truth: Truth, network: Network) -> float:
    """Mean mm between the network's joints, run forward from true poses with zero latents, and kinematics."""
    count = len(truth.joints)
    zeros = np.zeros((count, 29))
    observation = observe(
        *(part.astype(np.float32) for part in (
            truth.joints, np.zeros((count, 29, 2)), zeros[:, :3], truth.twist, np.ones((count, 23)))),
        body=truth.bodies,
    )  # fmt: skip
    if network.spec.reference:
        frame, wanted = np.broadcast_to(np.eye(3), (count, 3, 3)), truth.joints
        observation = replace(observation, joints=truth.joints.astype(np.float32))
    else:
        frame, wanted = observation.frame, observation.joints
    rotations = truth.rotations.copy()
    rotations[:, 0] = rot.transpose(frame) @ rotations[:, 0]
    pose = rot.sixd_from_matrix(rotations).reshape(count, -1).astype(np.float32)
    joints = network.forward(pose, observation)[0]
    return float(np.linalg.norm(joints - wanted, axis=-1).mean() * 1000)


def _length_errors(cases: dict[str, Case], method: Method) -> dict[str, tuple[float, float]]:
    rng = np.random.default_rng(5)
    kinds = sorted(set(KINDS))
    errors = {}
    for name, case in cases.items():
        if case.measured is None:
            wrong = 1 + _LENGTH_ERROR * rng.normal(size=(len(case.joints), len(kinds)))
            wrong = wrong[:, [kinds.index(kind) for kind in KINDS]]
            mistaken = replace(case, measured=Bodies(case.truth.offsets * wrong[..., None]))
            errors[name] = tuple(scores(c, method(c))["mpjpe"] for c in (case, mistaken))
    return errors


def _predicted_and_actual(cases: dict[str, Case], solver: Solver):
    """Errors in mm of all joints but the pelvis, in all cases with errors, by case."""
    predicted, actual = {}, {}
    for name, case in cases.items():
        if name.startswith("clean"):
            continue
        pose = solve_case(solver, case)
        joints = forward_kinematics(pose.rotations, case.bodies)[0]
        predicted[name] = pose.error[:, 1:].ravel() * 1000
        actual[name] = np.linalg.norm(joints - case.truth.joints, axis=-1)[:, 1:].ravel() * 1000
    return predicted, actual


def _reliability(predicted: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """(10, 2) mean predicted and actual error in ten equal parts by predicted error."""
    order = np.argsort(predicted)
    return np.array(
        [(predicted[p].mean(), actual[p].mean()) for p in np.array_split(order, _CONFIDENCE_BINS)]
    )


def as_markdown(report: Report, who: str = "never trained on") -> str:
    """The report as Markdown tables.

    Args:
        report: the results.
        who: describes the people, after "N poses of M people".
    """
    cases = list(report.table["input"])
    lines = [
        f"{report.poses} poses of {report.people} people {who}. MPJPE / PA-MPJPE in mm / rotation in "
        "degrees; joints that are hidden or not given in brackets.",
        "",
        "| | " + " | ".join(cases) + " |",
        "|---" * (len(cases) + 1) + "|",
    ]
    for title, row in report.table.items():
        lines.append(f"| {title} | " + " | ".join(_cell(row[case]) for case in cases) + " |")
    lines += [
        "",
        "Detector errors, mm:",
        "",
        "| | all | across the view | along the view |",
        "|---|---|---|---|",
    ]
    for title, row in report.table.items():
        s = row["detector"]
        lines.append(f"| {title} | {s['mpjpe']:.1f} | {s['across']:.1f} | {s['along']:.1f} |")
    lines += [
        "",
        "Joints that are seen, mm:",
        "",
        "| | one limb occluded | 30-50 % occluded | 6 effectors |",
        "|---|---|---|---|",
    ]
    for title, row in report.table.items():
        seen = (row[case]["seen"] for case in ("one limb occluded", "30-50 % occluded", "6 effectors"))
        lines.append(f"| {title} | " + " | ".join(f"{s:.1f}" for s in seen) + " |")
    lines += ["", "Noise per axis (mm) against MPJPE (mm):", ""]
    lines += ["| | " + " | ".join(str(mm) for mm in SWEEP) + " |", "|---" * (len(SWEEP) + 1) + "|"]
    lines += [f"| {t} | " + " | ".join(f"{e:.1f}" for e in row) + " |" for t, row in report.sweep.items()]
    lines += ["", "Forward with zero error against kinematics: "
              + ", ".join(f"{name} {mm:.1f} mm" for name, mm in report.forward.items()) + "."]  # fmt: skip
    lines += ["", "Bone lengths known and 3 % wrong, MPJPE of NIKI: "
              + ", ".join(f"{name} {a:.1f} and {b:.1f}" for name, (a, b) in report.lengths.items()) + "."]  # fmt: skip
    lines += [
        "",
        "Error predicted against error found, mm, by tenths (Spearman's correlation "
        f"{', '.join(f'{name} {rank:.2f}' for name, rank in report.rank.items())}):",
        "",
    ]
    lines += ["| predicted | " + " | ".join(f"{p:.0f}" for p, _ in report.confidence) + " |",
              "|---" * (len(report.confidence) + 1) + "|",
              "| found | " + " | ".join(f"{a:.0f}" for _, a in report.confidence) + " |"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _cell(s: dict[str, float]) -> str:
    cell = f"{s['mpjpe']:.1f}"
    if np.isfinite(s["pa"]):
        cell += f" / {s['pa']:.1f} / {s['rotation']:.1f}"
    return cell + (f" ({s['hidden']:.0f})" if np.isfinite(s["hidden"]) else "")


def save_plot(report: Report, path: str | Path) -> None:
    """Plot the noise sweep and the reliability of the predicted error into a picture file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for title, errors in report.sweep.items():
        if not title.startswith("without"):  # their curves coincide
            left.plot(SWEEP, errors, label=title, marker=".")
    left.plot(SWEEP, [np.sqrt(2) * mm * np.sqrt(8 / np.pi) for mm in SWEEP], "k:", label="input")
    left.set(xlabel="noise per axis (mm)", ylabel="MPJPE (mm)", title="Error against noise")
    left.legend(fontsize=8)
    most = report.confidence.max()
    right.plot([0, most], [0, most], "k:")
    right.plot(*report.confidence.T, marker="o")
    right.set(xlabel="predicted error (mm)", ylabel="error found (mm)", title="Is the predicted error right?")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
