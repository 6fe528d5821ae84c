"""The trajectory task: the observables of the forty quarters after "now".

Known innovations make it a simulation (A, D), unknown ones a forecast (B1, B2, C). "Now" is drawn
for each sample from every tenth quarter of the range that training draws from, so that samples with
the same "now" share a forward pass; the draw depends on (world, sample) alone, so every model
answers the same questions. A row of the statistics is one sample and observable.
"""

from __future__ import annotations

from collections.abc import Set

import numpy as np
import pandas as pd
import torch

from emulator.data import Dataset
from emulator.errors import InputError
from emulator.evaluation.scoring.bootstrap import mean_interval
from emulator.evaluation.scoring.metrics.derived import nrmse_per_sample
from emulator.evaluation.scoring.statistics import refuse_the_truth, tensors
from emulator.limits import AHEAD, MAX_HISTORY, MAX_NOW, MIN_NOW
from emulator.models.base import Model
from emulator.regimes import Regime, Task, build_inputs, fields_needed
from emulator.seeding import derived_seed
from emulator.specs import OBSERVABLE_NAMES

STEP = 10  # quarters between two choices of "now"


def choices_of_now(quarters: int) -> np.ndarray:
    """The quarters that can be "now" in samples of this length; none where they are too short."""
    return np.arange(MIN_NOW, min(MAX_NOW, quarters - AHEAD) + 1, STEP)


def draw_now(world: str, rows: np.ndarray, quarters: int) -> np.ndarray:
    """The quarter that is "now" for each sample (N,), a function of (world, sample) alone."""
    choices = choices_of_now(quarters)
    if not len(choices):
        raise InputError(
            f"trajectories: expected samples of at least {MIN_NOW + AHEAD} quarters, got {quarters}"
        )
    picks = [derived_seed(0, "now", world, int(row)) % len(choices) for row in rows]
    return np.asarray(choices[picks])


def score_forecasts(
    model: Model,
    dataset: Dataset,
    world: str,
    split: str,
    regime: Regime,
    *,
    without: Set[str] = frozenset(),
    extra: Set[str] = frozenset(),
) -> tuple[pd.DataFrame, np.ndarray]:
    """Statistics of every sample of a split, and the error by quarter ahead (F,).

    Columns: world, regime, task, split, sample, now, observable, sigma (s.d. of the observable over
    training trajectories), mse and null_mse (the training mean's), over the quarters ahead. The
    error by quarter is the root mean square of error / sigma. Raises InputError where the model
    does not forecast.
    """
    rows = dataset.rows(world, split)
    if not len(rows):
        raise InputError(f"{world}, split {split}: no samples")
    spec, config = dataset.spec(world), dataset.manifest.config
    nows = draw_now(world, rows, config.quarters)
    names = list(fields_needed(regime, Task.trajectory, without=without, extra=extra))
    # Once for all: rows with the same "now" are spread over the pieces that can be read alone.
    arrays = dataset.read(world, rows, sorted({*names, "trajectories"}))
    predicted = np.empty((len(rows), AHEAD, 3))
    truth = np.empty_like(predicted)
    model.eval()
    for now in np.unique(nows):
        here = np.flatnonzero(nows == int(now))
        fields = tensors({name: arrays[name][here] for name in names}, model)
        inputs = build_inputs(
            fields, spec, regime, Task.trajectory,
            history_length=int(min(MAX_HISTORY, now - config.run_in)), run_in=config.run_in,
            now=int(now), ahead=AHEAD, without=without, extra=extra,
        )  # fmt: skip
        with torch.no_grad():
            answer = model.forecast(inputs).cpu().numpy()
        expected = (len(here), AHEAD, 3)
        if answer.shape != expected:
            raise InputError(f"{world}: expected forecasts of shape {expected}, got {answer.shape}")
        predicted[here] = answer
        truth[here] = arrays["trajectories"][here, now : now + AHEAD]
    where = f"{world}, regime {regime}, trajectory, split {split}"
    bad = ~np.isfinite(predicted).all(axis=(1, 2))
    if bad.any():
        raise InputError(f"{where}: forecasts not finite in {bad.sum()} of {len(rows)} samples")
    moments = dataset.moments(world)
    refuse_the_truth(predicted, truth, moments.traj_sd, where, "forecasts")
    error = predicted - truth
    null = moments.traj_mean - truth
    frame = pd.DataFrame(
        {
            "world": world,
            "regime": regime.value,
            "task": Task.trajectory.value,
            "split": split,
            "sample": np.repeat(rows, 3),
            "now": np.repeat(nows, 3),
            "observable": np.tile(OBSERVABLE_NAMES, len(rows)),
            "sigma": np.tile(moments.traj_sd, len(rows)),
            "mse": np.square(error).mean(axis=1).ravel(),
            "null_mse": np.square(null).mean(axis=1).ravel(),
        }
    )
    by_quarter = np.sqrt(np.square(error / moments.traj_sd).mean(axis=(0, 2)))
    return frame, by_quarter


def summarise_forecasts(frame: pd.DataFrame, mse: str = "mse") -> dict[str, object]:
    """NRMSE of forecasts: sqrt(mean over quarters of the squared error) / s.d. of the observable
    over training trajectories, mean over samples and observables, with its interval."""
    per_sample = nrmse_per_sample(frame, mse=mse)
    ratio = (np.sqrt(frame[mse]) / frame["sigma"]).groupby(frame["observable"], sort=False).mean()
    return {
        "nrmse": float(per_sample.mean()),
        "ci95": list(mean_interval(per_sample.to_numpy())),
        "by_observable": {str(name): float(value) for name, value in ratio.items()},
        "samples": len(per_sample),
    }
