"""Doubling: what infinitely many quarters do, in a handful of squarings.

`decision_rules` solves A E_t y_{t+1} + B y_t + C y_{t-1} + D z_t = 0, z_t = N z_{t-1} + ..., by
structure-preserving doubling (Chiang, Chu, Guo, Huang, Lin and Xu 2009, SIAM J. Matrix Anal. 31(2);
Huber, Meyer-Gohde and Saecker 2024, "Solving linear DSGE models with structure-preserving doubling
methods"), on the part of y that
matters. Write s = y[lagged] for the variables the past hands over and p = L y for the combinations
the future hands back (L: the rows of A that are not zero). Dividing by B,

    y_t = H_r E_t p_{t+1} + H_s s_{t-1} + H_z z_t

and a spell of quarters, shocks aside, maps the s before it and the p after it into its first p and
its last s:

    p_first = X s_before + F p_after         one quarter:  X = L H_s,       F = L H_r,
    s_last  = E s_before + Y p_after                       E = H_s[lagged], Y = H_r[lagged].

Joining two equal spells doubles the length, with M = (I - Y X)^{-1}:

    E' = E M E,    F' = F (F + X M Y F),    X' = X + F X M E,    Y' = Y + E M Y F.

When E and F vanish, the past does not reach the end of a long spell nor the future its start: X is
then the solution p_t = X s_{t-1}, unique and stable. That is the root count of Blanchard and Kahn,
for E falls like the 2^k-th power of the largest stable root and F like that of the smallest
unstable root's inverse. A draw for which this fails is left to the caller.
"""

from __future__ import annotations

import numpy as np

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray
from emulator.worlds.lanes import (
    IndexArray,
    add,
    add_where,
    copy_where,
    gather,
    largest_entry,
    multiply,
    pick,
    solve_in_place,
)

# 2^30 quarters decide about roots further than 3e-8 from the unit circle.
MAX_DOUBLINGS = 30
# Where E and F have entries below this, what is left of the correction to X is their product,
# below rounding.
VANISHED = 1e-9
# Entries above this belong to a root on the wrong side: a draw with a solution that starts its
# way down from here would have lost all its digits.
DIVERGED = 1e12
# Residuals of the model's equations, relative to the largest product that enters them: elimination
# leaves some 1e-15 times the model's condition number. Beyond it a draw is solved another way.
RESIDUAL_TOLERANCE = 1e-11


