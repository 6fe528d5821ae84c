"""Whether stated quantiles are what they say."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import InBands, Metric
from emulator.limits import QUANTILES

if TYPE_CHECKING:
    from jaxtyping import Float

LEVELS = tuple(f"below_{round(100 * level)}" for level in QUANTILES)


def below(
    truth: Float[np.ndarray, "*B points"], quantiles: Float[np.ndarray, "*B points K"]
) -> Float[np.ndarray, "*B K"]:
    """Share of horizons at which the truth is at or below each quantile (..., H+1, K), (..., K)."""
    return np.asarray((truth[..., None] <= quantiles).mean(axis=-2))


def calibration(frame: pd.DataFrame) -> list[float]:
    """Share of points (samples, shocks, observables, horizons) at or below each stated quantile,
    five numbers; the levels .05, .25, .5, .75, .95 are right."""
    return [float(frame[level].mean()) for level in LEVELS]


def _below(
    truth: Float[np.ndarray, "*B points"], quantiles: Float[np.ndarray, "*B points K"], level: int
) -> Float[np.ndarray, "*B"]:
    return np.asarray(below(truth, quantiles[..., [level]])[..., 0])


STATISTICS = {name: InBands(partial(_below, level=k)) for k, name in enumerate(LEVELS)}
METRICS = (Metric(calibration, place=140, unit="shares", of_bands=True),)
