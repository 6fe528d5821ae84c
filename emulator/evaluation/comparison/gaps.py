"""The price of being universal: its error over that of the best specialist of each world.

gap = NRMSE_universal / NRMSE_specialist - 1 on `SPLIT`. The specialist is the best, by NRMSE on
`val`, of the runs trained on that world alone (an MLP, a GRU, a copy of the universal
architecture), among those that saw as many samples of it; where there is none of that kind, of all,
and `equal_samples` is false. `gap_converged` is the gap to the best of all where some were trained
longer, or until validation stalled, so that the budget does not choose the answer. Intervals are
paired bootstrap ones over the samples of that split.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from emulator.errors import DatasetError
from emulator.evaluation.comparison.verdicts import SPLIT
from emulator.evaluation.metrics.hf_ratio import hf_share
from emulator.evaluation.metrics.nrmse import nrmse_per_sample
from emulator.evaluation.scoring.bootstrap import (
    mean_ratio_interval,
    percentile_interval,
    ratio_draws,
)
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.regimes import Task

# Epochs are whole, and the largest world sets a universal run's, so numbers of samples seen can
# match only roughly; a tenth more or less moves NRMSE by a percent or two.
SAME_SAMPLES = 0.1
# The same sum of the same float64 numbers, perhaps in another order.
SAME_MEAN = 1e-9

_COLUMNS = ["sample", "shock", "observable", "mse", "sigma", "energy", "energy_high"]
_PATH_COLUMNS = ["sample", "observable", "mse", "sigma"]


def is_specialist_of(run: EvaluatedRun, universal: EvaluatedRun) -> bool:
    """Whether the run can be compared with the universal run as its specialist."""
    same = run.data == universal.data and run.trained_as(universal)
    return run.is_specialist and run.has_statistics and same


def fill_gaps(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> bool:
    """Put the gaps to the specialists among `others` into the run's metrics; whether there are any.

    Each entry of `SPLIT` gets gap, gap_ci95, specialist, specialist_nrmse, equal_samples and
    hf_ratio_specialist, and gap_converged where it applies; the means over worlds of every regime
    and task go to metrics["gaps"].
    """
    chosen = [s for s in others if is_specialist_of(s, run)]
    pairs: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = {}
    gaps: dict[tuple[str, str], dict[str, float]] = {}
    converged: dict[tuple[str, str], dict[str, float]] = {}
    unequal: set[tuple[str, str]] = set()
    for world, regime, task in run.cases(SPLIT):
        entry = run.entry(world, regime, SPLIT, task)
        assert entry is not None
        _forget(entry)
        specialists = [s for s in chosen if _validation(s, world, regime, task) is not None]
        if not specialists:
            continue
        more = {s.name: _more_samples(s, run, world, regime) for s in specialists}
        equal = [s for s in specialists if abs(more[s.name]) <= SAME_SAMPLES]
        longer = [
            s for s in specialists if s.metrics["until_stalled"] or more[s.name] > SAME_SAMPLES
        ]
        best = _best(equal or specialists, world, regime, task)
        pair = _paired(run, best, world, regime, task)
        entry |= _gap(pair, "gap")
        entry |= {
            "specialist": best.name,
            "specialist_nrmse": float(pair[1].mean()),
            "equal_samples": bool(equal),
        }
        if task != Task.trajectory:
            entry["hf_ratio_specialist"] = _hf_ratio(run, best, world, regime, task)
        if longer:
            final = _best(specialists, world, regime, task)
            entry |= _gap(_paired(run, final, world, regime, task), "gap_converged")
            entry["specialist_converged"] = final.name
            converged.setdefault((regime, task), {})[world] = entry["gap_converged"]
        if not equal:
            unequal.add((regime, task))
        pairs.setdefault((regime, task), []).append(pair)
        gaps.setdefault((regime, task), {})[world] = entry["gap"]
    summary: dict[str, Any] = {}
    for (regime, task), values in gaps.items():
        low, high = mean_ratio_interval(pairs[regime, task])
        row = _over_worlds(values) | {
            "ci95": [low - 1.0, high - 1.0],
            "equal_samples": (regime, task) not in unequal,
        }
        if longer_trained := converged.get((regime, task)):
            row["converged"] = _over_worlds(longer_trained)
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
        if key.startswith(("gap", "specialist", "hf_ratio_specialist", "equal_samples")):
            del entry[key]


def _validation(run: EvaluatedRun, world: str, regime: str, task: str) -> float | None:
    entry = run.entry(world, regime, "val", task)
    return None if entry is None else float(entry["nrmse"])


def _best(runs: Sequence[EvaluatedRun], world: str, regime: str, task: str) -> EvaluatedRun:
    """The run with the lowest NRMSE on the validation split."""
    return min(runs, key=lambda run: _validation(run, world, regime, task) or 0.0)


def _more_samples(specialist: EvaluatedRun, run: EvaluatedRun, world: str, regime: str) -> float:
    """How many more samples of the world the specialist saw, as a share of the run's."""
    theirs, own = (r.metrics["samples_seen"][regime][world] for r in (specialist, run))
    return float(theirs / own - 1.0)


