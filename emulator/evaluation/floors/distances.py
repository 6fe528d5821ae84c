"""Runs beside the floor: how far from the best possible, on the same histories.

A ratio is RMSE of the run / RMSE of the posterior mean, both over the floor's histories (see
`posterior_mean_errors`), with a bootstrap interval paired by history. One is the best possible; a
ratio can fall below one by chance, by the floor's own Monte Carlo error, and because a corner
hold-out bears on quarters before a short history (docs/floors.md).

`stored_ratios` takes the errors an evaluation stored, which are at the longest history;
`distances_at_any_length` asks a model again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
import pandas as pd

from emulator.errors import DatasetError
from emulator.evaluation.floors.floors_on_disk import Floors
from emulator.evaluation.floors.posterior_mean_errors import errors, mean_squares, rmse
from emulator.evaluation.metrics.hf_ratio import hf_share
from emulator.evaluation.scoring.bootstrap import percentile_interval, resampled_means
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.regimes import Regime, Task

KEYS = ["sample", "shock", "observable"]
ENERGIES = ["energy", "energy_high"]
# Worlds whose likelihood no recursion gives (docs/floors.md); no criterion waits for their floors.
WITHOUT_FLOOR = ("zlb", "hank_zlb")


@dataclass(frozen=True)
class Ratio:
    """A run on the histories of one file of floors, in one regime and task.

    hf_ratio: the run's share of energy at high frequencies over the posterior mean's; None where
    only errors were asked for.
    """

    run: str
    world: str
    length: int
    regime: str
    task: str
    histories: int
    floor_rmse: float
    run_rmse: float
    training_mean_rmse: float
    ratio: float
    ci95: tuple[float, float]
    hf_ratio: float | None = None


def stored_ratios(run: EvaluatedRun, floors: Sequence[Floors]) -> list[Ratio]:
    """The ratios of an evaluated run wherever there are floors of its data at the length its
    evaluation showed. Raises DatasetError when the evaluation lacks a floor's histories."""
    out = []
    for found in floors:
        settings = found.settings
        if not _is_shown(found, run):
            continue
        for regime, task in found.cases():
            if run.entry(settings.world, regime, settings.split, task) is None:
                continue
            theirs = run.statistics(
                settings.world, regime, settings.split, task, [*KEYS, "sigma", "mse", *ENERGIES]
            )
            hf = _hf_ratio(found, regime, task, theirs)
            out.append(replace(ratio(run.name, found, regime, task, theirs), hf_ratio=hf))
    return out


def _hf_ratio(floors: Floors, regime: Regime, task: Task, theirs: pd.DataFrame) -> float:
    """The run's `hf_share` over the posterior mean's, on the floor's histories."""
    same = theirs[theirs["sample"].isin(floors.samples)]
    return hf_share(same) / hf_share(errors(floors, regime, task))


def fill_floors(run: EvaluatedRun, floors: Sequence[Floors]) -> None:
    """Put the distances to the floor into the run's metrics.

    Each entry of `test` that there is a floor of gets floor_ratio, floor_ratio_ci95, floor_rmse,
    floor_histories and floor_hf_ratio, others lose them; metrics["floors"] says which file each
    world's came from. Raises DatasetError as `stored_ratios`.
    """
    for world, regime, task in run.cases("test"):
        entry = run.entry(world, regime, "test", task)
        assert entry is not None
        for key in [key for key in entry if key.startswith("floor_")]:
            del entry[key]
    shas = {f.settings.world: f.settings.sha for f in floors if _is_shown(f, run)}
    run.metrics["floors"] = {}
    for found in stored_ratios(run, floors) if run.has_statistics else []:
        entry = run.entry(found.world, found.regime, "test", found.task)
        assert entry is not None
        entry |= {
            "floor_ratio": found.ratio,
            "floor_ratio_ci95": list(found.ci95),
            "floor_rmse": found.floor_rmse,
            "floor_histories": found.histories,
            "floor_hf_ratio": found.hf_ratio,
        }
        run.metrics["floors"][found.world] = shas[found.world]


def _is_shown(floors: Floors, run: EvaluatedRun) -> bool:
    """Whether floors are of the run's data and of histories as long as its evaluation showed."""
    settings = floors.settings
    same = settings.samples_sha == run.data and settings.split == "test"
    return same and settings.length == settings.longest


def ratio(name: str, floors: Floors, regime: Regime, task: Task, theirs: pd.DataFrame) -> Ratio:
    """From a run's squared errors: sample, shock, observable, mse."""
    ours = errors(floors, regime, task)
    joined = ours.merge(theirs[[*KEYS, "mse"]], on=KEYS, how="left", suffixes=("", "_run"))
    settings = floors.settings
    if joined["mse_run"].isna().any() or len(joined) != len(ours):
        missing = joined.loc[joined["mse_run"].isna(), "sample"].nunique()
        raise DatasetError(
            f"{name}: has no errors of {missing} of the {len(floors.samples)} histories of the "
            f"floor of {settings.world}; evaluate it on the samples {settings.samples_sha} again"
        )
    best, run = (mean_squares(joined, column) for column in ("mse", "mse_run"))
    draws = resampled_means(np.column_stack([run, best]))
    return Ratio(
        run=name,
        world=settings.world,
        length=settings.length,
        regime=regime.value,
        task=task.value,
        histories=len(best),
        floor_rmse=rmse(joined),
        run_rmse=rmse(joined, "mse_run"),
        training_mean_rmse=rmse(joined, "null_mse"),
        ratio=float(np.sqrt(run.mean() / best.mean())),
        ci95=percentile_interval(np.sqrt(draws[:, 0] / draws[:, 1])),
    )


def table(ratios: Sequence[Ratio]) -> pd.DataFrame:
    """One row a ratio; without HF-ratios where none was asked for."""
    frame = pd.DataFrame([asdict(r) for r in ratios], columns=[f.name for f in fields(Ratio)])
    return frame.drop(columns="hf_ratio") if frame["hf_ratio"].isna().all() else frame
