"""Doubling for large models: the recursion of `emulator.worlds.doubling` in batched BLAS calls.

There, draws lie side by side in lanes, which suits models of up to some 50 variables; beyond,
matrix products fill a processor by themselves. Formulas and names are those of that module.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.worlds import doubling
from emulator.worlds.base import FloatArray
from emulator.worlds.equations import Matrices


def decision_rules(
    model: Matrices, forward: NDArray[np.int64], lagged: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """G (B, n, n), Q (B, n, k) and which rows are certain (B,); others hold no meaning."""
    lead, now, lag, load, persistence, _ = model
    rows, n, _k = load.shape
    f, m = len(forward), len(lagged)
    known = np.concatenate(
        [np.broadcast_to(np.eye(n)[:, forward], (rows, n, f)), lag[:, :, lagged], load], axis=2
    )
    h, regular = _solve(-now, known)
    h_r, h_s, h_z = h[:, :, :f], h[:, :, f : f + m], h[:, :, f + m :]
    ahead = lead[:, forward]  # L
    x, certain = _double(ahead @ h_s, h_s[:, lagged], ahead @ h_r, h_r[:, lagged], regular)
    # s_t = (I - H_r[lagged] X)^{-1} (H_s[lagged] s_{t-1} + H_z[lagged] z_t), the future known
    back = np.concatenate([h_s[:, lagged], h_r[:, lagged], h_z[:, lagged]], axis=2)
    s, regular = _solve(np.eye(m) - h_r[:, lagged] @ x, back)
    certain &= regular
    ahead_of_s = h_r @ x
    g = h_s + ahead_of_s @ s[:, :, :m]  # the columns of G that are not zero
    own = h_r + ahead_of_s @ s[:, :, m : m + f]  # y_t on E_t p_{t+1} beyond X s_t
    direct = h_z + ahead_of_s @ s[:, :, m + f :]
    p_z, summed = _sum(ahead @ direct, ahead @ own, persistence)
    response = direct + own @ (p_z @ persistence)
    certain &= summed
    left = now @ g + lag[:, :, lagged]
    left[:, forward] += ahead @ (g @ g[:, lagged])
    certain &= _small(left, now, g)
    left = now @ response + load
    left[:, forward] += ahead @ (g @ response[:, lagged] + response @ persistence)
    certain &= _small(left, now, response)
    transition = np.zeros((rows, n, n))
    transition[:, :, lagged] = g
    return transition, response, certain


def _double(
    x: FloatArray, e: FloatArray, ff: FloatArray, y: FloatArray, regular: NDArray[np.bool_]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """X of an endless spell, and the rows in which past and future have vanished."""
    x, done = x.copy(), np.zeros(len(x), dtype=np.bool_)
    active = np.flatnonzero(regular)
    e, ff, y = e[active], ff[active], y[active]
    eye = np.eye(e.shape[1])
    for _ in range(doubling.MAX_DOUBLINGS):
        own = x[active]
        y_f = y @ ff
        inverse, regular = _solve(eye - y @ own, np.concatenate([e, y_f], axis=2))
        m = e.shape[1]
        m_e, m_y_f = inverse[:, :, :m], inverse[:, :, m:]
        x[active] = own + ff @ (own @ m_e)
        ff, y, e = ff @ (ff + own @ m_y_f), y + e @ m_y_f, e @ m_e
        size_e, size_f = _largest(e), _largest(ff)
        vanished = (size_e < doubling.VANISHED) & (size_f < doubling.VANISHED)
        done[active[vanished & regular]] = True
        go_on = ~vanished & regular & (size_e < doubling.DIVERGED) & (size_f < doubling.DIVERGED)
        active, e, ff, y = active[go_on], e[go_on], ff[go_on], y[go_on]
        if not active.size:
            break
    return x, done


def _sum(
    total: FloatArray, left: FloatArray, right: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """sum_j left^j total right^j, and the rows in which it converges."""
    total, done = total.copy(), np.zeros(len(total), dtype=np.bool_)
    active = np.arange(len(total))
    for _ in range(doubling.MAX_DOUBLINGS):
        size = _largest(left) * _largest(right)
        vanished = size < doubling.VANISHED**2
        done[active[vanished]] = True
        go_on = ~vanished & (_largest(left) < doubling.DIVERGED)
        active, left, right = active[go_on], left[go_on], right[go_on]
        if not active.size:
            break
        total[active] += left @ (total[active] @ right)
        left, right = left @ left, right @ right
    return total, done


def _solve(matrices: FloatArray, right: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Solutions row by row, and the rows whose matrix is regular; zero for others."""
    try:
        solution = np.asarray(np.linalg.solve(matrices, right), dtype=np.float64)
        return solution, np.ones(len(matrices), dtype=np.bool_)
    except np.linalg.LinAlgError:
        out = np.zeros(right.shape)
        regular = np.zeros(len(matrices), dtype=np.bool_)
        for row in range(len(matrices)):
            try:
                out[row] = np.linalg.solve(matrices[row], right[row])
                regular[row] = True
            except np.linalg.LinAlgError:
                continue
        return out, regular


def _largest(matrices: FloatArray) -> FloatArray:
    """The largest entry of each row's matrix (B,); NaN where one is none."""
    return np.asarray(np.abs(matrices).max(axis=(1, 2), initial=0.0), dtype=np.float64)


def _small(residual: FloatArray, now: FloatArray, solution: FloatArray) -> NDArray[np.bool_]:
    """Whether residuals are rounding beside what enters them; not where one is NaN."""
    scale = _largest(now) * np.maximum(_largest(solution), 1.0)
    return np.asarray(_largest(residual) <= doubling.RESIDUAL_TOLERANCE * scale, dtype=np.bool_)
