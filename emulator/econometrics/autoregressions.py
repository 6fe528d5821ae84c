"""Vector autoregressions: least squares, with Pope's correction of its bias, and their responses.

    y_t = c + A_1 y_{t-1} + ... + A_p y_{t-p} + u_t,    u_t ~ (0, Sigma)

Sources: Lutkepohl (2005), ch. 2 and 3; Pope (1990, J. Time Series Analysis 11(3)); Kilian (1998,
Review of Economics and Statistics 80(2)).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.econometrics.question import FloatArray, sample
from emulator.errors import InputError

# A series follows from others that leave no more than this share of its innovation's variance, and
# from the past where the innovation is no more than this share of the variance of the series.
FOLLOWS, KNOWN = 1e-10, 1e-20
# Kilian's shrinkage of a correction that would leave the estimate unstable: a hundredth a step.
STEP = 0.01
STABLE = 1.0 - 1e-6
# Doublings of a sum over quarters: with 2^40 of them nothing is left at a root of `STABLE`.
DOUBLINGS = 40


class Autoregression(NamedTuple):
    """lags (B, p, n, n), A_1 first; covariance (B, n, n) of innovations, by degrees of freedom."""

    lags: FloatArray
    covariance: FloatArray


class Follows(NamedTuple):
    """Series (B, n) that quarters before tell, and those that others ahead then tell."""

    past: NDArray[np.bool_]
    ahead: NDArray[np.bool_]


def fit(data: FloatArray, lags: int) -> Autoregression:
    """Least squares on (B, T, n). Raises InputError where there are too few quarters, and where a
    series follows from others or from the past."""
    z, y = sample(data, lags)
    if any(each.any() for each in follows(z, y)):
        raise InputError(
            "data: given its past, one series follows from the others, or from that alone; "
            "leave one out"
        )
    coefficients = np.asarray(np.linalg.solve(z.mT @ z, z.mT @ y))  # (B, 1 + n p, n)
    residuals = y - z @ coefficients
    freedom = z.shape[1] - z.shape[2]
    return Autoregression(unstacked(coefficients[:, 1:], lags), residuals.mT @ residuals / freedom)


def follows(z: FloatArray, y: FloatArray) -> Follows:
    """Of regressors and series as `sample` gives them. By orthogonal columns, which round-off
    spoils less than squares of them. None where there are too few quarters to tell."""
    first, quarters = z.shape[2], y.shape[1]
    if quarters < first + y.shape[2]:
        none = np.zeros((len(y), y.shape[2]), dtype=bool)
        return Follows(none, none)
    root = np.asarray(np.linalg.qr(np.concatenate([z, y], axis=2), mode="r"))[:, first:, first:]
    innovation = np.square(root).sum(axis=1)
    own = np.square(np.diagonal(root, axis1=1, axis2=2))
    past = innovation <= KNOWN * quarters * y.var(axis=1)
    return Follows(past, ~past & (own <= FOLLOWS * innovation))


def unstacked(coefficients: FloatArray, lags: int) -> FloatArray:
    """(B, n p, n), a regressor a row, to (B, p, n, n), an equation a row."""
    rows, _, n = coefficients.shape
    return np.ascontiguousarray(coefficients.reshape(rows, lags, n, n).swapaxes(2, 3))


def companion(lags: FloatArray) -> FloatArray:
    """(B, p, n, n) as one matrix of a first-order system (B, n p, n p)."""
    rows, p, n, _ = lags.shape
    out = np.zeros((rows, n * p, n * p))
    out[:, :n] = lags.swapaxes(1, 2).reshape(rows, n, n * p)
    out[:, np.arange(n, n * p), np.arange(n * p - n)] = 1.0
    return out


def largest_root(lags: FloatArray) -> FloatArray:
    """Spectral radius (B,) of the companion matrix."""
    return np.asarray(np.abs(np.linalg.eigvals(companion(lags))).max(axis=-1))


def bias_corrected(estimate: Autoregression, quarters: int) -> Autoregression:
    """Pope's first-order correction for a sample of T - p `quarters`, shrunk as Kilian does until
    the result is stable; estimates that are not stable themselves stay."""
    lags = estimate.lags.copy()
    rows = largest_root(lags) < STABLE
    if not rows.any():
        return estimate
    correction = _bias(companion(lags[rows]), estimate.covariance[rows]) / quarters
    n, p = lags.shape[2], lags.shape[1]
    step = correction[:, :n].reshape(-1, n, p, n).swapaxes(1, 2)
    share = np.ones(len(step))
    while True:
        found = lags[rows] - share[:, None, None, None] * step
        unstable = (largest_root(found) >= STABLE) & (share > 0.0)
        if not unstable.any():
            break
        share[unstable] = np.maximum(share[unstable] - STEP, 0.0)
    lags[rows] = found
    return Autoregression(lags, estimate.covariance)


def _bias(a: FloatArray, covariance: FloatArray) -> FloatArray:
    """T times the bias (B, m, m) of least squares with a constant, by Pope's formula (his b is its
    negative)."""
    size, n = a.shape[-1], covariance.shape[-1]
    eye = np.eye(size)
    noise = np.zeros_like(a)
    noise[:, :n, :n] = covariance
    gamma, power = noise, a
    for _ in range(DOUBLINGS):
        gamma, power = gamma + power @ gamma @ power.mT, power @ power
        if np.abs(power).max() < 1e-12:
            break
    at = a.mT
    roots = np.linalg.eigvals(a)  # (B, m)
    each = np.linalg.inv(eye - roots[..., None, None] * at[:, None]) * roots[..., None, None]
    inner = np.linalg.inv(eye - at) + at @ np.linalg.inv(eye - at @ at) + each.sum(axis=1).real
    return np.asarray(-noise @ inner @ np.linalg.pinv(gamma, hermitian=True))


def unit_impact(covariance: FloatArray, before: int) -> FloatArray:
    """Impact (B, n) of the innovation of the series at `before`, those ahead of it held fixed, that
    moves the series itself by one. Raises InputError where one innovation follows from others."""
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        root = np.zeros_like(covariance)
    own = np.diagonal(root, axis1=1, axis2=2) ** 2  # of variance, what those ahead do not tell
    if (own <= FOLLOWS * np.diagonal(covariance, axis1=1, axis2=2)).any():
        raise InputError("data: given its past, one series follows from the others; leave one out")
    column = root[:, :, before]
    return np.asarray(column / column[:, before, None])


def responses(estimate: Autoregression, before: int, horizon: int) -> FloatArray:
    """(B, H+1, n) to the innovation of one unit of the series at `before`."""
    lags = estimate.lags
    path = [unit_impact(estimate.covariance, before)]
    for h in range(1, horizon + 1):
        terms = [
            np.einsum("bij,bj->bi", lags[:, k], path[h - 1 - k])
            for k in range(min(h, lags.shape[1]))
        ]
        path.append(np.add.reduce(terms))
    return np.stack(path, axis=1)
