"""Normalised root mean squared error, the headline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import Answers, Metric, Statistic

if TYPE_CHECKING:
    from jaxtyping import Float


def mse(
    answer: Float[np.ndarray, "*#B points"], truth: Float[np.ndarray, "*#B points"]
) -> Float[np.ndarray, " ..."]:
    """Mean squared error over horizons, own unit squared; one curve may stand for many."""
    return np.asarray(np.square(answer - truth).mean(axis=-1))


def nrmse_per_sample(
    frame: pd.DataFrame, sigma: str = "sigma", mse: str = "mse"
) -> pd.Series[float]:
    """sqrt(mean_h error^2) / sigma, averaged over shocks and observables, indexed by sample."""
    ratio = np.sqrt(frame[mse]) / frame[sigma]
    means: pd.Series[float] = ratio.groupby(frame["sample"]).mean()
    return means


def nrmse(frame: pd.DataFrame) -> float:
    """The error of a typical response in units of how much responses vary: sqrt(mean over horizons
    of the squared error) / sigma[world, shock, observable], a mean. It weighs shocks alike,
    whatever their size; the training mean scores below 1. No unit; lower is better."""
    return float(nrmse_per_sample(frame).mean())


def nrmse_pooled(frame: pd.DataFrame) -> float:
    """As nrmse, divided by sigma[world, observable] pooled over shocks: shocks that move an
    observable little count little. Often quoted elsewhere, and smaller. No unit."""
    return float(nrmse_per_sample(frame, "sigma_pooled").mean())


def _mse(answers: Answers) -> Float[np.ndarray, "*B"]:
    return mse(answers.prediction, answers.truth)


STATISTICS: dict[str, Statistic] = {"mse": _mse}
METRICS = (
    Metric(nrmse, place=10, unit="none"),
    Metric(nrmse_pooled, place=11, unit="none"),
)
