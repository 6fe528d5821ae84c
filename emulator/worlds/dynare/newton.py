"""Newton's method on many draws at once, each on its own way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from emulator.worlds.base import FloatArray

IndexArray = NDArray[np.intp]
# Residuals in the equations' own units. SOLVED is what a draw needs; steps go on to FINISHED, where
# rounding takes over, as derivatives carry over what is left.
SOLVED = 1e-10
FINISHED = 1e-13
_STEPS = 50
_HALVINGS = 10
# A step is kept where it lowers the sum of squares by this share of what a linear model promises
# (Armijo's rule).
_ENOUGH = 1e-4

Residual = Callable[[IndexArray, FloatArray], FloatArray]


def solve(
    start: FloatArray, residual: Residual, jacobian: Residual
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The roots (B, n) found from `start` (B, n), and which rows (B,) are solved.

    residual, jacobian: of rows (k,) at points (k, n), (k, n) and (k, n, n). A row's way does not
    depend on the others.
    """
    x = start.copy()
    every = np.arange(len(x))
    r = residual(every, x)
    best = _size(r)
    live = best > FINISHED
    for _ in range(_STEPS):
        rows = np.flatnonzero(live & np.isfinite(best))
        if not rows.size:
            break
        step = _steps(jacobian(rows, x[rows]), r[rows])
        moved = np.zeros(len(rows), dtype=np.bool_)
        length = 1.0
        for _ in range(_HALVINGS):
            left = np.flatnonzero(~moved)
            if not left.size:
                break
            at = rows[left]
            new = x[at] + length * step[left]
            new_r = residual(at, new)
            old_sum, new_sum = np.square(r[at]).sum(axis=1), np.square(new_r).sum(axis=1)
            better = new_sum <= old_sum * (1.0 - _ENOUGH * length)
            kept = at[better]
            x[kept], r[kept] = new[better], new_r[better]
            moved[left[better]] = True
            length *= 0.5
        best[rows] = _size(r[rows])
        live[rows] = moved & (best[rows] > FINISHED)
    return x, best <= SOLVED


def _size(r: FloatArray) -> FloatArray:
    """The largest residual of each row; infinite where one is no number."""
    size = np.abs(r).max(axis=1, initial=0.0)
    return np.where(np.isfinite(size), size, np.inf)


def _steps(jacobian: FloatArray, r: FloatArray) -> FloatArray:
    """Newton steps (k, n); least squares where the Jacobian is singular, NaN where it is none."""
    out = np.full(r.shape, np.nan)
    finite = np.flatnonzero(np.isfinite(jacobian).all(axis=(1, 2)) & np.isfinite(r).all(axis=1))
    try:
        out[finite] = -np.linalg.solve(jacobian[finite], r[finite][:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        for row in finite:
            try:
                out[row] = _step(jacobian[row], r[row])
            except np.linalg.LinAlgError:  # the singular values did not converge
                continue
    return out


def _step(jacobian: FloatArray, r: FloatArray) -> FloatArray:
    """One row's Newton step (n,), least squares where the Jacobian is singular."""
    try:
        return np.asarray(-np.linalg.solve(jacobian, r), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(-np.linalg.lstsq(jacobian, r, rcond=None)[0], dtype=np.float64)
