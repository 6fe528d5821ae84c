"""Score a run: audit it, predict the prior of every world, store the statistics, derive metrics.

    statistics.parquet              one row a response; metrics follow from it
    trajectory_statistics.parquet   the same for trajectories, of models that forecast
    panels.safetensors              two responses of every world, to be drawn
    metrics.json                    {"worlds": {world: {regime: {split: {nrmse, ...}}}}, ...}

metrics.json comes last and records the checksums of the others: where it is there and they match,
the run is scored. Its entries are those of the steady-state response; `state_dependent` and
`trajectory` are nested in them. `ablations` and `rough_histories` hold, by world, regime and task,
scores with an input masked and with histories as they come. `by_horizon` and `spectrum` are
computed while scoring; every other number follows from the statistics.

A model is asked once about the prior: samples that no weights were trained on, hold-outs in their
natural share. `test`, `slice` and `corner` are its parts, and are rows of the same statistics. The
split `val` is scored too: specialists are chosen on it, never on the prior.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emulator.claim import LOCK, alone
from emulator.data import Dataset
from emulator.data.schema import OF_PRIOR, PRIOR
from emulator.errors import InputError
from emulator.evaluation.scoring.ablations import ablate
from emulator.evaluation.scoring.audit import audit_data, audit_inputs, audit_model
from emulator.evaluation.scoring.forecasts import score_forecasts, summarise_forecasts
from emulator.evaluation.scoring.opened import Opened, open_run
from emulator.evaluation.scoring.rough_histories import score_rough, shows_history
from emulator.evaluation.scoring.statistics import (
    Scored,
    mean_spectrum,
    of_null,
    score_model,
    squares_by_horizon,
    statistics,
)
from emulator.evaluation.scoring.summarise import summarise
from emulator.evaluation.stored.panels import Panel, write_panels
from emulator.evaluation.stored.record import NULL_MODEL
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.evaluation.stored.statistics_files import (
    RESPONSES_FILE,
    TRAJECTORIES_FILE,
    StatisticsWriter,
    checksums,
    compact,
)
from emulator.progress import Progress, silent
from emulator.provenance import commit
from emulator.questions import Question
from emulator.regimes import Regime, Task, tasks
from emulator.specs import WorldSpec
from emulator.storage import sweep
from emulator.training.run_folder import processor_seconds


def score(
    run: Path,
    dataset_path: str | None = None,
    progress: Progress = silent,
    *,
    ablations: bool = False,
    rough_histories: bool = False,
    criteria: bool = False,
) -> EvaluatedRun:
    """Score the weights of a run folder.

    The files named in the module docstring go to the run folder, metrics.json only when everything
    else is there. dataset_path None is the data set the run was trained on; one with fewer or more
    of the same draws, or other hold-outs, will do. ablations: also score the prior with each input
    masked; rough_histories: with histories as they come. criteria: refuse a run that the criteria
    are not for.

    Raises WeightsError when the weights were trained on other draws than are scored, InputError
    when predictions are missing, not finite, the truth itself or too close to it, a world's, or
    depend on what the regime forbids, DatasetError when a sample is in a split it does not belong
    to or a scale is not that of the training rows, ClaimError when another process is at work in
    the folder.
    """
    run = run.resolve()
    opened = open_run(run, dataset_path)
    if ablations and not opened.config.model.universal:
        raise InputError(
            f"{run}: ablations mask inputs of a universal model; a {opened.config.model.type} "
            "cannot do without any of its own"
        )
    worlds = tuple(opened.loaded.model.specs)
    if criteria and not opened.is_universal:
        raise InputError(
            f"{run}: the criteria are for a universal model of several worlds, given no more than "
            f"its regime's contract; this is {opened.config.model.type} on {', '.join(worlds)}"
        )
    audit_model(opened.loaded.model)
    for world in worlds:
        audit_data(opened.dataset, world)
    with alone(run / LOCK, run, "emulator evaluate"):
        sweep([*run.iterdir(), *(run / "figures").glob(".*")])
        return _score(run, opened, progress, ablations, rough_histories)


def _score(
    run: Path, opened: Opened, progress: Progress, ablations: bool, rough_histories: bool
) -> EvaluatedRun:
    result = _head(run, opened)
    cases = list(opened.cases())
    drawn_in = (cases[0][0], Regime.B1)  # the run's first regime, and where bands tell most
    panels: list[Panel] = []
    with (
        StatisticsWriter(run / RESPONSES_FILE) as responses,
        StatisticsWriter(run / TRAJECTORIES_FILE) as paths,
    ):
        for done, (regime, world, split, task) in enumerate(cases):
            progress(done, len(cases), f"{world} {regime} {split}")
            question = Question(world, regime, task, extra=opened.extra)
            case = (opened.loaded.model, opened.dataset, question)
            if split == PRIOR:
                audit_inputs(*case)
            spectrum = {}
            if task is Task.trajectory:
                whole, squares = score_forecasts(*case, split)
            else:
                scored = score_model(*case, split)
                whole, squares = compact(statistics(scored)), squares_by_horizon(scored)
                if split == PRIOR:
                    spectrum = {
                        "prediction": mean_spectrum(scored.prediction, scored.sigma).tolist(),
                        "truth": mean_spectrum(scored.truth, scored.sigma).tolist(),
                    }
                    if regime in drawn_in and task is Task.steady_state:
                        panels.append(pick(scored, opened.dataset.spec(world)))
            frame = _in_parts(whole, opened.dataset, world)
            (paths if task is Task.trajectory else responses).add(frame)
            rows = frame["sample"].drop_duplicates().to_numpy()
            siblings = opened.dataset.spec(world).siblings
            for name in (PRIOR, *OF_PRIOR) if split == PRIOR else (split,):
                part = frame if name == split else frame[frame["split"] == name]
                if not len(part):
                    continue
                some = squares[np.isin(rows, part["sample"])]
                entry = _summarised(part, task, siblings)
                entry |= {"by_horizon": np.sqrt(some.mean(axis=0)).tolist()}
                if name == PRIOR and spectrum:
                    entry["spectrum"] = spectrum
                for tree, values in (("worlds", entry), (NULL_MODEL, _null(part, task, siblings))):
                    splits = result[tree][world].setdefault(regime.value, {})
                    if task is Task.steady_state:
                        splits[name] = values
                    else:
                        splits[name][task.value] = values
            for name, wanted, compare in (
                ("ablations", ablations, ablate),
                ("rough_histories", rough_histories and shows_history(*case[::2]), score_rough),
            ):
                if wanted and split == PRIOR:
                    by_regime = result[name].setdefault(world, {}).setdefault(regime.value, {})
                    by_regime[task.value] = compare(*case, frame)
    write_panels(run, panels)
    result["statistics"] = checksums(run)
    scored_run = EvaluatedRun(run.name, run, result)
    scored_run.save()
    progress(len(cases), len(cases), "")
    return scored_run


def _in_parts(frame: pd.DataFrame, dataset: Dataset, world: str) -> pd.DataFrame:
    """Statistics with the part of the prior that each sample is in as their split."""
    split = frame["split"].to_numpy(dtype=object)
    for name in OF_PRIOR:
        split[frame["sample"].isin(dataset.scored(world, name))] = name
    return frame.assign(split=split)


def _summarised(frame: pd.DataFrame, task: Task, siblings: int) -> dict[str, Any]:
    if task is Task.trajectory:
        return summarise_forecasts(frame, siblings=siblings)
    return summarise(frame, siblings)


def _null(frame: pd.DataFrame, task: Task, siblings: int) -> dict[str, Any]:
    """The training mean's."""
    if task is Task.trajectory:
        return summarise_forecasts(frame, "null_mse", siblings)
    return summarise(of_null(frame), siblings)


