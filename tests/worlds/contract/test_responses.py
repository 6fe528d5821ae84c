"""Responses: sizes, states, horizons."""

from __future__ import annotations

import numpy as np
import pytest

from tests.worlds.contract.draws import (
    HORIZON,
    ROWS,
    every_world,
    innovations,
    linear_worlds,
    other_worlds,
    world_and_draws,
)

pytestmark = pytest.mark.fast


@every_world
def test_size_may_differ_by_draw_and_shock(name: str) -> None:
    world, theta = world_and_draws(name)
    sizes = np.random.default_rng(14).uniform(-3.0, 3.0, (ROWS, len(world.shocks)))
    values = world.irf(theta, HORIZON, sizes).values
    for row in range(ROWS):
        for shock in range(len(world.shocks)):
            alone = world.irf(theta[row], HORIZON, sizes[row, shock]).values[0, shock]
            np.testing.assert_array_equal(values[row, shock], alone)


@every_world
def test_no_shock_no_response(name: str) -> None:
    world, theta = world_and_draws(name)
    assert not world.irf(theta, HORIZON, 0.0).values.any()


@linear_worlds
def test_responses_of_linear_worlds_scale_with_the_size_and_ignore_the_state(name: str) -> None:
    world, theta = world_and_draws(name)
    unit = world.irf(theta, HORIZON).values
    # Powers of two scale floating-point numbers exactly.
    np.testing.assert_array_equal(world.irf(theta, HORIZON, -2.0).values, -2.0 * unit)
    # Other sizes round once per operation of the recursion.
    tolerance = 1e-12 * np.abs(unit).max()
    np.testing.assert_allclose(
        world.irf(theta, HORIZON, 3.0).values, 3.0 * unit, rtol=0.0, atol=tolerance
    )
    state = world.simulate(theta, innovations(world)).states[:, -1]
    np.testing.assert_array_equal(world.irf(theta, HORIZON, state=state).values, unit)


@other_worlds
def test_responses_of_other_worlds_depend_on_the_state(name: str) -> None:
    world, theta = world_and_draws(name)
    rest = world.irf(theta, HORIZON, -3.0).values
    state = world.simulate(theta, innovations(world)).states[:, -1]
    assert not np.allclose(world.irf(theta, HORIZON, -3.0, state).values, rest)


@every_world
def test_a_shorter_horizon_is_the_start_of_a_longer_one(name: str) -> None:
    world, theta = world_and_draws(name)
    long = world.irf(theta, 80, -2.0).values
    for horizon in (0, HORIZON):
        np.testing.assert_array_equal(
            world.irf(theta, horizon, -2.0).values, long[:, :, : horizon + 1]
        )
