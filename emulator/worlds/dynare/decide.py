"""Decision rules of imported models, unit roots included.

    A E_t y_{t+1} + B y_t + C y_{t-1} + D z_t = 0        z_t = N z_{t-1} + M eps_t

as in `emulator.worlds.rational_expectations`, with Dynare's criterion: roots up to 1 + 1e-6 count
as stable, for price levels and random walks are common in files. Doubling decides most draws; those
for which it does not settle are decided one by one from the generalised Schur form of the pencil in
(s_{t-1}, y_t), s the variables with a lag (Klein 2000, JEDC 24(10)).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, LinAlgWarning, eigvals, ordqz

from emulator.worlds import doubling
from emulator.worlds.base import FloatArray, Status, StatusArray
from emulator.worlds.dynare import large
from emulator.worlds.dynare.elimination import Elimination
from emulator.worlds.equations import Matrices
from emulator.worlds.lanes import LANES
from emulator.worlds.rational_expectations import DecisionRule

# Dynare's qz_criterium.
UNIT_ROOT = 1.0 + 1e-6
# How near to that a root has to lie to be looked at again. Rounding moves simple roots by 1e-12.
_DOUBT = 9e-7
# Roots nearer than that to each other cost doubling digits; they are left to the Schur form.
_APART = 2e-3
# How far beyond a unit root a threshold lies at most: far beyond, roots near zero are blown up.
_FAR = float(np.sqrt(1.2))
# With more variables, exogenous ones among them, matrix products fill a processor without draws
# side by side.
LARGE = 50
# Of the stable block: beyond it no path starts from some past. The Newton step that follows
# restores what such a condition costs.
_MAX_CONDITION = 1e10
_SQUARINGS = 60


class Plan(NamedTuple):
    """How a file's models are solved, found at its calibration.

    forward, lagged: as in `rational_expectations.solve`. cells: where B (n, n) may not be zero (c,
    2); now: how it is solved. rows, columns: factors (n,) of equations and variables, powers of
    two. threshold: what doubling takes for the largest stable root: one, or more where there are
    unit roots.
    """

    forward: Sequence[int]
    lagged: Sequence[int]
    cells: NDArray[np.intp]
    now: Elimination
    rows: FloatArray
    columns: FloatArray
    threshold: float


def plan(
    model: Matrices,
    forward: Sequence[int],
    lagged: Sequence[int],
    cells: Sequence[tuple[int, int]],
) -> Plan:
    """The plan that suits the first row of `model`."""
    rows, columns = _equilibrate(model)
    places = np.array(cells, dtype=np.intp).reshape(-1, 2)
    at = tuple(places.T)
    values = model.now[0][at] * (rows[:, None] * columns)[at]
    how = Plan(
        forward, lagged, places, Elimination(len(rows), cells, values), rows, columns, threshold=1.0
    )
    with np.errstate(all="ignore"):
        first = _scaled(Matrices(*(x[:1] for x in model)), how)
        roots = large.roots(first, (how.now, how.cells), *_sides(how))[0]
    if np.isnan(roots).any():
        roots = _roots(model.lead[0], model.now[0], model.lag[0], lagged)
    if np.isfinite(model.persistence[0]).all():
        roots = np.concatenate([roots, np.abs(np.linalg.eigvals(model.persistence[0]))])
    if ((roots > 1.0 - 1e-6) & (roots <= UNIT_ROOT)).any():
        # in the middle between unit roots and the next one; the nearer a root lies to the
        # threshold, the more digits it costs
        beyond = roots[np.isfinite(roots) & (roots > UNIT_ROOT)]
        how = how._replace(threshold=float(np.sqrt(beyond.min(initial=_FAR**2))))
    return how


def decide(model: Matrices, how: Plan) -> DecisionRule:
    """The decision rules of a batch, NaN for rows without a unique stable solution."""
    scaled = _scaled(model, how)
    finite = np.logical_and.reduce([np.isfinite(x).all(axis=(1, 2)) for x in scaled])
    if not finite.all():
        scaled = Matrices(*(np.where(finite[:, None, None], x, 0.0) for x in scaled))
    transition, load, verdict = _double(scaled, how)
    for row in np.flatnonzero(finite & (verdict == large.UNCERTAIN)):
        transition[row], load[row], verdict[row] = _by_schur(
            Matrices(*(x[row] for x in scaled)), np.asarray(how.lagged, dtype=np.intp)
        )
    explosive = _largest_root(scaled.persistence) > UNIT_ROOT
    verdict[explosive] = np.maximum(verdict[explosive], Status.NO_STABLE_SOLUTION)
    verdict[~finite] = Status.NOT_FINITE
    transition *= how.columns[:, None] / how.columns
    load *= how.columns[:, None]
    transition[verdict != Status.OK] = np.nan
    load[verdict != Status.OK] = np.nan
    return DecisionRule(transition, load, verdict)


def _scaled(model: Matrices, how: Plan) -> Matrices:
    """The equations and variables in the plan's units."""
    both = how.rows[:, None] * how.columns
    return model._replace(
        lead=model.lead * both,
        now=model.now * both,
        lag=model.lag * both,
        load=model.load * how.rows[:, None],
    )


