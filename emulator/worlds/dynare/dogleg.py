"""Powell's dogleg: a root that lies near where the search starts, where Newton's steps go astray.

Steps are kept within a region in which the linear model is trusted, its size in units of the
Jacobian's columns (Powell 1970; More, Garbow and Hillstrom 1980, MINPACK). Dynare searches for
steady states likewise, so that of several the same one is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from graphlib import TopologicalSorter

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, maximum_bipartite_matching

from emulator.worlds.base import FloatArray
from emulator.worlds.dynare.newton import IndexArray

# For all blocks together: what is found takes a tenth.
_STEPS = 200
# The linear model is trusted further where it promised at most twice what was had, and less where
# it promised ten times that.
_GOOD, _BAD, _ENOUGH = 0.5, 0.1, 1e-4

Function = Callable[[FloatArray], FloatArray]


def solve(
    start: FloatArray, residual: Function, jacobian: Function, tolerance: float
) -> FloatArray:
    """The point (n,) that is reached: a root where its largest residual is below `tolerance`.

    Equations that determine some variables alone are solved first, and the rest after them.
    """
    x = start.copy()
    slopes, steps = jacobian(x), _STEPS
    if not np.isfinite(slopes).all():
        return x
    for rows, columns in _blocks(slopes != 0.0):

        def at(values: FloatArray, columns: IndexArray = columns) -> FloatArray:
            point = x.copy()
            point[columns] = values
            return point

        def part(values: FloatArray, rows: IndexArray = rows) -> FloatArray:
            return residual(at(values))[rows]

        def slopes_of(
            values: FloatArray, rows: IndexArray = rows, columns: IndexArray = columns
        ) -> FloatArray:
            return jacobian(at(values))[np.ix_(rows, columns)]

        x[columns], steps = _solve(x[columns], part, slopes_of, tolerance, steps)
    return x


def _blocks(pattern: NDArray[np.bool_]) -> Iterator[tuple[IndexArray, IndexArray]]:
    """Equations and the variables that they determine, each after what it depends on."""
    owned = maximum_bipartite_matching(csr_matrix(pattern), perm_type="column")
    owner = {int(j): i for i, j in enumerate(owned) if j >= 0}
    needs = np.zeros_like(pattern)
    for i, j in zip(*np.nonzero(pattern), strict=True):
        if int(j) in owner:
            needs[i, owner[int(j)]] = True
    count, label = connected_components(csr_matrix(needs, dtype=np.int8), connection="strong")
    order: TopologicalSorter[int] = TopologicalSorter({block: set() for block in range(count)})
    for i, k in zip(*np.nonzero(needs), strict=True):
        if label[i] != label[k]:
            order.add(int(label[i]), int(label[k]))
    for block in order.static_order():
        rows = np.flatnonzero((label == block) & (owned >= 0))
        if rows.size:
            yield rows, owned[rows].astype(np.intp)


def _solve(
    start: FloatArray, residual: Function, jacobian: Function, tolerance: float, steps: int
) -> tuple[FloatArray, int]:
    """The point that is reached in `steps` at most, and how many are left."""
    x, r = start, residual(start)
    scale = np.zeros(len(start))
    region = np.inf
    first = True
    while steps > 0:
        if not np.isfinite(r).all() or np.abs(r).max(initial=0.0) <= tolerance:
            break
        slopes = jacobian(x)
        if not np.isfinite(slopes).all():
            break
        columns = np.linalg.norm(slopes, axis=0)
        scale = np.maximum(scale, np.where(columns == 0.0, scale == 0.0, columns))
        size = float(np.linalg.norm(scale * x))
        if first:
            region = max(size, 1.0)
        found = _within(x, r, slopes, scale, region, residual, first=first)
        steps, first = steps - 1, False
        if found is None:
            break
        x, r, region = found
    return x, steps


def _within(
    x: FloatArray,
    r: FloatArray,
    slopes: FloatArray,
    scale: FloatArray,
    region: float,
    residual: Function,
    *,
    first: bool,
) -> tuple[FloatArray, FloatArray, float] | None:
    """The next point, its residuals and the region there; None where no step helps."""
    newton = np.asarray(-np.linalg.lstsq(slopes, r, rcond=None)[0], dtype=np.float64)
    before = float(np.linalg.norm(r))
    least = 1e-15 * max(float(np.linalg.norm(scale * x)), 1.0)
    while region > least:
        step = _dogleg(newton, r, slopes, scale, region)
        length = float(np.linalg.norm(scale * step))
        if first:
            region, first = min(region, length), False
        new = residual(x + step)
        after, promised = float(np.linalg.norm(new)), float(np.linalg.norm(r + slopes @ step))
        had = 1.0 - (after / before) ** 2 if after < before else -1.0
        promise = 1.0 - (promised / before) ** 2
        share = had / promise if promise > 0.0 else 0.0
        if share < _BAD:
            region *= 0.5
        elif abs(share - 1.0) <= _BAD:
            region = 2.0 * length
        elif share >= _GOOD:
            region = max(region, 2.0 * length)
        if share >= _ENOUGH:
            return x + step, new, region
    return None


def _dogleg(
    newton: FloatArray, r: FloatArray, slopes: FloatArray, scale: FloatArray, region: float
) -> FloatArray:
    """Newton's step, cut to the region along the way over the steepest descent."""
    length = float(np.linalg.norm(scale * newton))
    if length <= region:
        return newton
    descent = -(slopes.T @ r) / scale
    steep = float(np.linalg.norm(descent))
    if steep == 0.0:
        return newton * (region / length)
    direction = descent / steep / scale
    best = steep / float(np.linalg.norm(slopes @ direction)) ** 2
    if best >= region:
        return direction * region
    corner = direction * best
    leg = newton - corner
    a = float(np.sum((scale * leg) ** 2))
    b = float(np.sum(scale**2 * corner * leg))
    c = best**2 - region**2
    share = (-b + np.sqrt(max(b * b - a * c, 0.0))) / a
    return np.asarray(corner + leg * share, dtype=np.float64)
