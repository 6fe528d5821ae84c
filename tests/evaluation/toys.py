"""Toy cases with known answers, and runs made of metrics and statistics alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emulator.evaluation.metrics import accuracy, summarise
from emulator.evaluation.runs import NULL_MODEL, EvaluatedRun, write_metrics
from emulator.evaluation.statistics import Scored, statistics
from emulator.evaluation.store import RESPONSES_FILE, StatisticsWriter, compact
from emulator.regimes import Regime, Task

SIGMA = np.array([[1.0, 2.0, 0.0], [0.5, 1.0, 4.0]])  # one response is identically zero


def scored(error: np.ndarray, **changes: Any) -> Scored:
    """A toy case whose predictions are off by `error` (N, S, H+1, 3)."""
    truth = np.random.default_rng(0).normal(size=error.shape)
    values: dict[str, Any] = {
        "world": "toy", "regime": Regime.A, "task": Task.steady_state, "split": "test",
        "rows": np.arange(len(error)), "prediction": truth + error, "truth": truth,
        "sigma": SIGMA, "sigma_pooled": np.array([1.0, 2.0, 4.0]),
        "null": np.zeros(error.shape[1:]), "shocks": ("first", "second"),
    }  # fmt: skip
    return Scored(**{**values, **changes})


def frame(error: np.ndarray, **changes: Any) -> pd.DataFrame:
    return statistics(scored(error, **changes))


def bands(truth: np.ndarray, offsets: tuple[float, ...]) -> np.ndarray:
    """Quantiles (..., 5) at fixed distances from the truth."""
    return np.asarray(truth[..., None] + np.array(offsets))


def evaluated(
    folder: Path,
    error: float,
    *,
    model: str = "universal",
    worlds: tuple[str, ...] = ("one", "two"),
    regime: str = "A",
    seen: int = 1000,
    seed: int = 0,
    val: float | None = None,
    **entries: Any,
) -> EvaluatedRun:
    """A run folder whose errors are normal with s.d. `error` (on `val`: `val`).

    entries: put into every entry of `test`. The truth is the same in every such run.
    """
    folder.mkdir(parents=True)
    tree: dict[str, Any] = {}
    null: dict[str, Any] = {}
    with StatisticsWriter(folder / RESPONSES_FILE) as writer:
        for world in worlds:
            tree[world], null[world] = {regime: {}}, {regime: {}}
            for split in ("test", "val", "slice", "corner"):
                size = val if split == "val" and val is not None else error
                rng = np.random.default_rng([seed, len(split), len(world)])
                noise = size * rng.normal(size=(24, 2, 9, 3))
                part = compact(frame(noise, world=world, split=split, regime=Regime(regime)))
                writer.add(part)
                entry = accuracy(part)
                if split == "test":
                    entry = summarise(part) | {"by_horizon": [error] * 9}
                    entry |= {"spectrum": {"prediction": [1.0] * 5, "truth": [1.0] * 5}, **entries}
                tree[world][regime][split] = entry
                null[world][regime][split] = accuracy(part, "null_mse")
    metrics = {
        "model": model, "regimes": [regime], "extra_inputs": [], "worlds": tree, NULL_MODEL: null,
        "ablations": {}, "samples_seen": dict.fromkeys(worlds, seen), "until_stalled": False,
        "commit": "c", "config_sha": "f", "data_sha": "d", "weights_sha256": "w",
        "training_commit": "t",
    }  # fmt: skip
    write_metrics(folder, metrics)
    return EvaluatedRun(folder.name, folder, metrics)
