"""Exact log likelihoods of one history under many parameters.

A history is the last L quarters of a simulation that started at rest k quarters before them. The
state at its start then has mean zero and covariance V_k = sum_{j<k} A^j B B' A^j', which is where
the filter starts; no unconditional variance, no diffuse prior. For worlds that are a linear state
space (see `emulator.worlds.linear`) with x_{t-1} ~ N(m, P) given the quarters before t,

    v = y_t - C m,  F = C P C' + D D',  K = (A P C' + B D') F^{-1}
    m <- A m + K v,  P <- A P A' + B B' - K F K'

and each quarter adds log N(v; 0, F) (Hamilton 1994, Time Series Analysis, ch. 13). Measurement
noise, independent over quarters and observables, adds its variances to F; without it, F is regular
where as many shocks as observables, or more, move them on impact. A number that is missing (NaN)
leaves its row out of v, F and K.
Parameters are filtered side by side (`emulator.worlds.lanes`): a row's likelihood has the same bits
whatever its neighbours are. Regimes are in `hamilton`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.compiled import compiled
from emulator.errors import InputError
from emulator.estimation import hamilton
from emulator.worlds.base import FloatArray
from emulator.worlds.lanes import LANES, IndexArray, add_product, gather, multiply, subtract_product
from emulator.worlds.linear import MovingAverage, StateSpace
from emulator.worlds.switching import SwitchingSolution

if TYPE_CHECKING:
    from jaxtyping import Float64

# P stands still when no entry moves by more than this share of the start's variances. Roots of .98
# then leave it within 25 times as much, and a log likelihood within about 1e-8 of the exact one.
STANDSTILL = 1e-12

# Products may be added without rounding in between; NaN and infinity keep their meaning.
FUSED = {"contract"}

NO_NOISE = np.zeros(3)

_LOG_2_PI = math.log(2.0 * math.pi)


def has_likelihood(solution: Any) -> bool:
    """Whether histories of a world with such solutions have an exact likelihood."""
    return isinstance(solution, StateSpace | MovingAverage | SwitchingSolution)


def log_likelihood(
    solution: Any,
    history: Float64[np.ndarray, "L 3"],
    run_in: int,
    noise: Float64[np.ndarray, " 3"] = NO_NOISE,
) -> Float64[np.ndarray, " B"]:
    """log p(history | theta) (B,) for solved parameters; NaN where a row has no solution.

    history: in the observables' units, NaN where a number is missing. run_in: quarters from rest
    before its first. noise: s.d.s of measurement noise, in the same units. Raises InputError where
    the world has no exact likelihood, or none with gaps or noise.
    """
    if isinstance(solution, StateSpace | MovingAverage):
        return kalman(solution.a, solution.b, solution.c, solution.d, history, run_in, noise)
    if isinstance(solution, SwitchingSolution):
        if noise.any() or not np.isfinite(history).all():
            raise InputError(
                "regimes are filtered exactly only where every number is seen: leave out noise, "
                "and start after the gaps"
            )
        return hamilton.filtered(solution, history, run_in).log_likelihood
    raise InputError(
        "no exact likelihood: expected a linear state space or the switching world, got a "
        f"{type(solution).__name__}; docs/floors.md says why and what to compare with instead"
    )


def kalman(
    a: Float64[np.ndarray, "B n n"],
    b: Float64[np.ndarray, "B n S"],
    c: Float64[np.ndarray, "B 3 n"],
    d: Float64[np.ndarray, "B 3 S"],
    history: Float64[np.ndarray, "L 3"],
    run_in: int,
    noise: Float64[np.ndarray, " 3"] = NO_NOISE,
) -> Float64[np.ndarray, " B"]:
    """log p(history | A, B, C, D) (B,) of rows that started at rest `run_in` quarters before."""
    return _kalman(a, b, c, d, history, run_in, noise, min(LANES, max(len(b), 1)))


@compiled(error_model="numpy")
def _kalman(
    a: FloatArray,
    b: FloatArray,
    c: FloatArray,
    d: FloatArray,
    history: FloatArray,
    run_in: int,
    noise: FloatArray,
    lanes: int,
) -> FloatArray:
    rows, n, shocks = b.shape
    out = np.empty(rows)
    transition, load = np.empty((n, n, lanes)), np.empty((n, shocks, lanes))
    shown, direct = np.empty((3, n, lanes)), np.empty((3, shocks, lanes))
    for start in range(0, rows, lanes):
        gather(transition, a, start, n, n)
        gather(load, b, start, n, shocks)
        gather(shown, c, start, 3, n)
        gather(direct, d, start, 3, shocks)
        p = covariance_after(transition, load, run_in)
        total = _filter(transition, load, shown, direct, history, noise, p)
        for row in range(start, min(start + lanes, rows)):
            solved = np.isfinite(a[row]).all() and np.isfinite(b[row]).all()
            out[row] = total[row - start] if solved else np.nan
    return out


@compiled(error_model="numpy", fastmath=FUSED)
def covariance_after(a: FloatArray, b: FloatArray, quarters: int) -> FloatArray:
    """Cov x_k (n, n, L) after `quarters` from rest, a (n, n, L), b (n, S, L), by k's binary digits.

    V_{2j} = V_j + A^j V_j A^j' and V_{j+1} = A V_j A' + B B'.
    """
    n, shocks, lanes = b.shape
    noise, v = np.zeros((n, n, lanes)), np.zeros((n, n, lanes))
    power, half, more = np.zeros((n, n, lanes)), np.empty((n, n, lanes)), np.empty((n, n, lanes))
    _square(noise, b, b, n, n, shocks)
    for i in range(n):
        power[i, i] = 1.0
    bits = 0
    while quarters >> bits:
        bits += 1
    for bit in range(bits - 1, -1, -1):
        multiply(half, power, v, n, n, n)
        _square(v, half, power, n, n, n)
        multiply(more, power, power, n, n, n)
        power, more = more, power
        if (quarters >> bit) & 1:
            multiply(half, a, v, n, n, n)
            v[:] = noise
            _square(v, half, a, n, n, n)
            multiply(more, power, a, n, n, n)
            power, more = more, power
    return v


@compiled(error_model="numpy", fastmath=FUSED)
def _square(out: FloatArray, a: FloatArray, b: FloatArray, p: int, r: int, q: int) -> None:
    """out (p, r, L) += a (p, q, L) b' for b (r, q, L)."""
    for i in range(p):
        for j in range(r):
            for k in range(q):
                add_product(out[i, j], a[i, k], b[j, k])


