"""lss: the modal form, the recursive impact, and what identifies its 21 parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from emulator import get_world
from emulator.worlds import Status
from emulator.worlds.lss import MAX_ROOT, MIN_GAP, matrices

pytestmark = pytest.mark.fast

WORLD = get_world("lss")
WIDTH = np.array([p.upper - p.lower for p in WORLD.parameters])
# Central differences with this step leave errors near 1e-12 of the largest singular value (the
# null directions below measure it); identified directions stay above 1e-5. The tolerance sits in
# the gap, with three orders of magnitude on either side.
STEP = 1e-5
RANK_TOLERANCE = 1e-8


def prior_draws(n: int, seed: int = 0) -> np.ndarray:
    return WORLD.from_uniforms(np.random.default_rng(seed).random((n, len(WORLD.parameters))))


def rank(function: Callable[[np.ndarray], np.ndarray], point: np.ndarray, scale: np.ndarray) -> int:
    columns = [
        (function(point + STEP * e) - function(point - STEP * e)) / (2 * STEP) * s
        for e, s in zip(np.eye(len(point)), scale, strict=True)
    ]
    singular = np.linalg.svd(np.stack(columns, axis=1), compute_uv=False)
    return int((singular > RANK_TOLERANCE * singular[0]).sum())


def autocovariances(a: np.ndarray, b: np.ndarray, c: np.ndarray, lags: int = 20) -> np.ndarray:
    """Gamma_0 .. Gamma_lags of y, flattened."""
    moment = solve_discrete_lyapunov(a, b @ b.T)
    out = []
    for _ in range(lags + 1):
        out.append(c @ moment @ c.T)
        moment = a @ moment
    return np.concatenate([g.ravel() for g in out])


def autocovariances_of_theta(theta: np.ndarray) -> np.ndarray:
    a, _, c = matrices(theta[None])
    return autocovariances(a[0], WORLD.solve(theta).b[0], c[0])


@pytest.mark.parametrize("theta", WORLD.sample_parameters(6, np.random.default_rng(3)))
def test_responses_and_autocovariances_identify_all_21_parameters(theta: np.ndarray) -> None:
    assert len(theta) == 21
    assert rank(lambda t: WORLD.irf(t, 20).values.ravel(), theta, WIDTH) == 21
    assert rank(autocovariances_of_theta, theta, WIDTH) == 21


def test_without_the_rotation_autocovariances_leave_three_null_directions() -> None:
    theta = WORLD.sample_parameters(1, np.random.default_rng(3))[0]
    b = WORLD.solve(theta).b[0]

    def free_impact(x: np.ndarray) -> np.ndarray:
        a, _, c = matrices(np.concatenate([x[:12], theta[12:]])[None])
        return autocovariances(a[0], x[12:].reshape(4, 3), c[0])

    unrestricted = np.concatenate([theta[:12], b.ravel()])
    assert len(unrestricted) == 24
    assert rank(free_impact, unrestricted, np.ones(24)) == 21


def test_impact_on_the_observables_is_recursive_with_positive_diagonal() -> None:
    theta = prior_draws(500)
    a, raw, c = matrices(theta)
    solution = WORLD.solve(theta)
    np.testing.assert_allclose(c @ solution.b, solution.d, atol=1e-13)  # rounding of O(1) numbers
    assert (solution.d[:, *np.triu_indices(3, k=1)] == 0.0).all()
    assert (np.diagonal(solution.d, axis1=1, axis2=2) > 0.0).all()
    # Q is orthogonal: B B' is that of B_raw.
    np.testing.assert_allclose(
        solution.b @ solution.b.transpose(0, 2, 1), raw @ raw.transpose(0, 2, 1), atol=1e-12
    )
    np.testing.assert_array_equal(solution.c, c @ a)


def test_transition_has_the_named_roots() -> None:
    theta = WORLD.pack({"lambda1": 0.9, "lambda2": 0.3, "m": 0.7, "w": 0.6})
    roots = np.linalg.eigvals(WORLD.solve(theta).a[0])
    expected = [0.9, 0.3, 0.7 * np.exp(0.6j), 0.7 * np.exp(-0.6j)]
    np.testing.assert_allclose(np.sort_complex(roots), np.sort_complex(expected), atol=1e-12)


def test_only_noninvertible_or_crowded_draws_are_inadmissible() -> None:
    theta = prior_draws(2000)
    solution = WORLD.solve(theta)
    cb = solution.d
    inverse = solution.a - solution.b @ np.linalg.solve(cb, solution.c)
    noninvertible = np.abs(np.linalg.eigvals(inverse)).max(axis=1) >= MAX_ROOT
    crowded = theta[:, 1] > theta[:, 0] - MIN_GAP
    expected = np.where(noninvertible | crowded, Status.INADMISSIBLE, Status.OK)
    np.testing.assert_array_equal(solution.status, expected)
    assert noninvertible.any()
    assert crowded.any()


def test_singular_impact_is_inadmissible_and_solved() -> None:
    # Row 2 of C equals row 1: C B_raw is singular and its rotation is not unique.
    theta = np.stack([WORLD.pack({f"c_2{k}": 1.0 for k in range(1, 5)}), WORLD.pack()])
    responses = WORLD.irf(theta)
    assert responses.status.tolist() == [Status.INADMISSIBLE, Status.OK]
    assert np.isfinite(responses.values).all()
    assert responses.values[0, 1, 0, 1] == pytest.approx(0.0, abs=1e-14)


def test_root_on_the_unit_circle_has_no_stable_solution() -> None:
    theta = WORLD.pack({"lambda1": 1.0})
    assert WORLD.check(theta).tolist() == [Status.NO_STABLE_SOLUTION]
    assert np.isnan(WORLD.irf(theta).values).all()


def test_observables_carry_no_macro_labels() -> None:
    assert [o.label for o in WORLD.observables] == [
        "First observable",
        "Second observable",
        "Third observable",
    ]
    assert {o.unit for o in WORLD.observables} == {"1"}
