"""Errors of every response, stored once; metrics are derived from them.

A row is one response: world, regime, task, split, sample, shock, observable, and its mean squared
error over horizons. Rows with zero scale (responses that are identically zero in the world) are not
scored and not stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from emulator.data import Dataset
from emulator.errors import InputError
from emulator.models.base import Model
from emulator.regimes import TARGETS, Regime, Task, build_inputs, fields_needed
from emulator.specs import OBSERVABLE_NAMES
from emulator.training.batches import history_quarters

CHUNK = 1024  # samples a forward pass


@dataclass(frozen=True)
class Scored:
    """Predictions of one world, task and split beside the truth, per unit of size.

    prediction, truth: (N, S, H+1, 3). rows: (N,) sample indices. sigma: (S, 3), the s.d. over
    training samples and horizons; sigma_pooled: (3,), shocks pooled too.
    """

    world: str
    regime: Regime
    task: Task
    split: str
    rows: np.ndarray
    prediction: np.ndarray
    truth: np.ndarray
    sigma: np.ndarray
    sigma_pooled: np.ndarray
    shocks: tuple[str, ...]

    def __post_init__(self) -> None:
        where = f"{self.world}, regime {self.regime}, {self.task}, split {self.split}"
        if self.prediction.shape != self.truth.shape:
            raise InputError(
                f"{where}: predictions of shape {self.prediction.shape}, truth {self.truth.shape}"
            )
        if self.truth.any() and np.array_equal(self.prediction, self.truth):
            raise InputError(f"{where}: the predictions are the truth itself, bit for bit")
        for name in ("prediction", "truth"):
            bad = ~np.isfinite(getattr(self, name)).all(axis=(1, 2, 3))
            if bad.any():
                raise InputError(f"{where}: {name} not finite in {bad.sum()} of {len(bad)} samples")
        if not len(self.rows):
            raise InputError(f"{where}: no samples")


def score_model(
    model: Model, dataset: Dataset, world: str, split: str, regime: Regime, task: Task
) -> Scored:
    """Predict every sample of a split from what the regime allows."""
    rows = dataset.rows(world, split)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    spec = dataset.spec(world)
    names = list(fields_needed(regime, task))
    length, run_in = history_quarters(dataset), dataset.manifest.config.run_in
    parts = []
    with torch.no_grad():
        for first in range(0, len(rows), CHUNK):
            arrays = dataset.read(world, rows[first : first + CHUNK], names)
            fields = {
                k: torch.as_tensor(v, dtype=torch.float32, device=device) for k, v in arrays.items()
            }
            inputs = build_inputs(fields, spec, regime, task, history_length=length, run_in=run_in)
            parts.append(model.eval()(inputs, dataset.manifest.config.horizon).cpu().numpy())
    return score(dataset, world, split, regime, task, rows, np.concatenate(parts))


def score_training_mean(
    dataset: Dataset, world: str, split: str, regime: Regime, task: Task
) -> Scored:
    """The null model: every response is the training mean."""
    rows = dataset.rows(world, split)
    moments = dataset.moments(world)
    mean = moments.irf_mean if task is Task.steady_state else moments.irf_state_mean
    values = np.broadcast_to(mean, (len(rows), *mean.shape))
    return score(dataset, world, split, regime, task, rows, values)


def score(
    dataset: Dataset,
    world: str,
    split: str,
    regime: Regime,
    task: Task,
    rows: np.ndarray,
    values: np.ndarray,
) -> Scored:
    """Predictions (N, S, H+1, 3) for the given rows beside the truth."""
    moments = dataset.moments(world)
    steady = task is Task.steady_state
    target = TARGETS[task]
    return Scored(
        world=world,
        regime=regime,
        task=task,
        split=split,
        rows=rows,
        prediction=np.asarray(values, dtype=np.float64),
        truth=dataset.read(world, rows, [target])[target].astype(np.float64),
        sigma=np.asarray(moments.irf_sd if steady else moments.irf_state_sd),
        sigma_pooled=np.asarray(moments.irf_sd_pooled if steady else moments.irf_state_sd_pooled),
        shocks=dataset.spec(world).shock_names,
    )


def statistics(scored: Scored) -> pd.DataFrame:
    """One row a response: sample, shock, observable, mse, sigma, sigma_pooled."""
    mse = np.square(scored.prediction - scored.truth).mean(axis=2)  # (N, S, 3)
    n, s, v = mse.shape
    sample, shock, observable = np.meshgrid(scored.rows, np.arange(s), np.arange(v), indexing="ij")
    frame = pd.DataFrame(
        {
            "world": scored.world,
            "regime": scored.regime.value,
            "task": scored.task.value,
            "split": scored.split,
            "sample": sample.ravel(),
            "shock": np.asarray(scored.shocks)[shock.ravel()],
            "observable": np.asarray(OBSERVABLE_NAMES)[observable.ravel()],
            "mse": mse.ravel(),
            "sigma": np.broadcast_to(scored.sigma, (n, s, v)).ravel(),
            "sigma_pooled": np.broadcast_to(scored.sigma_pooled, (n, s, v)).ravel(),
        }
    )
    return frame[frame["sigma"] > 0].reset_index(drop=True)


def error_by_horizon(scored: Scored) -> np.ndarray:
    """(H+1,): root mean square of error / sigma over samples, shocks and observables."""
    kept = scored.sigma > 0
    error = (scored.prediction - scored.truth) / np.where(kept, scored.sigma, 1.0)[:, None]
    squares = np.square(error).transpose(0, 2, 1, 3)[:, :, kept]  # (N, H+1, kept)
    return np.asarray(np.sqrt(squares.mean(axis=(0, 2))))