def _head(run: Path, opened: Opened) -> dict[str, Any]:
    """metrics.json before anything is scored: what was trained, and what is asked."""
    worlds, provenance = tuple(opened.loaded.model.specs), opened.loaded.provenance
    seen = opened.loaded.samples_seen
    return {
        "model": opened.config.model.type,
        "regimes": [regime.value for regime in opened.regimes],
        "extra_inputs": sorted(opened.extra),
        "data_worlds": {
            world: [task.value for task in tasks(opened.dataset.spec(world))]
            for world in opened.dataset.worlds
        },
        "worlds": {world: {} for world in worlds},
        NULL_MODEL: {world: {} for world in worlds},
        "ablations": {},
        "rough_histories": {},
        "samples_seen": {
            regime.value: {world: seen[trained_in][world] for world in worlds}
            for regime, trained_in in opened.regimes.items()
        },
        "lr": None if opened.config.model.fitted_at_once else opened.config.training.lr,
        "seed": opened.config.training.seed,
        "processor_seconds": processor_seconds(run),
        "until_stalled": opened.config.training.patience is not None,
        "commit": commit(),
        "config_sha": provenance["config_sha"],
        "data_sha": opened.dataset.hash,
        "samples_sha": opened.dataset.samples_sha,
        "draws": {world: opened.dataset.draws_of(world) for world in worlds},
        "training_data_sha": provenance["data_sha"],
        "training_draws_sha": provenance["draws_sha"],
        "training_rows": provenance["training_rows"],
        "held_out": provenance["held_out"],
        "started_from": provenance["started_from"],
        "weights_sha256": opened.loaded.sha256,
        "training_commit": provenance["commit"],
    }


def pick(case: Scored, spec: WorldSpec) -> Panel:
    """The two samples of a scored split that are drawn."""
    error = np.sqrt(np.square(case.prediction - case.truth).mean(axis=2))
    scale = np.where(case.sigma > 0, case.sigma, np.inf)
    order = np.argsort((error / scale).mean(axis=(1, 2)))
    picks = [order[int(q * (len(order) - 1))] for q in (0.5, 0.9)]
    quantiles = None if case.quantiles is None else case.quantiles[picks]
    return Panel(
        spec.name, str(case.regime), case.shocks, spec.observables, case.sigma,
        case.prediction[picks], case.truth[picks], quantiles,
    )  # fmt: skip