@compiled(error_model="numpy")
def decision_rules(
    lead: FloatArray,
    now: FloatArray,
    lag: FloatArray,
    load: FloatArray,
    persistence: FloatArray,
    forward: IndexArray,
    lagged: IndexArray,
    lanes: int,
    transition: FloatArray,
    response: FloatArray,
    solved: FloatArray,
) -> None:
    """Fill G (B, n, n) and Q (B, n, k) of y_t = G y_{t-1} + Q z_t, and mark the rows solved (B,).

    forward: the equations (f,) with a lead; lagged: the variables (m,) with a lag; all else in A
    and C is zero. transition comes in as zeros. Rows not marked hold numbers without meaning.
    """
    rows, n, k = load.shape
    f, m = forward.size, lagged.size
    side = m + f
    all_n, all_m, all_f = np.arange(n), np.arange(m), np.arange(f)
    a, b, c = np.empty((n, n, lanes)), np.empty((n, n, lanes)), np.empty((n, n, lanes))
    d, exogenous = np.empty((n, k, lanes)), np.empty((k, k, lanes))
    eliminated, h = np.empty((n, n, lanes)), np.empty((n, side + k, lanes))
    ahead = np.empty((f, n, lanes))  # L
    x, y = np.empty((f, m, lanes)), np.empty((m, f, lanes))
    e, ff = np.empty((m, m, lanes)), np.empty((f, f, lanes))
    quarter_f, p_z = np.empty((f, f, lanes)), np.empty((f, k, lanes))
    joint, inverse = np.empty((m, m, lanes)), np.empty((m, side + k, lanes))
    s_s, s_z = np.empty((m, m, lanes)), np.empty((m, k, lanes))
    g, q = np.empty((n, m, lanes)), np.empty((n, k, lanes))
    one = np.empty((max(n, k), max(n, side + k), lanes))  # one, two, three: scratch
    two, three = np.empty_like(one), np.empty_like(one)
    scratch = np.empty((2, lanes))
    good = np.empty(lanes)
    for start in range(0, rows, lanes):
        gather(a, lead, start, n, n)
        gather(b, now, start, n, n)
        gather(c, lag, start, n, n)
        gather(d, load, start, n, k)
        gather(exogenous, persistence, start, k, k)

        # [H_r, H_s, H_z] = (-B)^{-1} [I[:, forward], C[:, lagged], D]
        for i in range(n):
            for lane in range(lanes):
                for j in range(n):
                    eliminated[i, j, lane] = -b[i, j, lane]
                for j in range(f):
                    h[i, j, lane] = 1.0 if forward[j] == i else 0.0
                for j in range(m):
                    h[i, f + j, lane] = c[i, lagged[j], lane]
                for j in range(k):
                    h[i, side + j, lane] = d[i, j, lane]
        solve_in_place(eliminated, h, n, side + k, scratch)

        # a spell of one quarter, then longer and longer ones
        pick(ahead, 0, a, 0, forward, n)
        multiply(one, ahead, h, f, n, side + k)
        pick(ff, 0, one, 0, all_f, f)
        pick(quarter_f, 0, one, 0, all_f, f)
        pick(x, 0, one, f, all_f, m)
        pick(p_z, 0, one, side, all_f, k)
        pick(y, 0, h, 0, lagged, f)
        pick(e, 0, h, f, lagged, m)
        _double(x, y, e, ff, good, joint, inverse, one, two, three, all_m, all_f)

        # one quarter again, now with X known: M [Y, H_z[lagged], E]
        pick(y, 0, h, 0, lagged, f)
        pick(inverse, 0, h, 0, lagged, f)
        pick(inverse, f, h, side, lagged, k)
        pick(inverse, f + k, h, f, lagged, m)
        _identity_less_product(joint, y, x, m, f)
        solve_in_place(joint, inverse, m, side + k, scratch)
        pick(s_z, 0, inverse, f, all_m, k)
        pick(s_s, 0, inverse, f + k, all_m, m)

        # p_t = X s_{t-1} + P z_t, where P = Phi P N + K with Phi = F (I + X M Y) and
        # K = L H_z + F X M H_z[lagged]
        multiply(one, x, inverse, f, m, f + k)
        for i in range(f):
            for lane in range(lanes):
                one[i, i, lane] += 1.0
        multiply(two, quarter_f, one, f, f, f + k)
        pick(ff, 0, two, 0, all_f, f)
        add(p_z, 0, two, f, all_f, k)
        _discounted_sum(p_z, ff, exogenous, good, one, two)
        gather(exogenous, persistence, start, k, k)

        # s_t = S_s s_{t-1} + S_z z_t, then y_t = H_r E_t p_{t+1} + H_s s_{t-1} + H_z z_t
        multiply(one, p_z, exogenous, f, k, k)  # E_t p_{t+1} on z_t, s_t given
        multiply(two, inverse, one, m, f, k)
        add(s_z, 0, two, 0, all_m, k)
        multiply(two, x, s_z, f, m, k)
        add(one, 0, two, 0, all_f, k)
        multiply(q, h, one, n, f, k)
        add(q, 0, h, side, all_n, k)
        multiply(two, x, s_s, f, m, m)
        multiply(g, h, two, n, f, m)
        add(g, 0, h, f, all_n, m)

        # residuals: A (g g[lagged]) + B g + C on s_{t-1}, A (g q[lagged] + q N) + B q + D on z_t
        pick(two, 0, g, 0, lagged, m)
        multiply(one, g, two, n, m, m)
        for j in range(m):
            for i in range(n):
                for lane in range(lanes):
                    eliminated[i, j, lane] = c[i, lagged[j], lane]
        _judge(good, ahead, b, eliminated, g, one, m, two, three, forward, all_n)
        pick(two, 0, q, 0, lagged, k)
        multiply(one, g, two, n, m, k)
        multiply(two, q, exogenous, n, k, k)
        add(one, 0, two, 0, all_n, k)
        _judge(good, ahead, b, d, q, one, k, two, three, forward, all_n)

        for lane in range(min(lanes, rows - start)):
            row = start + lane
            solved[row] = good[lane]
            for i in range(n):
                for j in range(m):
                    transition[row, i, lagged[j]] = g[i, j, lane]
                for j in range(k):
                    response[row, i, j] = q[i, j, lane]


