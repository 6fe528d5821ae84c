"""Newton's method on many draws at once, each on its own way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from emulator.worlds.base import FloatArray

IndexArray = NDArray[np.intp]
# Residuals beside the scale of their equations, so that units do not count. SOLVED is what a draw
# needs; steps go on to FINISHED, in the equations' own units too, where rounding takes over, as
# derivatives carry over what is left.
SOLVED = 1e-10
FINISHED = 1e-13
# Where an equation's derivatives vanish at the root, or its terms cancel, its scale is too small:
# what is zero in its own units, and not large beside its scale either, is taken for zero.
_NEARLY = 1e-6
_STEPS = 50
_LENGTHS = 0.5 ** np.arange(10.0)
# A step is kept where it lowers the sum of squares by this share of what a linear model promises
# (Armijo's rule).
_ENOUGH = 1e-4

Residual = Callable[[IndexArray, FloatArray], FloatArray]
Step = Callable[[IndexArray, FloatArray, FloatArray], FloatArray]


def solve(
    start: FloatArray, residual: Residual, step_of: Step, scale_of: Residual
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The roots (B, n) found from `start` (B, n), and which rows (B,) are solved.

    residual: of rows (k,) at points (k, n), (k, n). step_of: Newton steps (k, n) of rows at points
    with residuals. scale_of: as `residual`, how large each equation is at a point. A row's way
    does not depend on the others.
    """
    x = start.copy()
    every = np.arange(len(x))
    r = residual(every, x)
    finite = np.isfinite(r).all(axis=1)
    finished = _finished(every, x, r, scale_of)
    live = finite & ~finished
    for _ in range(_STEPS):
        rows = np.flatnonzero(live)
        if not rows.size:
            break
        step = step_of(rows, x[rows], r[rows])
        moved = np.zeros(len(rows), dtype=np.bool_)
        # nearly all rows take the whole step; the shorter ones are tried all at once, and in the
        # end what helps beside the equations' scales, where large residuals hide small ones
        for lengths, scaled in ((_LENGTHS[:1], False), (_LENGTHS[1:], False), (_LENGTHS, True)):
            left = np.flatnonzero(~moved & np.isfinite(step).all(axis=1))
            unit = np.ones((len(left), x.shape[1]))
            if scaled and left.size:
                unit = scale_of(rows[left], x[rows[left]])
                open_ = (np.abs(r[rows[left]]) > SOLVED * unit).any(axis=1)
                left, unit = left[open_], np.where(unit > 0.0, unit, 1.0)[open_]
            if not left.size:
                continue
            at = rows[left]
            new = x[at][:, None] + lengths[:, None] * step[left][:, None]
            many = np.repeat(at, len(lengths))
            new_r = residual(many, new.reshape(len(many), -1)).reshape(new.shape)
            old_sum = np.square(r[at] / unit).sum(axis=1)
            new_sum = np.square(new_r / unit[:, None]).sum(axis=2)
            better = new_sum <= old_sum[:, None] * (1.0 - _ENOUGH * lengths)
            some = np.flatnonzero(better.any(axis=1))
            first = better[some].argmax(axis=1)
            x[at[some]], r[at[some]] = new[some, first], new_r[some, first]
            moved[left[some]] = True
        finished[rows] = _finished(rows, x[rows], r[rows], scale_of)
        live[rows] = moved & ~finished[rows]
    solved = finished
    left = np.flatnonzero(finite & ~solved)
    if left.size:
        size, scale = np.abs(r[left]), scale_of(left, x[left])
        nearly = (size <= SOLVED) & (size <= _NEARLY * scale)
        solved[left] = ((size <= SOLVED * scale) | nearly).all(axis=1)
    return x, solved


def _finished(
    rows: IndexArray, x: FloatArray, r: FloatArray, scale_of: Residual
) -> NDArray[np.bool_]:
    """Which rows have no residual left but for rounding."""
    done = np.asarray((np.abs(r) <= FINISHED).all(axis=1), dtype=np.bool_)
    doubt = np.flatnonzero(done & r.any(axis=1))
    if doubt.size:
        limit = FINISHED * np.minimum(scale_of(rows[doubt], x[doubt]), 1.0)
        done[doubt] = (np.abs(r[doubt]) <= limit).all(axis=1)
    return done


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
