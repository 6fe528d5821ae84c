"""The price of being universal: its error over that of the best specialist of each world.

gap = NRMSE_universal / NRMSE_specialist - 1 on `test`. The specialist is the best, by NRMSE on
`val`, of the runs trained on that world alone (an MLP, a GRU, a copy of the universal
architecture), among those that saw as many samples of it; where there is none of that kind, of all,
and `equal_samples` is false. `gap_converged` is the gap to the best of all where some were trained
longer, or until validation stalled, so that the budget does not choose the answer. Intervals are
paired bootstrap ones over the samples of `test`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from emulator.errors import DatasetError
from emulator.evaluation.bootstrap import mean_ratio_interval, percentile_interval, ratio_draws
from emulator.evaluation.metrics import hf_share, nrmse_per_sample
from emulator.evaluation.runs import EvaluatedRun
from emulator.regimes import Task

SPLIT = "test"
# Epochs are whole, and the largest world sets a universal run's, so numbers of samples seen can
# match only roughly; a tenth more or less moves NRMSE by a percent or two.
SAME_SAMPLES = 0.1

_COLUMNS = ["sample", "shock", "observable", "mse", "sigma", "energy", "energy_high"]
_PATH_COLUMNS = ["sample", "observable", "mse", "sigma"]


def fill_gaps(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> bool:
    """Put the gaps to the specialists among `others` into the run's metrics; whether there are any.

    Each entry of `test` gets gap, gap_ci95, specialist, specialist_nrmse, equal_samples and
    hf_ratio_specialist, and gap_converged where it applies; the mean over worlds of every regime
    and task goes to metrics["gaps"].
    """
    chosen = [s for s in others if s.is_specialist and s.has_statistics and s.data == run.data]
    pairs: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = {}
    gaps: dict[tuple[str, str], dict[str, float]] = {}
    for world, regime, task in run.cases(SPLIT):
        entry = run.entry(world, regime, SPLIT, task)
        assert entry is not None
        _forget(entry)
        specialists = [s for s in chosen if _validation(s, world, regime, task) is not None]
        if not specialists:
            continue
        equal = [s for s in specialists if abs(_more_samples(s, run, world)) <= SAME_SAMPLES]
        longer = [
            s
            for s in specialists
            if s.metrics["until_stalled"] or _more_samples(s, run, world) > SAME_SAMPLES
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
        pairs.setdefault((regime, task), []).append(pair)
        gaps.setdefault((regime, task), {})[world] = entry["gap"]
    summary: dict[str, Any] = {}
    for (regime, task), values in gaps.items():
        low, high = mean_ratio_interval(pairs[regime, task])
        largest = max(values, key=lambda world: values[world])
        summary.setdefault(regime, {})[task] = {
            "mean": float(np.mean(list(values.values()))),
            "ci95": [low - 1.0, high - 1.0],
            "max": values[largest],
            "max_world": largest,
            "worlds": len(values),
        }
    run.metrics["gaps"] = summary
    return bool(summary)


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


def _more_samples(specialist: EvaluatedRun, run: EvaluatedRun, world: str) -> float:
    """How many more samples of the world the specialist saw, as a share of the run's."""
    own = run.metrics["samples_seen"][world]
    return float(specialist.metrics["samples_seen"][world] / own - 1.0)


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
    ours, theirs = (nrmse_per_sample(frame).to_numpy() for frame in frames)
    return ours, theirs


def paired_difference(
    run: EvaluatedRun, other: EvaluatedRun, world: str, regime: str, task: str
) -> np.ndarray:
    """NRMSE of every sample of `test`, the run's less the other's."""
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