@compiled(error_model="numpy")
def _double(
    x: FloatArray,
    y: FloatArray,
    e: FloatArray,
    ff: FloatArray,
    good: FloatArray,
    joint: FloatArray,
    inverse: FloatArray,
    one: FloatArray,
    two: FloatArray,
    three: FloatArray,
    all_m: IndexArray,
    all_f: IndexArray,
) -> None:
    """Double X, Y, E, F until past and future have vanished; mark the lanes where they have."""
    f, m, lanes = x.shape
    side = m + f
    scratch = np.empty((2, lanes))
    active, size_e, size_f = np.ones(lanes), np.empty(lanes), np.empty(lanes)
    good[:] = 0.0
    for _ in range(MAX_DOUBLINGS):
        multiply(one, y, ff, m, f, f)
        pick(inverse, 0, e, 0, all_m, m)
        pick(inverse, m, one, 0, all_m, f)
        _identity_less_product(joint, y, x, m, f)
        solve_in_place(joint, inverse, m, side, scratch)  # M [E, Y F]
        multiply(one, x, inverse, f, m, side)
        add(one, m, ff, 0, all_f, f)
        multiply(two, ff, one, f, f, side)  # F [X M E, F + X M Y F]
        multiply(three, e, inverse, m, m, side)  # E M [E, Y F]
        add_where(x, two, 0, active, f, m)
        copy_where(ff, two, m, active, f, f)
        add_where(y, three, m, active, m, f)
        copy_where(e, three, 0, active, m, m)
        largest_entry(size_e, e, m, m)
        largest_entry(size_f, ff, f, f)
        remaining = 0
        for lane in range(lanes):
            if active[lane] != 0.0:
                if size_e[lane] < VANISHED and size_f[lane] < VANISHED:
                    good[lane] = 1.0
                    active[lane] = 0.0
                elif size_e[lane] < DIVERGED and size_f[lane] < DIVERGED:
                    remaining += 1
                else:
                    active[lane] = 0.0
        if remaining == 0:
            break


@compiled(error_model="numpy")
def _identity_less_product(out: FloatArray, y: FloatArray, x: FloatArray, m: int, f: int) -> None:
    """out[:, :m] = I - Y X."""
    multiply(out, y, x, m, f, m)
    for i in range(m):
        for j in range(m):
            unit = 1.0 if i == j else 0.0
            o = out[i, j]
            for lane in range(o.size):
                o[lane] = unit - o[lane]


@compiled(error_model="numpy")
def _discounted_sum(
    total: FloatArray,
    left: FloatArray,
    right: FloatArray,
    good: FloatArray,
    one: FloatArray,
    two: FloatArray,
) -> None:
    """total = sum_j left^j total right^j by doubling; unmarks `good` where it does not converge.

    left (f, f, L) and right (k, k, L) are overwritten.
    """
    f, k, lanes = total.shape
    active = good.copy()
    size_left, size_right = np.empty(lanes), np.empty(lanes)
    for _ in range(MAX_DOUBLINGS):
        largest_entry(size_left, left, f, f)
        largest_entry(size_right, right, k, k)
        remaining = 0
        for lane in range(lanes):
            if active[lane] != 0.0:
                # what is left out is left total right, below rounding
                if size_left[lane] * size_right[lane] < VANISHED * VANISHED:
                    active[lane] = 0.0
                elif size_left[lane] < DIVERGED and size_right[lane] < DIVERGED:
                    remaining += 1
                else:
                    active[lane] = 0.0
                    good[lane] = 0.0
        if remaining == 0:
            return
        multiply(one, left, total, f, f, k)
        multiply(two, one, right, f, k, k)
        add_where(total, two, 0, active, f, k)
        multiply(one, left, left, f, f, f)
        copy_where(left, one, 0, active, f, f)
        multiply(one, right, right, k, k, k)
        copy_where(right, one, 0, active, k, k)
    for lane in range(lanes):
        if active[lane] != 0.0:
            good[lane] = 0.0


