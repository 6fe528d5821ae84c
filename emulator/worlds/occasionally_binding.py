"""Linear models with one occasionally binding constraint, solved in batches.

    slack     A E_t y_{t+1} + B y_t + C y_{t-1} + D z_t = 0
    binding   the same, but equation e is replaced by y_t[v] = -b
    always    y_t[v] >= -b,   z_t = N z_{t-1} + impact eps_t

In equation e alone the constrained variable y[v] has a shadow value: what that equation would set
it to, given everything else. A quarter binds when its shadow value is below -b (complementarity).

A plan is the path agents foresee from y_{-1} and z_0 when no further shock is expected
(piecewise-linear perfect foresight): they know in which quarters the constraint will bind. After
the last of them the slack rule y_t = G y_{t-1} + Q z_t holds; before it the rules
y_t = G_t y_{t-1} + h_t follow backwards from A y_{t+1} + B_t y_t + C_t y_{t-1} + d_t = 0, that is
(A G_{t+1} + B_t) y_t = -C_t y_{t-1} - A h_{t+1} - d_t (Eggertsson and Woodford 2003, BPEA 34(1);
Guerrieri and Iacoviello 2015, JME 70). Binding quarters may form any number of disjoint spells.

The set of binding quarters is found by guess and verify (`complementarity`), starting from none.
The solution is unique over any finite window of quarters in which Holden's M is a P-matrix.
Otherwise several solutions may exist, and the search takes the one that it reaches from the slack
guess; where it reaches none the plan is NaN.

How far ahead the bound may bind is not assumed. On the slack rule the constrained variable k
quarters on is r_k s, with s = (y_{t-1}[lagged], z_t), so |r_k s| <= reach |s| with
reach = sup_k |r_k|, and the path is checked quarter by quarter until reach |s| <= b, after which it
can never bind again. `economy` proves the supremum with a power of the transition that contracts.

One round costs O(quarters up to the last binding one) small solves; a plan that never comes near
the bound costs a few multiplications.

The file is long because the kernels spell out their loops: numba compiles those several times
faster than array expressions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray, Status
from emulator.worlds.complementarity import EDGE, PATIENCE, ROUNDS, Flags, revise, solve_in_place
from emulator.worlds.rational_expectations import DecisionRule

if TYPE_CHECKING:
    from jaxtyping import Float64, Int8, Int64

Indices = NDArray[np.int64]

# The last quarter in which a plan may bind. In 478,000 plans of the zero-lower-bound prior the last
# was quarter 27, with extra shocks of up to 6 s.d.; OccBin's own default looks 200 quarters ahead.
WINDOW = 400
# How far the slack tail is followed. Roots below .999 are certified long before that.
_LONGEST_TAIL = 50_000
# Powers of the transition tried when proving that it contracts: roots up to about .9999.
_LONGEST_POWER = 8_192


class Economy(NamedTuple):
    """A batch of constrained models, ready for `plans` and `simulate`.

    lead A, now B (B, n, n); lag C (B, n, m), its columns for the m lagged variables; load D
    (B, n, k); persistence N (B, k, k); transition G (B, n, m) and rule_load Q (B, n, k) of the
    slack rule; reach (B, m+k); bound b (B,); status (B,); lagged (m,) indices of the variables that
    enter with a lag; variable v; equation e.
    """

    lead: Float64[np.ndarray, "B n n"]
    now: Float64[np.ndarray, "B n n"]
    lag: Float64[np.ndarray, "B n m"]
    load: Float64[np.ndarray, "B n k"]
    persistence: Float64[np.ndarray, "B k k"]
    transition: Float64[np.ndarray, "B n m"]
    rule_load: Float64[np.ndarray, "B n k"]
    reach: Float64[np.ndarray, "B m+k"]
    bound: Float64[np.ndarray, " B"]
    status: Int8[np.ndarray, " B"]
    lagged: Int64[np.ndarray, " m"]
    variable: int
    equation: int


class Plans(NamedTuple):
    """Foreseen paths: values (B, R, H+1, n), NaN where not found; binding (B, R, H+1)."""

    values: Float64[np.ndarray, "B R points n"]
    binding: Int8[np.ndarray, "B R points"]


def economy(
    matrices: tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray],
    rule: DecisionRule,
    bound: Float64[np.ndarray, " B"],
    lagged: list[int],
    variable: int,
    equation: int,
) -> Economy:
    """The `Economy` of matrices (A, B, C, D, N), their slack rule, and the bound b (B,).

    Equation `equation` must contain y_t[variable], which it sets when the constraint is slack. The
    status is the rule's; NO_STABLE_SOLUTION where b <= 0 (no path that returns to the steady state
    can respect it for ever) or where a root is at or within 1e-4 of one.
    """
    lead, now, lag, load, persistence = (_plain(x) for x in matrices)
    transition, rule_load = _plain(rule.transition[:, :, lagged]), _plain(rule.load)
    index = np.array(lagged, dtype=np.int64)
    reach = _reaches(transition, rule_load, persistence, index, variable)
    status = rule.status.copy()
    hopeless = ~(np.isfinite(reach).all(axis=1) & (bound > 0.0))
    status[hopeless & (status < Status.NO_STABLE_SOLUTION)] = Status.NO_STABLE_SOLUTION
    return Economy(
        lead,
        now,
        _plain(lag[:, :, lagged]),
        load,
        persistence,
        transition,
        rule_load,
        reach,
        _plain(bound),
        status,
        index,
        variable,
        equation,
    )


def plans(e: Economy, start: ArrayLike, z0: ArrayLike, horizon: int) -> Plans:
    """R plans for each row: from y_{-1}[lagged] `start` (B, R, m) and z_0 (B, R, k).

    No shock is expected after z_0. Plans that cannot be found are NaN, and so are those of rows
    whose status says that the slack rule does not exist.
    """
    return Plans(*_plans(e, _plain(start), _plain(z0), horizon))


def simulate(
    e: Economy, impact: ArrayLike, eps: ArrayLike, start: ArrayLike, z: ArrayLike
) -> tuple[Float64[np.ndarray, "B T n"], Float64[np.ndarray, "B T k"], Int8[np.ndarray, "B T"]]:
    """Values (B, T, n), z (B, T, k), binding (B, T) when each quarter brings new innovations.

    impact (B, k, S), eps (B, T, S), from y_{-1}[lagged] `start` (B, m) and z_{-1} `z` (B, k). Each
    quarter is the first of the plan made there. A row is NaN from a quarter whose plan fails on.
    """
    values, exogenous, binding = _simulate(e, _plain(impact), _plain(eps), _plain(start), _plain(z))
    return values, exogenous, binding


def _plain(x: ArrayLike) -> FloatArray:
    """x as the one array type that the kernels are compiled for: float64, C order, writable."""
    return np.require(x, np.float64, ["C", "W"])


@compiled()
def _reaches(
    transition: FloatArray,
    rule_load: FloatArray,
    persistence: FloatArray,
    lagged: Indices,
    variable: int,
) -> FloatArray:
    """sup_k |r_k| (B, m+k), r_0 = (G_v, Q_v), r_{k+1} = r_k Phi; NaN where it cannot be proved.

    If |r_j| <= reach for j < p and reach |Phi^p| <= reach / 2, then the same holds for every later
    r_{j+p} = r_j Phi^p. p is doubled until that is so.
    """
    rows, _, m = transition.shape
    k = rule_load.shape[2]
    n = m + k
    out = np.full((rows, n), np.nan)
    phi = np.zeros((n, n))
    power, square = np.empty((n, n)), np.empty((n, n))
    row, spare, reach = np.empty(n), np.empty(n), np.empty(n)
    for r in range(rows):
        for j in range(n):
            for i in range(m):
                v = lagged[i]
                phi[i, j] = transition[r, v, j] if j < m else rule_load[r, v, j - m]
            for i in range(k):
                phi[m + i, j] = 0.0 if j < m else persistence[r, i, j - m]
            row[j] = transition[r, variable, j] if j < m else rule_load[r, variable, j - m]
            reach[j] = abs(row[j])
        for i in range(n):
            for j in range(n):
                power[i, j] = phi[i, j]
        p = 1
        while p <= _LONGEST_POWER:
            contracts = True
            for j in range(n):
                total = 0.0
                for i in range(n):
                    total += reach[i] * abs(power[i, j])
                if not total <= 0.5 * reach[j]:
                    contracts = False
            if contracts:
                for j in range(n):
                    out[r, j] = reach[j]
                break
            for _ in range(p):
                _row_times(row, phi, spare)
                for j in range(n):
                    row[j] = spare[j]
                    reach[j] = max(reach[j], abs(row[j]))
            for i in range(n):
                _row_times(power[i], power, square[i])
            for i in range(n):
                for j in range(n):
                    power[i, j] = square[i, j]
            p *= 2
    return out


@compiled()
def _row_times(row: FloatArray, matrix: FloatArray, out: FloatArray) -> None:
    """row (n,) times matrix (n, n) into out (n,)."""
    for j in range(len(row)):
        total = 0.0
        for i in range(len(row)):
            total += row[i] * matrix[i, j]
        out[j] = total


class _Workspace(NamedTuple):
    """Memory of one search, reused between plans.

    slope G_t (W, n, m), shift h_t (W, n), path y_t (W+1, n), exogenous z_t (W+1, k), binding and
    wrong (W,): the guess and where it is contradicted; matrix (n, n) and columns (n, m+1) of the
    solve at hand; lags (m,), shocks (k,) and spare, the tail's running
    state.
    """

    slope: FloatArray
    shift: FloatArray
    path: FloatArray
    exogenous: FloatArray
    binding: Flags
    wrong: Flags
    matrix: FloatArray
    columns: FloatArray
    lags: FloatArray
    shocks: FloatArray
    spare: FloatArray


@compiled()
def _workspace(e: Economy) -> _Workspace:
    n, m = e.transition.shape[1:]
    k = e.persistence.shape[1]
    return _Workspace(
        np.empty((WINDOW, n, m)),
        np.empty((WINDOW, n)),
        np.empty((WINDOW + 1, n)),
        np.empty((WINDOW + 1, k)),
        np.zeros(WINDOW, dtype=np.int8),
        np.zeros(WINDOW, dtype=np.int8),
        np.empty((n, n)),
        np.empty((n, m + 1)),
        np.empty(m),
        np.empty(k),
        np.empty(max(m, k)),
    )


@compiled()
def _slack_value(e: Economy, r: int, v: int, lags: FloatArray, shocks: FloatArray) -> float:
    """y_t[v] under the slack rule, from y_{t-1}[lagged] and z_t."""
    total = 0.0
    for j in range(len(lags)):
        total += e.transition[r, v, j] * lags[j]
    for j in range(len(shocks)):
        total += e.rule_load[r, v, j] * shocks[j]
    return total


@compiled()
def _backward(e: Economy, r: int, length: int, work: _Workspace) -> bool:
    """Rules G_t, h_t of quarters length-1 ... 0 under the guess; False if one is not unique."""
    n, m = e.transition.shape[1:]
    k = e.persistence.shape[1]
    matrix, columns = work.matrix, work.columns
    for t in range(length - 1, -1, -1):
        last = t == length - 1
        for i in range(n):
            if i == e.equation and work.binding[t]:
                for j in range(n):
                    matrix[i, j] = 1.0 if j == e.variable else 0.0
                for x in range(m):
                    columns[i, x] = 0.0
                columns[i, m] = -e.bound[r]
                continue
            constant = 0.0
            for j in range(n):
                matrix[i, j] = e.now[r, i, j]
                ahead = e.lead[r, i, j]
                if ahead != 0.0:
                    if last:
                        for x in range(k):
                            constant += ahead * e.rule_load[r, j, x] * work.exogenous[length, x]
                    else:
                        constant += ahead * work.shift[t + 1, j]
            for x in range(k):
                constant += e.load[r, i, x] * work.exogenous[t, x]
            for x in range(m):
                total = 0.0
                for j in range(n):
                    slope = e.transition[r, j, x] if last else work.slope[t + 1, j, x]
                    total += e.lead[r, i, j] * slope
                matrix[i, e.lagged[x]] += total
                columns[i, x] = -e.lag[r, i, x]
            columns[i, m] = -constant
        if not solve_in_place(matrix, columns):
            return False
        for i in range(n):
            for x in range(m):
                work.slope[t, i, x] = columns[i, x]
            work.shift[t, i] = columns[i, m]
        if work.binding[t]:  # elimination may leave an ulp; the bound itself is known
            for x in range(m):
                work.slope[t, e.variable, x] = 0.0
            work.shift[t, e.variable] = -e.bound[r]
    return True


@compiled()
def _forward(e: Economy, r: int, length: int, lags: FloatArray, work: _Workspace) -> None:
    """Path y_0 ... y_length under the guess (the last one on the slack rule)."""
    n, m = e.transition.shape[1:]
    for x in range(m):
        work.lags[x] = lags[x]
    for t in range(length):
        for i in range(n):
            total = work.shift[t, i]
            for x in range(m):
                total += work.slope[t, i, x] * work.lags[x]
            work.path[t, i] = total
        for x in range(m):
            work.lags[x] = work.path[t, e.lagged[x]]
    for i in range(n):
        work.path[length, i] = _slack_value(e, r, i, work.lags, work.exogenous[length])


@compiled()
def _shadow(e: Economy, r: int, t: int, lags: FloatArray, y: FloatArray, z: FloatArray) -> float:
    """What equation e alone sets y_t[v] to, given y (y_t and y_{t+1} its rows t, t+1) and z_t."""
    residual = 0.0
    for j in range(y.shape[1]):
        residual += e.lead[r, e.equation, j] * y[t + 1, j] + e.now[r, e.equation, j] * y[t, j]
    for x in range(len(lags)):
        before = lags[x] if t == 0 else y[t - 1, e.lagged[x]]
        residual += e.lag[r, e.equation, x] * before
    for x in range(len(z)):
        residual += e.load[r, e.equation, x] * z[x]
    value: float = y[t, e.variable] - residual / e.now[r, e.equation, e.variable]
    return value


@compiled()
def _advance(e: Economy, r: int, work: _Workspace) -> None:
    """(y_{t-1}[lagged], z_t) in work.lags, work.shocks to the next quarter's, on the slack rule."""
    m, k = len(work.lags), len(work.shocks)
    for j in range(m):
        work.spare[j] = _slack_value(e, r, e.lagged[j], work.lags, work.shocks)
    for j in range(m):
        work.lags[j] = work.spare[j]
    for i in range(k):
        total = 0.0
        for j in range(k):
            total += e.persistence[r, i, j] * work.shocks[j]
        work.spare[i] = total
    for i in range(k):
        work.shocks[i] = work.spare[i]


