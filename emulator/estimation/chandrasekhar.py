"""The filter of `kalman` without its covariance: of histories in which every number is seen.

From one quarter to the next P changes by W M W', where W has a few columns: first

    W = [K R, A^k B],  M = diag(-I, I),  F = R R'

(the second block is there while the start has not forgotten rest). What the likelihood needs is
carried by the Chandrasekhar recursions (Morf, Sidhu and Kailath 1974, IEEE Transactions on
Automatic Control 19; Herbst 2015, Computational Economics 45), G = K F and X = C W:

    F <- F + X M X',  G <- G + A W M X',  W <- (A - K C) W,  M <- M - M X' F^{-1} X M

with K before and F after it. F and G are sums of changes, so that what rounding takes from a large
F stays in a small one. From rest, changes of both signs nearly cancel, and fewer digits are left.
Rows where a pivot of F falls below a millionth of F's first diagonal are left to `covariance_form`.
"""

from __future__ import annotations

import numpy as np

from emulator.compiled import compiled
from emulator.estimation.kalman_parts import (
    FUSED,
    STANDSTILL,
    entries,
    factor,
    fed_to_observables,
    gain_by_root,
    innovation,
    spreads,
    square,
    take_quarter,
)
from emulator.worlds.base import FloatArray
from emulator.worlds.lanes import BoolArray, add_product, subtract_product

# Share of F's first diagonal below which a pivot of a later F has too few digits. Above it, log
# likelihoods are right to 1e-8 of them, five quarters after rest or later.
LOST = 1e-6


@compiled(error_model="numpy", fastmath=FUSED)
def filter_complete(
    a: FloatArray,
    b: FloatArray,
    c: FloatArray,
    d: FloatArray,
    history: FloatArray,
    noise: FloatArray,
    p: FloatArray,
    power: FloatArray,
    sound: BoolArray,
) -> FloatArray:
    """The log likelihood (L,) of lanes that start with covariance p (n, n, L), A^k being `power`.
    sound (L,) becomes False where too few digits are left."""
    n, shocks, lanes = b.shape
    columns, counts = entries(a)
    spread = spreads(p)
    impact = np.zeros((n, 3, lanes))
    square(impact, b, d, n, 3, shocks)
    f, g, pc = np.zeros((3, 3, lanes)), np.empty((n, 3, lanes)), np.empty((n, 3, lanes))
    innovation(p, a, c, fed_to_observables(d, noise), impact, columns, counts, pc, f, g)
    seen = np.ones(3, dtype=np.bool_)
    root, first = np.zeros((3, 3, lanes)), np.empty((3, lanes))
    log_det, total, regular = np.zeros(lanes), np.zeros(lanes), np.ones(lanes)
    factor(root, f, seen, log_det, regular)
    for j in range(3):
        first[j] = f[j, j]
    gain = g.copy()
    gain_by_root(gain, root, seen)

    rest = _left_of_rest(power, b, spread)
    width = 3 + rest.shape[1]
    change, carried = np.empty((n, width, lanes)), np.empty((n, width, lanes))  # W, A W
    change[:, :3] = gain
    change[:, 3:] = rest
    middle = np.zeros((width, width, lanes))  # M
    for k in range(width):
        middle[k, k] = -1.0 if k < 3 else 1.0
    x, xm = np.empty((3, width, lanes)), np.empty((3, width, lanes))  # X, X M
    m, following, w = np.zeros((n, lanes)), np.empty((n, lanes)), np.empty((3, lanes))
    moves = True
    for t in range(history.shape[0]):
        take_quarter(
            m, history[t], seen, a, c, columns, counts, root, gain, log_det, total, w, following
        )
        moves = moves and _keep_what_moves(change, middle, spread)
        if not moves or t == len(history) - 1:
            continue
        x[:] = 0.0
        xm[:] = 0.0
        carried[:] = 0.0
        for k in range(width):
            for j in range(3):
                for i in range(n):
                    add_product(x[j, k], c[j, i], change[i, k])
            for i in range(n):
                for q in range(counts[i]):
                    add_product(carried[i, k], a[i, columns[i, q]], change[columns[i, q], k])
        for j in range(3):
            for k in range(width):
                for q in range(width):
                    add_product(xm[j, k], x[j, q], middle[q, k])
        for i in range(3):
            for j in range(i + 1):
                for k in range(width):
                    add_product(f[i, j], xm[i, k], x[j, k])
        for i in range(n):
            for j in range(3):
                for k in range(width):
                    add_product(g[i, j], carried[i, k], xm[j, k])
        _by_root(x, root)
        for i in range(n):  # W = A W - (K R) (R^{-1} X)
            for k in range(width):
                change[i, k] = carried[i, k]
                for j in range(3):
                    subtract_product(change[i, k], gain[i, j], x[j, k])
        factor(root, f, seen, log_det, regular)
        gain[:] = g
        gain_by_root(gain, root, seen)
        _by_root(xm, root)
        for k in range(width):
            for q in range(k + 1):
                for j in range(3):
                    subtract_product(middle[k, q], xm[j, k], xm[j, q])
                middle[q, k] = middle[k, q]
        for j in range(3):
            for lane in range(lanes):  # a pivot's inverse root is at the diagonal of `root`
                if root[j, j, lane] ** 2 * LOST * first[j, lane] > 1.0:
                    sound[lane] = False
    for lane in range(lanes):
        if regular[lane] == 0.0:
            sound[lane] = False
    return total


@compiled(error_model="numpy", fastmath=FUSED)
def _left_of_rest(power: FloatArray, b: FloatArray, spread: FloatArray) -> FloatArray:
    """A^k B (n, S, L), zero in the lanes whose start has forgotten rest; without columns where all
    have."""
    n, shocks, lanes = b.shape
    out = np.zeros((n, shocks, lanes))
    for i in range(n):
        for k in range(shocks):
            for q in range(n):
                add_product(out[i, k], power[i, q], b[q, k])
    once = np.zeros((shocks, shocks, lanes))
    for k in range(shocks):
        once[k, k] = 1.0
    return out if _keep_what_moves(out, once, spread) else out[:, :0]


@compiled(error_model="numpy")
def _keep_what_moves(change: FloatArray, middle: FloatArray, spread: FloatArray) -> bool:
    """Whether W M W' moves P in any lane. Where it does not, W (n, K, L) becomes zero, so that a
    lane's gain is the same whatever other lanes do."""
    n, width, lanes = change.shape
    largest, moved = np.zeros(lanes), np.zeros(lanes)
    for k in range(width):
        for q in range(width):
            for lane in range(lanes):
                largest[lane] = max(largest[lane], abs(middle[k, q, lane]))
    size = np.empty(lanes)
    for i in range(n):
        size[:] = 0.0
        for k in range(width):
            for lane in range(lanes):
                size[lane] += abs(change[i, k, lane])
        for lane in range(lanes):
            # no entry of row i moves by more than size_i size_j times the largest of M
            if not largest[lane] * size[lane] ** 2 <= STANDSTILL * spread[i, lane] ** 2:
                moved[lane] = 1.0
    for lane in range(lanes):
        if moved[lane] == 0.0:
            change[:, :, lane] = 0.0
    return bool(moved.any())


@compiled(error_model="numpy", fastmath=FUSED)
def _by_root(x: FloatArray, root: FloatArray) -> None:
    """Replace x (3, K, L) by R^{-1} x, root as `factor` leaves it."""
    for k in range(x.shape[1]):
        for j in range(3):
            for i in range(j):
                subtract_product(x[j, k], root[j, i], x[i, k])
            x[j, k] *= root[j, j]
