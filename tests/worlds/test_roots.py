"""Root verdicts against eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.worlds import Status
from emulator.worlds.roots import characteristic_polynomial, root_status

pytestmark = pytest.mark.fast


def matrices(n: int, rows: int = 2000) -> np.ndarray:
    return np.random.default_rng(n).standard_normal((rows, n, n)) * 0.7 / np.sqrt(n)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_verdict_is_that_of_the_largest_eigenvalue(n: int) -> None:
    a = matrices(n)
    largest = np.abs(np.linalg.eigvals(a)).max(axis=1)
    expected = np.where(largest >= 1.0, Status.NO_STABLE_SOLUTION, Status.OK)
    expected[(largest >= 0.6) & (largest < 1.0)] = Status.INADMISSIBLE
    assert len(np.unique(expected)) == 3
    np.testing.assert_array_equal(root_status(a, 0.6), expected)


@pytest.mark.parametrize("n", [3, 6])
@pytest.mark.parametrize("threshold", [0.97, 1.0])
def test_verdict_resolves_roots_a_billionth_from_the_threshold(n: int, threshold: float) -> None:
    a = matrices(n)
    a /= np.abs(np.linalg.eigvals(a)).max(axis=1)[:, None, None]
    below = root_status(a * (threshold * (1.0 - 1e-9)), threshold)
    above = root_status(a * (threshold * (1.0 + 1e-9)), threshold)
    assert (below == Status.OK).all()
    assert (above != Status.OK).all()


def test_characteristic_polynomial_is_that_of_numpy() -> None:
    for a in matrices(6, rows=20):
        np.testing.assert_allclose(characteristic_polynomial(a), np.poly(a), atol=1e-13)


def test_overflow_reads_as_unstable() -> None:
    assert root_status(np.full((1, 3, 3), 1e200), 0.97).tolist() == [Status.NO_STABLE_SOLUTION]
