"""The price of being universal: its error over that of the best specialist of each world.

gap = NRMSE_universal / NRMSE_specialist - 1 on the prior. The specialist is the best, by NRMSE on
`val`, of the runs trained on that world alone (an MLP, a GRU, a copy of the universal
architecture), among those that saw as many samples of it; where there is none of that kind, of all.
`unmeasured` says what is missing for it to be the gap to specialists (specialists.py).

`gap_compute` is the gap to the best of those that took as much processor time, for which the run
answers in all its regimes; `gap_converged` to the best of all where some were trained longer, or
until validation stalled: so that the budget does not choose the answer. Intervals are
paired bootstrap ones over its samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from emulator.errors import DatasetError
from emulator.evaluation.comparison.specialists import (
    SAME_SAMPLES,
    best,
    is_specialist_of,
    more_samples,
    of_equal_compute,
    unmeasured,
    validation,
)
from emulator.evaluation.comparison.verdicts import SPLIT
from emulator.evaluation.metrics.hf_ratio import hf_share
from emulator.evaluation.metrics.nrmse import nrmse_per_sample
from emulator.evaluation.scoring.bootstrap import (
    Pair,
    groups_of,
    mean_interval,
    mean_ratio_interval,
    percentile_interval,
    ratio_draws,
)
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.regimes import Task

BUDGETS = ("gap", "gap_compute", "gap_converged")
# The same sum of the same float64 numbers, perhaps in another order.
SAME_MEAN = 1e-9

_COLUMNS = ["sample", "shock", "observable", "mse", "sigma", "energy", "energy_high"]
_PATH_COLUMNS = ["sample", "observable", "mse", "sigma"]


def fill_gaps(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> bool:
    """Put the gaps to the specialists among `others` into the run's metrics; whether there are any.

    Each entry of `SPLIT` gets gap, gap_ci95, specialist, specialist_nrmse, unmeasured and
    hf_ratio_specialist, and gap_compute and gap_converged where they apply; the means over worlds
    of every regime and task go to metrics["gaps"].
    """
    chosen = [s for s in others if is_specialist_of(s, run)]
    pairs: dict[tuple[str, str], list[Pair]] = {}
    gaps: dict[str, dict[tuple[str, str], dict[str, float]]] = {name: {} for name in BUDGETS}
    lacking: dict[tuple[str, str], list[str]] = {}
    for world, regime, task in run.cases(SPLIT):
        entry = run.entry(world, regime, SPLIT, task)
        assert entry is not None
        _forget(entry)
        specialists = [s for s in chosen if validation(s, world, regime, task) is not None]
        if not specialists:
            continue
        more = {s.name: more_samples(s, run, world, regime) for s in specialists}
        equal = [s for s in specialists if abs(more[s.name]) <= SAME_SAMPLES]
        longer = [
            s for s in specialists if s.metrics["until_stalled"] or more[s.name] > SAME_SAMPLES
        ]
        compared = best(equal or specialists, world, regime, task)
        pair = _paired(run, compared, world, regime, task)
        entry |= _gap(pair, "gap")
        entry |= {
            "specialist": compared.name,
            "specialist_nrmse": float(pair.theirs.mean()),
            "unmeasured": unmeasured(equal, world, regime, task),
        }
        if task != Task.trajectory:
            entry["hf_ratio_specialist"] = _hf_ratio(run, compared, world, regime, task)
        others_of = {
            "compute": [s for s in specialists if of_equal_compute(s, run)],
            "converged": specialists if longer else [],
        }
        for budget, those in others_of.items():
            if those:
                other = best(those, world, regime, task)
                entry |= _gap(_paired(run, other, world, regime, task), f"gap_{budget}")
                entry[f"specialist_{budget}"] = other.name
        if entry["unmeasured"]:
            lacking.setdefault((regime, task), []).append(world)
        pairs.setdefault((regime, task), []).append(pair)
        for name, by_case in gaps.items():
            if name in entry:
                by_case.setdefault((regime, task), {})[world] = entry[name]
    summary: dict[str, Any] = {}
    for (regime, task), values in gaps["gap"].items():
        low, high = mean_ratio_interval(pairs[regime, task])
        row = _over_worlds(values) | {
            "ci95": [low - 1.0, high - 1.0],
            "unmeasured": lacking.get((regime, task), []),
        }
        for name in BUDGETS[1:]:
            if there := gaps[name].get((regime, task)):
                row[name.removeprefix("gap_")] = _over_worlds(there)
        summary.setdefault(regime, {})[task] = row
    run.metrics["gaps"] = summary
    return bool(summary)


def _over_worlds(gaps: dict[str, float]) -> dict[str, Any]:
    largest = max(gaps, key=lambda world: gaps[world])
    mean = float(np.mean(list(gaps.values())))
    return {"mean": mean, "max": gaps[largest], "max_world": largest, "worlds": len(gaps)}


def _forget(entry: dict[str, Any]) -> None:
    """Drop an earlier comparison from an entry."""
    for key in list(entry):
        if key.startswith(("gap", "specialist", "hf_ratio_specialist", "unmeasured")):
            del entry[key]


def _paired(run: EvaluatedRun, other: EvaluatedRun, world: str, regime: str, task: str) -> Pair:
    """NRMSE of the same samples under two runs. Raises DatasetError when they are not the same."""
    columns = _PATH_COLUMNS if task == Task.trajectory else _COLUMNS
    frames = [r.statistics(world, regime, SPLIT, task, columns) for r in (run, other)]
    keys = [c for c in columns if c in ("sample", "shock", "observable")]
    entries = [r.entry(world, regime, SPLIT, task) or {} for r in (run, other)]
    siblings, others = (entry.get("siblings", 1) for entry in entries)
    if not frames[0][keys].equals(frames[1][keys]) or siblings != others:
        raise DatasetError(
            f"{other.folder}: its statistics of {world}, regime {regime}, {task} are of other "
            f"samples than those of {run.folder}; run `emulator evaluate` on both again"
        )
    ours, theirs = (
        checked(r, frame, world, regime, task)
        for r, frame in zip((run, other), frames, strict=True)
    )
    return Pair(ours.to_numpy(), theirs.to_numpy(), groups_of(ours.index, siblings))


def checked(
    run: EvaluatedRun, frame: pd.DataFrame, world: str, regime: str, task: str
) -> pd.Series[float]:
    """NRMSE of every sample of `SPLIT`, indexed by its number. Raises DatasetError when their mean
    is not what metrics.json says."""
    scores = nrmse_per_sample(frame)
    entry = run.entry(world, regime, SPLIT, task)
    if entry is None or not np.isclose(scores.mean(), entry["nrmse"], rtol=SAME_MEAN, atol=0.0):
        raise DatasetError(
            f"{run.folder}: its statistics of {world}, regime {regime}, {task} give another NRMSE "
            f"than its metrics.json; run `emulator evaluate {run.folder}` again"
        )
    return scores


def paired_difference(
    run: EvaluatedRun, other: EvaluatedRun, world: str, regime: str, task: str
) -> tuple[float, tuple[float, float]]:
    """The mean over samples of `SPLIT` of the run's NRMSE less the other's, and its interval."""
    pair = _paired(run, other, world, regime, task)
    apart = pair.ours - pair.theirs
    return float(apart.mean()), mean_interval(apart, groups=pair.groups)


def _gap(pair: Pair, name: str) -> dict[str, Any]:
    low, high = percentile_interval(ratio_draws(pair.ours, pair.theirs, groups=pair.groups))
    gap = float(pair.ours.mean() / pair.theirs.mean() - 1.0)
    return {name: gap, f"{name}_ci95": [low - 1.0, high - 1.0]}


def _hf_ratio(
    run: EvaluatedRun, specialist: EvaluatedRun, world: str, regime: str, task: str
) -> float:
    """The run's share of high-frequency energy over the specialist's, on the same samples."""
    ours, theirs = (
        hf_share(r.statistics(world, regime, SPLIT, task, _COLUMNS)) for r in (run, specialist)
    )
    return ours / theirs
