"""Local projections: least squares, with Herbst and Johannsen's correction, and penalised.

    y_{t+h} = b_h x_t + controls + error

x_t is the series asked about; controls are the series ahead of it in the same quarter, and p lags
of all. Sources: Jorda (2005, AER 95(1)); Herbst and Johannsen (2024, J. Econometrics 240(1));
Barnichon and Brownlees (2019, Review of Economics and Statistics 101(3)).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from emulator.econometrics.question import FloatArray, sample
from emulator.errors import InputError

DEGREE = 3
SMOOTH = 3  # differences that the penalty is of: a quadratic response is not penalised
PENALTIES = np.concatenate([np.geomspace(1e-4, 1e4, 17), [1e8]])
FOLDS = 5
FEW = 2  # horizons: a quadratic goes through them whatever they are


def enough(quarters: int, n: int, before: int, lags: int, horizon: int) -> bool:
    """Whether more quarters are left at the last horizon than local projections have regressors: a
    constant, `lags` lags of n series, those before the one asked about, and that one."""
    return quarters - lags - horizon > 2 + n * lags + before


class Parts:
    """What is left of x and of the leads of all series once controls are regressed out.

    x (B, H+1, N) and y (B, H+1, N, n), N = T - p: the quarters a horizon h has not are zero.
    """

    def __init__(self, data: FloatArray, before: int, lags: int, horizon: int) -> None:
        z, y = sample(data, lags)
        rows, kept, n = y.shape
        controls = np.concatenate([z, y[:, :, :before]], axis=2)
        if not enough(data.shape[1], n, before, lags, horizon):
            raise InputError(
                f"data: {data.shape[1]} quarters are too few for local projections with {lags} "
                f"lags of {n} series at horizon {horizon}"
            )
        self.x = np.zeros((rows, horizon + 1, kept))
        self.y = np.zeros((rows, horizon + 1, kept, n))
        self.controls = controls
        for h in range(horizon + 1):
            last = kept - h
            w = controls[:, :last]
            target = np.concatenate([y[:, :last, before, None], y[:, h:]], axis=2)
            try:
                left = target - w @ np.linalg.solve(w.mT @ w, w.mT @ target)
            except np.linalg.LinAlgError:
                raise InputError(
                    f"data: without the last {h} quarters, what local projections hold fixed "
                    "follows from each other; leave out a series, or ask for a shorter horizon"
                ) from None
            self.x[:, h, :last], self.y[:, h, :last] = left[:, :, 0], left[:, :, 1:]

    def moments(self, quarters: slice | NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
        """Sums over quarters of x^2 (B, H+1) and of x y (B, H+1, n)."""
        x, y = self.x[:, :, quarters], self.y[:, :, quarters]
        return (x**2).sum(axis=-1), np.einsum("bht,bhtv->bhv", x, y)


def projected(parts: Parts) -> FloatArray:
    """Least-squares responses (B, H+1, n)."""
    squares, cross = parts.moments(slice(None))
    return np.asarray(cross / squares[..., None])


def standard_errors(parts: Parts, found: FloatArray) -> FloatArray:
    """Of least-squares responses `found` (B, H+1, n), robust to heteroskedasticity (White 1980), by
    degrees of freedom. Lags as controls make up for residuals that are autocorrelated (Montiel Olea
    and Plagborg-Moller 2021, Econometrica 89(4))."""
    kept, points = parts.x.shape[2], parts.x.shape[1]
    squares, _ = parts.moments(slice(None))
    left = parts.y - parts.x[..., None] * found[:, :, None]
    scores = np.einsum("bht,bhtv->bhv", parts.x**2, left**2)
    quarters = kept - np.arange(points)
    freedom = quarters - parts.controls.shape[2] - 1
    return np.asarray(np.sqrt(scores * (quarters / freedom)[:, None]) / squares[..., None])


def bias_corrected(found: FloatArray, controls: FloatArray) -> FloatArray:
    """Herbst and Johannsen's correction of (B, H+1, n), from the controls (B, N, m)."""
    rows, points, _ = found.shape
    quarters = controls.shape[1]
    apart = controls[:, :, 1:] - controls[:, :, 1:].mean(axis=1, keepdims=True)
    inverse = np.linalg.pinv(apart.mT @ apart / quarters, hermitian=True)
    weight = np.empty((rows, points))
    for j in range(1, points):
        gamma = apart[:, j:].mT @ apart[:, :-j] / quarters
        weight[:, j] = 1.0 + np.einsum("bij,bji->b", inverse, gamma)
    out = found.copy()
    for h in range(1, points):
        back = np.einsum("bj,bjv->bv", weight[:, 1 : h + 1], out[:, h - 1 :: -1][:, :h])
        out[:, h] += back / (quarters - h)
    return out


def basis(horizon: int) -> FloatArray:
    """Cubic B-splines with a knot a quarter, (H+1, H+3)."""
    knots = np.arange(-DEGREE, horizon + DEGREE + 1, dtype=float)
    return np.asarray(BSpline.design_matrix(np.arange(horizon + 1.0), knots, DEGREE).toarray())


def penalised(parts: Parts) -> FloatArray:
    """Responses (B, H+1, n) smoothed over horizons, each as much as leaves the smallest error on
    blocks of quarters that were left out. The response of a horizon weighs as its regression, also
    on impact, where the series asked about need not rise by exactly one. Of FEW horizons there is
    nothing to smooth."""
    points, quarters = parts.x.shape[1], parts.x.shape[2]
    if points <= FEW:
        return projected(parts)
    splines = basis(points - 1)
    difference = np.diff(np.eye(splines.shape[1]), SMOOTH, axis=0)
    penalty = difference.T @ difference
    fold = np.arange(quarters) * FOLDS // quarters
    squares, cross = parts.moments(slice(None))
    error = np.zeros((len(squares), len(PENALTIES), cross.shape[2]))
    for k in range(FOLDS):
        own_squares, own_cross = parts.moments(fold == k)
        smooth = _smooth(squares - own_squares, cross - own_cross, splines, penalty)
        # (B, G, H+1, n): squared error on the fold, but for what no response changes
        loss = smooth**2 * own_squares[:, None, :, None] - 2.0 * smooth * own_cross[:, None]
        error += loss.sum(axis=2)
    best = error.argmin(axis=1)  # (B, n)
    smooth = _smooth(squares, cross, splines, penalty)
    return np.asarray(np.take_along_axis(smooth, best[:, None, None], axis=1)[:, 0])


def _smooth(
    squares: FloatArray, cross: FloatArray, splines: FloatArray, penalty: FloatArray
) -> FloatArray:
    """Responses (B, G, H+1, n), for every penalty, from a regression's moments (B, H+1) and
    (B, H+1, n)."""
    scale = squares.mean(axis=1)[:, None, None]
    left = np.einsum("hj,bh,hk->bjk", splines, squares, splines) / scale
    right = np.einsum("hj,bhv->bjv", splines, cross) / scale
    with_penalty = left[:, None] + PENALTIES[:, None, None] * penalty
    with_penalty = with_penalty + 1e-10 * np.eye(len(penalty))
    return np.asarray(splines @ np.linalg.solve(with_penalty, right[:, None]))
