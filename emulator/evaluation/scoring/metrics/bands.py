"""How well stated bands fit: coverage, width, calibration, CRPS.

truth is (..., H+1), horizons last; quantiles (..., H+1, 5) at the levels of `QUANTILES`. Means are
over horizons, with equal weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.limits import QUANTILES

Array = NDArray[np.floating]

# Bands by name: their nominal coverage in percent, and the quantiles that bound them.
BANDS = {50: (1, 3), 90: (0, 4)}

# Each level stands for the cell of [0, 1] nearer to it than to any other level.
_EDGES = np.concatenate([[0.0], (np.array(QUANTILES[1:]) + np.array(QUANTILES[:-1])) / 2.0, [1.0]])
_WEIGHTS = np.diff(_EDGES)


def coverage(truth: Array, quantiles: Array, band: int) -> Array:
    """Share of horizons at which the truth lies in the band, ends included, (...)."""
    low, high = (quantiles[..., k] for k in BANDS[band])
    return np.asarray(((low <= truth) & (truth <= high)).mean(axis=-1))


def width(quantiles: Array, band: int) -> Array:
    """Mean width of the band over horizons, in the observable's unit, (...)."""
    low, high = BANDS[band]
    return np.asarray((quantiles[..., high] - quantiles[..., low]).mean(axis=-1))


def below(truth: Array, quantiles: Array) -> Array:
    """Share of horizons at which the truth is at or below each quantile, (..., 5)."""
    return np.asarray((truth[..., None] <= quantiles).mean(axis=-2))


def crps(truth: Array, quantiles: Array) -> Array:
    """Continuous ranked probability score, mean over horizons, in the observable's unit, (...).

    CRPS = 2 * integral over levels of the pinball loss (Gneiting and Ranjan 2011, JBES 29(3)), the
    integral taken as a sum over the five levels, each with the width of the cell of [0, 1] it
    represents: .15, .225, .25, .225, .15. It is proper for the five quantiles, and for quantiles
    that all equal m it is |truth - m|, as the exact score. Five levels see less of the tails: for
    an exact normal forecast it is 3.0 percent below the exact score.
    """
    error = truth[..., None] - quantiles
    level = np.array(QUANTILES)
    pinball = np.maximum(level * error, (level - 1.0) * error)
    return np.asarray(2.0 * (pinball @ _WEIGHTS).mean(axis=-1))
