"""Doubling for large models: the recursion of `emulator.worlds.doubling` in batched BLAS calls.

There, draws lie side by side in lanes, which suits models of up to some 50 variables; beyond,
matrix products fill a processor by themselves. Formulas and names are those of that module, but
that (I - Y X)^{-1} is carried by the smaller of the two sides: with W = (I - X Y)^{-1}, of f rows,

    E' = E (E + Y W X E),   F' = F W F,   X' = X + F W X E,   Y' = Y + E Y W F

(Woodbury's identity); where the future is the larger side, its part and the past's swap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.worlds import doubling
from emulator.worlds.base import FloatArray, Status, StatusArray
from emulator.worlds.dynare.elimination import Elimination
from emulator.worlds.equations import Matrices

UNCERTAIN = Status.NO_CONVERGENCE
# Far from where roots of models lie, and not so far that those near one lose digits.
_SHIFT = -1.37
# Powers of a matrix all of whose roots lie inside the circle may grow at first, not to this.
_EXPLODED = doubling.DIVERGED**2
# Residuals from which a Newton step restores all digits; larger ones are left to the Schur form.
_NEAR = 1e-9


def decision_rules(
    model: Matrices,
    now: tuple[Elimination, NDArray[np.intp]],
    forward: NDArray[np.int64],
    lagged: NDArray[np.int64],
) -> tuple[FloatArray, FloatArray, StatusArray]:
    """G (B, n, n), Q (B, n, k) and verdicts (B,); rows other than OK hold no meaning.

    now: how B is solved, and its cells (c, 2). A verdict is UNCERTAIN where doubling does not
    settle; others count the roots inside the unit circle: as many as variables with a lag, more
    (INDETERMINATE) or fewer (NO_STABLE_SOLUTION).
    """
    lead, current, lag, load, persistence, _ = model
    rows, n, _ = load.shape
    f, m = len(forward), len(lagged)
    known = np.concatenate(
        [np.broadcast_to(np.eye(n)[:, forward], (rows, n, f)), lag[:, :, lagged], load], axis=2
    )
    h_r, h_s, h_z = _parts(_divided(current, now, known), f, m)
    ahead = lead[:, forward]  # L
    y, e, quarter = h_r[:, lagged], h_s[:, lagged], ahead @ h_r
    x, verdict = _double(ahead @ h_s, e, quarter, y)
    # with the future known, r_t beyond X s_t, s_t = (I - Y X)^{-1} (E s_{t-1} + Y r_t + H_z[lagged]
    # z_t); X s_t on each of the three
    own = np.eye(f) - x @ y
    on_s, on_r, _ = _parts(_solve(own, x @ np.concatenate([e, y], axis=2)), m, f)
    g = h_s + h_r @ on_s  # the columns of G that are not zero
    on_r += np.eye(f)

    def respond(h_z: FloatArray, moves: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Q for what z_t does to y_t now, the future known, where z_t = moves z_{t-1}; and where it
        converges."""
        on_z = _solve(own, x @ h_z[:, lagged])
        p_z, summed = _sum(ahead @ h_z + quarter @ on_z, quarter @ on_r, moves)
        return h_z + h_r @ (on_z + on_r @ (p_z @ moves)), summed

    def unsolved(g: FloatArray) -> FloatArray:
        """What is left of the equations in s_{t-1}."""
        left = current @ g + lag[:, :, lagged]
        left[:, forward] += (ahead @ g) @ g[:, lagged]
        return left

    def unmet(response: FloatArray) -> FloatArray:
        """What is left of the equations in z_t."""
        left = current @ response + load
        left[:, forward] += ahead_g @ response[:, lagged] + ahead @ (response @ persistence)
        return left

    # Where B all but loses a rank its inverse is large and costs digits. A Newton step returns them
    # for G, and the same equation in what is left for Q.
    left = unsolved(g)
    good = _small(left, current, g)
    settled = verdict == Status.OK
    if not good[settled].all():
        near = _small(left, current, g, _NEAR)
        step, _ = respond(_divided(current, now, left), g[:, lagged])
        g += np.where(good[:, None, None], 0.0, step)
        good = near & _small(unsolved(g), current, g)
    ahead_g = ahead @ g
    response, summed = respond(h_z, persistence)
    left = unmet(response)
    small = _small(left, current, response)
    if not small[settled].all():
        more, _ = respond(_divided(current, now, left), persistence)
        response += np.where(small[:, None, None], 0.0, more)
        small = _small(unmet(response), current, response)
    verdict[settled & ~(good & summed & small)] = UNCERTAIN
    transition = np.zeros((rows, n, n))
    transition[:, :, lagged] = g
    return transition, response, verdict


