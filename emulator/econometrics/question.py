"""What is asked of data, and the regressions that every estimator starts from.

Data are (B, T, n): B data sets of T quarters and n series. The question is always the same: how do
all series respond to the innovation of the series at place `before`, the series ahead of it held
fixed, an innovation that moves the series itself by one unit on impact. With `before` 0 that is an
observed shock in the first column, or the first innovation of a recursive order; with k, the
innovation of a series ordered after k others. Series behind it are controls: their order does not
matter.

Axis letters: B data sets, T quarters, n series, p lags, H last horizon.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.errors import InputError

FloatArray = NDArray[np.float64]


class Sample(NamedTuple):
    """Regressors z (B, T - p, 1 + n p), a constant and then the lags, last quarter first, and what
    they explain, y (B, T - p, n)."""

    z: FloatArray
    y: FloatArray


class Scaled(NamedTuple):
    """Series without mean and in s.d.s, (B, T, n), with both (B, n)."""

    data: FloatArray
    mean: FloatArray
    sd: FloatArray


def scaled(data: FloatArray) -> Scaled:
    """Series as regressions can take them whatever their units. Raises InputError where one does
    not move, or is not finite."""
    if not np.isfinite(data).all():
        raise InputError("data: not finite")
    mean, sd = data.mean(axis=1), data.std(axis=1)
    if (sd <= 1e-12 * np.abs(data).max(axis=1)).any():
        raise InputError("data: a series is constant")
    return Scaled((data - mean[:, None]) / sd[:, None], mean, sd)


def sample(data: FloatArray, lags: int) -> Sample:
    """The regression of (B, T, n) on a constant and `lags` lags.

    Raises InputError where there are not more quarters than coefficients.
    """
    rows, quarters, n = data.shape
    kept = quarters - lags
    if kept <= 1 + n * lags:
        raise InputError(
            f"data: {quarters} quarters are too few for {lags} lags of {n} series; "
            f"{lags + n * lags + 2} would do"
        )
    past = [data[:, lags - k : quarters - k] for k in range(1, lags + 1)]
    z = np.concatenate([np.ones((rows, kept, 1)), *past], axis=2)
    return Sample(z, data[:, lags:])


def own_units(responses: FloatArray, sd: FloatArray, before: int) -> FloatArray:
    """Responses (B, H+1, n) of series in s.d.s (B, n), per unit of the series at `before`."""
    return np.asarray(responses * (sd / sd[:, before, None])[:, None])
