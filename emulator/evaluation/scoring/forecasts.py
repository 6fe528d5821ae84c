"""The trajectory task: the observables of the forty quarters after "now".

Known innovations make it a simulation (A, D), unknown ones a forecast (B1, B2, C). "Now" is drawn
for each sample from every tenth quarter of the range that training draws from, so that samples with
the same "now" share a forward pass; the draw depends on (world, sample) alone, so every model
answers the same questions. A row of the statistics is one sample and observable.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from emulator.data import Dataset
from emulator.data.schema import Design
from emulator.errors import InputError
from emulator.evaluation.metrics.nrmse import nrmse_per_sample
from emulator.evaluation.scoring.bootstrap import groups_of, mean_interval, told
from emulator.evaluation.scoring.statistics import refuse_the_truth
from emulator.limits import AHEAD
from emulator.models.base import Model
from emulator.questions import Question, device_of, needed, nows, pose, read, why_no_now
from emulator.regimes import Task
from emulator.seeding import derived_seed
from emulator.specs import OBSERVABLE_NAMES

STEP = 10  # quarters between two choices of "now"


def draw_now(design: Design, world: str, rows: np.ndarray) -> np.ndarray:
    """The quarter that is "now" for each sample (N,), a function of (world, sample) alone."""
    choices = nows(design)[::STEP]
    if not choices:
        raise InputError(f"trajectories: samples {why_no_now(design)}")
    picks = [derived_seed(0, "now", world, int(row)) % len(choices) for row in rows]
    return np.asarray(choices)[picks]


def score_forecasts(
    model: Model, dataset: Dataset, question: Question, split: str
) -> tuple[pd.DataFrame, np.ndarray]:
    """Statistics of every sample to be scored of a split, and its mean square of error / sigma over
    observables by quarter ahead, (N, F).

    Columns: world, regime, task, split, sample, now, observable, sigma (s.d. of the observable over
    training trajectories), mse and null_mse (the training mean's), over the quarters ahead. The
    question's "now" is drawn for
    each sample. Raises InputError where the model does not forecast.
    """
    world, regime = question.world, question.regime
    rows = dataset.scored(world, split)
    if not len(rows):
        raise InputError(f"{world}, split {split}: no samples")
    asked_at = draw_now(dataset.manifest.config, world, rows)
    # Once for all: rows with the same "now" are spread over the pieces that can be read alone.
    fields = read(dataset, world, rows, needed([question]), device_of(model))
    predicted = np.empty((len(rows), AHEAD, 3))
    truth = np.empty_like(predicted)
    model.eval()
    for now in np.unique(asked_at).tolist():
        here = np.flatnonzero(asked_at == now)
        some = {name: values[torch.as_tensor(here)] for name, values in fields.items()}
        inputs, target = pose(dataset, replace(question, now=now), some)
        with torch.no_grad():
            answer = model.forecast(inputs).cpu().numpy()
        expected = (len(here), AHEAD, 3)
        if answer.shape != expected:
            raise InputError(f"{world}: expected forecasts of shape {expected}, got {answer.shape}")
        predicted[here] = answer
        truth[here] = target.cpu().numpy()
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
            "now": np.repeat(asked_at, 3),
            "observable": np.tile(OBSERVABLE_NAMES, len(rows)),
            "sigma": np.tile(moments.traj_sd, len(rows)),
            "mse": np.square(error).mean(axis=1).ravel(),
            "null_mse": np.square(null).mean(axis=1).ravel(),
        }
    )
    return frame, np.square(error / moments.traj_sd).mean(axis=2)


def summarise_forecasts(
    frame: pd.DataFrame, mse: str = "mse", siblings: int = 1
) -> dict[str, object]:
    """NRMSE of forecasts: sqrt(mean over quarters of the squared error) / s.d. of the observable
    over training trajectories, mean over samples and observables, with its interval."""
    per_sample = nrmse_per_sample(frame, mse=mse)
    groups = groups_of(per_sample.index, siblings)
    ratio = (np.sqrt(frame[mse]) / frame["sigma"]).groupby(frame["observable"], sort=False).mean()
    return {
        "nrmse": float(per_sample.mean()),
        "ci95": list(mean_interval(per_sample.to_numpy(), groups=groups)),
        "by_observable": {str(name): float(value) for name, value in ratio.items()},
        "samples": len(per_sample),
        **told(siblings),
    }