@compiled()
def _contradictions(
    e: Economy, r: int, length: int, start: FloatArray, work: _Workspace
) -> tuple[int, int, int]:
    """Mark in `wrong` where the path contradicts the guess.

    Returns how many quarters do, the first of them (-1: none) and the end of the marked range; the
    count is -1 where the tail violates the bound beyond the window or cannot be certified.
    """
    m, k = len(work.lags), len(work.shocks)
    bound = e.bound[r]
    count, first = 0, -1
    for t in range(length):
        if work.binding[t]:
            shadow = _shadow(e, r, t, start, work.path, work.exogenous[t])
            wrong = not shadow <= -bound * (1.0 - EDGE)
        else:
            wrong = not work.path[t, e.variable] >= -bound
        work.wrong[t] = wrong
        if wrong:
            count += 1
            if first < 0:
                first = t
    # `_forward` left y_{length-1} in work.lags
    for j in range(k):
        work.shocks[j] = work.exogenous[length, j]
    for t in range(length, _LONGEST_TAIL):
        size = 0.0
        for j in range(m):
            size += e.reach[r, j] * abs(work.lags[j])
        for j in range(k):
            size += e.reach[r, m + j] * abs(work.shocks[j])
        if size <= bound:
            return count, first, min(t, WINDOW)
        value = _slack_value(e, r, e.variable, work.lags, work.shocks)
        wrong = not value >= -bound
        if wrong:
            if t >= WINDOW:
                return -1, first, WINDOW
            count += 1
            if first < 0:
                first = t
        if t < WINDOW:
            work.wrong[t] = wrong
        _advance(e, r, work)
        if t < WINDOW:
            for j in range(k):
                work.exogenous[t + 1, j] = work.shocks[j]
    return -1, first, WINDOW


