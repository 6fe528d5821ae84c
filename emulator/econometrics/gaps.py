"""Missing numbers, replaced by their mean given all others.

A Bayesian VAR is fitted to the series as filled, the missing numbers are set to their conditional
mean under it, which minimises the sum of squared standardised innovations, and so on until both
agree: the expectation-maximisation of Shumway and Stoffer (1982, J. Time Series Analysis 3(4)),
but that the uncertainty of what is filled in is not counted. Straight lines are the start. The
first quarters have too few before them for the VAR: there a series that may be a random walk
changes, and another departs from its mean, as it does in all quarters.
"""

from __future__ import annotations

import numpy as np

from emulator.econometrics import bayesian
from emulator.econometrics.question import FloatArray, scaled
from emulator.errors import InputError

TIGHTNESS = 0.2
MOST_ROUNDS = 50
SETTLED, ASTRAY = 1e-4, 0.1  # of a series' s.d.


def filled(data: FloatArray, lags: int, persistent: FloatArray) -> FloatArray:
    """Series (T, n) without the NaNs, whose ends are whole; persistent (n,): 1 for those that may
    be random walks, else 0.

    Raises InputError where there are too few quarters for `lags` lags, a series does not move, or
    the missing numbers do not settle.
    """
    missing = np.isnan(data)
    quarters, n = data.shape
    out = data.copy()
    time = np.arange(quarters)
    for j in range(n):
        there = ~missing[:, j]
        out[:, j] = np.interp(time, time[there], data[there, j])
    if not missing.any():
        return out
    for _ in range(MOST_ROUNDS):
        series = scaled(out[None])
        better = _expected(series.data[0], missing, lags, persistent) * series.sd + series.mean
        moved = np.abs(better - out).max(axis=0) / series.sd[0]
        out = np.where(missing, better, data)
        if moved.max() < SETTLED:
            return out
    if moved.max() > ASTRAY:
        raise InputError(
            "data: the missing numbers cannot be told from the others; leave out the quarters, or "
            "the series, with most of them"
        )
    return out


def _expected(z: FloatArray, missing: np.ndarray, lags: int, persistent: FloatArray) -> FloatArray:
    """Series z (T, n) in s.d.s, the missing ones at their mean given the others."""
    quarters, n = z.shape
    (found,) = bayesian.fixed(z[None], lags, persistent[None], (TIGHTNESS,))
    steps = np.concatenate([np.eye(n)[None], -found.lags[0]])  # of z_t, z_{t-1}, ... in u_t
    root = np.linalg.cholesky(np.linalg.inv(found.covariance[0]))
    steps = root.T @ steps  # of standardised innovations

    changes = z[1:] - persistent * z[:-1]
    covariance = np.cov(changes.T).reshape(n, n) + SETTLED * np.eye(n)
    start_root = np.linalg.cholesky(np.linalg.inv(covariance))
    start = start_root.T @ np.stack([np.eye(n), -np.diag(persistent)])  # of z_t and z_{t-1}

    def later(values: FloatArray) -> FloatArray:
        return _steps(values, steps, lags, quarters)

    def first(values: FloatArray) -> FloatArray:
        return _steps(values, start, 1, lags)

    known = np.where(missing, 0.0, z)
    rows, columns = np.nonzero(missing)
    one = np.zeros((len(rows), quarters, n))
    one[np.arange(len(rows)), rows, columns] = 1.0
    moves = np.concatenate([first(one), later(one)], axis=1)
    expected = [
        _steps(z, start, 1, quarters).mean(axis=0) * np.ones((lags - 1, 1)),
        later(z).mean(axis=0) * np.ones((quarters - lags, 1)),
    ]
    error = np.concatenate([first(known), later(known)]) - np.concatenate(expected)
    known[rows, columns] = np.linalg.lstsq(
        moves.reshape(len(rows), -1).T, -error.ravel(), rcond=None
    )[0]
    return known


def _steps(values: FloatArray, steps: FloatArray, begin: int, end: int) -> FloatArray:
    """sum_k steps_k z_{t-k} of values (..., T, n) in quarters begin <= t < end."""
    each = [values[..., begin - k : end - k, :] @ step.T for k, step in enumerate(steps)]
    return np.asarray(sum(each))
