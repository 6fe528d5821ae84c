"""The criteria of the specification, judged from evaluated runs.

Each has a level that must be reached, a goal, or both; each is judged `holds`, `falls short` or
`not measured`, with the figures, by the one rule of `verdicts`.

Criteria are judged in regimes A, B1 and C. What a run answers in B2 and D is shown beside, and
never required; the coverage of bands alone is judged in every regime there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from emulator.evaluation.comparison.gaps import checked, paired_difference
from emulator.evaluation.comparison.verdicts import (
    JUDGED,
    Criterion,
    Verdict,
    anything,
    has,
    label,
    lines_of,
    missing_of,
    not_measured,
    responses,
    settled,
)
from emulator.evaluation.floors.ratios import WITHOUT_FLOOR
from emulator.evaluation.metrics.nrmse import nrmse_per_sample
from emulator.evaluation.scoring.bootstrap import mean_interval
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.models.configs import rivals
from emulator.regimes import Regime, Task

MEAN_GAP, MAX_GAP, MAX_GAP_GOAL = 0.20, 0.35, 0.05
NRMSE_GOAL = 0.01
EDGE, EDGE_GOAL = 2.0, 1.5
HF, HF_GOAL = 1.1, 1.02
COVERAGE_GOAL = (0.88, 0.92)
FLOOR_GOAL = 1.10
ONE_CHECKPOINT = 0.05

# Gaps, and errors at the edges, are those of responses: trajectories of the corner's volatile draws
# have larger errors because they move more, and few specialists forecast.
RESPONSES = (Task.steady_state, Task.state_dependent)

Rows = list[tuple[float, str]]  # a figure and the case it is of


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
        _floor(run),
        _coverage(run),
        not_measured(
            "samples of an unseen world to match a specialist at 2,000", "goal 200",
            "transfer is not part of an evaluation",
        ),
        _one_checkpoint(run, same),
    ]  # fmt: skip


def _beats_baselines(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> Criterion:
    named = ", ".join(rival.name for rival in rivals())
    name = f"beats {named} and training mean wherever they apply"
    levels = "must: lower NRMSE on test; goal: paired 95 % interval clear of zero"
    if not run.has_statistics:
        return not_measured(name, levels, "no statistics stored", must=True)
    compared = clear = 0
    lost, close, absent, beside = [], [], [], []
    for world, regime, task in run.cases("test"):
        for rival, difference in _differences(run, others, world, regime, task):
            case = f"{label(world, regime, task)} against {rival}"
            judged = regime in JUDGED
            if difference is None:
                if judged:
                    absent.append(case)
                continue
            low, high = mean_interval(difference)
            text = f"{case}: {difference.mean():+.4f} ({low:+.4f} to {high:+.4f})"
            if not judged:
                if difference.mean() >= 0:
                    beside.append(text)
                continue
            compared += 1
            if difference.mean() >= 0:
                lost.append(text)
            elif high >= 0:
                close.append(text)
            else:
                clear += 1
    unanswered = missing_of(run, anything)
    missing = [*absent, *unanswered]
    figures = f"{compared - len(lost)} of {compared} comparisons won, {clear} clear of zero"
    if absent:
        figures += f"; {len(absent)} lack a rival"
    if unanswered:
        figures += f"; {len(unanswered)} responses not answered"
    details = [f"not beaten: {t}" for t in lost] + [f"not clear of zero: {t}" for t in close]
    details += [f"not judged, not beaten: {t}" for t in beside]
    details += [f"no such run: {case}" for case in absent] + lines_of(unanswered, "not answered")
    goal = not (lost or close)
    return Criterion(
        name, settled(not lost, missing), settled(goal, missing), levels, figures, details
    )


def _differences(
    run: EvaluatedRun, others: Sequence[EvaluatedRun], world: str, regime: str, task: str
) -> Iterator[tuple[str, np.ndarray | None]]:
    """NRMSE less that of each rival by sample; None where a rival that applies has no run.

    Of several runs of a kind the best by validation is the rival.
    """
    columns = ["sample", "mse", "null_mse", "sigma"]
    frame = run.statistics(world, regime, "test", task, columns)
    null = nrmse_per_sample(frame, mse="null_mse").to_numpy()
    yield "training mean", checked(run, frame, world, regime, task) - null
    for rival, kinds in rivals().items():
        answering = [k for k in kinds if k.forecasts or task != Task.trajectory]
        if not any(regime in kind.regimes for kind in answering):
            continue
        scores = [
            (entry["nrmse"], other)
            for other in others
            if other.kind in kinds
            and other.has_statistics
            and (not rival.pooled or len(other.worlds) > 1)
            and (entry := other.entry(world, regime, "val", task)) is not None
        ]
        if not scores:
            yield rival.name, None
            continue
        best = min(scores, key=lambda score: score[0])[1]
        yield rival.name, paired_difference(run, best, world, regime, task)


def _gaps(run: EvaluatedRun) -> Criterion:
    name, levels = "mean gap / max gap to specialists", "must: 20 % / 35 %; goal: 0 % / 5 %"
    rows = [
        (regime, task, values)
        for regime, by_task in run.metrics.get("gaps", {}).items()
        for task, values in by_task.items()
        if task in RESPONSES
    ]
    judged = [values for regime, _, values in rows if regime in JUDGED]
    if not judged:
        return not_measured(name, levels, "no specialists beside this run", must=True)
    details = []
    for regime, task, v in rows:
        line = (
            f"{regime} {task.replace('_', ' ')}: mean {v['mean']:+.1%} ({v['ci95'][0]:+.1%} to "
            f"{v['ci95'][1]:+.1%}), max {v['max']:+.1%} ({v['max_world']}), {v['worlds']} worlds"
        )
        if c := v.get("converged"):
            line += (
                f"; to specialists trained longer: mean {c['mean']:+.1%}, max {c['max']:+.1%} "
                f"({c['max_world']}), {c['worlds']} worlds"
            )
        details.append(line if regime in JUDGED else f"not judged: {line}")
    worst_mean, worst = max(v["mean"] for v in judged), max(v["max"] for v in judged)
    figures = f"mean at most {worst_mean:+.1%}, max {worst:+.1%}"
    longer = [v["converged"]["max"] for v in judged if "converged" in v]
    if longer:
        figures += f"; to specialists trained longer at most {max(longer):+.1%}"
    absent = missing_of(run, has("gap"))
    unequal = missing_of(run, lambda entry: entry.get("equal_samples", True))
    unequal = [case for case in unequal if case not in absent]
    if absent:
        figures += f"; {len(absent)} cases lack a specialist"
    if unequal:
        figures += f"; in {len(unequal)} the specialist saw another number of samples"
    details += lines_of(unequal, "specialists saw other numbers of samples")
    details += lines_of(absent, "no specialist")
    missing = [*absent, *unequal]
    must = worst_mean <= MEAN_GAP and worst <= MAX_GAP
    goal = worst_mean <= 0.0 and worst <= MAX_GAP_GOAL
    return Criterion(name, settled(must, missing), settled(goal, missing), levels, figures, details)


def _worst(rows: Rows, limit: Callable[[float], bool], form: str = ".4f") -> tuple[str, list[str]]:
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
    rows, missing = [], []
    for w, r, t in responses(run):
        if (r, t) in asked:
            entry = run.entry(w, r, "test", t)
            if entry is None:
                missing.append(label(w, r, t))
            else:
                rows.append((entry["nrmse"], label(w, r, t)))
    if not rows:
        return not_measured(name, levels, "no regime A or C in this run")
    figures, details = _worst(rows, lambda v: v <= NRMSE_GOAL)
    goal = settled(not details, missing)
    details += lines_of(missing, "not answered")
    return Criterion(name, Verdict.none, goal, levels, f"{figures} within", details)


def _edges(run: EvaluatedRun) -> Criterion:
    name, levels = "NRMSE on slice and corner / on test", "must: 2.0; goal: 1.5"
    splits = ("slice", "corner")
    rows: Rows = []
    beside: Rows = []
    for w, r, t in run.cases("test"):
        base = run.entry(w, r, "test", t)
        for split in splits:
            if t in RESPONSES and base and (entry := run.entry(w, r, split, t)) is not None:
                row = (entry["nrmse"] / base["nrmse"], f"{label(w, r, t)} {split}")
                (rows if r in JUDGED else beside).append(row)
    if not rows:
        return not_measured(name, levels, "slice and corner were not scored", must=True)
    missing = missing_of(run, anything, splits)
    figures, details = _worst(rows, lambda v: v <= EDGE, ".2f")
    must = settled(not details, missing)
    goal = settled(all(v <= EDGE_GOAL for v, _ in rows), missing)
    if beside:
        details.append(f"not judged: {_worst(beside, lambda v: v <= EDGE, '.2f')[0]} within")
    details += lines_of(missing, "not scored")
    return Criterion(name, must, goal, levels, f"{figures} within", details)


def _shape(run: EvaluatedRun) -> Criterion:
    name = "HF-ratio against the truth and the specialist"
    levels = "must: 1.1; goal: 1.02 (jaggedness: ratios above one)"
    keys = (("hf_ratio", "truth"), ("hf_ratio_specialist", "specialist"))
    rows: Rows = []
    beside: Rows = []
    for w, r, t in run.cases("test"):
        entry = run.entry(w, r, "test", t) or {}
        for key, against in keys:
            if entry.get(key) is not None:
                best = entry.get("floor_hf_ratio") if against == "truth" else None
                beyond = "" if best is None else f" ({best:.2f} against the posterior mean)"
                row = (entry[key], f"{label(w, r, t)} against {against}{beyond}")
                (rows if r in JUDGED else beside).append(row)
    if not rows:
        return not_measured(name, levels, "no responses scored", must=True)
    figures, details = _worst(rows, lambda v: v <= HF, ".3f")
    figures += f" within, smallest {min(rows)[0]:.3f}"
    missing = []
    lines = []
    for key, against in keys:
        found = missing_of(run, has(key))
        missing += found
        lines += lines_of(found, f"no ratio to the {against}")
    must = settled(not details, missing)
    goal = settled(all(v <= HF_GOAL for v, _ in rows), missing)
    if beside:
        details.append(f"not judged: {_worst(beside, lambda v: v <= HF, '.3f')[0]} within")
    return Criterion(name, must, goal, levels, figures, details + lines)


def _floor(run: EvaluatedRun) -> Criterion:
    """In C the floor is positive where parameters and history leave the state open, that is in
    responses from it; what is left open elsewhere is nothing."""
    name, levels = "RMSE / floor RMSE in B1 and C", "goal: 1.10 (in C: responses from the state)"
    rows: Rows = []
    lines, absent, unanswered = [], [], []
    within = 0
    for w, r, t in responses(run):
        if w in WITHOUT_FLOOR or r == Regime.A or (r == Regime.C and t == Task.steady_state):
            continue
        case = label(w, r, t)
        entry = run.entry(w, r, "test", t)
        if entry is None:
            unanswered.append(case)
        elif "floor_ratio" not in entry:
            absent.append(case)
        else:
            rows.append((entry["floor_ratio"], case))
            low, high = entry["floor_ratio_ci95"]
            within += high <= FLOOR_GOAL
            lines.append(
                f"{case}: {entry['floor_ratio']:.2f} ({low:.2f} to {high:.2f}), the floor "
                f"{entry['floor_rmse']:.4f}, {entry['floor_histories']} histories"
            )
    if not rows:
        return not_measured(
            name, levels,
            "no floors of this data at the length of history an evaluation shows; `emulator floors "
            "WORLD --length 200` computes them",
        )  # fmt: skip
    figures, short = _worst(rows, lambda v: v <= FLOOR_GOAL, ".2f")
    goal = settled(not short, [*absent, *unanswered])
    figures += f" within, {within} with the whole 95 % interval"
    if absent:
        figures += f"; {len(absent)} lack a floor"
    lines += lines_of(absent, "no floor") + lines_of(unanswered, "not answered")
    return Criterion(name, Verdict.none, goal, levels, figures, lines)


def _coverage(run: EvaluatedRun) -> Criterion:
    name, levels = "coverage of 90 % bands, every world and regime", "goal: 88 to 92 %"
    rows = []
    for w, r, t in run.cases("test"):
        value = (run.entry(w, r, "test", t) or {}).get("coverage_90")
        if value is not None:
            rows.append((value, label(w, r, t)))
    if not rows:
        return not_measured(name, levels, "the model gives no bands")
    low, high = COVERAGE_GOAL
    outside = sorted(row for row in rows if not low <= row[0] <= high)
    missing = missing_of(run, has("coverage_90"))
    figures = f"{min(rows)[0]:.1%} ({min(rows)[1]}) to {max(rows)[0]:.1%} ({max(rows)[1]})"
    figures += f", {len(rows) - len(outside)} of {len(rows)} within"
    details = [f"{case}: {value:.1%}" for value, case in outside] + lines_of(missing, "no bands")
    return Criterion(name, Verdict.none, settled(not outside, missing), levels, figures, details)


def _one_checkpoint(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> Criterion:
    """Of several single-regime runs the best by validation is compared with."""
    name, levels = "one checkpoint against single-regime checkpoints", "goal: within 5 %"
    if len(run.regimes) == 1:
        return not_measured(name, levels, "this run is a single-regime checkpoint")
    rows, missing = [], []
    singles = [o for o in others if o.is_universal and o.is_whole and len(o.regimes) == 1]
    for w, r, t in responses(run):
        ours = run.entry(w, r, "test", t)
        scores = [
            (chosen["nrmse"], entry["nrmse"])
            for o in singles
            if (chosen := o.entry(w, r, "val", t)) and (entry := o.entry(w, r, "test", t))
        ]
        if ours and scores:
            rows.append((ours["nrmse"] / min(scores)[1] - 1.0, label(w, r, t)))
        else:
            missing.append(label(w, r, t))
    if not rows:
        return not_measured(name, levels, "no single-regime checkpoints beside this run")
    figures, details = _worst(rows, lambda v: v <= ONE_CHECKPOINT, "+.1%")
    goal = settled(not details, missing)
    details += lines_of(missing, "no single-regime checkpoint, or not answered")
    return Criterion(name, Verdict.none, goal, levels, f"{figures} within", details)
