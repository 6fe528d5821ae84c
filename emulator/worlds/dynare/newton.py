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
_LENGTHS = 0.5 ** np.arange(10.0)
# A step is kept where it lowers the sum of squares by this share of what a linear model promises
# (Armijo's rule).
_ENOUGH = 1e-4

Residual = Callable[[IndexArray, FloatArray], FloatArray]
Step = Callable[[IndexArray, FloatArray, FloatArray], FloatArray]


def solve(
    start: FloatArray, residual: Residual, step_of: Step
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The roots (B, n) found from `start` (B, n), and which rows (B,) are solved.

    residual: of rows (k,) at points (k, n), (k, n). step_of: Newton steps (k, n) of rows at points
    with residuals. A row's way does not depend on the others.
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
        step = step_of(rows, x[rows], r[rows])
        moved = np.zeros(len(rows), dtype=np.bool_)
        # nearly all rows take the whole step; the shorter ones are tried all at once
        for lengths in (_LENGTHS[:1], _LENGTHS[1:]):
            left = np.flatnonzero(~moved)
            if not left.size:
                break
            at = rows[left]
            new = x[at][:, None] + lengths[:, None] * step[left][:, None]
            many = np.repeat(at, len(lengths))
            new_r = residual(many, new.reshape(len(many), -1)).reshape(new.shape)
            old_sum, new_sum = np.square(r[at]).sum(axis=1), np.square(new_r).sum(axis=2)
            better = new_sum <= old_sum[:, None] * (1.0 - _ENOUGH * lengths)
            some = np.flatnonzero(better.any(axis=1))
            first = better[some].argmax(axis=1)
            x[at[some]], r[at[some]] = new[some, first], new_r[some, first]
            moved[left[some]] = True
        best[rows] = _size(r[rows])
        live[rows] = moved & (best[rows] > FINISHED)
    return x, best <= SOLVED


def _size(r: FloatArray) -> FloatArray:
    """The largest residual of each row; infinite where one is no number."""
    size = np.abs(r).max(axis=1, initial=0.0)
    return np.where(np.isfinite(size), size, np.inf)


def dense_steps(jacobian: FloatArray, r: FloatArray) -> FloatArray:
    """Newton steps (k, n) of Jacobians (k, n, n); least squares where one is singular, NaN where it
    is none."""
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
