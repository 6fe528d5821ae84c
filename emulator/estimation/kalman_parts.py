"""What the two forms of the Kalman filter share, of parameters side by side (p, q, L)."""

from __future__ import annotations

import math

import numpy as np

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray
from emulator.worlds.lanes import BoolArray, IndexArray, add_product, multiply, subtract_product

# The filter stands still when no entry of P moves by more than this share of the start's variances.
# Roots of .98 then leave it within 25 times as much, and a log likelihood within about 1e-8 of the
# exact one.
STANDSTILL = 1e-12

# Products may be added without rounding in between; NaN and infinity keep their meaning.
FUSED = {"contract"}

LOG_2_PI = math.log(2.0 * math.pi)


@compiled(error_model="numpy", fastmath=FUSED)
def rest_to_start(a: FloatArray, b: FloatArray, quarters: int) -> tuple[FloatArray, FloatArray]:
    """Cov x_k and A^k (n, n, L) after k `quarters` from rest, a (n, n, L), b (n, S, L), by k's
    binary digits.

    V_{2j} = V_j + A^j V_j A^j' and V_{j+1} = A V_j A' + B B'.
    """
    n, shocks, lanes = b.shape
    noise, v = np.zeros((n, n, lanes)), np.zeros((n, n, lanes))
    power, half, more = np.zeros((n, n, lanes)), np.empty((n, n, lanes)), np.empty((n, n, lanes))
    square(noise, b, b, n, n, shocks)
    for i in range(n):
        power[i, i] = 1.0
    bits = 0
    while quarters >> bits:
        bits += 1
    for bit in range(bits - 1, -1, -1):
        multiply(half, power, v, n, n, n)
        square(v, half, power, n, n, n)
        multiply(more, power, power, n, n, n)
        power, more = more, power
        if (quarters >> bit) & 1:
            multiply(half, a, v, n, n, n)
            v[:] = noise
            square(v, half, a, n, n, n)
            multiply(more, power, a, n, n, n)
            power, more = more, power
    return v, power


@compiled(error_model="numpy", fastmath=FUSED)
def square(out: FloatArray, a: FloatArray, b: FloatArray, p: int, r: int, q: int) -> None:
    """out (p, r, L) += a (p, q, L) b' for b (r, q, L)."""
    for i in range(p):
        for j in range(r):
            for k in range(q):
                add_product(out[i, j], a[i, k], b[j, k])


@compiled(error_model="numpy")
def entries(a: FloatArray) -> tuple[IndexArray, IndexArray]:
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


@compiled(error_model="numpy")
def spreads(p: FloatArray) -> FloatArray:
    """S.d.s (n, L) of covariances p (n, n, L)."""
    n, _, lanes = p.shape
    out = np.empty((n, lanes))
    for i in range(n):
        for lane in range(lanes):
            out[i, lane] = math.sqrt(max(p[i, i, lane], 0.0))
    return out


@compiled(error_model="numpy")
def fed_to_observables(d: FloatArray, noise: FloatArray) -> FloatArray:
    """D D' and the noise's variances (3, 3, L)."""
    shocks, lanes = d.shape[1:]
    out = np.zeros((3, 3, lanes))
    square(out, d, d, 3, 3, shocks)
    for j in range(3):
        for lane in range(lanes):
            out[j, j, lane] += noise[j] * noise[j]
    return out


@compiled(error_model="numpy", fastmath=FUSED)
def innovation(
    p: FloatArray,
    a: FloatArray,
    c: FloatArray,
    direct: FloatArray,
    impact: FloatArray,
    columns: IndexArray,
    counts: IndexArray,
    pc: FloatArray,
    f: FloatArray,
    g: FloatArray,
) -> None:
    """The lower triangle of f (3, 3, L) = C P C' + direct, and g (n, 3, L) = A P C' + impact. pc
    (n, 3, L) is scratch."""
    n = p.shape[0]
    pc[:] = 0.0
    square(pc, p, c, n, 3, n)
    for i in range(3):
        for j in range(i + 1):
            f[i, j] = direct[i, j]
            for k in range(n):
                add_product(f[i, j], c[i, k], pc[k, j])
    g[:] = impact
    for i in range(n):
        for j in range(3):
            for q in range(counts[i]):
                add_product(g[i, j], a[i, columns[i, q]], pc[columns[i, q], j])


@compiled(error_model="numpy", fastmath=FUSED)
def factor(
    root: FloatArray,
    f: FloatArray,
    seen: BoolArray,
    log_det: FloatArray,
    regular: FloatArray,
) -> None:
    """root (3, 3, L): the lower Cholesky factor of f (3, 3, L), its diagonal inverted; log_det (L,)
    of f; regular (L,) becomes zero where f has none.

    What is not seen counts as if it were of unit variance, zero and told nothing.
    """
    lanes = log_det.size
    log_det[:] = 0.0
    for i in range(3):
        if not seen[i]:
            root[i] = 0.0
            root[i, i] = 1.0
            continue
        for j in range(i + 1):
            if not seen[j]:
                root[i, j] = 0.0
                continue
            s = root[i, j]
            s[:] = f[i, j]
            for k in range(j):
                subtract_product(s, root[i, k], root[j, k])
            for lane in range(lanes):
                if i == j:
                    if not s[lane] > 0.0:
                        regular[lane] = 0.0
                    s[lane] = 1.0 / math.sqrt(s[lane] if s[lane] > 0.0 else 1.0)
                    log_det[lane] -= 2.0 * math.log(s[lane])
                else:
                    s[lane] *= root[j, j, lane]


@compiled(error_model="numpy", fastmath=FUSED)
def gain_by_root(gain: FloatArray, root: FloatArray, seen: BoolArray) -> None:
    """Replace G (n, 3, L) by G R'^{-1}, where F = R R' and root is as `factor` leaves it, so that
    K F K' is its square; columns that are not seen by zeros."""
    for i in range(gain.shape[0]):
        for j in range(3):
            if not seen[j]:
                gain[i, j] = 0.0
                continue
            for k in range(j):
                subtract_product(gain[i, j], gain[i, k], root[j, k])
            gain[i, j] *= root[j, j]


@compiled(error_model="numpy", fastmath=FUSED)
def take_quarter(
    m: FloatArray,
    y: FloatArray,
    seen: BoolArray,
    a: FloatArray,
    c: FloatArray,
    columns: IndexArray,
    counts: IndexArray,
    root: FloatArray,
    gain: FloatArray,
    log_det: FloatArray,
    total: FloatArray,
    w: FloatArray,
    following: FloatArray,
) -> None:
    """Add a quarter's log density to total (L,) and move the mean m (n, L) on. y (3,). w (3, L) and
    following (n, L) are scratch."""
    n, lanes = m.shape
    known = 0
    for j in range(3):  # w = R^{-1} (y - C m)
        if not seen[j]:
            w[j] = 0.0
            continue
        known += 1
        w[j] = y[j]
        for k in range(n):
            subtract_product(w[j], c[j, k], m[k])
        for k in range(j):
            subtract_product(w[j], root[j, k], w[k])
        w[j] *= root[j, j]
    for lane in range(lanes):
        squares = w[0, lane] ** 2 + w[1, lane] ** 2 + w[2, lane] ** 2
        total[lane] -= 0.5 * (log_det[lane] + squares + known * LOG_2_PI)
    for i in range(n):
        following[i] = 0.0
        for q in range(counts[i]):
            add_product(following[i], a[i, columns[i, q]], m[columns[i, q]])
        for k in range(3):
            add_product(following[i], gain[i, k], w[k])
    m[:] = following
