"""What a linear world says of a history, quarter by quarter: forecasts, shocks, where it ends.

The filter is that of `kalman`, in its notation, for a few draws whose every quarter is wanted:

    v = y_t - C m,  F = C P C' + D D',  K = (A P C' + B D') F^{-1}

Back from the last quarter, with r = 0 beyond it, the disturbance smoother (Durbin and Koopman 2012,
Time Series Analysis by State Space Methods, sec. 4.5) for shocks that move states and observables,

    u_t = F^{-1} v_t - K' r_t,   E[eps_t | Y] = D' u_t + B' r_t,   r_{t-1} = C' u_t + A' r_t

gives shocks given the whole history, measurement errors (their variances times u_t) and the state
before it, P_0 r_0. A number that is missing leaves its row out of v, F and K.

Axis letters: B draws, L quarters, n states, S shocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emulator.estimation.kalman_parts import rest_to_start
from emulator.worlds.linear import MovingAverage, StateSpace

if TYPE_CHECKING:
    from jaxtyping import Float64

    from emulator.worlds.base import FloatArray


class Smoothed(NamedTuple):
    """forecast, forecast_sd: of each quarter's observables given those before it. shocks, in s.d.s,
    errors of measurement, in the observables' units, and start, the state before the first quarter:
    means given the whole history. end, end_covariance: of the state after it."""

    forecast: Float64[np.ndarray, "B L 3"]
    forecast_sd: Float64[np.ndarray, "B L 3"]
    shocks: Float64[np.ndarray, "B L S"]
    errors: Float64[np.ndarray, "B L 3"]
    start: Float64[np.ndarray, "B n"]
    end: Float64[np.ndarray, "B n"]
    end_covariance: Float64[np.ndarray, "B n n"]


def smooth(
    space: StateSpace | MovingAverage,
    history: Float64[np.ndarray, "L 3"],
    run_in: int,
    noise: Float64[np.ndarray, " 3"],
) -> Smoothed:
    """Of solved parameters, whose rows started at rest `run_in` quarters before the history.

    history: NaN where a number is missing. noise: s.d.s of measurement noise.
    """
    a, b, c, d = space[:4]
    rows, n, shocks = b.shape
    quarters = len(history)
    at, bt, ct, dt = (np.swapaxes(part, 1, 2) for part in (a, b, c, d))
    impact, direct = b @ dt, d @ dt + np.diag(noise**2)
    first = p = _after(a, b, run_in)
    m = np.zeros((rows, n))
    forecast, forecast_sd = np.empty((rows, quarters, 3)), np.empty((rows, quarters, 3))
    v, inverse = np.empty((rows, quarters, 3)), np.zeros((rows, quarters, 3, 3))
    gain = np.empty((rows, quarters, n, 3))
    for t, y in enumerate(history):
        forecast[:, t] = _times(c, m)
        f = c @ p @ ct + direct
        forecast_sd[:, t] = _root(np.diagonal(f, axis1=1, axis2=2))
        (seen,) = np.nonzero(~np.isnan(y))
        where = np.ix_(np.arange(rows), seen, seen)
        inverse[:, t][where] = np.linalg.inv(f[where])
        gain[:, t] = (a @ p @ ct + impact) @ inverse[:, t]
        v[:, t] = np.where(np.isnan(y), 0.0, y - forecast[:, t])
        m = _times(a, m) + _times(gain[:, t], v[:, t])
        # in this form rounding leaves it a covariance (Bucy and Joseph 1968)
        kept, fresh, measured = a - gain[:, t] @ c, b - gain[:, t] @ d, gain[:, t] * noise
        p = kept @ p @ np.swapaxes(kept, 1, 2) + fresh @ np.swapaxes(fresh, 1, 2)
        p += measured @ np.swapaxes(measured, 1, 2)
    found, errors = np.empty((rows, quarters, shocks)), np.empty((rows, quarters, 3))
    r = np.zeros((rows, n))
    for t in range(quarters - 1, -1, -1):
        u = _times(inverse[:, t], v[:, t]) - _times(np.swapaxes(gain[:, t], 1, 2), r)
        found[:, t] = _times(dt, u) + _times(bt, r)
        errors[:, t] = noise**2 * u
        r = _times(ct, u) + _times(at, r)
    return Smoothed(forecast, forecast_sd, found, errors, _times(first, r), m, p)


def ahead(
    space: StateSpace | MovingAverage,
    known: Smoothed,
    quarters: int,
    noise: Float64[np.ndarray, " 3"],
) -> tuple[Float64[np.ndarray, "B {quarters} 3"], Float64[np.ndarray, "B {quarters} 3"]]:
    """Mean and s.d. of the observables, measured with noise, in the quarters after the history."""
    a, b, c, d = space[:4]
    m, p = known.end, known.end_covariance
    means, sds = np.empty((len(a), quarters, 3)), np.empty((len(a), quarters, 3))
    fed = b @ np.swapaxes(b, 1, 2)
    fresh = np.square(d).sum(axis=2) + noise**2
    for h in range(quarters):
        means[:, h] = _times(c, m)
        sds[:, h] = _root(np.einsum("bij,bjk,bik->bi", c, p, c) + fresh)
        m, p = _times(a, m), a @ p @ np.swapaxes(a, 1, 2) + fed
    return means, sds


def _after(a: FloatArray, b: FloatArray, quarters: int) -> FloatArray:
    """The state's covariance (B, n, n) after `quarters` from rest."""
    transition, load = (np.ascontiguousarray(np.moveaxis(part, 0, -1)) for part in (a, b))
    covariance, _ = rest_to_start(transition, load, quarters)
    return np.ascontiguousarray(np.moveaxis(covariance, -1, 0))


def _root(variances: FloatArray) -> FloatArray:
    """S.d.s; zero where rounding has left less than nothing of one."""
    return np.asarray(np.sqrt(np.maximum(variances, 0.0)))


def _times(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """(B, p, q) times (B, q)."""
    return np.asarray((matrix @ vector[..., None])[..., 0])