def _paired(
    run: EvaluatedRun, other: EvaluatedRun, world: str, regime: str, task: str
) -> tuple[np.ndarray, np.ndarray]:
    """NRMSE of the same samples under two runs. Raises DatasetError when they are not the same."""
    columns = _PATH_COLUMNS if task == Task.trajectory else _COLUMNS
    frames = [r.statistics(world, regime, SPLIT, task, columns) for r in (run, other)]
    keys = [c for c in columns if c in ("sample", "shock", "observable")]
    if not frames[0][keys].equals(frames[1][keys]):
        raise DatasetError(
            f"{other.folder}: its statistics of {world}, regime {regime}, {task} are of other "
            f"samples than those of {run.folder}; run `emulator evaluate` on both again"
        )
    ours, theirs = (
        checked(r, frame, world, regime, task)
        for r, frame in zip((run, other), frames, strict=True)
    )
    return ours, theirs


def checked(
    run: EvaluatedRun, frame: pd.DataFrame, world: str, regime: str, task: str
) -> np.ndarray:
    """NRMSE of every sample of `SPLIT`, (N,). Raises DatasetError when their mean is not what
    metrics.json says."""
    scores = nrmse_per_sample(frame).to_numpy()
    entry = run.entry(world, regime, SPLIT, task)
    if entry is None or not np.isclose(scores.mean(), entry["nrmse"], rtol=SAME_MEAN, atol=0.0):
        raise DatasetError(
            f"{run.folder}: its statistics of {world}, regime {regime}, {task} give another NRMSE "
            f"than its metrics.json; run `emulator evaluate {run.folder}` again"
        )
    return scores


def paired_difference(
    run: EvaluatedRun, other: EvaluatedRun, world: str, regime: str, task: str
) -> np.ndarray:
    """NRMSE of every sample of `SPLIT`, the run's less the other's."""
    ours, theirs = _paired(run, other, world, regime, task)
    return np.asarray(ours - theirs)


def _gap(pair: tuple[np.ndarray, np.ndarray], name: str) -> dict[str, Any]:
    low, high = percentile_interval(ratio_draws(*pair))
    gap = float(pair[0].mean() / pair[1].mean() - 1.0)
    return {name: gap, f"{name}_ci95": [low - 1.0, high - 1.0]}


def _hf_ratio(
    run: EvaluatedRun, specialist: EvaluatedRun, world: str, regime: str, task: str
) -> float:
    """The run's share of high-frequency energy over the specialist's, on the same samples."""
    ours, theirs = (
        hf_share(r.statistics(world, regime, SPLIT, task, _COLUMNS)) for r in (run, specialist)
    )
    return ours / theirs