@compiled()
def _search(e: Economy, r: int, start: FloatArray, z0: FloatArray, work: _Workspace) -> int:
    """Find the plan of row r from y_{-1}[lagged] and z_0.

    Returns its length: quarters 0 ... length of `work.path` hold it, `work.binding` says which of
    them bind, and from `length` on the slack rule holds; -1 where the search fails.
    """
    for j in range(len(start)):
        if not np.isfinite(start[j]):
            return -1
    for j in range(len(z0)):
        if not np.isfinite(z0[j]):
            return -1
        work.exogenous[0, j] = z0[j]
    for t in range(WINDOW):
        work.binding[t] = 0
    length = 0
    best = WINDOW + 1
    patience = PATIENCE
    for _ in range(ROUNDS):
        if not _backward(e, r, length, work):
            return -1
        _forward(e, r, length, start, work)
        count, first, end = _contradictions(e, r, length, start, work)
        if count == 0:
            return length
        if count < 0:
            return -1
        best, patience = revise(work.binding, work.wrong, end, count, first, best, patience)
        length = 0
        for t in range(end):
            if work.binding[t]:
                length = t + 1
    return -1


@compiled()
def _plans(e: Economy, start: FloatArray, z0: FloatArray, horizon: int) -> tuple[FloatArray, Flags]:
    rows, count, m = start.shape
    n, k = e.transition.shape[1], z0.shape[2]
    values = np.full((rows, count, horizon + 1, n), np.nan)
    binding = np.zeros((rows, count, horizon + 1), dtype=np.int8)
    work = _workspace(e)
    for r in range(rows):
        if e.status[r] >= Status.NO_CONVERGENCE:
            continue
        for q in range(count):
            length = _search(e, r, start[r, q], z0[r, q], work)
            if length < 0:
                continue
            for j in range(m):
                work.lags[j] = start[r, q, j]
            for j in range(k):
                work.shocks[j] = work.exogenous[length, j]
            for t in range(horizon + 1):
                if t < length:
                    binding[r, q, t] = work.binding[t]
                    for i in range(n):
                        values[r, q, t, i] = work.path[t, i]
                    for j in range(m):
                        work.lags[j] = work.path[t, e.lagged[j]]
                else:
                    for i in range(n):
                        values[r, q, t, i] = _slack_value(e, r, i, work.lags, work.shocks)
                    _advance(e, r, work)
    return values, binding


