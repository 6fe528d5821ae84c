"""var: responses against statsmodels, moments against the Lyapunov equation, roots."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov
from statsmodels.tsa.vector_ar.var_model import VARProcess

from emulator import get_world
from emulator.worlds import Status
from emulator.worlds.var import MAX_ROOT, coefficients

pytestmark = pytest.mark.fast

WORLD = get_world("var")


def test_responses_are_those_of_statsmodels() -> None:
    theta = WORLD.sample_parameters(20, np.random.default_rng(0))
    lags, impact = coefficients(theta)
    values = WORLD.irf(theta, 40).values
    for row in range(len(theta)):
        process = VARProcess(
            np.stack([lags[row, :, :3], lags[row, :, 3:]]), np.zeros(3), impact[row] @ impact[row].T
        )
        expected = process.orth_ma_rep(maxn=40)  # (H+1, observable, shock)
        # Two float64 recursions over 40 quarters with coefficients below one.
        np.testing.assert_allclose(values[row], expected.transpose(2, 0, 1), atol=1e-12)


def test_simulated_second_moments_solve_the_lyapunov_equation() -> None:
    theta = WORLD.pack()
    rows, quarters = 400, 300
    eps = np.random.default_rng(1).standard_normal((rows, quarters, 3))
    paths = WORLD.simulate(np.tile(theta, (rows, 1)), eps)
    y = paths.observables[:, 100:]  # .6^100: the start at rest is forgotten
    solution = WORLD.solve(theta)
    moment = solve_discrete_lyapunov(solution.a[0], solution.b[0] @ solution.b[0].T)
    by_path = np.einsum("rti,rtj->rij", y, y) / y.shape[1]
    error = by_path.mean(axis=0) - moment[:3, :3]
    standard_error = by_path.std(axis=0) / np.sqrt(rows)
    # Six distinct entries: 4 s.e. is passed by chance once in some 2,600 seeds.
    assert (np.abs(error) < 4.0 * standard_error).all()
    # The check has teeth: it resolves five percent of every variance.
    assert (4.0 * standard_error < 0.05 * np.sqrt(np.outer(*[np.diag(moment)[:3]] * 2))).all()


@pytest.mark.parametrize(
    ("root", "status"),
    [
        (MAX_ROOT - 1e-9, Status.OK),
        (MAX_ROOT + 1e-9, Status.INADMISSIBLE),
        (1.0 - 1e-9, Status.INADMISSIBLE),
        (1.0 + 1e-9, Status.NO_STABLE_SOLUTION),
    ],
)
def test_verdict_turns_at_the_named_roots(root: float, status: Status) -> None:
    # One equation alone, z^2 - a z - b = 0, with a root at `root` and the other at -.1.
    theta = WORLD.pack({"a1_11": root - 0.1, "a2_11": 0.1 * root})
    assert WORLD.check(theta).tolist() == [status]
    assert np.isfinite(WORLD.irf(theta).values).all() == status.solved


def test_impact_is_recursive_with_relative_entries_below_the_diagonal() -> None:
    theta = WORLD.pack({"sd_1": 0.4, "sd_2": 0.6, "sd_3": 0.8, "l_21": 0.2, "l_31": -0.1})
    impact = WORLD.irf(theta, 0).values[0, :, 0].T
    np.testing.assert_allclose(
        impact, [[0.4, 0.0, 0.0], [0.2 * 0.6, 0.6, 0.0], [-0.1 * 0.8, 0.0, 0.8]], atol=1e-15
    )
