"""Runs beside the floor: how far from the best possible, on the same histories.

A ratio is RMSE of the run / RMSE of the best answer, both over the same histories, with a bootstrap
interval paired by history. One is the best possible; a ratio can fall below one by chance and by
the floor's own Monte Carlo error. Of histories alone, B1, the best answer is the posterior mean of
the floors (see `posterior_mean_errors`), on those of its histories that the run was scored on. Of
parameters and inputs that leave the state open it is the exact conditional mean, whose error an
evaluation stores (`emulator.estimation.from_state`), on all that the run was scored on.

`fill_floors` takes the errors an evaluation stored, which are at the longest history;
`distances_at_any_length` asks a model again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from emulator.data.schema import PRIOR
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


class Compared(NamedTuple):
    """RMSEs of the best answer, a run and the training mean on the same histories, the ratio of the
    first two and its 95 % interval."""

    histories: int
    floor_rmse: float
    run_rmse: float
    training_mean_rmse: float
    ratio: float
    ci95: tuple[float, float]


@dataclass(frozen=True)
class Ratio:
    """A run beside the best answer, in one regime and task, over histories of a split.

    hf_ratio: the run's share of energy at high frequencies over the posterior mean's; None where
    only errors were asked for.
    """

    run: str
    world: str
    length: int
    split: str
    regime: str
    task: str
    compared: Compared
    hf_ratio: float | None = None


def stored_ratios(run: EvaluatedRun, floors: Sequence[Floors]) -> list[Ratio]:
    """The ratios of an evaluated run wherever there are floors of its data at the length its
    evaluation showed. Raises DatasetError when the evaluation has none of a floor's histories."""
    out = []
    for found in floors:
        world = found.settings.world
        if not _is_shown(found, run):
            continue
        for task in found.tasks():
            if run.entry(world, Regime.B1, PRIOR, task) is None:
                continue
            columns = [*KEYS, "sigma", "mse", *ENERGIES]
            theirs = run.statistics(world, Regime.B1, PRIOR, task, columns)
            ours = errors(found, task)
            same = [frame[frame["sample"].isin(other["sample"])]
                    for frame, other in ((theirs, ours), (ours, theirs))]  # fmt: skip
            closest = ratio(run.name, found, task, theirs)
            out.append(replace(closest, hf_ratio=hf_share(same[0]) / hf_share(same[1])))
    return out


def to_conditional_mean(run: EvaluatedRun, world: str, regime: str, task: str) -> Compared | None:
    """The run beside the exact conditional mean; None where the inputs leave nothing open, or more
    than the state."""
    if task == Task.trajectory:
        return None
    columns = ["sample", "sigma", "mse", "null_mse", "best_mse"]
    frame = run.statistics(world, regime, PRIOR, task, columns)
    if not frame["best_mse"].notna().all():
        return None
    return _compared(frame, "best_mse", "mse")


def fill_floors(run: EvaluatedRun, floors: Sequence[Floors]) -> None:
    """Put the distances to the best answers into the run's metrics.

    Each entry of the prior that there is a floor or an exact conditional mean of gets floor_ratio,
    floor_ratio_ci95, floor_rmse and floor_histories, of a floor floor_hf_ratio besides, others lose
    them; metrics["floors"] says which file each world's came from. Raises DatasetError as
    `stored_ratios`.
    """
    for world, regime, task in run.cases(PRIOR):
        entry = run.entry(world, regime, PRIOR, task)
        assert entry is not None
        for key in [key for key in entry if key.startswith("floor_")]:
            del entry[key]
        if run.has_statistics and (mean := to_conditional_mean(run, world, regime, task)):
            entry |= _entries(mean)
    shas = {f.settings.world: f.settings.sha for f in floors if _is_shown(f, run)}
    run.metrics["floors"] = {}
    for found in stored_ratios(run, floors) if run.has_statistics else []:
        entry = run.entry(found.world, found.regime, PRIOR, found.task)
        assert entry is not None
        entry |= {**_entries(found.compared), "floor_hf_ratio": found.hf_ratio}
        run.metrics["floors"][found.world] = shas[found.world]


def _entries(found: Compared) -> dict[str, Any]:
    return {
        "floor_ratio": found.ratio,
        "floor_ratio_ci95": list(found.ci95),
        "floor_rmse": found.floor_rmse,
        "floor_histories": found.histories,
    }


def _is_shown(floors: Floors, run: EvaluatedRun) -> bool:
    """Whether floors are of the run's draws, which are those it was trained on, over the same
    prior, and of histories as long as its evaluation showed."""
    settings = floors.settings
    same = settings.draws_sha == run.metrics["draws"].get(settings.world)
    return same and settings.split == PRIOR and settings.length == settings.longest


def ratio(name: str, floors: Floors, task: Task, theirs: pd.DataFrame) -> Ratio:
    """From a run's squared errors, sample, shock, observable, mse, on the histories of both. Raises
    DatasetError where there is none."""
    settings = floors.settings
    ours = errors(floors, task)
    joined = ours.merge(theirs[[*KEYS, "mse"]], on=KEYS, suffixes=("", "_run"))
    if joined.empty:
        raise DatasetError(
            f"{name}: has errors of none of the {len(floors.samples)} histories of the floor of "
            f"{settings.world}; evaluate it on draws {settings.draws_sha} again"
        )
    compared = _compared(joined, "mse", "mse_run")
    return Ratio(
        name, settings.world, settings.length, settings.split, Regime.B1.value, task.value, compared
    )


def _compared(frame: pd.DataFrame, best: str, run: str) -> Compared:
    """The comparison of squared errors in these columns."""
    floor, theirs = (mean_squares(frame, column) for column in (best, run))
    draws = resampled_means(np.column_stack([theirs, floor]))
    return Compared(
        len(floor),
        rmse(frame, best),
        rmse(frame, run),
        rmse(frame, "null_mse"),
        float(np.sqrt(theirs.mean() / floor.mean())),
        percentile_interval(np.sqrt(draws[:, 0] / draws[:, 1])),
    )


def table(ratios: Sequence[Ratio]) -> pd.DataFrame:
    """One row a ratio: its case, then the columns of `Compared`; without HF-ratios where none was
    asked for."""
    case = [field.name for field in fields(Ratio) if field.name not in ("compared", "hf_ratio")]
    rows = [
        {
            **{name: getattr(r, name) for name in case},
            **r.compared._asdict(),
            "hf_ratio": r.hf_ratio,
        }
        for r in ratios
    ]
    frame = pd.DataFrame(rows, columns=[*case, *Compared._fields, "hf_ratio"])
    return frame.drop(columns="hf_ratio") if frame["hf_ratio"].isna().all() else frame