@compiled()
def _simulate(
    e: Economy, impact: FloatArray, eps: FloatArray, start: FloatArray, z: FloatArray
) -> tuple[FloatArray, FloatArray, Flags]:
    rows, quarters, shocks = eps.shape
    n, m = e.transition.shape[1:]
    k = z.shape[1]
    values = np.full((rows, quarters, n), np.nan)
    exogenous = np.full((rows, quarters, k), np.nan)
    binding = np.zeros((rows, quarters), dtype=np.int8)
    work = _workspace(e)
    lags = np.empty(m)
    for r in range(rows):
        if e.status[r] >= Status.NO_CONVERGENCE:
            continue
        for j in range(m):
            lags[j] = start[r, j]
        for t in range(quarters):
            for i in range(k):
                total = 0.0
                for j in range(k):
                    total += e.persistence[r, i, j] * (
                        z[r, j] if t == 0 else exogenous[r, t - 1, j]
                    )
                for j in range(shocks):
                    total += impact[r, i, j] * eps[r, t, j]
                exogenous[r, t, i] = total
            length = _search(e, r, lags, exogenous[r, t], work)
            if length < 0:
                break
            for i in range(n):
                values[r, t, i] = work.path[0, i]
            if length > 0:
                binding[r, t] = work.binding[0]
            for j in range(m):
                lags[j] = values[r, t, e.lagged[j]]
    return values, exogenous, binding
