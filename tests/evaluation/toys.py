"""Toy cases with known answers, and runs made of metrics and statistics alone."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from emulator.data.schema import OF_PRIOR, PRIOR
from emulator.errors import InputError
from emulator.evaluation import evaluate
from emulator.evaluation.scoring.statistics import Scored, of_null, statistics
from emulator.evaluation.scoring.summarise import accuracy, summarise
from emulator.evaluation.stored.record import NULL_MODEL, write_metrics
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.evaluation.stored.statistics_files import (
    RESPONSES_FILE,
    StatisticsWriter,
    checksums,
    compact,
)
from emulator.regimes import Regime, Task

WORLDS = ("one", "two")  # of the toy data set
JUDGED = ("A", "B1", "C")  # the regimes in which criteria are judged
SIGMA = np.array([[1.0, 2.0, 0.0], [0.5, 1.0, 4.0]])  # one response is identically zero
SHAPE = (4, 2, 7, 3)
HUMP = np.array([0.0, 1.0, 2.0, 1.5, 0.9, 1.1, 0.4, -0.5, 0.0])


def noise(seed: int = 1, shape: tuple[int, ...] = (6, 2, 9, 3)) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


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


def shifted() -> pd.DataFrame:
    """Statistics of a response of one quarter, predicted three quarters late and half too large."""
    truth = np.zeros((4, 2, 9, 3))
    truth[:, :, 2] = 1.0
    prediction = np.zeros_like(truth)
    prediction[:, :, 5] = 1.5
    return frame(np.zeros_like(truth), truth=truth, prediction=prediction)


def bands(truth: np.ndarray, offsets: tuple[float, ...]) -> np.ndarray:
    """Quantiles (..., 5) at fixed distances from the truth."""
    return np.asarray(truth[..., None] + np.array(offsets))


def evaluated(
    folder: Path,
    error: float,
    *,
    model: str = "universal",
    worlds: tuple[str, ...] = WORLDS,
    regimes: tuple[str, ...] = ("A",),
    seen: int = 1000,
    seconds: float | None = 100.0,
    seed: int = 0,
    val: float | None = None,
    **entries: Any,
) -> EvaluatedRun:
    """A run folder whose errors are normal with s.d. `error` (on `val`: `val`).

    entries: put into every entry of the prior. The truth, and the noise of a seed, are the same in
    every such run and regime.
    """
    folder.mkdir(parents=True)
    tree: dict[str, Any] = {}
    null: dict[str, Any] = {}
    errors = error, error if val is None else val, seed
    for world in worlds:
        tree[world] = {regime: {} for regime in regimes}
        null[world] = {regime: {} for regime in regimes}
        for regime in regimes:
            for split, entry in _measured(world, *errors).entries.items():
                more = entries if split == PRIOR else {}
                tree[world][regime][split] = deepcopy(entry | more)
                null[world][regime][split] = deepcopy(_means(world)[split])
    (folder / RESPONSES_FILE).write_bytes(_stored(worlds, regimes, *errors))
    metrics = {
        "model": model, "regimes": list(regimes), "extra_inputs": [], "worlds": tree,
        "data_worlds": {world: ["steady_state"] for world in WORLDS}, NULL_MODEL: null,
        "statistics": checksums(folder), "ablations": {},
        "samples_seen": {regime: dict.fromkeys(worlds, seen) for regime in regimes},
        "until_stalled": False, "lr": 1e-3, "seed": 1, "processor_seconds": seconds,
        "commit": "c", "config_sha": "f", "data_sha": "d", "samples_sha": "s",
        "draws": dict.fromkeys(WORLDS, "r"),
        "weights_sha256": "w",
        "training_commit": "t",
        "training_data_sha": "d",
        "training_draws_sha": "r",
        "training_rows": dict.fromkeys(worlds, 100),
        "held_out": {world: [] for world in worlds},
        "started_from": None,
    }  # fmt: skip
    write_metrics(folder, metrics)
    return EvaluatedRun(folder.name, folder, metrics)


class _Measured(NamedTuple):
    """Statistics on every split and on the prior, and the run's entries of each."""

    frames: dict[str, pd.DataFrame]
    entries: dict[str, dict[str, Any]]


@cache
def _stored(
    worlds: tuple[str, ...], regimes: tuple[str, ...], error: float, val: float, seed: int
) -> bytes:
    """The statistics of `evaluated` as a file. Many runs of tests share it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / RESPONSES_FILE
        with StatisticsWriter(path) as writer:
            for world in worlds:
                frames = _measured(world, error, val, seed).frames
                for regime in regimes:
                    for split in ("val", PRIOR):
                        writer.add(frames[split].assign(regime=regime))
        return path.read_bytes()


@cache
def _means(world: str) -> dict[str, dict[str, Any]]:
    """The training mean's entries, which are the same beside every run."""
    frames = _measured(world, 1.0, 1.0, 0).frames
    return {split: summarise(of_null(part)) for split, part in frames.items()}


@cache
def _measured(world: str, error: float, val: float, seed: int) -> _Measured:
    """Of one world of `evaluated`. Many runs of tests share it."""
    parts = {}
    for k, split in enumerate(("val", *OF_PRIOR)):
        rng = np.random.default_rng([seed, len(split), len(world)])
        noise = (val if split == "val" else error) * rng.normal(size=(24, 2, 9, 3))
        rows = np.arange(24 * k, 24 * k + 24)
        parts[split] = compact(frame(noise, world=world, split=split, rows=rows))
    whole = pd.concat([parts[split] for split in OF_PRIOR])
    splits = {PRIOR: whole, **parts}
    entries = {
        split: accuracy(part, siblings=1) | {"by_horizon": [error] * 9}
        for split, part in splits.items()
    }
    spectrum = {"prediction": [1.0] * 5, "truth": [1.0] * 5}
    entries[PRIOR] |= summarise(whole) | {"spectrum": spectrum}
    return _Measured(splits, entries)


def tuned(runs: list[EvaluatedRun]) -> list[EvaluatedRun]:
    """Each run at three learning rates, and at the first of them with two seeds."""
    return [
        replace(
            run, name=f"{run.name}-{lr}-{seed}", metrics={**run.metrics, "lr": lr, "seed": seed}
        )
        for run in runs
        for lr, seed in ((1e-3, 1), (1e-3, 2), (2e-3, 1), (4e-3, 1))
    ]


def metrics_of(run: Path) -> dict[str, Any]:
    """metrics.json as it is, unchecked."""
    return json.loads((run / "metrics.json").read_text())


def killed_at(monkeypatch: pytest.MonkeyPatch, step: str, run: Path) -> None:
    """Evaluate a run until an error at a step."""
    with monkeypatch.context() as patch:
        patch.setattr(
            f"emulator.evaluation.{step}", lambda *a: (_ for _ in ()).throw(InputError("killed"))
        )
        with pytest.raises(InputError, match="killed"):
            evaluate(run)
