"""Plans in the sequence space: against `zlb`'s solver, and what they promise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from emulator import get_world
from emulator.worlds import Status, nk
from emulator.worlds import expected_paths as ep
from emulator.worlds import occasionally_binding as ob
from emulator.worlds.complementarity import solve_in_place, unique_quarters
from emulator.worlds.zlb import ZeroLowerBound

pytestmark = pytest.mark.fast

WORLD = ZeroLowerBound()
# Roots up to .85, as drawn below, leave 1e-9 of a response after this many quarters.
QUARTERS, ANNOUNCED, ROWS = 130, 30, 8
TAIL = 1e-7


def economies(theta: np.ndarray) -> ep.Economy:
    """`zlb`'s economies in the sequence space: news from the equations of all quarters at once."""
    impulse = get_world("nk").irf(theta[:, :12], QUARTERS - 1).values
    news = np.empty((len(theta), ANNOUNCED, QUARTERS, 3))
    for row, draw in enumerate(theta):
        lead, now, lag = (matrix[0] for matrix in nk.equations(draw[None])[:3])
        stacked = (
            np.kron(np.eye(QUARTERS, k=1), lead)
            + np.kron(np.eye(QUARTERS), now)
            + np.kron(np.eye(QUARTERS, k=-1), lag)
        )
        added = np.zeros((QUARTERS, 3, ANNOUNCED))
        added[range(ANNOUNCED), 2, range(ANNOUNCED)] = 1.0
        solved = np.linalg.solve(stacked, -added.reshape(-1, ANNOUNCED))
        news[row] = solved.reshape(QUARTERS, 3, ANNOUNCED).transpose(2, 0, 1) * nk.UNITS / 400.0
    status = np.zeros(len(theta), dtype=np.int8)
    return ep.economy(impulse, news, theta[:, 12].copy(), status, 2)


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, ep.Economy]:
    theta = WORLD.sample_parameters(ROWS, np.random.default_rng(1))
    theta[:, 5:9] = np.minimum(theta[:, 5:9], 0.85)
    return theta, economies(theta)


def test_paths_are_those_of_the_solver_in_the_state_space(
    drawn: tuple[np.ndarray, ep.Economy],
) -> None:
    theta, e = drawn
    eps = np.random.default_rng(2).standard_normal((ROWS, 40, 3))
    expected = WORLD.simulate(theta, eps)
    values, _, binding = ep.simulate(e, eps, np.zeros((ROWS, QUARTERS, 3)))
    found = np.isfinite(values).all(axis=(1, 2))
    assert found.sum() >= ROWS - 2  # the others have plans beyond their windows
    assert expected.flags[found].mean() > 0.1
    np.testing.assert_allclose(values[found], expected.observables[found], rtol=0, atol=TAIL)
    np.testing.assert_array_equal(binding[found], expected.flags[found])


def test_plans_are_those_of_the_solver_in_the_state_space(
    drawn: tuple[np.ndarray, ep.Economy],
) -> None:
    theta, e = drawn
    size = -2.5
    ours = ep.plans(e, size * e.impulse, 60)
    solution = WORLD.solve(theta)
    z0 = size * solution.impact.transpose(0, 2, 1)
    theirs = ob.plans(solution.constrained, np.zeros((ROWS, 3, 1)), z0, 60)
    found = np.isfinite(ours.values).all(axis=(2, 3))
    assert found.mean() > 0.8
    assert theirs.binding[found].any(axis=1).mean() > 0.2
    np.testing.assert_allclose(ours.values[found], theirs.values[found], rtol=0, atol=TAIL)
    np.testing.assert_array_equal(ours.binding[found], theirs.binding[found][:, :ANNOUNCED])
    # Complementarity, along the whole path.
    bound = e.bound[:, None]
    level = (ours.values[..., 2] + bound[..., None])[found]
    added = np.pad(ours.additions, ((0, 0), (0, 0), (0, 61 - ANNOUNCED)))[found]
    assert (level >= 0.0).all()
    assert (added >= -1e-10).all()
    assert (level * added == 0.0).all()


