"""Squared errors of the posterior mean, response by response, and the RMSE that they add up to.

RMSE is sqrt(mean of mse / sigma^2) over samples, shocks and observables: squares, because they are
what the posterior mean minimises; sigma, the s.d. of training responses, as in NRMSE. Responses
that are identically zero (sigma zero) are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from emulator.evaluation.floors.floors_on_disk import Floors
from emulator.evaluation.metrics.coverage import BANDS
from emulator.evaluation.metrics.hf_ratio import energy, energy_high
from emulator.regimes import Task
from emulator.specs import OBSERVABLE_NAMES


def errors(floors: Floors, task: Task) -> pd.DataFrame:
    """One row a response: sample, shock, observable, sigma, and in units squared mse, mc_mse (its
    part that is Monte Carlo error), null_mse (of the training mean), energy and energy_high of the
    posterior mean and, ending in _truth, of the truth, as evaluations have them; coverage_50 and
    coverage_90, shares of horizons."""
    truth, mean = floors.arrays(task, "truth"), floors.arrays(task, "mean")
    scale = floors.scales[task]
    columns: dict[str, Any] = {
        "sigma": np.broadcast_to(scale.sigma, (len(truth), *scale.sigma.shape)),
        "mse": np.square(mean - truth).mean(axis=2),
        "mc_mse": floors.arrays(task, "apart"),
        "null_mse": np.square(scale.mean - truth).mean(axis=2),
    }
    for suffix, values in (("", mean), ("_truth", truth)):
        columns[f"energy{suffix}"] = energy(np.moveaxis(values, 2, -1))
        columns[f"energy_high{suffix}"] = energy_high(np.moveaxis(values, 2, -1))
    held = floors.arrays(task, "coverage")
    for k, band in enumerate(BANDS):
        columns[f"coverage_{band}"] = held[..., k]
    shocks = np.asarray(floors.settings.shocks)
    sample, shock, observable = np.meshgrid(
        floors.samples, np.arange(len(shocks)), np.arange(3), indexing="ij"
    )
    frame = pd.DataFrame(
        {
            "sample": sample.ravel(),
            "shock": shocks[shock.ravel()],
            "observable": np.asarray(OBSERVABLE_NAMES)[observable.ravel()],
            **{name: values.ravel() for name, values in columns.items()},
        }
    )
    return frame[frame["sigma"] > 0].reset_index(drop=True)


def mean_squares(frame: pd.DataFrame, column: str = "mse") -> np.ndarray:
    """mse / sigma^2 by sample (N,), averaged over shocks and observables."""
    scaled = frame[column] / frame["sigma"] ** 2
    return scaled.groupby(frame["sample"], sort=False).mean().to_numpy()


def rmse(frame: pd.DataFrame, column: str = "mse") -> float:
    """sqrt(mean mse / sigma^2)."""
    return float(np.sqrt(mean_squares(frame, column).mean()))