def roots(
    model: Matrices,
    now: tuple[Elimination, NDArray[np.intp]],
    forward: NDArray[np.int64],
    lagged: NDArray[np.int64],
) -> FloatArray:
    """Moduli of the m + f roots (B, m + f); NaN where B is singular or a root lies at the shift.

    From s_t - Y p_{t+1} = E s_{t-1} and F p_{t+1} = p_t - X s_{t-1} with a shift of the roots,
    which makes a matrix of the pencil; those that are infinite become zero.
    """
    rows, n, _ = model.load.shape
    f, m = len(forward), len(lagged)
    known = np.concatenate(
        [np.broadcast_to(np.eye(n)[:, forward], (rows, n, f)), model.lag[:, :, lagged]], axis=2
    )
    h = _divided(model.now, now, known)
    ahead = model.lead[:, forward] @ h
    left, right = np.zeros((len(h), m + f, m + f)), np.zeros((len(h), m + f, m + f))
    left[:, :m, :m], right[:, m:, m:] = np.eye(m), np.eye(f)
    left[:, :m, m:], right[:, :m, :m] = -h[:, lagged, :f], h[:, lagged, f:]
    left[:, m:, m:], right[:, m:, :m] = ahead[:, :, :f], -ahead[:, :, f:]
    matrix = _solve(right - _SHIFT * left, left)
    out = np.full((len(h), m + f), np.nan)
    finite = np.isfinite(matrix).all(axis=(1, 2))
    out[finite] = np.abs(_SHIFT + 1.0 / np.linalg.eigvals(matrix[finite]))
    return out


def _divided(
    current: FloatArray, now: tuple[Elimination, NDArray[np.intp]], known: FloatArray
) -> FloatArray:
    """(-B)^{-1} of what is known, (B, n, columns)."""
    elimination, cells = now
    values = np.ascontiguousarray(current[:, cells[:, 0], cells[:, 1]].T)
    solution = elimination.solve(values, np.ascontiguousarray(-np.moveaxis(known, 0, 2)))
    return np.ascontiguousarray(np.moveaxis(solution, 2, 0))