def test_without_new_shocks_the_plan_comes_true(drawn: tuple[np.ndarray, ep.Economy]) -> None:
    _, e = drawn
    rng = np.random.default_rng(3)
    states = ep.simulate(e, rng.standard_normal((ROWS, 20, 3)), np.zeros((ROWS, QUARTERS, 3)))[1]
    found = np.isfinite(states).all(axis=(1, 2))
    assert found.sum() >= ROWS - 2
    start = np.where(found[:, None], states[:, -1], 0.0).reshape(ROWS, QUARTERS, 3)
    eps = np.zeros((ROWS, 40, 3))
    eps[:, 0] = rng.standard_normal((ROWS, 3))
    free = start + np.einsum("bs,bshv->bhv", eps[:, 0], e.impulse)
    plan = ep.plans(e, free[:, None], 39)
    values, _, binding = ep.simulate(e, eps, start)
    np.testing.assert_allclose(values, plan.values[:, 0], rtol=0, atol=1e-10)
    np.testing.assert_array_equal(binding[:, :ANNOUNCED], plan.binding[:, 0])


def test_beyond_its_window_no_plan_is_claimed(drawn: tuple[np.ndarray, ep.Economy]) -> None:
    _, e = drawn
    shock = -3.0 * e.impulse[:, 1:2]
    plan = ep.plans(e, shock, 40)
    binding = np.flatnonzero(plan.binding[:, 0].any(axis=1))
    assert len(binding)
    last = plan.binding[:, 0].cumsum(axis=1).argmax(axis=1)
    assert (last < e.window)[binding].all()
    short = ep.plans(e._replace(window=last), shock, 40)  # one quarter too few
    assert np.isnan(short.values[binding]).all()
    assert not short.binding[binding].any()


def test_a_row_does_not_depend_on_its_batch_and_bad_rows_are_nan(
    drawn: tuple[np.ndarray, ep.Economy],
) -> None:
    _, e = drawn
    eps = np.random.default_rng(4).standard_normal((ROWS, 25, 3))
    start = np.zeros((ROWS, QUARTERS, 3))
    whole = ep.simulate(e, eps, start)
    status = e.status.copy()
    status[1] = Status.INDETERMINATE
    spoilt = ep.simulate(e._replace(status=status), eps, start)
    assert np.isnan(spoilt[0][1]).all()
    for row in (0, 2, ROWS - 1):
        alone = ep.Economy(*(a[row : row + 1] for a in e[:5]), e.variable)
        part = ep.simulate(alone, eps[row : row + 1], start[row : row + 1])
        for one, all_, other in zip(part, whole, spoilt, strict=True):
            np.testing.assert_array_equal(one[0], all_[row])
            np.testing.assert_array_equal(other[row], all_[row])
    no_room = ep.economy(e.impulse, e.news, -e.bound, e.status, 2)
    assert (no_room.status == Status.NO_STABLE_SOLUTION).all()


def test_the_window_is_the_largest_leading_block_that_is_a_p_matrix() -> None:
    rng = np.random.default_rng(5)
    sizes = []
    for _ in range(60):
        m = np.eye(7) + 0.45 * rng.standard_normal((7, 7))
        expected = 7
        for size in range(7, 0, -1):
            subsets = itertools.chain.from_iterable(
                itertools.combinations(range(size), k) for k in range(1, size + 1)
            )
            if all(np.linalg.det(m[np.ix_(s, s)]) > 0.0 for s in subsets):
                break
            expected = size - 1
        sizes.append(expected)
        assert unique_quarters(m, 7) == expected
    assert len(set(sizes)) >= 5
    # Leading minors 1, 1 and 1, but the second quarter's own is negative.
    hidden = np.array([[1.0, 2.0, 0.0], [-1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    assert unique_quarters(hidden, 3) == 1
    assert unique_quarters(hidden, 1) == 3
    assert unique_quarters(np.full((3, 3), np.nan), 3) == 0


def test_a_singular_system_is_reported() -> None:
    a, b = np.array([[1.0, 2.0], [2.0, 4.0]]), np.ones((2, 1))
    assert not solve_in_place(a, b)
