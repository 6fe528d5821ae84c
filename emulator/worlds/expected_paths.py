"""Economies in the sequence space with one occasionally binding constraint, solved in batches.

All is linear but the constraint x[v] >= -b, and it is known how the expected paths of the
variables, T quarters long, move with what is learnt in a quarter (T being so long that later
quarters are at rest): by `impulse` s for an innovation s, and by `news` k for a unit added k
quarters from now to the equation that sets x[v]. Where the constraint binds, that equation gets an
addition w > 0, and none elsewhere: x[v] >= -b, w >= 0, one of them zero in every quarter (Holden
2023, REStat 105(6)).

Agents know which quarters will bind if no further shock comes. Their plan of quarter t is

    x_t = p_t + sum_k w_tk news_k         w_t: what solves the complementarity problem along x_t

where p_t is the free path: what would be expected if the constraint vanished now, never to return.
The next quarter begins with S x_t, S dropping the quarter that is over. It contains additions w_tk,
k >= 1, that are announced but not yet made; news superposes, so that taking them back adds
-news_{k-1} each, and the innovations are what else is new:

    p_{t+1} = S x_t - sum_{k >= 1} w_tk news_{k-1} + sum_s eps_{t+1,s} impulse_s

The past acts through what it has left behind (assets and their distribution, debt, the lagged
rate), never through an announcement as such. p is a function of that, and thus a state: p_{t+1}
less the innovations is the state at the end of quarter t, T quarters of n variables. Households'
choices need no state of their own, since all that they do to the variables in later quarters is in
p. Without innovations w_{t+1} = (w_t1, w_t2, ...) solves the problem along x_{t+1} = S x_t again:
the plan comes true. A constraint that never binds leaves the moving average of the innovations.

M, the responses of x[v] in quarter h to news k, is a P-matrix up to some number of quarters
(`complementarity.unique_quarters`), the window. A plan may bind within the window alone, where it
then is the only one; that all later quarters are above -b is checked. Where there is none, the plan
is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.compiled import compiled
from emulator.worlds.arguments import laid_out
from emulator.worlds.base import FloatArray, Status
from emulator.worlds.complementarity import (
    EDGE,
    EVERY_MINOR,
    PATIENCE,
    ROUNDS,
    Flags,
    revise,
    solve_in_place,
    unique_quarters,
)

if TYPE_CHECKING:
    from jaxtyping import Float64, Int8, Int64


class Economy(NamedTuple):
    """A batch of economies, ready for `plans` and `simulate`.

    impulse (B, S, T, n): responses to one s.d. of each innovation. news (B, K, T, n): responses to
    a unit added to the equation of variable v in quarter k, in units of v. bound b (B,); window
    (B,), at most K; status (B,); variable v.
    """

    impulse: Float64[np.ndarray, "B S T n"]
    news: Float64[np.ndarray, "B K T n"]
    bound: Float64[np.ndarray, " B"]
    window: Int64[np.ndarray, " B"]
    status: Int8[np.ndarray, " B"]
    variable: int


class Plans(NamedTuple):
    """Foreseen paths: values (B, R, H+1, n), NaN where not found; additions w (B, R, K).

    A quarter k binds where binding (B, R, K) is one; the additions are zero elsewhere.
    """

    values: Float64[np.ndarray, "B R points n"]
    additions: Float64[np.ndarray, "B R K"]
    binding: Int8[np.ndarray, "B R K"]


def economy(
    impulse: Float64[np.ndarray, "B S T n"],
    news: Float64[np.ndarray, "B K T n"],
    bound: Float64[np.ndarray, " B"],
    status: Int8[np.ndarray, " B"],
    variable: int,
) -> Economy:
    """The `Economy` of these responses, with its window; NO_STABLE_SOLUTION where b <= 0."""
    window = np.zeros(len(bound), dtype=np.int64)
    for row in range(len(bound)):
        m = news[row, :, : news.shape[1], variable].T
        window[row] = unique_quarters(np.ascontiguousarray(m), EVERY_MINOR)
    verdict = np.where(bound > 0.0, Status.OK, Status.NO_STABLE_SOLUTION).astype(np.int8)
    return Economy(
        np.ascontiguousarray(impulse),
        np.ascontiguousarray(news),
        np.ascontiguousarray(bound),
        window,
        np.maximum(status, verdict),
        variable,
    )


def plans(e: Economy, free: ArrayLike, horizon: int) -> Plans:
    """Plans along free paths p (B, R, T, n), to quarter `horizon`; at rest beyond T.

    Plans that cannot be found are NaN, and so are those of rows without a solution.
    """
    return Plans(*_plans(e, np.ascontiguousarray(free, dtype=np.float64), horizon))


def simulate(
    e: Economy, eps: ArrayLike, start: ArrayLike
) -> tuple[
    Float64[np.ndarray, "B Q n"], Float64[np.ndarray, "B Q states"], Int8[np.ndarray, "B Q"]
]:
    """Values (B, Q, n), states (B, Q, T n), binding (B, Q) under innovations eps (B, Q, S).

    start: (B, T, n), the state before the first quarter. Each quarter is the first of the plan made
    there. A row is NaN from a quarter whose plan fails on.
    """
    values, states, binding = _simulate(e, laid_out(eps), laid_out(start))
    return values, states.reshape(*states.shape[:2], -1), binding


class _Workspace(NamedTuple):
    """Memory of one search, reused between plans: the guess `binding` and where it is `wrong` (K,),
    the binding `quarters` (K,), w by quarter `added` (K,), `path` x (T, n); matrix (K, K), column
    (K, 1)."""

    binding: Flags
    wrong: Flags
    quarters: NDArray[np.int64]
    added: FloatArray
    path: FloatArray
    matrix: FloatArray
    column: FloatArray


@compiled()
def _workspace(e: Economy) -> _Workspace:
    most, quarters, n = e.news.shape[1:]
    return _Workspace(
        np.zeros(most, dtype=np.int8),
        np.zeros(most, dtype=np.int8),
        np.zeros(most, dtype=np.int64),
        np.zeros(most),
        np.empty((quarters, n)),
        np.empty((most, most)),
        np.empty((most, 1)),
    )


@compiled()
def _additions(e: Economy, r: int, free: FloatArray, work: _Workspace) -> int:
    """w under the guess, into `added`; returns how many quarters bind, -1 if w is not unique."""
    count = 0
    for k in range(e.window[r]):
        work.added[k] = 0.0
        if work.binding[k]:
            work.quarters[count] = k
            count += 1
    if count == 0:
        return 0
    for a in range(count):
        h = work.quarters[a]
        for c in range(count):
            work.matrix[a, c] = e.news[r, work.quarters[c], h, e.variable]
        work.column[a, 0] = -e.bound[r] - free[h, e.variable]
    if not solve_in_place(work.matrix[:count, :count], work.column[:count]):
        return -1
    for a in range(count):
        work.added[work.quarters[a]] = work.column[a, 0]
    return count


@compiled()
def _level(e: Economy, r: int, free: FloatArray, h: int, count: int, work: _Workspace) -> float:
    """x_h[v] under the guess, with `count` binding quarters."""
    total: float = free[h, e.variable]
    for a in range(count):
        k = work.quarters[a]
        total += work.added[k] * e.news[r, k, h, e.variable]
    return total


@compiled()
def _search(e: Economy, r: int, free: FloatArray, work: _Workspace) -> int:
    """Find the plan of row r along a free path (T, n).

    Returns how many quarters bind, `quarters` and `added` saying which and by what addition; -1
    where there is no plan whose quarters bind within the window alone.
    """
    bound, window = e.bound[r], e.window[r]
    for k in range(len(work.binding)):
        work.binding[k] = 0
        work.added[k] = 0.0
    best, patience = len(work.binding) + 1, PATIENCE
    for _ in range(ROUNDS):
        binding = _additions(e, r, free, work)
        if binding < 0:
            return -1
        count, first = 0, -1
        for h in range(window):
            if work.binding[h]:
                wrong = not work.added[h] >= -EDGE * bound
            else:
                wrong = not _level(e, r, free, h, binding, work) >= -bound
            work.wrong[h] = wrong
            if wrong:
                count += 1
                if first < 0:
                    first = h
        if count == 0:
            for h in range(window, len(free)):
                if not _level(e, r, free, h, binding, work) >= -bound:
                    return -1
            return binding
        best, patience = revise(work.binding, work.wrong, window, count, first, best, patience)
    return -1


@compiled()
def _follow(e: Economy, r: int, free: FloatArray, count: int, work: _Workspace) -> None:
    """x (T, n) of the plan that was found, into `path`."""
    for h in range(free.shape[0]):
        for v in range(free.shape[1]):
            work.path[h, v] = free[h, v]
    for a in range(count):
        k = work.quarters[a]
        w, news = work.added[k], e.news[r, k]
        for h in range(free.shape[0]):
            for v in range(free.shape[1]):
                work.path[h, v] += w * news[h, v]
    for a in range(count):  # sums may leave an ulp; the bound itself is known
        work.path[work.quarters[a], e.variable] = -e.bound[r]


@compiled()
def _plans(e: Economy, free: FloatArray, horizon: int) -> tuple[FloatArray, FloatArray, Flags]:
    rows, plans_, quarters, n = free.shape
    most = e.news.shape[1]
    values = np.full((rows, plans_, horizon + 1, n), np.nan)
    additions = np.full((rows, plans_, most), np.nan)
    binding = np.zeros((rows, plans_, most), dtype=np.int8)
    work = _workspace(e)
    for r in range(rows):
        if e.status[r] >= Status.NO_CONVERGENCE:
            continue
        for p in range(plans_):
            count = _search(e, r, free[r, p], work)
            if count < 0:
                continue
            _follow(e, r, free[r, p], count, work)
            for h in range(horizon + 1):
                for v in range(n):
                    values[r, p, h, v] = work.path[h, v] if h < quarters else 0.0
            for k in range(most):
                additions[r, p, k] = work.added[k]
                binding[r, p, k] = work.binding[k]
    return values, additions, binding


@compiled()
def _simulate(
    e: Economy, eps: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray, Flags]:
    rows, length, shocks = eps.shape
    quarters, n = start.shape[1:]
    values = np.full((rows, length, n), np.nan)
    states = np.full((rows, length, quarters, n), np.nan)
    binding = np.zeros((rows, length), dtype=np.int8)
    work = _workspace(e)
    free = np.empty((quarters, n))
    for r in range(rows):
        if e.status[r] >= Status.NO_CONVERGENCE:
            continue
        for t in range(length):
            before = start[r] if t == 0 else states[r, t - 1]
            for h in range(quarters):
                for v in range(n):
                    free[h, v] = before[h, v]
            for s in range(shocks):
                size = eps[r, t, s]
                for h in range(quarters):
                    for v in range(n):
                        free[h, v] += size * e.impulse[r, s, h, v]
            count = _search(e, r, free, work)
            if count < 0:
                break
            _follow(e, r, free, count, work)
            for v in range(n):
                values[r, t, v] = work.path[0, v]
            binding[r, t] = work.binding[0]
            after = states[r, t]
            for h in range(quarters):
                for v in range(n):
                    after[h, v] = work.path[h + 1, v] if h + 1 < quarters else 0.0
            for a in range(count):
                k = work.quarters[a]
                if k > 0:
                    w, news = work.added[k], e.news[r, k - 1]
                    for h in range(quarters):
                        for v in range(n):
                            after[h, v] -= w * news[h, v]
    return values, states, binding
