"""Simulated second moments of every linear world are the analytic ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from emulator import get_world
from emulator.worlds.linear import StateSpace
from emulator.worlds.registry import BUILT_IN

pytestmark = pytest.mark.slow

ROWS, QUARTERS = 8_000, 8
# 15 entries a draw, 15 draws in all: by chance one of them passes 4.5 standard errors once in some
# 650 seeds. The seed is fixed.
STANDARD_ERRORS = 4.5


def moments(space: StateSpace, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariance of the state (n, n), of y_t (3, 3), and of y_t with y_{t-1} (3, 3)."""
    a, b, c, d = space.a[row], space.b[row], space.c[row], space.d[row]
    state = solve_discrete_lyapunov(a, b @ b.T)
    state = (state + state.T) / 2.0
    return state, c @ state @ c.T + d @ d.T, c @ (a @ state @ c.T + b @ d.T)


def _is_cheap(name: str) -> bool:
    return get_world(name).linear and not get_world(name).dear


@pytest.mark.parametrize("name", [n for n in BUILT_IN if _is_cheap(n)])
def test_simulated_moments_of_linear_worlds_are_the_analytic_ones(name: str) -> None:
    world = get_world(name)
    rng = np.random.default_rng(21)
    draws = np.vstack([world.pack(), world.sample_parameters(2, rng)])
    space = world.solve(draws)
    for row, theta in enumerate(draws):
        state, variance, autocovariance = moments(space, row)
        # Starting from the stationary law, every quarter has it and none need be thrown away. Some
        # states move together, so the law is singular: roots of rounding below zero are zero.
        roots, vectors = np.linalg.eigh(state)
        factor = vectors * np.sqrt(np.maximum(roots, 0.0))
        start = rng.standard_normal((ROWS, len(state))) @ factor.T
        eps = rng.standard_normal((ROWS, QUARTERS, len(world.shocks)))
        many = StateSpace(*(np.repeat(field[[row]], ROWS, axis=0) for field in space))
        y = world.simulate(np.tile(theta, (ROWS, 1)), eps, start, solution=many).observables
        scale = np.sqrt(np.outer(np.diag(variance), np.diag(variance)))
        upper = np.triu_indices(3)  # the variance is symmetric
        for expected, first, second, entries in (
            (variance, y, y, upper),
            (autocovariance, y[:, 1:], y[:, :-1], np.indices((3, 3)).reshape(2, -1)),
        ):
            by_path = np.einsum("rti,rtj->rij", first, second) / first.shape[1]
            error = np.abs(by_path.mean(axis=0) - expected)
            bound = STANDARD_ERRORS * by_path.std(axis=0) / np.sqrt(ROWS)
            assert (error < bound)[entries[0], entries[1]].all(), (theta, error / bound)
            # The check has teeth: it resolves a tenth of every variance.
            assert (bound < 0.1 * scale).all()
