"""Decision rules of imported models, unit roots included.

    A E_t y_{t+1} + B y_t + C y_{t-1} + D z_t = 0        z_t = N z_{t-1} + M eps_t

as in `emulator.worlds.rational_expectations`, with Dynare's criterion: roots up to 1 + 1e-6 count
as stable, for price levels and random walks are common in files. Doubling solves most draws; those
that it cannot certify are decided one by one from the generalised Schur form of the pencil in
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
from emulator.worlds.base import FloatArray, Status
from emulator.worlds.dynare import large
from emulator.worlds.equations import Matrices
from emulator.worlds.lanes import LANES
from emulator.worlds.rational_expectations import DecisionRule

# Dynare's qz_criterium.
UNIT_ROOT = 1.0 + 1e-6
# From here on, matrix products fill a processor without draws side by side.
LARGE = 50
# Of the stable block: beyond it no path starts from some past. The Newton step that follows
# restores what such a condition costs.
_MAX_CONDITION = 1e10
_SQUARINGS = 60


class Plan(NamedTuple):
    """How a file's models are solved, found at its calibration.

    forward, lagged: as in `rational_expectations.solve`. rows, columns: factors (n,) of equations
    and variables, powers of two. threshold: what doubling takes for the largest stable root: one,
    or more where there are unit roots.
    """

    forward: Sequence[int]
    lagged: Sequence[int]
    rows: FloatArray
    columns: FloatArray
    threshold: float


def plan(model: Matrices, forward: Sequence[int], lagged: Sequence[int]) -> Plan:
    """The plan that suits the first row of `model`."""
    rows, columns = _equilibrate(model)
    roots = _roots(model.lead[0], model.now[0], model.lag[0], lagged)
    if np.isfinite(model.persistence[0]).all():
        roots = np.concatenate([roots, np.abs(np.linalg.eigvals(model.persistence[0]))])
    threshold = 1.0
    if ((roots > 1.0 - 1e-6) & (roots <= UNIT_ROOT)).any():
        # in the middle between unit roots and the next one; the nearer a root lies to the
        # threshold, the more digits it costs. Far beyond, roots near zero are blown up.
        beyond = roots[np.isfinite(roots) & (roots > UNIT_ROOT)]
        threshold = float(np.sqrt(min(beyond.min(initial=np.inf), 1.2)))
    return Plan(forward, lagged, rows, columns, threshold)


def decide(model: Matrices, how: Plan) -> DecisionRule:
    """The decision rules of a batch, NaN for rows without a unique stable solution."""
    rows = len(model.load)
    both = how.rows[:, None] * how.columns
    scaled = model._replace(
        lead=model.lead * both,
        now=model.now * both,
        lag=model.lag * both,
        load=model.load * how.rows[:, None],
    )
    finite = np.logical_and.reduce([np.isfinite(x).all(axis=(1, 2)) for x in scaled])
    if not finite.all():
        scaled = Matrices(*(np.where(finite[:, None, None], x, 0.0) for x in scaled))
    transition, load, solved = _double(scaled, how)
    status = np.full(rows, Status.OK, dtype=np.int8)
    for row in np.flatnonzero(finite & ~solved):
        transition[row], load[row], status[row] = _by_schur(
            Matrices(*(x[row] for x in scaled)), np.asarray(how.lagged, dtype=np.intp)
        )
    explosive = _largest_root(scaled.persistence) > UNIT_ROOT
    status[explosive] = np.maximum(status[explosive], Status.NO_STABLE_SOLUTION)
    status[~finite] = Status.NOT_FINITE
    transition *= how.columns[:, None] / how.columns
    load *= how.columns[:, None]
    transition[status != Status.OK] = np.nan
    load[status != Status.OK] = np.nan
    return DecisionRule(transition, load, status)


def _double(model: Matrices, how: Plan) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """G (B, n, n), Q (B, n, k) and which rows are certain, by doubling.

    y_t / r^t has the roots of y_t divided by r, so that those below the threshold r lie inside the
    circle. Where one then lies between a unit root and r, the row is not certain.
    """
    root = how.threshold
    rows, n, _ = model.load.shape
    shifted = model._replace(
        lead=model.lead * root, lag=model.lag / root, persistence=model.persistence / root
    )
    forward = np.asarray(how.forward, dtype=np.int64)
    lagged = np.asarray(how.lagged, dtype=np.int64)
    if n > LARGE:
        with np.errstate(all="ignore"):
            transition, load, certain = large.decision_rules(shifted, forward, lagged)
    else:
        transition, load = np.zeros((rows, n, n)), np.empty(model.load.shape)
        solved = np.empty(rows)
        doubling.decision_rules(
            np.ascontiguousarray(shifted.lead),
            np.ascontiguousarray(shifted.now),
            np.ascontiguousarray(shifted.lag),
            np.ascontiguousarray(shifted.load),
            np.ascontiguousarray(shifted.persistence),
            forward,
            lagged,
            min(LANES, max(rows, 1)),
            transition,
            load,
            solved,
        )
        certain = solved != 0.0
    transition *= root
    if root > 1.0:
        inside = np.where(certain[:, None, None], transition, 0.0)
        own = inside[:, how.lagged][:, :, how.lagged]
        certain &= _largest_root(own) <= UNIT_ROOT
        certain &= _largest_root(model.persistence) <= UNIT_ROOT
    return transition, load, certain


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
