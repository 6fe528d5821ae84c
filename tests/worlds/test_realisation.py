"""A state space from responses: known systems, a long memory, scales, roots, refusals."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from emulator import get_world
from emulator.errors import InputError
from emulator.worlds import Status
from emulator.worlds.linear import StateSpace, responses
from emulator.worlds.realisation import realise

pytestmark = pytest.mark.fast

# What least squares and singular vectors leave of 16 digits in systems of a dozen states.
ROUNDING = 1e-10


def respond(system: StateSpace, quarters: int) -> np.ndarray:
    """Responses (B, S, T, 3) to one s.d."""
    size = np.ones(system.b.shape[::2])
    return responses(system.a, system.b, system.c, system.d, size, quarters - 1)


def stable_systems(rows: int, n: int, shocks: int, seed: int) -> StateSpace:
    """Random systems with roots up to .97."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((rows, n, n))
    a *= 0.97 / np.abs(np.linalg.eigvals(a)).max(axis=1)[:, None, None]
    b, c = rng.standard_normal((rows, n, shocks)), rng.standard_normal((rows, 3, n))
    d = rng.standard_normal((rows, 3, shocks))
    return StateSpace(a, b, c, d, np.zeros(rows, dtype=np.int8))


@pytest.mark.parametrize("spare", [0, 5])
def test_a_known_system_is_recovered(spare: int) -> None:
    system = stable_systems(4, 7, 4, seed=1)
    given = respond(system, 160)
    found = realise(given, 7 + spare)
    assert (found.error < ROUNDING).all()
    assert (found.system.status == Status.OK).all()
    np.testing.assert_array_equal(found.system.d, system.d)  # impact is exact
    # beyond the quarters that were given too
    longer, scale = respond(system, 400), np.abs(given).max()
    np.testing.assert_allclose(respond(found.system, 400), longer, atol=ROUNDING * scale)
    for row in range(4):
        roots = np.sort_complex(np.linalg.eigvals(system.a[row]))
        ours = np.linalg.eigvals(found.system.a[row])
        ours = np.sort_complex(ours[np.argsort(-np.abs(ours))[:7]])
        np.testing.assert_allclose(ours, roots, atol=1e-7)


@pytest.mark.parametrize("name", ["nk", "rbc", "sw07"])
def test_responses_of_a_world_give_its_filter_and_moments(name: str) -> None:
    world = get_world(name)
    theta = world.sample_parameters(3, np.random.default_rng(2))
    solution = world.solve(theta)
    order = len(world.state_names)
    found = realise(world.irf(theta, 299).values, order)
    assert (found.error < 1e-7).all()
    eps = np.random.default_rng(3).standard_normal((3, 60, len(world.shocks)))
    expected = world.simulate(theta, eps, solution=solution).observables
    ours = type(world)._simulate(world, theta, found.system, eps, None, None)[0]
    np.testing.assert_allclose(ours, expected, atol=1e-7 * np.abs(expected).max())


def long_memory(quarters: int) -> np.ndarray:
    """Responses (2, T, 3) that fall like powers of the horizon, which no finite state has."""
    h = 1.0 + np.arange(quarters)
    return np.stack(
        [
            np.stack([h**-0.4, h**-0.7, 0.97**h * h**-0.1], axis=1),
            np.stack([h**-0.9, np.cos(0.2 * h) * h**-0.5 * 0.98**h, -(h**-1.2)], axis=1),
        ]
    )


def test_the_error_is_what_it_says_and_falls_with_the_order() -> None:
    given = long_memory(300)
    errors = []
    for order in (4, 8, 16, 24):
        found = realise(given, order)
        distance = np.abs(respond(found.system, 300)[0] - given).max(axis=1)
        share = (distance / np.abs(given).max(axis=1)).max()
        np.testing.assert_allclose(found.error, share, rtol=1e-3, atol=ROUNDING)
        errors.append(share)
    assert all(b < a / 5 for a, b in pairwise(errors))
    assert errors[-1] < 1e-5


def test_units_and_standard_deviations_do_not_matter() -> None:
    given = long_memory(200)
    units, sizes = np.array([1e-3, 40.0, 1e4]), np.array([1e-5, 300.0])
    plain, scaled = realise(given, 12), realise(given * units * sizes[:, None, None], 12)
    np.testing.assert_allclose(scaled.error, plain.error, rtol=1e-4)
    ours = respond(scaled.system, 200) / units / sizes[:, None, None]
    np.testing.assert_allclose(ours, respond(plain.system, 200), atol=1e-9)


def test_a_variable_that_a_shock_never_moves_stays_put() -> None:
    given = long_memory(200)
    given[1, :, 0] = 0.0
    found = realise(np.stack([given, 0.0 * given]), 20)
    assert found.error[0] < 1e-3
    assert np.abs(respond(found.system, 200)[0, 1, :, 0]).max() < 1e-5
    assert found.error[1] == 0.0
    assert not respond(found.system, 200)[1].any()


def test_roots_are_inside_the_unit_circle_and_the_error_says_what_that_costs() -> None:
    growing = np.full((1, 200, 3), 1.03) ** np.arange(200)[:, None]
    kept = 0.95 ** np.arange(200.0)[None, :, None] * np.ones(3)
    noise = np.random.default_rng(4).standard_normal((1, 200, 3))
    found = realise(np.stack([growing, kept, noise]), 10)
    assert (np.abs(np.linalg.eigvals(found.system.a)).max(axis=1) < 1.0).all()
    assert found.error[0] > 0.1
    assert found.error[1] < ROUNDING
    assert found.error[2] > 0.1


def test_a_row_is_the_same_alone_and_bad_rows_spoil_nothing() -> None:
    given = np.stack([long_memory(150), 2.0 * long_memory(150) ** 2, long_memory(150)])
    given[2, 1, 70, 2] = np.nan
    batch = realise(given, 10)
    assert batch.system.status.tolist() == [Status.OK, Status.OK, Status.NOT_FINITE]
    for row in range(2):
        alone = realise(given[row], 10)
        for ours, theirs in zip(alone.system, batch.system, strict=True):
            np.testing.assert_array_equal(ours[0], theirs[row])
    for matrix in batch.system[:4]:
        assert np.isnan(matrix[2]).all()
    assert np.isnan(batch.error[2])


def test_what_cannot_be_realised_is_named() -> None:
    given = long_memory(60)
    for bad in (given[0], given[None, None], np.empty((0, 60, 3))):
        with pytest.raises(InputError, match="responses: expected shape"):
            realise(bad, 4)
    with pytest.raises(InputError, match="responses"):
        realise("a", 4)  # type: ignore[arg-type]
    for order in (0, 1000):
        with pytest.raises(InputError, match=f"order: expected 1 to .* got {order}"):
            realise(given, order)
    with pytest.raises(InputError, match="order"):
        realise(given[:, :2], 1)
