"""How wide the bands are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import InBands, Metric
from emulator.evaluation.metrics.coverage import BANDS

if TYPE_CHECKING:
    from jaxtyping import Float


def width(quantiles: Float[np.ndarray, "*B points K"], band: int) -> Float[np.ndarray, "*B"]:
    """Mean width of the band over horizons, in the observable's unit, (...)."""
    low, high = BANDS[band]
    return np.asarray((quantiles[..., high] - quantiles[..., low]).mean(axis=-1))


def width_50(frame: pd.DataFrame) -> float:
    """Mean width of the 50 % band in s.d.s. Of two calibrated bands the narrower says more."""
    return float((frame["width_50"] / frame["sigma"]).mean())


def width_90(frame: pd.DataFrame) -> float:
    """Mean width of the 90 % band in s.d.s. Of two calibrated bands the narrower says more."""
    return float((frame["width_90"] / frame["sigma"]).mean())


def _width(
    truth: Float[np.ndarray, "*B points"], quantiles: Float[np.ndarray, "*B points K"], band: int
) -> Float[np.ndarray, "*B"]:
    return width(quantiles, band)


STATISTICS = {f"width_{band}": InBands(partial(_width, band=band)) for band in BANDS}
METRICS = (
    Metric(width_50, place=130, unit="s.d.s", heading="width 50 %", of_bands=True),
    Metric(width_90, place=131, unit="s.d.s", heading="width 90 %", of_bands=True),
)