def _parts(joined: FloatArray, one: int, two: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The first columns, the next ones and the rest, each in one piece."""
    a, b, c = np.split(joined, [one, one + two], axis=2)
    return np.ascontiguousarray(a), np.ascontiguousarray(b), np.ascontiguousarray(c)


def _double(
    x: FloatArray, e: FloatArray, ff: FloatArray, y: FloatArray
) -> tuple[FloatArray, StatusArray]:
    """X of an endless spell, and the verdicts."""
    x, verdict = x.copy(), np.full(len(x), UNCERTAIN, dtype=np.int8)
    active = np.arange(len(x))
    own = x
    for _ in range(doubling.MAX_DOUBLINGS):
        if e.shape[1] >= ff.shape[1]:
            own, e, ff, y, falls = _join(own, e, ff, y)
        else:
            y, ff, e, own, falls = _join(y, ff, e, own)
        size_e, size_f = _largest(e), _largest(ff)
        # what is left of X's correction is the product
        settled = size_e * size_f < doubling.VANISHED**2
        if settled.any():
            settled[settled] = (_norm(falls[0][settled]) < 0.5) & (_norm(falls[1][settled]) < 0.5)
        verdict[active[settled]] = Status.OK
        # The one is the powers of the m smallest roots, the other those of the inverse of the
        # others: where one vanishes and the other explodes, the circle does not part them.
        past, future = size_e < doubling.VANISHED, size_f < doubling.VANISHED
        verdict[active[past & (size_f > _EXPLODED)]] = Status.INDETERMINATE
        verdict[active[future & (size_e > _EXPLODED)]] = Status.NO_STABLE_SOLUTION
        x[active] = own
        go_on = ~settled & (size_e < _EXPLODED) & (size_f < _EXPLODED)
        if not go_on.all():
            active, own, e, ff, y = active[go_on], own[go_on], e[go_on], ff[go_on], y[go_on]
        if not active.size:
            break
    return x, verdict


def _join(
    x: FloatArray, e: FloatArray, ff: FloatArray, y: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, tuple[FloatArray, FloatArray]]:
    """X, E, F, Y of a spell twice as long, and M E and W F of the spell: where X has settled, these
    are powers of the solution's own matrices, and a norm below one bounds their roots."""
    m = e.shape[1]
    # W [X E, F]
    w = _solve(np.eye(ff.shape[1]) - x @ y, np.concatenate([x @ e, ff], axis=2))
    w_x_e, w_f = np.ascontiguousarray(w[:, :, :m]), np.ascontiguousarray(w[:, :, m:])
    m_e = e + y @ w_x_e
    return x + ff @ w_x_e, e @ m_e, ff @ w_f, y + e @ (y @ w_f), (m_e, w_f)


def _sum(
    total: FloatArray, left: FloatArray, right: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """sum_j left^j total right^j, and the rows in which it converges."""
    total, done = total.copy(), np.zeros(len(total), dtype=np.bool_)
    active = np.arange(len(total))
    for _ in range(doubling.MAX_DOUBLINGS):
        size_left = _largest(left)
        vanished = size_left * _largest(right) < doubling.VANISHED**2
        done[active[vanished]] = True
        go_on = ~vanished & (size_left < doubling.DIVERGED)
        active, left, right = active[go_on], left[go_on], right[go_on]
        if not active.size:
            break
        total[active] += left @ (total[active] @ right)
        left, right = left @ left, right @ right
    return total, done


def _solve(matrices: FloatArray, right: FloatArray) -> FloatArray:
    """Solutions row by row; NaN where a matrix is singular."""
    try:
        return np.asarray(np.linalg.solve(matrices, right), dtype=np.float64)
    except np.linalg.LinAlgError:
        out = np.full(right.shape, np.nan)
        for row in range(len(out)):
            try:
                out[row] = np.linalg.solve(matrices[row], right[row])
            except np.linalg.LinAlgError:
                continue
        return out


def _largest(matrices: FloatArray) -> FloatArray:
    """The largest entry of each row's matrix (B,); NaN where one is none."""
    return np.asarray(np.abs(matrices).max(axis=(1, 2), initial=0.0), dtype=np.float64)


def _norm(matrices: FloatArray) -> FloatArray:
    """The largest sum of a row's moduli, of each draw's matrix (B,)."""
    return np.asarray(np.abs(matrices).sum(axis=2).max(axis=1, initial=0.0), dtype=np.float64)


def _small(
    residual: FloatArray,
    now: FloatArray,
    solution: FloatArray,
    tolerance: float = doubling.RESIDUAL_TOLERANCE,
) -> NDArray[np.bool_]:
    """Whether residuals are rounding beside what enters them; not where one is NaN."""
    scale = _largest(now) * np.maximum(_largest(solution), 1.0)
    return np.asarray(_largest(residual) <= tolerance * scale, dtype=np.bool_)
