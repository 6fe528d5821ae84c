"""Missing numbers, replaced by their mean given all others.

A Bayesian VAR is fitted to the series as filled, the missing numbers are set to their conditional
mean under it, which minimises the sum of squared standardised innovations, and so on until both
agree: the expectation-maximisation of Shumway and Stoffer (1982, J. Time Series Analysis 3(4)),
but that the uncertainty of what is filled in is not counted. Straight lines are the start.
"""

from __future__ import annotations

import numpy as np

from emulator.econometrics import bayesian
from emulator.econometrics.question import FloatArray, scaled

TIGHTNESS = 0.2
MOST_ROUNDS = 50
SETTLED = 1e-4  # of a series' s.d.


def filled(data: FloatArray, lags: int, persistent: FloatArray) -> FloatArray:
    """Series (T, n) without the NaNs, whose ends are whole; persistent (n,): 1 for those that may
    be random walks, else 0.

    Raises InputError where there are too few quarters for `lags` lags, or a series does not move.
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
            break
    return out


def _expected(z: FloatArray, missing: np.ndarray, lags: int, persistent: FloatArray) -> FloatArray:
    """Series z (T, n) in s.d.s, the missing ones at their mean given the others."""
    quarters, n = z.shape
    (found,) = bayesian.fixed(z[None], lags, persistent[None], (TIGHTNESS,))
    steps = np.concatenate([np.eye(n)[None], -found.lags[0]])  # of z_t, z_{t-1}, ... in u_t
    root = np.linalg.cholesky(np.linalg.inv(found.covariance[0]))
    steps = root.T @ steps  # of standardised innovations

    def innovations(values: FloatArray) -> FloatArray:
        each = [values[lags - k : quarters - k] @ steps[k].T for k in range(lags + 1)]
        return np.asarray(sum(each))

    known = np.where(missing, 0.0, z)
    constant = innovations(z).mean(axis=0)
    rows, columns = np.nonzero(missing)
    moves = np.zeros((quarters - lags, n, len(rows)))
    for k in range(lags + 1):
        at = rows - lags + k
        some = np.flatnonzero((at >= 0) & (at < quarters - lags))
        moves[at[some], :, some] = steps[k][:, columns[some]].T
    error = (innovations(known) - constant).ravel()
    known[rows, columns] = np.linalg.lstsq(moves.reshape(-1, len(rows)), -error, rcond=None)[0]
    return known
