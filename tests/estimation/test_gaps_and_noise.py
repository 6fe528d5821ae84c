"""The likelihood with numbers missing and measurement noise, against statsmodels' filter."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.errors import InputError
from emulator.estimation.likelihoods import log_likelihood
from emulator.worlds import get_world
from tests.estimation.by_statsmodels import RUN_IN, bound

NOISE = np.array([0.3, 0.0, 0.2])


def _history(world, theta: np.ndarray, quarters: int) -> np.ndarray:
    eps = np.random.default_rng(1).normal(size=(1, quarters, len(world.shocks)))
    return np.ascontiguousarray(world.simulate(theta[:1], eps).observables[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nk", "sw07"])
def test_gaps_and_noise_are_filtered_as_statsmodels_does(name: str) -> None:
    world = get_world(name)
    theta = world.sample_parameters(2, np.random.default_rng(0))
    space = world.solve(theta)
    whole = _history(world, theta, 120)
    gaps = whole.copy()
    gaps[:3, 2] = np.nan  # a series that begins later,
    gaps[60] = np.nan  # a quarter without anything, when gains have long stood still,
    gaps[80:90, 0] = np.nan  # one series for a while,
    gaps[-1, 1:] = np.nan  # and a ragged edge
    for history in (whole, gaps):
        found = log_likelihood(space, history, RUN_IN, NOISE)
        for row in range(2):
            expected = bound(space, row, history, NOISE).loglike()
            assert found[row] == pytest.approx(expected, rel=1e-8)
    without = log_likelihood(space, gaps, RUN_IN)
    assert without[0] == pytest.approx(bound(space, 0, gaps, 0.0 * NOISE).loglike(), rel=1e-6)


@pytest.mark.slow
def test_quarters_that_nobody_saw_say_nothing() -> None:
    world = get_world("nk")
    space = world.solve(world.sample_parameters(3, np.random.default_rng(2)))
    history = _history(world, world.pack()[None], 30)
    missing = np.full((20, 3), np.nan)
    expected = log_likelihood(space, history, 50)
    found = log_likelihood(space, np.vstack([missing, history, missing]), 30)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.slow
def test_a_row_with_gaps_has_the_same_bits_whatever_its_neighbours() -> None:
    world = get_world("nk")
    space = world.solve(world.sample_parameters(40, np.random.default_rng(3)))
    history = _history(world, world.pack()[None], 80)
    history[40, 0] = np.nan
    found = log_likelihood(space, history, 40, NOISE)
    alone = log_likelihood(type(space)(*(part[7:8] for part in space)), history, 40, NOISE)
    assert alone[0] == found[7]


@pytest.mark.fast
def test_regimes_are_filtered_without_gaps_and_noise_alone() -> None:
    world = get_world("switching")
    solution = world.solve(world.pack()[None])
    history = np.ones((4, 3))
    for gaps, noise in ((history, NOISE), (np.where(history > 0, np.nan, 0.0), 0.0 * NOISE)):
        with pytest.raises(InputError, match="leave out noise"):
            log_likelihood(solution, gaps, 3, noise)
