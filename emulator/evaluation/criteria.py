"""The criteria of the specification, judged from evaluated runs.

Each has a level that must be reached, a goal, or both; each is judged `holds`, `falls short` or
`not measured`, with the figures. What no run in the folder lets us measure is not measured, which
is neither success nor failure; where only some of what a criterion asks is there, it can fall short
but not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from emulator.evaluation.bootstrap import mean_interval
from emulator.evaluation.gaps import paired_difference
from emulator.evaluation.metrics import nrmse_per_sample
from emulator.evaluation.runs import EvaluatedRun
from emulator.regimes import Regime, Task

MEAN_GAP, MAX_GAP, MAX_GAP_GOAL = 0.20, 0.35, 0.05
NRMSE_GOAL = 0.01
EDGE, EDGE_GOAL = 2.0, 1.5
HF, HF_GOAL = 1.1, 1.02
COVERAGE_GOAL = (0.88, 0.92)
ONE_CHECKPOINT = 0.05

# The rivals of the first criterion, and the regimes in which they apply.
RIVALS: dict[str, tuple[str, ...]] = {
    "linear": ("baseline_linear",),
    "pooled MLP": ("baseline_mlp",),
    "VAR": ("baseline_var", "baseline_lp"),
}
# Gaps, and errors at the edges, are those of responses: trajectories of the corner's volatile draws
# have larger errors because they move more, and few specialists forecast.
RESPONSES = (Task.steady_state, Task.state_dependent)
HISTORY_REGIMES = (Regime.B1, Regime.C, Regime.D)


class Verdict(StrEnum):
    """What became of a level."""

    holds = "holds"
    falls_short = "falls short"
    not_measured = "not measured"
    none = "-"  # the criterion states no such level


@dataclass
class Criterion:
    """A criterion and how a run fares. levels: what it asks, in words."""

    name: str
    must: Verdict
    goal: Verdict
    levels: str
    figures: str
    details: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {k: str(v) if isinstance(v, Verdict) else v for k, v in asdict(self).items()}


def judge(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> list[Criterion]:
    """Every criterion, for a universal run beside the runs found with it."""
    same = [o for o in others if o.data == run.data and o.folder != run.folder]
    same = [o for o in same if not o.has_more_inputs]
    return [
        _beats_baselines(run, same),
        _gaps(run),
        _accuracy(run),
        _edges(run),
        _shape(run),
        _not_measured("RMSE / floor RMSE in B1 and C", "goal 1.10", "floors are not computed here"),
        _coverage(run),
        _not_measured(
            "samples of an unseen world to match a specialist at 2,000", "goal 200",
            "transfer is not part of an evaluation",
        ),
        _one_checkpoint(run, same),
    ]  # fmt: skip


def falls_short(criteria: Sequence[Criterion]) -> bool:
    """Whether a level that must be reached is not."""
    return any(criterion.must is Verdict.falls_short for criterion in criteria)


def _verdict(good: bool) -> Verdict:
    return Verdict.holds if good else Verdict.falls_short


def _not_measured(name: str, levels: str, why: str, must: bool = False) -> Criterion:
    first = Verdict.not_measured if must else Verdict.none
    return Criterion(name, first, Verdict.not_measured, levels, why)


def _label(world: str, regime: str, task: str) -> str:
    mark = {Task.steady_state: "", Task.state_dependent: "*", Task.trajectory: "†"}[Task(task)]
    return f"{world}{mark} {regime}"


def _beats_baselines(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> Criterion:
    name = "beats linear, pooled MLP, VAR and training mean wherever they apply"
    levels = "must: lower NRMSE on test; goal: paired 95 % interval clear of zero"
    if not run.has_statistics:
        return _not_measured(name, levels, "no statistics stored", must=True)
    compared = clear = 0
    lost, close, absent = [], [], []
    for world, regime, task in run.cases("test"):
        for rival, difference in _differences(run, others, world, regime, task):
            case = f"{_label(world, regime, task)} against {rival}"
            if difference is None:
                absent.append(case)
                continue
            compared += 1
            low, high = mean_interval(difference)
            text = f"{case}: {difference.mean():+.4f} ({low:+.4f} to {high:+.4f})"
            if difference.mean() >= 0:
                lost.append(text)
            elif high >= 0:
                close.append(text)
            else:
                clear += 1
    must = _verdict(not lost) if lost or not absent else Verdict.not_measured
    goal = _verdict(not (lost or close)) if lost or close or not absent else Verdict.not_measured
    figures = f"{compared - len(lost)} of {compared} comparisons won, {clear} clear of zero"
    if absent:
        figures += f"; {len(absent)} lack a rival"
    details = [f"not beaten: {t}" for t in lost] + [f"not clear of zero: {t}" for t in close]
    details += [f"no such run: {case}" for case in absent]
    return Criterion(name, must, goal, levels, figures, details)


def _differences(
    run: EvaluatedRun, others: Sequence[EvaluatedRun], world: str, regime: str, task: str
) -> Iterator[tuple[str, np.ndarray | None]]:
    """NRMSE less that of each rival by sample; None where a rival that applies has no run.

    Of several runs of a kind the best by validation is the rival.
    """
    columns = ["sample", "mse", "null_mse", "sigma"]
    frame = run.statistics(world, regime, "test", task, columns)
    null = nrmse_per_sample(frame, mse="null_mse")
    yield "training mean", (nrmse_per_sample(frame) - null).to_numpy()
    for rival, kinds in RIVALS.items():
        if rival == "VAR" and regime not in HISTORY_REGIMES:
            continue
        if regime == Regime.B2 and rival == "linear":  # it goes world by world
            continue
        if task == Task.trajectory and rival != "VAR":  # responses are all they answer
            continue
        scores = [
            (entry["nrmse"], other)
            for other in others
            if other.model in kinds
            and other.has_statistics
            and (rival != "pooled MLP" or len(other.worlds) > 1)
            and (entry := other.entry(world, regime, "val", task)) is not None
        ]
        if not scores:
            yield rival, None
            continue
        best = min(scores, key=lambda score: score[0])[1]
        yield rival, paired_difference(run, best, world, regime, task)


def _gaps(run: EvaluatedRun) -> Criterion:
    name, levels = "mean gap / max gap to specialists", "must: 20 % / 35 %; goal: 0 % / 5 %"
    summary = run.metrics.get("gaps", {})
    rows = [
        (regime, task, values)
        for regime, by_task in summary.items()
        for task, values in by_task.items()
        if task in RESPONSES
    ]
    if not rows:
        return _not_measured(name, levels, "no specialists beside this run", must=True)
    must = all(v["mean"] <= MEAN_GAP and v["max"] <= MAX_GAP for _, _, v in rows)
    goal = all(v["mean"] <= 0.0 and v["max"] <= MAX_GAP_GOAL for _, _, v in rows)
    details = [
        f"{regime} {task.replace('_', ' ')}: mean {v['mean']:+.1%} ({v['ci95'][0]:+.1%} to "
        f"{v['ci95'][1]:+.1%}), max {v['max']:+.1%} ({v['max_world']}), {v['worlds']} worlds"
        for regime, task, v in rows
    ]
    worst_mean, worst = max(v["mean"] for *_, v in rows), max(v["max"] for *_, v in rows)
    figures = f"mean at most {worst_mean:+.1%}, max {worst:+.1%}"
    missing = [
        _label(world, regime, task)
        for world, regime, task in run.cases("test")
        if task in RESPONSES and "gap" not in (run.entry(world, regime, "test", task) or {})
    ]
    unequal = [
        _label(world, regime, task)
        for world, regime, task in run.cases("test")
        if (run.entry(world, regime, "test", task) or {}).get("equal_samples") is False
    ]
    if unequal:
        details.append(f"specialists saw other numbers of samples: {', '.join(unequal)}")
    if missing:
        details.append(f"no specialist: {', '.join(missing)}")
        figures += f"; {len(missing)} cases lack a specialist"
    return Criterion(
        name,
        Verdict.not_measured if must and missing else _verdict(must),
        Verdict.not_measured if goal and missing else _verdict(goal),
        levels,
        figures,
        details,
    )


def _worst(
    rows: list[tuple[float, str]], limit: Callable[[float], bool], form: str = ".4f"
) -> tuple[str, list[str]]:
    """The largest figure, and the cases that do not meet a limit, worst first."""
    ordered = sorted(rows, reverse=True)
    value, case = ordered[0]
    details = [f"{c}: {v:{form}}" for v, c in ordered if not limit(v)]
    return f"largest {value:{form}} ({case}), {len(rows) - len(details)} of {len(rows)}", details


def _accuracy(run: EvaluatedRun) -> Criterion:
    name = "NRMSE on test, every world"
    levels = "goal: 0.01 (steady state in A and C, state-dependent in A)"
    asked = {(Regime.A, Task.steady_state), (Regime.C, Task.steady_state),
             (Regime.A, Task.state_dependent)}  # fmt: skip
    rows = [
        (run.entry(w, r, "test", t)["nrmse"], _label(w, r, t))  # type: ignore[index]
        for w, r, t in run.cases("test")
        if (r, t) in asked
    ]
    if not rows:
        return _not_measured(name, levels, "no regime A or C in this run")
    figures, details = _worst(rows, lambda v: v <= NRMSE_GOAL)
    goal = _verdict(not details)
    if goal is Verdict.holds and not {Regime.A, Regime.C} <= set(run.regimes):
        goal = Verdict.not_measured
    return Criterion(name, Verdict.none, goal, levels, f"{figures} within", details)


def _edges(run: EvaluatedRun) -> Criterion:
    name, levels = "NRMSE on slice and corner / on test", "must: 2.0; goal: 1.5"
    rows = []
    for w, r, t in run.cases("test"):
        base = run.entry(w, r, "test", t)
        for split in ("slice", "corner"):
            if t in RESPONSES and base and (entry := run.entry(w, r, split, t)) is not None:
                rows.append((entry["nrmse"] / base["nrmse"], f"{_label(w, r, t)} {split}"))
    if not rows:
        return _not_measured(name, levels, "slice and corner were not scored", must=True)
    figures, details = _worst(rows, lambda v: v <= EDGE, ".2f")
    goal = all(v <= EDGE_GOAL for v, _ in rows)
    return Criterion(
        name, _verdict(not details), _verdict(goal), levels, f"{figures} within", details
    )


def _shape(run: EvaluatedRun) -> Criterion:
    name = "HF-ratio against the truth and the specialist"
    levels = "must: 1.1; goal: 1.02 (jaggedness: ratios above one)"
    rows, compared = [], 0
    for w, r, t in run.cases("test"):
        entry = run.entry(w, r, "test", t) or {}
        for key, against in (("hf_ratio", "truth"), ("hf_ratio_specialist", "specialist")):
            if entry.get(key) is not None:
                rows.append((entry[key], f"{_label(w, r, t)} against {against}"))
                compared += against == "specialist"
    if not rows:
        return _not_measured(name, levels, "no responses scored", must=True)
    figures, details = _worst(rows, lambda v: v <= HF, ".3f")
    figures += f" within, smallest {min(rows)[0]:.3f}"
    must, goal = _verdict(not details), _verdict(all(v <= HF_GOAL for v, _ in rows))
    if not compared:
        figures += "; no specialist beside this run"
        must, goal = (
            Verdict.not_measured if verdict is Verdict.holds else verdict
            for verdict in (must, goal)
        )
    return Criterion(name, must, goal, levels, figures, details)


def _coverage(run: EvaluatedRun) -> Criterion:
    name, levels = "coverage of 90 % bands, every world and regime", "goal: 88 to 92 %"
    rows = []
    for w, r, t in run.cases("test"):
        value = (run.entry(w, r, "test", t) or {}).get("coverage_90")
        if value is not None:
            rows.append((value, _label(w, r, t)))
    if not rows:
        return _not_measured(name, levels, "the model gives no bands")
    low, high = COVERAGE_GOAL
    outside = sorted(row for row in rows if not low <= row[0] <= high)
    figures = f"{min(rows)[0]:.1%} ({min(rows)[1]}) to {max(rows)[0]:.1%} ({max(rows)[1]})"
    figures += f", {len(rows) - len(outside)} of {len(rows)} within"
    return Criterion(
        name, Verdict.none, _verdict(not outside), levels, figures,
        [f"{case}: {value:.1%}" for value, case in outside],
    )  # fmt: skip


def _one_checkpoint(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> Criterion:
    name, levels = "one checkpoint against single-regime checkpoints", "goal: within 5 %"
    if len(run.regimes) == 1:
        return _not_measured(name, levels, "this run is a single-regime checkpoint")
    rows = []
    singles = [o for o in others if o.is_universal and len(o.regimes) == 1]
    for w, r, t in run.cases("test"):
        ours = run.entry(w, r, "test", t)
        scores = [e["nrmse"] for o in singles if (e := o.entry(w, r, "test", t)) is not None]
        if ours and scores:
            rows.append((ours["nrmse"] / min(scores) - 1.0, _label(w, r, t)))
    if not rows:
        return _not_measured(name, levels, "no single-regime checkpoints beside this run")
    figures, details = _worst(rows, lambda v: v <= ONE_CHECKPOINT, "+.1%")
    return Criterion(
        name, Verdict.none, _verdict(not details), levels, f"{figures} within", details
    )
