"""Evaluate a run: score every world and split, store the statistics, derive metrics, draw."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from emulator.config import config_hash, load_config
from emulator.data import Dataset
from emulator.errors import WeightsError
from emulator.evaluation.leaderboard import write_leaderboard
from emulator.evaluation.metrics import summarise
from emulator.evaluation.plots import irf_panel
from emulator.evaluation.statistics import (
    Scored,
    error_by_horizon,
    score_model,
    score_training_mean,
    statistics,
)
from emulator.models.weights import load_weights, write_atomically
from emulator.provenance import commit
from emulator.regimes import Task, tasks
from emulator.training.config import RunConfig
from emulator.training.run_folder import CONFIG_FILE

SPLITS = ("test", "slice", "corner")
METRICS_FILE, STATISTICS_FILE = "metrics.json", "statistics.parquet"
NULL_MODEL = "training_mean"

Progress = Callable[[int, int, str], None]


def evaluate(
    run: Path,
    dataset_path: str | None = None,
    progress: Progress = lambda done, total, note: None,
) -> dict[str, Any]:
    """Evaluate the weights of a run folder; returns what metrics.json holds.

    Writes statistics.parquet, metrics.json, leaderboard.csv and .md, and figures/irf_panel.png to
    the run folder. dataset_path None is the data set the run was trained on. Raises WeightsError
    when the weights were trained on other data than is scored.
    """
    run = run.resolve()
    loaded = load_weights(run)
    config = load_config(run / CONFIG_FILE, RunConfig)
    if config_hash(config) != loaded.provenance["config_sha"]:
        raise WeightsError(
            f"{run / CONFIG_FILE}: is not the configuration these weights were trained with; "
            "restore it, or train again"
        )
    dataset = Dataset.open(dataset_path or config.data.dataset_path)
    if dataset.hash != loaded.provenance["data_sha"]:
        raise WeightsError(
            f"{run}: trained on data {loaded.provenance['data_sha']}, but {dataset.path} holds "
            f"{dataset.hash}; its test split may hold training samples. Name the right data set"
        )
    worlds = tuple(loaded.model.specs)
    cases = [
        (regime, world, split, task)
        for regime in config.data.regimes
        for world in worlds
        for split in SPLITS
        for task in tasks(dataset.spec(world))
    ]
    frames: list[pd.DataFrame] = []
    panel: list[Scored] = []
    result: dict[str, Any] = {
        "model": config.model.type,
        "regimes": [regime.value for regime in config.data.regimes],
        "worlds": {world: {} for world in worlds},
        NULL_MODEL: {world: {} for world in worlds},
    }
    for done, (regime, world, split, task) in enumerate(cases):
        progress(done, len(cases), f"{world} {split}")
        case = (dataset, world, split, regime, task)
        scored = score_model(loaded.model, *case)
        frame = statistics(scored)
        entry = {**summarise(frame), "by_horizon": error_by_horizon(scored).tolist()}
        null = summarise(statistics(score_training_mean(*case)))
        for source, values in (("worlds", entry), (NULL_MODEL, null)):
            splits = result[source][world].setdefault(regime.value, {})
            if task is Task.steady_state:
                splits[split] = values
            else:
                splits[split][task.value] = values
        frames.append(frame)
        if (split, regime, task) == ("test", config.data.regimes[0], Task.steady_state):
            panel.append(scored)
    result |= {
        "commit": commit(),
        "config_sha": loaded.provenance["config_sha"],
        "data_sha": dataset.hash,
        "weights_sha256": loaded.sha256,
        "training_commit": loaded.provenance["commit"],
    }
    table = pd.concat(frames, ignore_index=True)
    parquet = io.BytesIO()
    table.to_parquet(parquet, index=False)
    write_atomically(run / STATISTICS_FILE, parquet.getvalue())
    figures = run / "figures"
    figures.mkdir(exist_ok=True)
    irf_panel(panel, [dataset.spec(w) for w in worlds], figures / "irf_panel.png")
    write_atomically(run / METRICS_FILE, json.dumps(result, indent=1, allow_nan=False).encode())
    write_leaderboard(run, run)
    progress(len(cases), len(cases), "")
    return result
