"""Sparse elimination in one order of pivots for all draws."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.worlds.dynare.elimination import Elimination

pytestmark = pytest.mark.fast


def sparse(n: int, draws: int, seed: int) -> tuple[list[tuple[int, int]], np.ndarray, np.ndarray]:
    """Cells, their values (c, B) around one matrix, and the matrices (B, n, n), regular ones."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    held = {(int(i), int(order[i])) for i in range(n)}
    held |= {(int(i), int(j)) for i, j in rng.integers(0, n, (2 * n, 2))}
    cells = sorted(held)
    centre = rng.standard_normal(len(cells)) * 10.0 ** rng.integers(-3, 4, len(cells))
    values = centre[:, None] * (1.0 + 0.05 * rng.standard_normal((len(cells), draws)))
    matrices = np.zeros((draws, n, n))
    for (i, j), value in zip(cells, values, strict=True):
        matrices[:, i, j] = value
    return cells, values, matrices


@pytest.mark.parametrize("seed", range(5))
def test_solutions_are_those_of_the_dense_matrix(seed: int) -> None:
    cells, values, matrices = sparse(30, 4, seed)
    right = np.random.default_rng(seed).standard_normal((4, 30, 3))
    elimination = Elimination(30, cells, values[:, 0])
    found = elimination.solve(list(values), np.ascontiguousarray(np.moveaxis(right, 0, 2)))
    expected = np.linalg.solve(matrices, right)
    scale = np.abs(expected).max(axis=(1, 2), keepdims=True) * np.linalg.cond(matrices).max()
    assert (np.abs(np.moveaxis(found, 2, 0) - expected) <= 1e-14 * scale).all()


def test_a_draw_without_a_solution_leaves_the_others_alone() -> None:
    elimination = Elimination(2, [(0, 0), (1, 0), (1, 1)], np.array([1.0, 1.0, 2.0]))
    values = [np.array([1.0, 0.0]), 1.0, np.array([2.0, 2.0])]
    with np.errstate(all="ignore"):
        found = elimination.solve(values, np.ones((2, 2)))
    np.testing.assert_array_equal(found[:, 0], [1.0, 0.0])
    assert not np.isfinite(found[:, 1]).all()
    singular = Elimination(2, [(0, 0), (1, 0)], np.ones(2))
    assert np.isnan(singular.solve([1.0, 1.0], np.ones((2, 1)))).all()
