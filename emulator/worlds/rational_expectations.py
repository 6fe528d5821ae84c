"""Linear rational-expectations models, solved in batches.

    A E_t y_{t+1} + B y_t + C y_{t-1} + D z_t = 0        y: endogenous (n)
    z_t = N z_{t-1} + M eps_t                            z: exogenous (k), eps: innovations (S)

The solution is y_t = G y_{t-1} + Q z_t, where G is the solvent of A G^2 + B G + C = 0 with all
roots inside the unit circle and Q solves (A G + B) Q + A Q N = -D. It is unique and stable when
exactly n of the 2n roots of the pencil A l^2 + B l + C lie inside the unit circle (Blanchard and
Kahn 1980, Econometrica 48(5)); more is indeterminacy, fewer no stable solution. A root of N on or
outside the circle leaves no stable solution either; where y is indeterminate besides, the verdict
is INDETERMINATE, the worse of the two.

`solve` takes the fast road, doubling, and sends the draws that it cannot certify down the exact
one, `solve_by_schur`, which counts the roots.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, LinAlgWarning, ordqz

from emulator.compiled import compiled
from emulator.worlds import doubling
from emulator.worlds.base import FloatArray, Status, StatusArray, worst
from emulator.worlds.lanes import LANES
from emulator.worlds.linear import StateSpace

if TYPE_CHECKING:
    from jaxtyping import Float64, Int8

# A root this close to the unit circle counts as on it: the generalised Schur form moves a simple
# root by some 1e-14 and a double one by its square root.
ON_THE_CIRCLE = 1e-8


class DecisionRule(NamedTuple):
    """y_t = G y_{t-1} + Q z_t: transition G (B, n, n), load Q (B, n, k), status (B,)."""

    transition: Float64[np.ndarray, "B n n"]
    load: Float64[np.ndarray, "B n k"]
    status: Int8[np.ndarray, " B"]


def solve(
    lead: Float64[np.ndarray, "B n n"],
    now: Float64[np.ndarray, "B n n"],
    lag: Float64[np.ndarray, "B n n"],
    load: Float64[np.ndarray, "B n k"],
    persistence: Float64[np.ndarray, "B k k"],
    *,
    forward: Sequence[int] | None = None,
    lagged: Sequence[int] | None = None,
) -> DecisionRule:
    """Solve a batch: A, B, C (B, n, n), D (B, n, k), N (B, k, k).

    forward: the equations that may have a lead; lagged: the variables that may enter with a lag;
    None finds them in the batch. Stating them makes a row's result independent of its neighbours
    to the last bit where a coefficient happens to be zero in some rows. Rows without a unique
    stable solution are NaN, with their status; NaN or infinite coefficients are NOT_FINITE.

    Raises ValueError where a coefficient that is not zero lies outside `forward` or `lagged`.
    """
    rows, n, _ = load.shape
    lead, now, lag, load, persistence = (
        np.ascontiguousarray(x, dtype=np.float64) for x in (lead, now, lag, load, persistence)
    )
    finite, leads, lags = _inspect(lead, now, lag, load, persistence)
    if not finite.all():
        lead, now, lag, load, persistence = (
            np.where(finite[:, None, None], x, 0.0) for x in (lead, now, lag, load, persistence)
        )
    equations = _stated("forward", forward, leads)
    variables = _stated("lagged", lagged, lags)
    transition = np.zeros((rows, n, n))
    response = np.empty(load.shape)
    solved = np.empty(rows)
    doubling.decision_rules(
        lead,
        now,
        lag,
        load,
        persistence,
        equations,
        variables,
        min(LANES, max(rows, 1)),
        transition,
        response,
        solved,
    )
    status = np.zeros(rows, dtype=np.int8)
    left = np.flatnonzero((solved == 0.0) & finite)
    if left.size:
        transition[left], response[left], status[left] = solve_by_schur(
            lead[left], now[left], lag[left], load[left], persistence[left]
        )
    status = worst(status, _exogenous_status(persistence))
    status[~finite] = Status.NOT_FINITE
    unsolved = status != Status.OK
    transition[unsolved] = np.nan
    response[unsolved] = np.nan
    return DecisionRule(transition, response, status)


def solve_by_schur(
    lead: Float64[np.ndarray, "B n n"],
    now: Float64[np.ndarray, "B n n"],
    lag: Float64[np.ndarray, "B n n"],
    load: Float64[np.ndarray, "B n k"],
    persistence: Float64[np.ndarray, "B k k"],
) -> DecisionRule:
    """`solve` by the generalised Schur form, row by row (Klein 2000, JEDC 24(10)).

    The root count itself, for finite matrices. One Newton step polishes each solution; rows whose
    residual stays above the tolerance of `doubling` are NO_CONVERGENCE.
    """
    transition = np.full(now.shape, np.nan)
    response = np.full(load.shape, np.nan)
    status = np.zeros(len(load), dtype=np.int8)
    with warnings.catch_warnings():
        # scipy only warns where the QZ iteration gave up, and hands back matrices that mean nothing
        warnings.simplefilter("error", LinAlgWarning)
        for r in range(len(load)):
            try:
                transition[r], response[r], status[r] = _solve_row(
                    lead[r], now[r], lag[r], load[r], persistence[r]
                )
            except (LinAlgError, LinAlgWarning, ValueError):
                # LAPACK gives up, cannot separate roots that are all but equal, or meets a
                # singularity
                status[r] = Status.NO_CONVERGENCE
    status = worst(status, _exogenous_status(persistence))
    transition[status != Status.OK] = np.nan
    response[status != Status.OK] = np.nan
    return DecisionRule(transition, response, status)


def _solve_row(
    a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray, n_exogenous: FloatArray
) -> tuple[FloatArray, FloatArray, Status]:
    """G (n, n), Q (n, k) and the verdict for one model; NaN without a solution."""
    n = len(b)
    nothing = np.full_like(b, np.nan), np.full_like(d, np.nan)
    left = np.block([[np.zeros((n, n)), a], [np.eye(n), np.zeros((n, n))]])
    right = np.block([[-c, -b], [np.zeros((n, n)), np.eye(n)]])
    _, _, alpha, beta, _, z = ordqz(right, left, sort=_inside, output="complex")
    modulus, reference = np.abs(alpha), np.abs(beta)
    if int((modulus > (1.0 + ON_THE_CIRCLE) * reference).sum()) < n:
        return *nothing, Status.INDETERMINATE
    if int(_inside(alpha, beta).sum()) < n:
        return *nothing, Status.NO_STABLE_SOLUTION
    stable = z[:n, :n]
    if np.linalg.cond(stable) * np.finfo(float).eps > doubling.RESIDUAL_TOLERANCE:
        # The count is right, but stable paths do not start from every past (the rank condition):
        # one part of the model has the root that another lacks.
        return *nothing, Status.NO_STABLE_SOLUTION
    g: FloatArray = np.real(np.linalg.solve(stable.T, z[n:, :n].T).T)
    g = g - _sylvester(a @ g + b, a, g, a @ g @ g + b @ g + c)  # the Newton step
    q = _sylvester(a @ g + b, a, n_exogenous, -d)
    residual = np.abs(a @ g @ g + b @ g + c).max(initial=0.0)
    scale = np.abs(b).max() * max(1.0, np.abs(g).max())
    converged = residual <= doubling.RESIDUAL_TOLERANCE * scale
    return g, q, Status.OK if converged else Status.NO_CONVERGENCE


def _inside(alpha: Any, beta: Any) -> Any:
    """Which generalised roots alpha/beta (arrays) are stable; roots on the circle are not."""
    return np.abs(alpha) < (1.0 - ON_THE_CIRCLE) * np.abs(beta)


def _sylvester(m: FloatArray, a: FloatArray, n: FloatArray, d: FloatArray) -> FloatArray:
    """X of M X + A X N = D, by Kronecker products: slow, general, for single rows."""
    system = np.kron(np.eye(len(n)), m) + np.kron(n.T, a)
    stacked = np.linalg.solve(system, d.T.reshape(-1))
    return np.asarray(stacked.reshape(d.shape[1], -1).T, dtype=np.float64)


def _exogenous_status(persistence: FloatArray) -> StatusArray:
    """NO_STABLE_SOLUTION where N (B, k, k) has a root on or outside the unit circle."""
    root, triangular = _triangular_roots(np.ascontiguousarray(persistence))
    for r in np.flatnonzero(~triangular):
        root[r] = np.abs(np.linalg.eigvals(persistence[r])).max()
    return np.where(root >= 1.0, Status.NO_STABLE_SOLUTION, Status.OK).astype(np.int8)


@compiled()
def _triangular_roots(matrices: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Of (B, k, k) the largest modulus on the diagonal, and whether that is the largest root."""
    rows, k, _ = matrices.shape
    root, triangular = np.zeros(rows), np.empty(rows, dtype=np.bool_)
    for r in range(rows):
        above = below = False
        for i in range(k):
            root[r] = max(root[r], abs(matrices[r, i, i]))
            for j in range(i):
                below = below or matrices[r, i, j] != 0.0
                above = above or matrices[r, j, i] != 0.0
        triangular[r] = not (above and below)
    return root, triangular