def _double(model: Matrices, how: Plan) -> tuple[FloatArray, FloatArray, StatusArray]:
    """G (B, n, n), Q (B, n, k) and the verdicts, UNCERTAIN where doubling does not settle.

    Nearly all draws settle at the plan's threshold. Of the others the roots are counted, and where
    they are as many as wanted, the threshold is put between them.
    """
    rows, n, k = model.load.shape
    thresholds = np.full(rows, how.threshold)
    if n + k <= LARGE:
        transition, load, verdict = _by_lanes(model, how, thresholds)
    else:
        transition, load, verdict = _by_blas(model, how, thresholds)
    left = np.flatnonzero(verdict == large.UNCERTAIN)
    if left.size:
        some = Matrices(*(x[left] for x in model))
        verdict[left], between = _counted(some, how)
        open_ = (verdict[left] == large.UNCERTAIN) & np.isfinite(between)
        again = left[open_]
        some = Matrices(*(x[again] for x in model))
        transition[again], load[again], verdict[again] = _by_blas(some, how, between[open_])
    return transition, load, verdict


def _counted(model: Matrices, how: Plan) -> tuple[StatusArray, FloatArray]:
    """Verdicts on draws whose roots are too many or too few beyond doubt, UNCERTAIN for others; and
    for these the threshold (B,) in the middle between stable roots and others."""
    with np.errstate(all="ignore"):
        roots = large.roots(model, (how.now, how.cells), *_sides(how))
    clear = ((roots < UNIT_ROOT - _DOUBT) | (roots > UNIT_ROOT + _DOUBT)).all(axis=1)
    stable, wanted = roots <= UNIT_ROOT, len(how.lagged)
    count = stable.sum(axis=1)
    verdict = np.full(len(roots), large.UNCERTAIN, dtype=np.int8)
    verdict[clear & (count > wanted)] = Status.INDETERMINATE
    verdict[clear & (count < wanted)] = Status.NO_STABLE_SOLUTION
    below = np.where(stable, roots, 0.0).max(axis=1, initial=0.0)
    above = np.where(stable, _FAR**2, roots).min(axis=1, initial=_FAR**2)
    below = np.maximum(below, 1.0 / _FAR**2)
    return verdict, np.where(above > (1.0 + _APART) * below, np.sqrt(below * above), np.nan)


