"""Exact log likelihoods of one history under many parameters.

A history is the last L quarters of a simulation that started at rest k quarters before them. The
state at its start then has mean zero and covariance V_k = sum_{j<k} A^j B B' A^j', which is where
the filter starts; no unconditional variance, no diffuse prior. For worlds that are a linear state
space (see `emulator.worlds.linear`) with x_{t-1} ~ N(m, P) given the quarters before t,

    v = y_t - C m,  F = C P C' + D D',  K = (A P C' + B D') F^{-1}
    m <- A m + K v,  P <- A P A' + B B' - K F K'

and each quarter adds log N(v; 0, F) (Hamilton 1994, Time Series Analysis, ch. 13). Observables
carry no noise; F is regular because as many shocks as observables, or more, move them on impact.
Regimes are in `hamilton`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from emulator.compiled import compiled
from emulator.errors import InputError
from emulator.estimation import hamilton
from emulator.worlds.base import FloatArray
from emulator.worlds.linear import StateSpace
from emulator.worlds.switching import SwitchingSolution

# P stands still when no entry moves by more than this share of the start's variances. Roots of .98
# then leave it within 25 times as much, and a log likelihood within about 1e-8 of the exact one.
STANDSTILL = 1e-12

# Sums may be taken in another order, which lets them use the processor's vectors; NaN and infinity
# keep their meaning.
REORDERED = {"reassoc", "contract"}

_LOG_2_PI = math.log(2.0 * math.pi)


def log_likelihood(solution: Any, history: FloatArray, run_in: int) -> FloatArray:
    """log p(history | theta) (B,) for solved parameters; NaN where a row has no solution.

    history: (L, 3) in the observables' units. run_in: quarters from rest before its first. Raises
    InputError where the world has no exact likelihood.
    """
    if isinstance(solution, StateSpace):
        return kalman(solution.a, solution.b, solution.c, solution.d, history, run_in)
    if isinstance(solution, SwitchingSolution):
        return hamilton.filtered(solution, history, run_in).log_likelihood
    raise InputError(
        "no exact likelihood: expected a linear state space or the switching world, got a "
        f"{type(solution).__name__}; docs/floors.md says why and what to compare with instead"
    )


@compiled(error_model="numpy")
def kalman(
    a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray, history: FloatArray, run_in: int
) -> FloatArray:
    """log p(history | A, B, C, D) (B,) of rows that started at rest `run_in` quarters before."""
    rows = len(b)
    out = np.empty(rows)
    for r in range(rows):
        if np.isfinite(a[r]).all() and np.isfinite(b[r]).all():
            start = covariance_after(a[r], b[r], run_in)
            out[r] = _filter(a[r], b[r], c[r], d[r], history, start)
        else:
            out[r] = np.nan
    return out


@compiled(error_model="numpy")
def covariance_after(a: FloatArray, b: FloatArray, quarters: int) -> FloatArray:
    """Cov x_k (n, n) after `quarters` from rest, by the binary digits of k.

    V_{2j} = V_j + A^j V_j A^j' and V_{j+1} = A V_j A' + B B'.
    """
    n = a.shape[0]
    shocks = b @ b.T
    v = np.zeros((n, n))
    power = np.eye(n)
    bits = 0
    while quarters >> bits:
        bits += 1
    for bit in range(bits - 1, -1, -1):
        v = v + power @ v @ np.ascontiguousarray(power.T)
        power = power @ power
        if (quarters >> bit) & 1:
            v = a @ v @ np.ascontiguousarray(a.T) + shocks
            power = power @ a
    return v


@compiled(error_model="numpy", fastmath=REORDERED)
def _filter(
    a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray, history: FloatArray, p: FloatArray
) -> float:
    n = len(a)
    quarters = history.shape[0]
    noise, impact = b @ b.T, b @ d.T  # B B' (n, n), B D' (n, 3)
    direct = d @ d.T
    spread = np.empty(n)
    for i in range(n):
        spread[i] = math.sqrt(max(p[i, i], 0.0))
    m, following = np.zeros(n), np.empty(n)
    carried, pc = np.empty((n, n)), np.empty((n, 3))
    gain, g = np.empty((n, 3)), np.empty((n, 3))
    root = np.zeros((3, 3))  # lower Cholesky factor of F
    v, w = np.empty(3), np.empty(3)
    log_det = 0.0
    moving = True
    total = 0.0
    for t in range(quarters):
        if moving:
            # P C', F and its factor
            for i in range(n):
                for j in range(3):
                    s = 0.0
                    for k in range(n):
                        s += p[i, k] * c[j, k]
                    pc[i, j] = s
            for i in range(3):
                for j in range(i + 1):
                    s = direct[i, j]
                    for k in range(n):
                        s += c[i, k] * pc[k, j]
                    for k in range(j):
                        s -= root[i, k] * root[j, k]
                    if i == j:
                        if not s > 0.0:
                            return -np.inf
                        root[i, i] = math.sqrt(s)
                    else:
                        root[i, j] = s / root[j, j]
            log_det = 2.0 * math.log(root[0, 0] * root[1, 1] * root[2, 2])
            # G = A P C' + B D', and G R'^{-1} with F = R R', so that K F K' is its square
            for i in range(n):
                for j in range(3):
                    s = impact[i, j]
                    for k in range(n):
                        s += a[i, k] * pc[k, j]
                    g[i, j] = s
                for j in range(3):
                    s = g[i, j]
                    for k in range(j):
                        s -= gain[i, k] * root[j, k]
                    gain[i, j] = s / root[j, j]
        # w = R^{-1} (y - C m)
        for j in range(3):
            s = history[t, j]
            for k in range(n):
                s -= c[j, k] * m[k]
            v[j] = s
        for j in range(3):
            s = v[j]
            for k in range(j):
                s -= root[j, k] * w[k]
            w[j] = s / root[j, j]
        total -= 0.5 * (log_det + w[0] ** 2 + w[1] ** 2 + w[2] ** 2 + 3.0 * _LOG_2_PI)
        for i in range(n):
            s = gain[i, 0] * w[0] + gain[i, 1] * w[1] + gain[i, 2] * w[2]
            for k in range(n):
                s += a[i, k] * m[k]
            following[i] = s
        m[:] = following
        if moving:
            moving = _step(a, p, noise, gain, carried, following, spread)
    return total


@compiled(error_model="numpy", fastmath=REORDERED)
def _step(
    a: FloatArray,
    p: FloatArray,
    noise: FloatArray,
    gain: FloatArray,
    carried: FloatArray,
    work: FloatArray,
    spread: FloatArray,
) -> bool:
    """P <- A P A' + B B' - gain gain' in place; whether it still moves.

    carried (n, n) and work (n,) are scratch. spread (n,): s.d.s that say what is still.
    """
    # Row by row, entries of A that are zero skipped: exogenous processes load on one variable each.
    n = a.shape[0]
    for j in range(n):  # P A'
        work[:] = 0.0
        for k in range(n):
            if a[j, k] != 0.0:
                x, row = a[j, k], p[k]
                for i in range(n):
                    work[i] += x * row[i]
        for i in range(n):
            carried[i, j] = work[i]
    moving = False
    for i in range(n):
        for j in range(i + 1):
            work[j] = noise[i, j]
            for k in range(3):
                work[j] -= gain[i, k] * gain[j, k]
        for k in range(n):
            if a[i, k] != 0.0:
                x, row = a[i, k], carried[k]
                for j in range(i + 1):
                    work[j] += x * row[j]
        for j in range(i + 1):
            if abs(work[j] - p[i, j]) > STANDSTILL * spread[i] * spread[j]:
                moving = True
            p[i, j] = work[j]
    for i in range(n):
        for j in range(i):
            p[j, i] = p[i, j]
    return moving
