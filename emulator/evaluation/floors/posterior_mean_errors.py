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
from emulator.evaluation.metrics.coverage import BANDS, coverage
from emulator.evaluation.metrics.hf_ratio import energy, energy_high
from emulator.regimes import Regime, Task
from emulator.specs import OBSERVABLE_NAMES


def errors(floors: Floors, regime: Regime, task: Task) -> pd.DataFrame:
    """One row a response: sample, shock, observable, sigma, and in units squared mse (of the mean
    of the two runs), mc_mse (its part that is Monte Carlo error), null_mse (of the training mean),
    energy and energy_high of the mean and, ending in _truth, of the truth, as evaluations have
    them; coverage_50 and coverage_90, shares of horizons."""
    truth, first, second, quantiles = (
        floors.arrays(regime, task, name) for name in ("truth", "first", "second", "quantiles")
    )
    scale = floors.scales[task]
    columns: dict[str, Any] = {
        "sigma": np.broadcast_to(scale.sigma, (len(truth), *scale.sigma.shape)),
        "mse": np.square(0.5 * (first + second) - truth).mean(axis=2),
        # the variance of a mean of two runs is a quarter of their squared difference's mean
        "mc_mse": np.square(0.5 * (first - second)).mean(axis=2),
        "null_mse": np.square(scale.mean - truth).mean(axis=2),
    }
    for suffix, values in (("", 0.5 * (first + second)), ("_truth", truth)):
        columns[f"energy{suffix}"] = energy(np.moveaxis(values, 2, -1))
        columns[f"energy_high{suffix}"] = energy_high(np.moveaxis(values, 2, -1))
    swapped, bands = np.moveaxis(truth, 2, -1), np.moveaxis(quantiles, 2, -2)
    for band in BANDS:
        columns[f"coverage_{band}"] = coverage(swapped, bands, band)
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