def _sides(how: Plan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The equations with a lead and the variables with a lag."""
    return np.asarray(how.forward, dtype=np.int64), np.asarray(how.lagged, dtype=np.int64)


def _by_lanes(
    model: Matrices, how: Plan, thresholds: FloatArray
) -> tuple[FloatArray, FloatArray, StatusArray]:
    """As `_double`, draws side by side; only which draws are solved is told."""
    shifted = Matrices(*map(np.ascontiguousarray, _shifted(model, thresholds)))
    rows, n, _ = model.load.shape
    transition, load = np.zeros((rows, n, n)), np.empty(model.load.shape)
    solved = np.empty(rows)
    doubling.decision_rules(
        *shifted[:5], *_sides(how), min(LANES, max(rows, 1)), transition, load, solved
    )
    verdict = np.where(solved != 0.0, Status.OK, large.UNCERTAIN).astype(np.int8)
    return _unshifted(model, how, thresholds, transition, load, verdict)


def _by_blas(
    model: Matrices, how: Plan, thresholds: FloatArray
) -> tuple[FloatArray, FloatArray, StatusArray]:
    with np.errstate(all="ignore"):
        transition, load, verdict = large.decision_rules(
            _shifted(model, thresholds),
            (how.now, how.cells),
            *_sides(how),
        )
    return _unshifted(model, how, thresholds, transition, load, verdict)


def _shifted(model: Matrices, thresholds: FloatArray) -> Matrices:
    """The models in y_t / r^t, whose roots are those of y_t divided by r: those below the threshold
    r lie inside the circle."""
    if (thresholds == 1.0).all():
        return model
    r = thresholds[:, None, None]
    return model._replace(lead=model.lead * r, lag=model.lag / r, persistence=model.persistence / r)


def _unshifted(
    model: Matrices,
    how: Plan,
    thresholds: FloatArray,
    transition: FloatArray,
    load: FloatArray,
    verdict: StatusArray,
) -> tuple[FloatArray, FloatArray, StatusArray]:
    """The rules in y_t. Where a root may lie between a unit root and the threshold, which counts as
    stable below it and not above, the verdict is open."""
    moved = np.flatnonzero(thresholds != 1.0)
    if moved.size:
        transition *= thresholds[:, None, None]
        verdict[moved[verdict[moved] == Status.INDETERMINATE]] = large.UNCERTAIN
        solved = moved[verdict[moved] == Status.OK]
        own = transition[solved][:, how.lagged][:, :, how.lagged]
        beyond = _largest_root(own) > UNIT_ROOT
        beyond |= _largest_root(model.persistence[solved]) > UNIT_ROOT
        verdict[solved[beyond]] = large.UNCERTAIN
    return transition, load, verdict


def _by_schur(model: Matrices, lagged: NDArray[np.intp]) -> tuple[FloatArray, FloatArray, Status]:
    """G (n, n), Q (n, k) and the verdict of one row's matrices."""
    a, b, c, d, persistence, _ = model
    n, m = len(b), len(lagged)
    nothing = np.full((n, n), np.nan), np.full(d.shape, np.nan)
    left, right = _pencil(a, b, c, lagged)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error", LinAlgWarning)
        try:
            _, _, alpha, beta, _, z = ordqz(right, left, sort=_stable, output="complex")
            count = int(_stable(alpha, beta).sum())
            if count != m:
                wrong = Status.INDETERMINATE if count > m else Status.NO_STABLE_SOLUTION
                return *nothing, wrong
            stable = z[:m, :m]
            if m and np.linalg.cond(stable) > _MAX_CONDITION:
                return *nothing, Status.NO_STABLE_SOLUTION
            g = np.zeros((n, n))
            g[:, lagged] = np.real(np.linalg.solve(stable.T, z[m:, :m].T).T)
            for _ in range(2):  # Newton steps
                g = g + _sylvester(a @ g + b, a, g, a @ g @ g + b @ g + c)
            q = _sylvester(a @ g + b, a, persistence, d)
        except (LinAlgError, LinAlgWarning, ValueError):
            # LAPACK gives up, cannot separate roots that are all but equal, or meets a singularity
            return *nothing, Status.NO_CONVERGENCE
        residual = np.abs(a @ g @ g + b @ g + c).max(initial=0.0)
        scale = np.abs(b).max(initial=0.0) * max(1.0, np.abs(g).max(initial=0.0))
        converged = residual <= doubling.RESIDUAL_TOLERANCE * scale and np.isfinite(q).all()
    return g, q, Status.OK if converged else Status.NO_CONVERGENCE


def _stable(alpha: Any, beta: Any) -> Any:
    """Which generalised roots alpha/beta (arrays) are stable."""
    return np.abs(alpha) <= UNIT_ROOT * np.abs(beta)


def _pencil(
    a: FloatArray, b: FloatArray, c: FloatArray, lagged: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray]:
    """L and R of L (s_t, y_{t+1}) = R (s_{t-1}, y_t)."""
    n, m = len(b), len(lagged)
    left, right = np.zeros((n + m, m + n)), np.zeros((n + m, m + n))
    left[:n, m:], right[:n, :m], right[:n, m:] = a, -c[:, lagged], -b
    left[n + np.arange(m), np.arange(m)] = 1.0
    right[n + np.arange(m), m + lagged] = 1.0
    return left, right


def _sylvester(m: FloatArray, a: FloatArray, right: FloatArray, d: FloatArray) -> FloatArray:
    """X of M X + A X R + D = 0, by doubling: sum_j (-M^{-1} A)^j (-M^{-1} D) R^j."""
    both = np.asarray(-np.linalg.solve(m, np.hstack([a, d])), dtype=np.float64)
    left: FloatArray = both[:, : len(a)]
    total: FloatArray = both[:, len(a) :]
    for _ in range(_SQUARINGS):
        more: FloatArray = left @ total @ right
        total = np.asarray(total + more, dtype=np.float64)
        if np.abs(more).max(initial=0.0) <= 1e-18 * np.abs(total).max(initial=0.0):
            break
        left = np.asarray(left @ left, dtype=np.float64)
        right = np.asarray(right @ right, dtype=np.float64)
    return total


def _roots(a: FloatArray, b: FloatArray, c: FloatArray, lagged: Sequence[int]) -> FloatArray:
    """The moduli of the model's roots; infinite ones too."""
    left, right = _pencil(a, b, c, np.asarray(lagged, dtype=np.intp))
    if not (np.isfinite(left).all() and np.isfinite(right).all() and len(b)):
        return np.zeros(0)
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(eigvals(right, left)), dtype=np.float64)