@compiled()
def _inspect(
    lead: FloatArray, now: FloatArray, lag: FloatArray, load: FloatArray, persistence: FloatArray
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows (B,) are finite; among those, equations (n,) with a lead and variables lagged."""
    rows, n, k = load.shape
    finite = np.empty(rows, dtype=np.bool_)
    leads, lags = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    for r in range(rows):
        # a sum of magnitudes is NaN or infinite exactly when a term is, short of 1e308
        total = 0.0
        for i in range(n):
            for j in range(n):
                total += abs(lead[r, i, j]) + abs(now[r, i, j]) + abs(lag[r, i, j])
            for j in range(k):
                total += abs(load[r, i, j])
        for i in range(k):
            for j in range(k):
                total += abs(persistence[r, i, j])
        finite[r] = np.isfinite(total)
        if finite[r]:
            for i in range(n):
                for j in range(n):
                    leads[i] = leads[i] or lead[r, i, j] != 0.0
                    lags[j] = lags[j] or lag[r, i, j] != 0.0
    return finite, leads, lags


def _stated(name: str, given: Sequence[int] | None, found: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The indices `given`, which must cover `found`, or else those found."""
    if given is None:
        return np.flatnonzero(found).astype(np.int64)
    missing = sorted(set(np.flatnonzero(found).tolist()) - set(given))
    if missing:
        raise ValueError(f"{name}: {list(given)} leaves out {missing}, which are not zero")
    return np.array(sorted(given), dtype=np.int64)


def state_space(
    rule: DecisionRule,
    persistence: Float64[np.ndarray, "B k k"],
    impact: Float64[np.ndarray, "B k S"],
    lagged: list[int],
    observed: list[int],
    units: Float64[np.ndarray, " 3"],
) -> StateSpace:
    """The decision rule as a `StateSpace` with state (y[lagged], z).

    impact: M (B, k, S). lagged: the endogenous variables that enter with a lag. observed: the
    three observables among y; units: their factors (3,), from model units to reported ones.
    """
    a, b, c, d = _assemble(
        rule.transition,
        rule.load,
        persistence,
        impact,
        np.array(lagged, dtype=np.int64),
        np.array(observed, dtype=np.int64),
        np.asarray(units, dtype=np.float64),
    )
    return StateSpace(a, b, c, d, rule.status)


@compiled()
def _assemble(
    transition: FloatArray,
    load: FloatArray,
    persistence: FloatArray,
    impact: FloatArray,
    lagged: NDArray[np.int64],
    observed: NDArray[np.int64],
    units: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """A, B, C, D: y_t on y_{t-1} is G, on z_{t-1} Q N, on eps_t Q M; z_t is on N and M."""
    rows, _, k = load.shape
    m, shocks, outputs = lagged.size, impact.shape[2], observed.size
    a, b = np.zeros((rows, m + k, m + k)), np.empty((rows, m + k, shocks))
    c, d = np.empty((rows, outputs, m + k)), np.empty((rows, outputs, shocks))
    for r in range(rows):
        for i in range(m + outputs):
            row = lagged[i] if i < m else observed[i - m]
            factor = 1.0 if i < m else units[i - m]
            past = a[r, i] if i < m else c[r, i - m]
            news = b[r, i] if i < m else d[r, i - m]
            for j in range(m):
                past[j] = transition[r, row, lagged[j]] * factor
            for j in range(k):
                total = 0.0
                for h in range(k):
                    total += load[r, row, h] * persistence[r, h, j]
                past[m + j] = total * factor
            for j in range(shocks):
                total = 0.0
                for h in range(k):
                    total += load[r, row, h] * impact[r, h, j]
                news[j] = total * factor
        for i in range(k):
            for j in range(k):
                a[r, m + i, m + j] = persistence[r, i, j]
            for j in range(shocks):
                b[r, m + i, j] = impact[r, i, j]
    return a, b, c, d