@compiled(error_model="numpy")
def _judge(
    good: FloatArray,
    ahead: FloatArray,
    b: FloatArray,
    known: FloatArray,
    solution: FloatArray,
    following: FloatArray,
    columns: int,
    one: FloatArray,
    two: FloatArray,
    forward: IndexArray,
    all_n: IndexArray,
) -> None:
    """Unmark the lanes where A following + B solution + known, (n, columns), is not zero.

    A is given by its rows `ahead`, those of the equations `forward`.
    """
    n, lanes = all_n.size, good.size
    largest, scale, size = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    multiply(two, ahead, following, forward.size, n, columns)
    multiply(one, b, solution, n, n, columns)
    add(one, 0, two, 0, forward, columns)
    add(one, 0, known, 0, all_n, columns)
    largest_entry(largest, one, n, columns)
    largest_entry(scale, b, n, n)
    largest_entry(size, solution, n, columns)
    for lane in range(lanes):
        # the negation also catches NaN
        if not largest[lane] <= RESIDUAL_TOLERANCE * scale[lane] * max(size[lane], 1.0):
            good[lane] = 0.0


@compiled(error_model="numpy")
def covariances(a: FloatArray, b: FloatArray, lanes: int) -> FloatArray:
    """Unconditional covariance V = A V A' + B B' (B, n, n) of x_t = A x_{t-1} + B eps_t.

    a (B, n, n), b (B, n, S), eps with unit variances. Rows whose A has a root on or outside the
    unit circle, or within 3e-8 of it, are NaN. After k squarings the sum covers 2^k quarters.
    """
    rows, n, shocks = b.shape
    out = np.empty((rows, n, n))
    power, impact = np.empty((n, n, lanes)), np.empty((n, shocks, lanes))
    v, work, more = np.empty((n, n, lanes)), np.empty((n, n, lanes)), np.empty((n, n, lanes))
    active, failed, size = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    for start in range(0, rows, lanes):
        gather(power, a, start, n, n)
        gather(impact, b, start, n, shocks)
        _multiply_by_transpose(v, impact, impact, n, shocks)
        active[:] = 1.0
        failed[:] = 0.0
        for step in range(MAX_DOUBLINGS + 1):
            largest_entry(size, power, n, n)
            remaining = 0
            for lane in range(lanes):
                if active[lane] != 0.0:
                    if size[lane] < VANISHED:
                        active[lane] = 0.0
                    elif size[lane] < DIVERGED and step < MAX_DOUBLINGS:
                        remaining += 1
                    else:
                        active[lane] = 0.0
                        failed[lane] = 1.0
            if remaining == 0:
                break
            multiply(work, power, v, n, n, n)
            _multiply_by_transpose(more, work, power, n, n)
            add_where(v, more, 0, active, n, n)
            multiply(work, power, power, n, n, n)
            copy_where(power, work, 0, active, n, n)
        for lane in range(min(lanes, rows - start)):
            for i in range(n):
                for j in range(n):
                    out[start + lane, i, j] = np.nan if failed[lane] != 0.0 else v[i, j, lane]
    return out


@compiled(error_model="numpy")
def _multiply_by_transpose(out: FloatArray, a: FloatArray, b: FloatArray, n: int, q: int) -> None:
    """out = a b' (n, n, L) where that is symmetric: half is computed, half copied."""
    for i in range(n):
        for j in range(i + 1):
            o = out[i, j]
            for lane in range(o.size):
                o[lane] = 0.0
            for k in range(q):
                x = a[i, k]
                y = b[j, k]
                for lane in range(o.size):
                    o[lane] += x[lane] * y[lane]
            out[j, i] = o
