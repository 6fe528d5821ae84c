"""Linear economies as state spaces, and what is true of them.

    x_t = a x_{t-1} + b e_t,   y_t = c x_t,   e_t ~ (0, I)

Axis letters: m states, k innovations, n series, T quarters, H last horizon.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from emulator.compiled import compiled
from emulator.econometrics.question import FloatArray
from emulator.errors import InputError

ROUNDS = 60  # doublings: quarters beyond counting
TOLERANCE = 1e-13


class Economy(NamedTuple):
    """a (m, m), b (m, k), c (n, m); see the module docstring."""

    a: FloatArray
    b: FloatArray
    c: FloatArray


class Innovations(NamedTuple):
    """Of the series given their own past: gain (m, n), what an innovation of y_t says of x_t, and
    their covariance (n, n)."""

    gain: FloatArray
    covariance: FloatArray


def to_innovation(economy: Economy, direction: FloatArray, horizon: int) -> FloatArray:
    """Responses (H+1, n) of the series to e_0 = direction (k,)."""
    x = economy.b @ direction
    out = np.empty((horizon + 1, len(economy.c)))
    for h in range(horizon + 1):
        out[h] = economy.c @ x
        x = economy.a @ x
    return out


def innovations(economy: Economy) -> Innovations:
    """The steady state of the Kalman filter of series without measurement error.

    The state of the quarter before is filtered: y_t = c a x_{t-1} + c b e_t has an error, c b e_t,
    whose covariance can be inverted, and the Riccati equation is solved by structure-preserving
    doubling (Chu, Fan and Lin 2005). Raises InputError where a series has no innovation of its own,
    and where the filter does not settle: on a trend that no series shows.
    """
    a, b, c = economy
    q, loaded = b @ b.T, c @ b
    r, s = loaded @ loaded.T, b @ loaded.T
    try:
        np.linalg.cholesky(r)
    except np.linalg.LinAlgError:
        raise InputError("economy: the series' innovations are collinear") from None
    seen = c @ a
    shift = np.linalg.solve(r, s.T).T  # what y_t's error says of x_t
    # Dual form: X = F' X (1 + G X)^-1 F + Q with F = (a - shift c a)', G = (ca)' r^-1 (ca).
    f = (a - shift @ seen).T
    g = seen.T @ np.linalg.solve(r, seen)
    x = q - shift @ s.T
    eye = np.eye(len(a))
    for _ in range(ROUNDS):
        w = np.linalg.inv(eye + g @ x)
        step = f.T @ x @ w @ f
        g = g + f @ w @ g @ f.T
        f = f @ w @ f
        x = x + (step + step.T) / 2.0
        if np.abs(step).max() <= TOLERANCE * max(1.0, np.abs(x).max()):
            break
    before = a @ x @ a.T + q  # of x_t given the past of y
    covariance = c @ before @ c.T
    if not np.isfinite(covariance).all() or np.linalg.eigvalsh(covariance)[0] <= 0.0:
        raise InputError("economy: the filter does not settle; is there a trend no series shows?")
    gain = np.linalg.solve(covariance, c @ before).T
    return Innovations(np.asarray(gain), covariance)


def recursive(economy: Economy, found: Innovations, before: int, horizon: int) -> FloatArray:
    """Responses (H+1, n) to the innovation of the series at `before`, given those ahead of it, that
    moves it by one: the population's Cholesky factor."""
    column = np.linalg.cholesky(found.covariance)[:, before]
    x = found.gain @ (column / column[before])
    out = np.empty((horizon + 1, len(economy.c)))
    for h in range(horizon + 1):
        out[h] = economy.c @ x
        x = economy.a @ x
    return out


@compiled()
def simulated(a: FloatArray, b: FloatArray, c: FloatArray, e: FloatArray, burn: int) -> FloatArray:
    """Series (T, n) from innovations e (burn + T, k), from x = 0."""
    x = np.zeros(a.shape[0])
    out = np.empty((len(e) - burn, c.shape[0]))
    for t in range(len(e)):
        x = a @ x + b @ e[t]
        if t >= burn:
            out[t - burn] = c @ x
    return out
