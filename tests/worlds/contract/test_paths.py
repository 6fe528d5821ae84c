"""Paths, and what they have to do with responses."""

from __future__ import annotations

import numpy as np
import pytest

from tests.worlds.contract.draws import (
    HORIZON,
    QUARTERS,
    ROWS,
    chain,
    every_world,
    innovations,
    linear_worlds,
    world_and_draws,
    worlds_without_chance,
)

pytestmark = pytest.mark.fast


@linear_worlds
def test_paths_of_linear_worlds_are_convolutions_of_responses(name: str) -> None:
    world, theta = world_and_draws(name)
    eps = innovations(world)
    unit = world.irf(theta, QUARTERS - 1).values
    expected = np.zeros((ROWS, QUARTERS, 3))
    for lag in range(QUARTERS):
        expected[:, lag:] += np.einsum("bts,bsv->btv", eps[:, : QUARTERS - lag], unit[:, :, lag])
    scale = np.abs(expected).max()
    observables = world.simulate(theta, eps).observables
    # Two orders of summation over at most 30 quarters and 7 shocks.
    tolerance = (1e-11 + world.path_error) * scale
    np.testing.assert_allclose(observables, expected, rtol=0.0, atol=tolerance)


@every_world
def test_a_path_continued_from_its_own_state_is_the_uncut_path(name: str) -> None:
    world, theta = world_and_draws(name)
    eps, uniforms = innovations(world), chain(world)
    whole = world.simulate(theta, eps, uniforms=uniforms)
    cut = 11
    first_u, second_u = (None, None) if uniforms is None else (uniforms[:, :cut], uniforms[:, cut:])
    first = world.simulate(theta, eps[:, :cut], uniforms=first_u)
    second = world.simulate(theta, eps[:, cut:], first.states[:, -1], uniforms=second_u)
    for part in ("observables", "states", "flags"):
        joined = np.concatenate([getattr(first, part), getattr(second, part)], axis=1)
        np.testing.assert_array_equal(joined, getattr(whole, part))


@worlds_without_chance
@pytest.mark.parametrize("from_rest", [True, False])
def test_responses_are_differences_of_paths(name: str, from_rest: bool) -> None:
    world, theta = world_and_draws(name)
    eps, solution = innovations(world), world.solve(theta)
    state = None if from_rest else world.simulate(theta, eps, solution=solution).states[:, -1]
    for size in (1.0, -2.5):
        values = world.irf(theta, HORIZON, size, state, solution=solution).values
        quiet = np.zeros((ROWS, HORIZON + 1, len(world.shocks)))
        baseline = world.simulate(theta, quiet, state, solution=solution).observables
        for shock in range(len(world.shocks)):
            shocked = quiet.copy()
            shocked[:, 0, shock] = size
            path = world.simulate(theta, shocked, state, solution=solution).observables
            difference = path - baseline
            # A difference of two paths loses the digits they share.
            scale = max(np.abs(baseline).max(), np.abs(values).max())
            tolerance = (1e-10 + world.path_error) * scale
            np.testing.assert_allclose(values[:, shock], difference, rtol=0.0, atol=tolerance)