@compiled(error_model="numpy")
def _entries(a: FloatArray) -> tuple[IndexArray, IndexArray]:
    """Which entries of a (p, q, L) are not zero in every lane: their columns by row (p, q), of
    which the first counts (p,) are set. Exogenous processes load on one variable each."""
    p, q, _ = a.shape
    columns, counts = np.empty((p, q), dtype=np.int64), np.zeros(p, dtype=np.int64)
    for i in range(p):
        for k in range(q):
            if np.any(a[i, k] != 0.0):
                columns[i, counts[i]] = k
                counts[i] += 1
    return columns, counts


@compiled(error_model="numpy", fastmath=FUSED)
def _filter(
    a: FloatArray,
    b: FloatArray,
    c: FloatArray,
    d: FloatArray,
    history: FloatArray,
    noise: FloatArray,
    p: FloatArray,
) -> FloatArray:
    """The log likelihood (L,) of lanes that start with covariance p (n, n, L); p is lost."""
    n, shocks, lanes = b.shape
    columns, counts = _entries(a)
    fed, impact = np.zeros((n, n, lanes)), np.zeros((n, 3, lanes))  # B B', B D'
    direct = np.zeros((3, 3, lanes))  # D D' and the noise
    _square(fed, b, b, n, n, shocks)
    _square(impact, b, d, n, 3, shocks)
    _square(direct, d, d, 3, 3, shocks)
    for j in range(3):
        for lane in range(lanes):
            direct[j, j, lane] += noise[j] * noise[j]
    spread = np.empty((n, lanes))
    for i in range(n):
        for lane in range(lanes):
            spread[i, lane] = math.sqrt(max(p[i, i, lane], 0.0))
    m, following = np.zeros((n, lanes)), np.empty((n, lanes))
    pc, gain = np.empty((n, 3, lanes)), np.empty((n, 3, lanes))
    carried, fresh = np.empty((n, n, lanes)), np.empty((n, n, lanes))
    root = np.zeros((3, 3, lanes))  # lower Cholesky factor of F, its diagonal inverted
    w, s = np.empty((3, lanes)), np.empty(lanes)
    log_det, total = np.zeros(lanes), np.zeros(lanes)
    moving, regular = np.ones(lanes), np.ones(lanes)
    any_moves = True
    seen, before = np.ones(3, dtype=np.bool_), np.ones(3, dtype=np.bool_)
    for t in range(history.shape[0]):
        known = 0
        for j in range(3):
            seen[j] = not math.isnan(history[t, j])
            known += seen[j]
            if seen[j] != before[j]:  # what stood still does so no longer
                moving[:] = 1.0
                any_moves = True
            before[j] = seen[j]
        if any_moves:
            pc[:] = 0.0
            _square(pc, p, c, n, 3, n)
            log_det[:] = 0.0
            for i in range(3):
                if not seen[i]:  # as if it were of unit variance, zero and told nothing
                    root[i] = 0.0
                    root[i, i] = 1.0
                    continue
                for j in range(i + 1):
                    if not seen[j]:
                        root[i, j] = 0.0
                        continue
                    s[:] = direct[i, j]
                    for k in range(n):
                        add_product(s, c[i, k], pc[k, j])
                    for k in range(j):
                        subtract_product(s, root[i, k], root[j, k])
                    for lane in range(lanes):
                        if i == j:
                            if not s[lane] > 0.0:
                                regular[lane] = 0.0
                            root[i, i, lane] = 1.0 / math.sqrt(s[lane] if s[lane] > 0.0 else 1.0)
                            log_det[lane] -= 2.0 * math.log(root[i, i, lane])
                        else:
                            root[i, j, lane] = s[lane] * root[j, j, lane]
            # G R'^{-1} with G = A P C' + B D' and F = R R', so that K F K' is its square
            gain[:] = impact
            for i in range(n):
                for j in range(3):
                    if not seen[j]:
                        gain[i, j] = 0.0
                        continue
                    for q in range(counts[i]):
                        add_product(gain[i, j], a[i, columns[i, q]], pc[columns[i, q], j])
                    for k in range(j):
                        subtract_product(gain[i, j], gain[i, k], root[j, k])
                    gain[i, j] *= root[j, j]
        # w = R^{-1} (y - C m)
        for j in range(3):
            if not seen[j]:
                w[j] = 0.0
                continue
            w[j] = history[t, j]
            for k in range(n):
                subtract_product(w[j], c[j, k], m[k])
            for k in range(j):
                subtract_product(w[j], root[j, k], w[k])
            w[j] *= root[j, j]
        for lane in range(lanes):
            square = w[0, lane] ** 2 + w[1, lane] ** 2 + w[2, lane] ** 2
            total[lane] -= 0.5 * (log_det[lane] + square + known * _LOG_2_PI)
        for i in range(n):
            following[i] = 0.0
            for q in range(counts[i]):
                add_product(following[i], a[i, columns[i, q]], m[columns[i, q]])
            for k in range(3):
                add_product(following[i], gain[i, k], w[k])
        m, following = following, m
        if any_moves:
            _step(p, a, fed, gain, columns, counts, carried, fresh)
            _settle(p, fresh, spread, moving)
            any_moves = bool(moving.any())
    for lane in range(lanes):
        if regular[lane] == 0.0:
            total[lane] = -np.inf
    return total


