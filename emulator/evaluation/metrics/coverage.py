"""How often the truth lies in the bands."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import InBands, Metric, means_by

if TYPE_CHECKING:
    from jaxtyping import Float

# Bands by name: their nominal coverage in percent, and the quantiles that bound them.
BANDS = {50: (1, 3), 90: (0, 4)}


def coverage(
    truth: Float[np.ndarray, "*B points"], quantiles: Float[np.ndarray, "*B points K"], band: int
) -> Float[np.ndarray, "*B"]:
    """Share of horizons at which the truth lies in the band, ends included, (...)."""
    low, high = (quantiles[..., k] for k in BANDS[band])
    return np.asarray(((low <= truth) & (truth <= high)).mean(axis=-1))


def coverage_50(frame: pd.DataFrame) -> float:
    """Share of points (samples, shocks, observables, horizons) in the 50 % band; .5 is right."""
    return float(frame["coverage_50"].mean())


def coverage_90(frame: pd.DataFrame) -> float:
    """Share of points (samples, shocks, observables, horizons) in the 90 % band; .9 is right."""
    return float(frame["coverage_90"].mean())


def coverage_by_observable(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Coverage of the 50 and 90 % bands of each observable: where one is too wide and another too
    narrow, the mean over observables hides it."""
    return {str(band): means_by(frame[f"coverage_{band}"], frame["observable"]) for band in BANDS}


STATISTICS = {f"coverage_{band}": InBands(partial(coverage, band=band)) for band in BANDS}
METRICS = (
    Metric(coverage_50, place=120, unit="share", heading="coverage 50 %", of_bands=True),
    Metric(coverage_90, place=121, unit="share", heading="coverage 90 %", of_bands=True),
    Metric(coverage_by_observable, place=122, unit="shares", of_bands=True),
)
