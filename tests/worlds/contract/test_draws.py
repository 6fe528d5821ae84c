"""Draws and their verdicts: valid ones, bad ones, any in the box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emulator import get_world
from emulator.worlds import Status
from tests.worlds.contract.draws import (
    HORIZON,
    QUARTERS,
    ROWS,
    box,
    chain,
    every_world,
    innovations,
    world_and_draws,
)

pytestmark = pytest.mark.fast


@every_world
def test_draws_are_valid_and_follow_the_generator(name: str) -> None:
    world = get_world(name)
    count = 4 if world.dear else 40
    theta, rejected = world.draw(count, np.random.default_rng(1))
    lower, upper = box(world)
    assert theta.shape == (count, len(world.parameters))
    assert ((theta >= lower) & (theta <= upper)).all()
    assert (world.check(theta) == Status.OK).all()
    assert Status.OK not in rejected
    np.testing.assert_array_equal(theta, world.sample_parameters(count, np.random.default_rng(1)))
    assert world.sample_parameters(0, np.random.default_rng(1)).shape == (0, theta.shape[1])


@every_world
def test_shapes_and_types(name: str) -> None:
    world, theta = world_and_draws(name)
    responses = world.irf(theta, HORIZON)
    assert responses.values.shape == (ROWS, len(world.shocks), HORIZON + 1, 3)
    assert responses.values.dtype == np.float64
    assert responses.status.shape == (ROWS,)
    assert responses.status.dtype == np.int8
    assert np.isfinite(responses.values).all()
    paths = world.simulate(theta, innovations(world))
    assert paths.observables.shape == (ROWS, QUARTERS, 3)
    assert paths.states.shape == (ROWS, QUARTERS, len(world.state_names))
    assert paths.flags.shape == (ROWS, QUARTERS)
    assert paths.flags.dtype == np.int8
    assert np.isfinite(paths.observables).all()
    assert np.isfinite(paths.states).all()
    if world.flag is None:
        assert not paths.flags.any()


@every_world
def test_one_draw_may_be_a_vector(name: str) -> None:
    world, theta = world_and_draws(name)
    np.testing.assert_array_equal(
        world.irf(theta[0], HORIZON).values, world.irf(theta[:1], HORIZON).values
    )
    eps = innovations(world)[:1]
    np.testing.assert_array_equal(
        world.simulate(theta[0], eps[0]).observables, world.simulate(theta[:1], eps).observables
    )


@every_world
def test_a_row_alone_is_the_row_in_its_batch_bit_for_bit(name: str) -> None:
    world, theta = world_and_draws(name)
    eps, uniforms = innovations(world), chain(world)
    batch = world.irf(theta, HORIZON, -2.0).values
    paths = world.simulate(theta, eps, uniforms=uniforms)
    for row in range(ROWS):
        alone = world.irf(theta[row], HORIZON, -2.0).values
        np.testing.assert_array_equal(alone[0], batch[row])
        own = None if uniforms is None else uniforms[row : row + 1]
        path = world.simulate(theta[row], eps[row], uniforms=own)
        np.testing.assert_array_equal(path.observables[0], paths.observables[row])
        np.testing.assert_array_equal(path.states[0], paths.states[row])


@every_world
def test_bad_rows_carry_a_status_and_leave_the_others_alone(name: str) -> None:
    world, theta = world_and_draws(name)
    lower, upper = box(world)
    bad = theta.copy()
    bad[0, 0] = np.nan
    bad[2, -1] = np.inf
    bad[4] = upper + 10.0 * (upper - lower)  # far outside: any verdict but OK, no exception
    eps, uniforms = innovations(world), chain(world)
    for clean, spoilt, status in (
        (
            world.irf(theta, HORIZON).values,
            world.irf(bad, HORIZON).values,
            world.irf(bad, HORIZON).status,
        ),
        (
            world.simulate(theta, eps, uniforms=uniforms).observables,
            world.simulate(bad, eps, uniforms=uniforms).observables,
            world.check(bad),
        ),
    ):
        assert status[[0, 2]].tolist() == [Status.NOT_FINITE] * 2
        assert status[[1, 3]].tolist() == [Status.OK] * 2
        assert status[4] != Status.OK
        assert np.isnan(spoilt[[0, 2]]).all()
        np.testing.assert_array_equal(spoilt[[1, 3]], clean[[1, 3]])


@every_world
def test_rows_outside_the_box_are_solved_and_flagged(name: str) -> None:
    world = get_world(name)
    lower, upper = box(world)
    some = np.arange(0, len(world.parameters), 4 if world.dear else 1)
    count = len(some)
    theta = np.tile(world.pack(), (2 * count, 1))
    step = 0.02 * (upper - lower)
    theta[np.arange(count), some] = (upper + step)[some]
    theta[count + np.arange(count), some] = (lower - step)[some]
    responses = world.irf(theta, HORIZON)
    solved = np.array([Status(int(s)).solved for s in responses.status])
    assert (responses.status != Status.OK).all()
    assert (responses.status == Status.OUT_OF_BOUNDS).mean() > 0.5
    np.testing.assert_array_equal(np.isfinite(responses.values).all(axis=(1, 2, 3)), solved)
    np.testing.assert_array_equal(np.isnan(responses.values).all(axis=(1, 2, 3)), ~solved)
    np.testing.assert_array_equal(responses.status, world.check(theta))


@every_world
def test_rows_without_a_solution_have_no_flags_and_any_state(name: str) -> None:
    world, theta = world_and_draws(name)
    bad = theta.copy()
    bad[1] = np.nan
    eps = 3.0 * innovations(world)
    paths = world.simulate(bad, eps, uniforms=chain(world))
    assert not paths.flags[1].any()
    assert paths.flags.any() == (world.flag is not None)
    again = world.irf(bad, HORIZON, state=paths.states[:, -1])  # row 1's state is NaN
    assert np.isnan(again.values[1]).all()
    assert np.isfinite(again.values[[0, 2, 3, 4]]).all()


@every_world
def test_absurd_parameters_warn_nobody(name: str) -> None:
    # Warnings are errors here, and a batch with an absurd row must not raise.
    world, theta = world_and_draws(name)
    count = len(world.parameters)
    # Rows of large models take the slow road.
    some = np.arange(0, count, 4 if world.dear else 1 + count // 14)
    bad = np.tile(world.pack(), (2 * len(some) + 2, 1))
    bad[np.arange(len(some)), some] = 1e300
    bad[len(some) + np.arange(len(some)), some] = -1e300
    bad[-2:] = [[1e300], [-1e300]]
    batch = np.concatenate([theta, bad])
    responses = world.irf(batch, HORIZON)
    np.testing.assert_array_equal(responses.values[:ROWS], world.irf(theta, HORIZON).values)
    assert (responses.status[ROWS:] != Status.OK).all()
    world.simulate(batch, innovations(world, rows=len(batch), quarters=4))


@every_world
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_anywhere_in_the_box_there_is_a_verdict_and_it_is_kept(
    name: str, data: st.DataObject
) -> None:
    world = get_world(name)
    lower, upper = box(world)
    position = data.draw(
        arrays(
            np.float64,
            (3, len(world.parameters)),
            elements=st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0)),
        )
    )
    theta = np.minimum(lower + position * (upper - lower), upper)
    dear = [world.parameter_names.index(p) for p in world.dear]
    theta[:, dear] = theta[0, dear]
    solution = world.solve(theta) if world.dear else None
    responses = world.irf(theta, 8, solution=solution)
    paths = world.simulate(theta, innovations(world, rows=3, quarters=6), solution=solution)
    np.testing.assert_array_equal(responses.status, paths.status)
    for row in range(3):
        verdict = Status(int(responses.status[row]))
        assert verdict not in (Status.OUT_OF_BOUNDS, Status.NOT_FINITE)
        for values in (responses.values[row], paths.observables[row], paths.states[row]):
            assert np.isfinite(values).all() if verdict.solved else np.isnan(values).all()
