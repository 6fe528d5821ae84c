"""Exact conditional means of responses from a state that nobody sees."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.estimation import hamilton
from emulator.estimation.from_state import mean_response
from emulator.worlds import get_world


@pytest.mark.slow
def test_the_mean_weighs_the_responses_of_both_regimes_by_what_the_history_says() -> None:
    world = get_world("switching")
    rng = np.random.default_rng(1)
    theta = world.sample_parameters(3, rng)
    paths = world.simulate(theta, rng.normal(size=(3, 30, 3)), uniforms=rng.random((3, 30)))
    histories = paths.observables[:, 8:]
    found = mean_response(world, theta, histories, 8, 6)
    calm, turbulent = (
        world.irf(theta, 6, state=np.array([0.0, 0.0, 0.0, regime])).values for regime in (0.0, 1.0)
    )
    for row in range(3):
        alone = world.solve(theta[row : row + 1])
        share = hamilton.filtered(alone, np.ascontiguousarray(histories[row]), 8).turbulent[0]
        expected = (1.0 - share) * calm[row] + share * turbulent[row]
        np.testing.assert_allclose(found[row], expected, rtol=1e-10, atol=1e-14)
    # innovations alone say nothing of regimes: their long-run law, that is the response from rest
    np.testing.assert_array_equal(
        mean_response(world, theta, None, 8, 6), world.irf(theta, 6).values
    )


@pytest.mark.slow
def test_no_other_weights_of_the_regimes_err_less_on_average() -> None:
    world = get_world("switching")
    rng = np.random.default_rng(2)
    theta = world.sample_parameters(400, rng)
    paths = world.simulate(theta, rng.normal(size=(400, 40, 3)), uniforms=rng.random((400, 40)))
    truth = world.irf(theta, 4, state=paths.states[:, -1]).values
    best = mean_response(world, theta, paths.observables[:, 10:], 10, 4)
    blind = mean_response(world, theta, None, 10, 4)
    error = np.square(best - truth).mean()
    assert error < 0.5 * np.square(blind - truth).mean()
    for towards in (0.2, -0.2):
        other = best + towards * (blind - best)
        assert error < np.square(other - truth).mean()