def _largest_root(matrices: FloatArray) -> FloatArray:
    """The largest modulus of an eigenvalue, (B,); zero for empty matrices."""
    if not matrices.shape[1] or not len(matrices):
        return np.zeros(len(matrices))
    if not np.isfinite(matrices).all():
        finite = np.isfinite(matrices).all(axis=(1, 2))
        out = np.full(len(matrices), np.inf)
        out[finite] = _largest_root(matrices[finite])
        return out
    above, below = np.triu_indices(matrices.shape[1], 1), np.tril_indices(matrices.shape[1], -1)
    if not matrices[:, above[0], above[1]].any() or not matrices[:, below[0], below[1]].any():
        return np.asarray(np.abs(np.einsum("bii->bi", matrices)).max(axis=1), dtype=np.float64)
    return np.asarray(np.abs(np.linalg.eigvals(matrices)).max(axis=1), dtype=np.float64)


def _equilibrate(model: Matrices) -> tuple[FloatArray, FloatArray]:
    """Factors of equations and of variables (n,), powers of two, that bring the largest entry of
    each row and column of one row's model near one: files count some variables in millions and
    others in shares, which would cost the solver digits (Ruiz 2001, RAL-TR-2001-034)."""
    size = np.maximum.reduce([np.abs(x[0]) for x in (model.lead, model.now, model.lag)])
    size = np.where(np.isfinite(size), size, 0.0)
    rows, columns = np.ones(len(size)), np.ones(len(size))
    for _ in range(20):
        scaled = rows[:, None] * size * columns
        for factor, largest in (
            (rows, scaled.max(axis=1, initial=0.0)),
            (columns, scaled.max(axis=0, initial=0.0)),
        ):
            factor /= np.sqrt(np.where(largest > 0.0, largest, 1.0))
    # scaling by powers of two rounds nothing
    return np.exp2(np.round(np.log2(rows))), np.exp2(np.round(np.log2(columns)))
