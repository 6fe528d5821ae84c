"""What is true of a linear economy, against ways that take longer."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.errors import InputError
from emulator.foreign.linear_economy import (
    Economy,
    innovations,
    recursive,
    simulated,
    to_innovation,
)

pytestmark = pytest.mark.fast


def drawn(seed: int, n: int = 4, states: int = 9, k: int = 6) -> Economy:
    """n series of as many states as are given, the last of them a common trend."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((states, states))
    a *= 0.95 / np.abs(np.linalg.eigvals(a)).max()
    a[:, -1] = 0.0
    a[-1, -1] = 1.0
    return Economy(a, rng.standard_normal((states, k)), rng.standard_normal((n, states)))


@pytest.mark.parametrize("seed", range(6))
def test_the_filter_settles_where_iterating_it_ends(seed: int) -> None:
    a, b, c = economy = drawn(seed)
    q = b @ b.T
    p = q
    for _ in range(20_000):
        gain = np.linalg.solve(c @ p @ c.T, c @ p).T
        new = a @ (p - gain @ c @ p) @ a.T + q
        if np.abs(new - p).max() < 1e-14 * np.abs(new).max():
            break
        p = (new + new.T) / 2.0
    found = innovations(economy)
    np.testing.assert_allclose(found.covariance, c @ p @ c.T, rtol=1e-6, atol=1e-9)


def test_an_invertible_economy_recovers_its_own_shocks() -> None:
    """A VAR(1) of three series with a triangular impact: the Cholesky factor is the impact."""
    a = np.array([[0.7, 0.1, 0.0], [0.0, 0.5, 0.2], [0.1, 0.0, 1.0]])
    b = np.array([[1.0, 0.0, 0.0], [0.4, 2.0, 0.0], [-0.3, 0.2, 0.5]])
    economy = Economy(a, b, np.eye(3))
    found = innovations(economy)
    np.testing.assert_allclose(found.covariance, b @ b.T, rtol=1e-12)
    for before in range(3):
        direction = np.eye(3)[before] / b[before, before]
        np.testing.assert_allclose(
            recursive(economy, found, before, 10), to_innovation(economy, direction, 10), atol=1e-12
        )


def test_long_autoregressions_estimate_the_recursive_response() -> None:
    """In levels: the series share a trend, and differences of them have no autoregression."""
    economy = drawn(7)
    rng = np.random.default_rng(0)
    e = rng.standard_normal((12_500, economy.b.shape[1]))
    y, lags = simulated(*economy, e, 500), 8
    z = np.column_stack([y[lags - k : -k] for k in range(1, lags + 1)])
    u = y[lags:] - z @ np.linalg.lstsq(z, y[lags:], rcond=None)[0]
    covariance = u.T @ u / (len(u) - z.shape[1])
    found = covariance[:, 0] / covariance[0, 0]
    error = np.sqrt((np.diag(covariance) / covariance[0, 0] - found**2) / len(u))
    truth = recursive(economy, innovations(economy), 0, 0)[0]
    assert (np.abs(found - truth)[1:] < 4.0 * error[1:]).all()


def test_simulated_series_answer_one_innovation_as_they_should() -> None:
    economy = drawn(3)
    k = economy.b.shape[1]
    e = np.zeros((21, k))
    e[0] = np.arange(1.0, k + 1)
    np.testing.assert_allclose(
        simulated(*economy, e, 0), to_innovation(economy, e[0], 20), rtol=1e-9, atol=1e-12
    )


def test_collinear_innovations_are_refused() -> None:
    with pytest.raises(InputError, match="collinear"):
        innovations(Economy(np.eye(2) * 0.5, np.ones((2, 1)), np.eye(2)))