@compiled(error_model="numpy", fastmath=FUSED)
def _step(
    p: FloatArray,
    a: FloatArray,
    fed: FloatArray,
    gain: FloatArray,
    columns: IndexArray,
    counts: IndexArray,
    carried: FloatArray,
    fresh: FloatArray,
) -> None:
    """The lower triangle of fresh = A P A' + B B' - gain gain'. carried (n, n, L) is scratch."""
    n = p.shape[0]
    for i in range(n):  # A P
        for j in range(n):
            carried[i, j] = 0.0
            for q in range(counts[i]):
                add_product(carried[i, j], a[i, columns[i, q]], p[columns[i, q], j])
    for i in range(n):
        for j in range(i + 1):
            fresh[i, j] = fed[i, j]
            for k in range(3):
                subtract_product(fresh[i, j], gain[i, k], gain[j, k])
            for q in range(counts[j]):
                add_product(fresh[i, j], carried[i, columns[j, q]], a[j, columns[j, q]])


@compiled(error_model="numpy")
def _settle(p: FloatArray, fresh: FloatArray, spread: FloatArray, moving: FloatArray) -> None:
    """Move p to `fresh` in the lanes where it still moves, and say in `moving` (L,) which do.

    A lane that stands still keeps its p, so that its gain is the same whatever other lanes do.
    """
    n, _, lanes = p.shape
    moves = np.zeros(lanes)
    for i in range(n):
        for j in range(i + 1):
            for lane in range(lanes):
                change = abs(fresh[i, j, lane] - p[i, j, lane])
                if change > STANDSTILL * spread[i, lane] * spread[j, lane]:
                    moves[lane] = 1.0
    moving *= moves
    for i in range(n):
        for j in range(i + 1):
            for lane in range(lanes):
                value = fresh[i, j, lane] if moving[lane] != 0.0 else p[i, j, lane]
                p[i, j, lane] = value
                p[j, i, lane] = value
