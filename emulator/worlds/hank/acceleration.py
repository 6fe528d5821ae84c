"""Anderson's acceleration of a fixed-point iteration x <- g(x).

With residuals f = g(x) - x, the next point is g(x) less the combination of the last steps that
best explains f (Anderson 1965, Journal of the ACM 12(4); Walker and Ni 2011, SIAM Journal on
Numerical Analysis 49(4)). Plain iteration takes thousands of steps here, since skills and assets
move slowly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray
from emulator.worlds.lanes import solve_in_place

# Of the trace: steps that are nearly parallel must not blow up the combination.
RIDGE = 1e-13


class Memory(NamedTuple):
    """The last m steps: of points, of residuals (m, N), their products (m, m), the last pair (2, N)
    of a point and its residual, and (1,) how many steps were made since the start."""

    points: FloatArray
    residuals: FloatArray
    products: FloatArray
    last: FloatArray
    steps: NDArray[np.int64]


@compiled(error_model="numpy")
def memory(size: int, length: int) -> Memory:
    """Room for `size` steps of vectors of `length`."""
    return Memory(
        np.zeros((size, length)),
        np.zeros((size, length)),
        np.zeros((size, size)),
        np.empty((2, length)),
        np.zeros(1, dtype=np.int64),
    )


@compiled(error_model="numpy")
def copy(values: FloatArray, out: FloatArray) -> None:
    """out (E, A) = values; a loop, since numba compiles an assignment of arrays for seconds."""
    for e in range(values.shape[0]):
        for i in range(values.shape[1]):
            out[e, i] = values[e, i]


@compiled(error_model="numpy")
def restart(kept: Memory, x: FloatArray, f: FloatArray) -> None:
    """Forget all steps; the first is the one from this point, with its residual, to the next."""
    kept.steps[0] = 0
    _note(kept, x, f)


@compiled(error_model="numpy")
def _note(kept: Memory, x: FloatArray, f: FloatArray) -> None:
    for i in range(x.size):
        kept.last[0, i] = x[i]
        kept.last[1, i] = f[i]


@compiled(error_model="numpy")
def accelerate(kept: Memory, x: FloatArray, f: FloatArray, out: FloatArray) -> None:
    """out (N,) = the next point after x (N,) with residual f (N,), after a `restart` before it."""
    size = kept.points.shape[0]
    slot = kept.steps[0] % size
    for i in range(x.size):
        kept.points[slot, i] = x[i] - kept.last[0, i]
        kept.residuals[slot, i] = f[i] - kept.last[1, i]
    _note(kept, x, f)
    kept.steps[0] += 1
    count = min(kept.steps[0], size)
    row = kept.residuals[:count] @ kept.residuals[slot]
    target = kept.residuals[:count] @ f
    trace = 0.0
    for p in range(count):
        kept.products[p, slot] = row[p]
        kept.products[slot, p] = row[p]
    for p in range(count):
        trace += kept.products[p, p]
    normal = np.empty((count, count, 1))
    weights = np.empty((count, 1, 1))
    for p in range(count):
        weights[p, 0, 0] = target[p]
        for q in range(count):
            normal[p, q, 0] = kept.products[p, q]
        normal[p, p, 0] += RIDGE * trace
    solve_in_place(normal, weights, count, 1, np.empty((2, 1)))
    for i in range(x.size):
        out[i] = x[i] + f[i]
    for p in range(count):
        weight = weights[p, 0, 0]
        for i in range(x.size):
            out[i] -= weight * (kept.points[p, i] + kept.residuals[p, i])
