"""What criteria look at: figures of a run, and what is missing for them to be whole.

Each function here answers for one criterion: the evidence, or why there is none, in words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from emulator.data.schema import HOLD_OUTS
from emulator.evaluation.comparison.gaps import paired_difference
from emulator.evaluation.comparison.marks import marked
from emulator.evaluation.comparison.verdicts import JUDGED, SPLIT
from emulator.evaluation.floors.distances import WITHOUT_FLOOR
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.models.configs import rivals
from emulator.regimes import Regime, Task, telling

# Gaps, and errors at the edges, are those of responses: trajectories of the corner's volatile draws
# have larger errors because they move more, and few specialists forecast.
RESPONSES = (Task.steady_state, Task.state_dependent)
ALIKE = 1e-6  # errors of one answer, summed in another order
# Of a floor: with fifty histories the interval of a ratio near .9 went from .4 to 1.7.
ENOUGH_HISTORIES = 500


@dataclass(frozen=True)
class Figure:
    """A figure and the case it is of.

    upper: the end of its 95 % interval, or the largest where the value is a mean. judged: whether
    levels are held against it. line: how details say it, where not by value and case.
    """

    value: float
    case: str
    upper: float = np.nan
    judged: bool = True
    line: str = ""


class Missing(NamedTuple):
    """Cases that are asked for and not there. words: what details say of them; apart: on a line
    each."""

    cases: list[str]
    words: str
    apart: bool = False


@dataclass(frozen=True)
class Evidence:
    """What was found. note: what the figures say besides."""

    figures: list[Figure]
    missing: list[Missing] = field(default_factory=list)
    note: str = ""

    @property
    def judged(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.judged]


Found = Evidence | str  # or why there is nothing


def against_rivals(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> Found:
    """NRMSE less that of each rival that sees as much, by world, regime and task. Where two
    regimes tell the same, as A and C of responses from rest, the first alone counts."""
    if not run.has_statistics:
        return "no statistics stored"
    figures, absent = [], []
    for world, regime, task in run.cases(SPLIT):
        if _asked_before(regime, task, run.regimes):
            continue
        for rival, difference in _differences(run, others, world, regime, task):
            case, judged = f"{_label(world, regime, task)} against {rival}", regime in JUDGED
            if difference is not None:
                mean, (low, high) = difference
                line = f"{case}: {mean:+.4f} ({low:+.4f} to {high:+.4f})"
                figures.append(Figure(mean, case, high, judged, line))
            elif judged:
                absent.append(case)
    unanswered = _missing_of(run, _anything)
    note = f"; {len(absent)} lack a rival" if absent else ""
    note += f"; {len(unanswered)} responses not answered" if unanswered else ""
    missing = [Missing(absent, "no such run", apart=True), Missing(unanswered, "not answered")]
    return Evidence(figures, missing, note)


def _differences(
    run: EvaluatedRun, others: Sequence[EvaluatedRun], world: str, regime: str, task: str
) -> Iterator[tuple[str, tuple[float, tuple[float, float]] | None]]:
    """NRMSE less that of each rival, with its interval; None where a rival that applies has no run.

    Of several runs of a kind the best by validation is the rival.
    """
    for rival, kinds in rivals().items():
        answering = [
            kind
            for kind in kinds
            if kind.sees_all(Regime(regime), Task(task))
            and (kind.forecasts or task != Task.trajectory)
        ]
        if not answering:
            continue
        scores = [
            (entry["nrmse"], other)
            for other in others
            if other.kind in answering
            and other.has_statistics
            and (not rival.pooled or len(other.worlds) > 1)
            and (entry := other.entry(world, regime, "val", task)) is not None
        ]
        if not scores:
            yield rival.name, None
            continue
        best = min(scores, key=lambda score: score[0])[1]
        yield rival.name, paired_difference(run, best, world, regime, task)


def gaps_to_specialists(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> Found:
    """The mean gap over worlds, and with it the largest, by regime and task."""
    figures, longer = [], []
    for regime, by_task in run.metrics.get("gaps", {}).items():
        for task, v in by_task.items():
            if task not in RESPONSES or _asked_before(regime, task, run.regimes):
                continue
            case, judged = f"{regime} {task.replace('_', ' ')}", regime in JUDGED
            line = (
                f"{case}: mean {v['mean']:+.1%} ({v['ci95'][0]:+.1%} to {v['ci95'][1]:+.1%}), max "
                f"{v['max']:+.1%} ({v['max_world']}), {v['worlds']} worlds"
            )
            for budget, words in (("compute", "of equal compute"), ("converged", "trained longer")):
                if c := v.get(budget):
                    line += (
                        f"; to specialists {words}: mean {c['mean']:+.1%}, max {c['max']:+.1%} "
                        f"({c['max_world']}), {c['worlds']} worlds"
                    )
            if judged and "converged" in v:
                longer.append(v["converged"]["max"])
            figures.append(Figure(v["mean"], case, v["max"], judged, line))
    if not any(figure.judged for figure in figures):
        return "no specialists beside this run"
    absent = _missing_of(run, _has("gap"))
    lacking = [
        f"{_label(w, r, t)}, {line}"
        for w, r, t in _asked(run)
        for line in (run.entry(w, r, SPLIT, t) or {}).get("unmeasured", [])
    ]
    note = f"; to specialists trained longer at most {max(longer):+.1%}" if longer else ""
    note += f"; {len(absent)} lack a specialist" if absent else ""
    note += f"; not measured: {len(lacking)} kinds, rates or seeds missing" if lacking else ""
    missing = [Missing(absent, "no specialist"), Missing(lacking, "not measured", apart=True)]
    return Evidence(figures, missing, note)


def errors_to_be_small(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> Found:
    """NRMSE where responses can be exact to a hundredth of what they vary: where parameters and
    innovations are known, but not where even the best answer to these errs, as from the state of
    `switching`, whose distance to that answer is told elsewhere."""
    asked = [
        (w, r, t)
        for w, r, t in _asked(run)
        if r == Regime.A or (r == Regime.C and t == Task.steady_state)
    ]
    entries = {_label(w, r, t): run.entry(w, r, SPLIT, t) for w, r, t in asked}
    entries = {case: entry for case, entry in entries.items() if "floor_rmse" not in (entry or {})}
    figures = [Figure(entry["nrmse"], case) for case, entry in entries.items() if entry]
    absent = [case for case, entry in entries.items() if entry is None]
    missing = [Missing(absent, "not answered")]
    return Evidence(figures, missing) if figures else "no regime A or C in this run"


def errors_at_the_edges(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> Found:
    """NRMSE on the hold-outs over that on `test`: how much worse edges are than what lies between
    them, hence not against the prior, which has them."""
    figures = [
        Figure(entry["nrmse"] / base["nrmse"], f"{_label(w, r, t)} {split}", judged=r in JUDGED)
        for w, r, t in _told_once(run, "test")
        for split in HOLD_OUTS
        if t in RESPONSES
        and (base := run.entry(w, r, "test", t))
        and (entry := run.entry(w, r, split, t)) is not None
    ]
    missing = [Missing(_missing_of(run, _anything, HOLD_OUTS), "not scored")]
    scored = any(figure.judged for figure in figures)
    return Evidence(figures, missing) if scored else "slice and corner were not scored"


def jaggedness(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> Found:
    """HF-ratios against the truth, beside that of the posterior mean, and the specialist."""
    keys = {"hf_ratio": "truth", "hf_ratio_specialist": "specialist"}
    figures = []
    for w, r, t in _told_once(run, SPLIT):
        entry = run.entry(w, r, SPLIT, t) or {}
        for key, against in keys.items():
            if entry.get(key) is not None:
                best = entry.get("floor_hf_ratio") if against == "truth" else None
                beyond = "" if best is None else f" ({best:.2f} against the posterior mean)"
                case = f"{_label(w, r, t)} against {against}{beyond}"
                figures.append(Figure(entry[key], case, judged=r in JUDGED))
    missing = [
        Missing(_missing_of(run, _has(key)), f"no ratio to the {against}")
        for key, against in keys.items()
    ]
    scored = any(figure.judged for figure in figures)
    return Evidence(figures, missing) if scored else "no responses scored"


def distances_to_the_floor(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> Found:
    """RMSE over the floor's. Where parameters are known the floor is positive in responses from a
    state that the inputs leave open; in A, where nobody could know it, it is shown and not judged.
    """
    figures, absent, unanswered, few = [], [], [], []
    for w, r, t in _asked(run):
        if w in WITHOUT_FLOOR or (r in (Regime.A, Regime.C) and t == Task.steady_state):
            continue
        case, entry = _label(w, r, t), run.entry(w, r, SPLIT, t)
        if r == Regime.A and "floor_ratio" not in (entry or {}):
            continue
        if entry is None:
            unanswered.append(case)
        elif "floor_ratio" not in entry:
            absent.append(case)
        else:
            ratio, (low, high) = entry["floor_ratio"], entry["floor_ratio_ci95"]
            line = (
                f"{case}: {ratio:.2f} ({low:.2f} to {high:.2f}), the floor "
                f"{entry['floor_rmse']:.4f}, {entry['floor_histories']} histories"
            )
            figures.append(Figure(ratio, case, high, judged=r != Regime.A, line=line))
            if r != Regime.A and entry["floor_histories"] < ENOUGH_HISTORIES:
                few.append(case)
    if not any(figure.judged for figure in figures):
        return (
            "no floors of this data at the length of history an evaluation shows; `emulator floors "
            "WORLD` computes them"
        )
    note = f"; {len(absent)} lack a floor" if absent else ""
    return Evidence(
        figures,
        [
            Missing(absent, "no floor"),
            Missing(
                few, f"a floor of fewer than {ENOUGH_HISTORIES} histories, which decides nothing"
            ),
            Missing(unanswered, "not answered"),
        ],
        note,
    )


def coverage_of_bands(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> Found:
    """Coverage of the 90 % bands, in every regime there is."""
    figures = [
        Figure(entry["coverage_90"], _label(w, r, t))
        for w, r, t in _told_once(run, SPLIT)
        if (entry := run.entry(w, r, SPLIT, t)) and entry.get("coverage_90") is not None
    ]
    missing = [Missing(_missing_of(run, _has("coverage_90")), "no bands")]
    return Evidence(figures, missing) if figures else "the model gives no bands"


def samples_of_an_unseen_world(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> Found:
    return "transfer is not part of an evaluation"


def against_single_regimes(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> Found:
    """NRMSE over that of single-regime runs, less one; of several the best by validation."""
    if len(run.regimes) == 1:
        return "this run is a single-regime checkpoint"
    singles = [o for o in others if o.is_universal and o.is_whole and len(o.regimes) == 1]
    figures, absent = [], []
    for w, r, t in _every(run):  # a checkpoint of C alone has learned that of its own
        ours, case = run.entry(w, r, SPLIT, t), _label(w, r, t)
        scores = [
            (chosen["nrmse"], entry["nrmse"])
            for o in singles
            if (chosen := o.entry(w, r, "val", t)) and (entry := o.entry(w, r, SPLIT, t))
        ]
        if ours and scores:
            figures.append(Figure(ours["nrmse"] / min(scores)[1] - 1.0, case))
        else:
            absent.append(case)
    missing = [Missing(absent, "no single-regime checkpoint, or not answered")]
    return Evidence(figures, missing) if figures else "no single-regime checkpoints beside this run"


# --------------------------------------------------------------------- what is asked for


def _told_once(run: EvaluatedRun, split: str) -> Iterator[tuple[str, str, str]]:
    """(world, regime, task) of what the run answers, in the first of its regimes that tell the
    same: C of responses from rest tells what A does. Where it answers otherwise in a later one,
    that counts too."""
    for world, regime, task in run.cases(split):
        if not _answered_before(run, world, regime, task, run.regimes, split):
            yield world, regime, task


def _asked(run: EvaluatedRun) -> Iterator[tuple[str, str, str]]:
    """(world, regime, task) of every response the criteria ask for, whether the run answers it or
    not, in the first of regimes that tell the same; in a later one too where it answers
    otherwise there, or not at all."""
    for world, regime, task in _every(run):
        if not _answered_before(run, world, regime, task, JUDGED, SPLIT):
            yield world, regime, task


def _every(run: EvaluatedRun) -> Iterator[tuple[str, str, str]]:
    """(world, regime, task) of every response of a regime that is judged."""
    for world, tasks in run.metrics["data_worlds"].items():
        for regime in JUDGED:
            for task in tasks:
                yield world, regime.value, task


def _answered_before(
    run: EvaluatedRun, world: str, regime: str, task: str, regimes: Sequence[str], split: str
) -> bool:
    """Whether an earlier one of these regimes asks the same with inputs that tell the same, and the
    run answers both, with the same error."""
    here = run.entry(world, regime, split, task)
    for earlier in _asked_alike(regime, task, regimes):
        there = run.entry(world, earlier, split, task)
        if here and there and math.isclose(here["nrmse"], there["nrmse"], rel_tol=ALIKE):
            return True
    return False


def _asked_before(regime: str, task: str, regimes: Sequence[str]) -> bool:
    """Whether an earlier one of these regimes asks the same with inputs that tell the same."""
    return any(_asked_alike(regime, task, regimes))


def _asked_alike(regime: str, task: str, regimes: Sequence[str]) -> Iterator[str]:
    """Those of these regimes before it that ask the same with inputs that tell the same."""
    told = telling(Regime(regime), Task(task))
    yield from (r for r in regimes if r < regime and telling(Regime(r), Task(task)) == told)


def _missing_of(
    run: EvaluatedRun,
    wanted: Callable[[Mapping[str, Any]], bool],
    splits: Sequence[str] = (SPLIT,),
) -> list[str]:
    """Responses asked for whose entry is not there, or not as wanted."""
    return [
        _label(world, regime, task) + ("" if split == SPLIT else f" {split}")
        for world, regime, task in _asked(run)
        for split in splits
        if (entry := run.entry(world, regime, split, task)) is None or not wanted(entry)
    ]


def _has(key: str) -> Callable[[Mapping[str, Any]], bool]:
    """That an entry has a value for the key."""
    return lambda entry: entry.get(key) is not None


def _anything(entry: Mapping[str, Any]) -> bool:
    """That there is an entry, whatever it holds."""
    return True


def _label(world: str, regime: str, task: str) -> str:
    """A case as it is named in details."""
    return f"{marked(world, task)} {regime}"
