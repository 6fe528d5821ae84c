"""Sparse systems of equations, solved for many draws at once.

Models are sparse: an equation holds a handful of variables. The order of pivots is found once, at
the calibration: of those that are large enough the one that fills least (Markowitz 1957, Management
Science 3(3)). Draws then follow it side by side, each operation an array over all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from emulator.worlds.base import FloatArray

# A pivot is at least this share of the largest entry in its column, in the usual compromise between
# rounding and fill (Duff, Erisman and Reid 2017, Direct Methods for Sparse Matrices, ch. 5).
_LARGE_ENOUGH = 0.1


class _Step(NamedTuple):
    """The row that a column is solved from, and where its pivot is kept. below: other rows that
    hold the column, and where; right: other columns in the row, and where; changed: where each
    row's entry is that `right` changes, by row."""

    row: int
    column: int
    pivot: int
    below: list[tuple[int, int]]
    right: list[tuple[int, int]]
    changed: list[list[int]]


class Elimination:
    """How matrices (n, n) whose nonzero cells (row, column) are the same ones are solved.

    values: each cell's at the calibration. Where that matrix is singular, solutions are NaN.
    """

    def __init__(self, n: int, cells: Sequence[tuple[int, int]], values: FloatArray) -> None:
        self.n, self.given, self.regular = n, len(cells), True
        self.place = {cell: place for place, cell in enumerate(cells)}
        self.steps: list[_Step] = []
        self._find(_scaled(n, cells, values))

    def _find(self, rows: list[dict[int, float]]) -> None:
        """The order of pivots for the matrix of `rows`, column to number."""
        columns: list[set[int]] = [set() for _ in range(self.n)]
        for i, row in enumerate(rows):
            for j in row:
                columns[j].add(i)
        left = set(range(self.n))
        while left:
            pivot = self._pivot(rows, columns, left)
            if pivot is None:
                self.regular = False
                return
            i, j = pivot
            own = rows[i]
            others = sorted(columns[j] - {i})
            right = sorted(set(own) - {j})
            changed: list[list[int]] = []
            for other in others:
                factor = rows[other].pop(j) / own[j]
                for k in right:
                    rows[other][k] = rows[other].get(k, 0.0) - factor * own[k]
                    columns[k].add(other)
                changed.append([self._where(other, k) for k in right])
            below = [(other, self._where(other, j)) for other in others]
            beside = [(k, self._where(i, k)) for k in right]
            self.steps.append(_Step(i, j, self._where(i, j), below, beside, changed))
            for k in own:
                columns[k].discard(i)
            columns[j].clear()
            left.discard(j)

    def _pivot(
        self, rows: list[dict[int, float]], columns: list[set[int]], left: set[int]
    ) -> tuple[int, int] | None:
        best: tuple[int, float, int, int] | None = None
        for j in left:
            sizes = {i: abs(rows[i][j]) for i in columns[j]}
            largest = max(sizes.values(), default=0.0)
            if not largest > 0.0:
                return None
            for i, size in sizes.items():
                if size >= _LARGE_ENOUGH * largest:
                    fill = (len(rows[i]) - 1) * (len(columns[j]) - 1)
                    found = (fill, -size, i, j)
                    best = found if best is None or found < best else best
        return None if best is None else best[2:]

    def _where(self, i: int, j: int) -> int:
        """The place of a cell; a new one where elimination fills it."""
        return self.place.setdefault((i, j), len(self.place))

    def solve(self, values: Iterable[Any], right: FloatArray) -> FloatArray:
        """Solutions (n, ..., B) for right sides of that shape, which are overwritten.

        values: each cell's, (B,) or a number. No number where a draw's pivot is zero.
        """
        if not self.regular:
            return np.full(right.shape, np.nan)
        known: list[Any] = [*values, *[0.0] * (len(self.place) - self.given)]
        for step in self.steps:
            pivot = known[step.pivot]
            for (row, where), targets in zip(step.below, step.changed, strict=True):
                factor = known[where] / pivot
                for (_, source), target in zip(step.right, targets, strict=True):
                    known[target] = known[target] - factor * known[source]
                right[row] -= factor * right[step.row]
        out = np.empty(right.shape)
        for step in reversed(self.steps):
            total = right[step.row]
            for column, where in step.right:
                total -= known[where] * out[column]
            np.divide(total, known[step.pivot], out=out[step.column])
        return out


def _scaled(n: int, cells: Sequence[tuple[int, int]], values: FloatArray) -> list[dict[int, float]]:
    """The matrix by rows, those and then columns divided by their largest entries."""
    rows: list[dict[int, float]] = [{} for _ in range(n)]
    for (i, j), value in zip(cells, values.tolist(), strict=True):
        rows[i][j] = value
    largest = [0.0] * n
    for row in rows:
        size = max(map(abs, row.values()), default=0.0)
        for j in row:
            row[j] /= size or 1.0
            largest[j] = max(largest[j], abs(row[j]))
    for row in rows:
        for j in row:
            row[j] /= largest[j] or 1.0
    return rows
