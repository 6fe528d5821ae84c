"""Small dense linear algebra on many draws at once.

Arrays end in a lane axis L, one draw a lane: (p, q, L). The models here have 1 to 30 variables,
where a matrix product costs less than the call to a library; with draws side by side the inner loop
runs over draws and vectorises. A lane never reads another, so a draw's result has the same bits
whatever its neighbours are, NaN included. Matrices sit in the leading corner of buffers that may be
larger; sizes are passed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray

IndexArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# Draws side by side. 32 keeps a 26-variable model's working set (0.4 MB) in the second-level cache
# and still makes the overhead of a three-variable model's loops small.
LANES = 32


@compiled(error_model="numpy")
def multiply(out: FloatArray, a: FloatArray, b: FloatArray, p: int, q: int, r: int) -> None:
    """out = a b for a (p, q, L), b (q, r, L)."""
    for i in range(p):
        for j in range(r):
            o = out[i, j]
            for lane in range(o.size):
                o[lane] = 0.0
        for k in range(q):
            x = a[i, k]
            for j in range(r):
                o = out[i, j]
                y = b[k, j]
                for lane in range(o.size):
                    o[lane] += x[lane] * y[lane]


@compiled(error_model="numpy")
def solve_in_place(a: FloatArray, b: FloatArray, n: int, columns: int, scratch: FloatArray) -> None:
    """Replace b (n, columns, L) by a^-1 b, and a (n, n, L) by what elimination leaves.

    Partial pivoting, each lane with its own row order. A singular `a` leaves infinities or NaN in
    its lane. scratch: (2, L).
    """
    first, second = scratch[0], scratch[1]
    for k in range(n):
        diagonal = a[k, k]
        # per lane the largest entry and its row, the row as a float so that selection vectorises
        for lane in range(diagonal.size):
            first[lane] = abs(diagonal[lane])
            second[lane] = k
        for i in range(k + 1, n):
            candidate = a[i, k]
            for lane in range(diagonal.size):
                size = abs(candidate[lane])
                larger = size > first[lane]
                first[lane] = size if larger else first[lane]
                second[lane] = i if larger else second[lane]
        for lane in range(diagonal.size):
            i = int(second[lane])
            if i != k:
                for j in range(k, n):
                    upper = a[k, j, lane]
                    a[k, j, lane] = a[i, j, lane]
                    a[i, j, lane] = upper
                for j in range(columns):
                    upper = b[k, j, lane]
                    b[k, j, lane] = b[i, j, lane]
                    b[i, j, lane] = upper
        for lane in range(diagonal.size):
            first[lane] = 1.0 / diagonal[lane]
        for i in range(k + 1, n):
            below = a[i, k]
            for lane in range(diagonal.size):
                second[lane] = below[lane] * first[lane]
            for j in range(k + 1, n):
                subtract_product(a[i, j], second, a[k, j])
            for j in range(columns):
                subtract_product(b[i, j], second, b[k, j])
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            for j in range(columns):
                subtract_product(b[i, j], a[i, k], b[k, j])
        diagonal = a[i, i]
        for j in range(columns):
            o = b[i, j]
            for lane in range(o.size):
                o[lane] /= diagonal[lane]


@compiled(error_model="numpy")
def add_product(out: FloatArray, x: FloatArray, y: FloatArray) -> None:
    """out += x y, lane by lane."""
    for lane in range(out.size):
        out[lane] += x[lane] * y[lane]


@compiled(error_model="numpy")
def subtract_product(out: FloatArray, x: FloatArray, y: FloatArray) -> None:
    """out -= x y, lane by lane."""
    for lane in range(out.size):
        out[lane] -= x[lane] * y[lane]


@compiled(error_model="numpy")
def largest_entry(out: FloatArray, a: FloatArray, p: int, q: int) -> None:
    """out (L,) = the largest modulus in a (p, q, L); NaN where an entry is NaN."""
    for lane in range(out.size):
        out[lane] = 0.0
    for i in range(p):
        for j in range(q):
            x = a[i, j]
            for lane in range(out.size):
                size = abs(x[lane])
                # `not <=` rather than `>`: a NaN entry gets in, and none gets out again
                if not size <= out[lane] and out[lane] == out[lane]:
                    out[lane] = size


@compiled(error_model="numpy")
def copy_where(
    out: FloatArray, a: FloatArray, column: int, where: FloatArray, p: int, q: int
) -> None:
    """out = a[:, column:] (p, q, L) in the lanes where `where` (L,) is not zero."""
    for i in range(p):
        for j in range(q):
            o = out[i, j]
            x = a[i, column + j]
            for lane in range(o.size):
                o[lane] = x[lane] if where[lane] != 0.0 else o[lane]


@compiled(error_model="numpy")
def add_where(
    out: FloatArray, a: FloatArray, column: int, where: FloatArray, p: int, q: int
) -> None:
    """out += a[:, column:] (p, q, L) in the lanes where `where` (L,) is not zero."""
    for i in range(p):
        for j in range(q):
            o = out[i, j]
            x = a[i, column + j]
            for lane in range(o.size):
                o[lane] = o[lane] + x[lane] if where[lane] != 0.0 else o[lane]


@compiled(error_model="numpy")
def pick(
    out: FloatArray, column: int, a: FloatArray, source: int, rows: IndexArray, q: int
) -> None:
    """out[:, column:] = a[rows, source:], q columns of it."""
    for i in range(rows.size):
        for j in range(q):
            o = out[i, column + j]
            x = a[rows[i], source + j]
            for lane in range(o.size):
                o[lane] = x[lane]


@compiled(error_model="numpy")
def add(out: FloatArray, column: int, a: FloatArray, source: int, rows: IndexArray, q: int) -> None:
    """out[rows, column:] += a[:, source:], q columns of it."""
    for i in range(rows.size):
        for j in range(q):
            o = out[rows[i], column + j]
            x = a[i, source + j]
            for lane in range(o.size):
                o[lane] += x[lane]


@compiled(error_model="numpy")
def gather(out: FloatArray, rows: FloatArray, start: int, p: int, q: int) -> None:
    """out (p, q, L) from rows[start:] (B, p, q); lanes past the last row repeat it."""
    last = rows.shape[0] - 1
    for lane in range(out.shape[2]):
        row = rows[min(start + lane, last)]
        for i in range(p):
            for j in range(q):
                out[i, j, lane] = row[i, j]
