"""A history by its shocks, their shares in forecast errors, forecasts: against known answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from emulator.estimation.bands import LEVELS
from emulator.estimation.posterior import Target
from emulator.estimation.priors import prior_of
from emulator.estimation.quarter_by_quarter import mixture, quarter_by_quarter, variance_shares
from emulator.estimation.smoothing import ahead, smooth
from emulator.worlds import get_world
from tests.estimation.by_statsmodels import RUN_IN, bound

NOISE = np.array([0.3, 0.0, 0.2])


def _history(world, theta: np.ndarray, quarters: int) -> np.ndarray:
    eps = np.random.default_rng(1).normal(size=(1, quarters, len(world.shocks)))
    return world.simulate(theta[:1], eps).observables[0]


def _with_gaps(history: np.ndarray) -> np.ndarray:
    gaps = history.copy()
    gaps[:3, 2] = np.nan
    gaps[20] = np.nan
    gaps[-1, 1:] = np.nan
    return gaps


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nk", "sw07"])
def test_shocks_and_forecasts_are_those_of_statsmodels_smoother(name: str) -> None:
    world = get_world(name)
    theta = world.sample_parameters(2, np.random.default_rng(0))
    space = world.solve(theta)
    history = _with_gaps(_history(world, theta, 50))
    n = space.a.shape[1]
    found = smooth(space, history, RUN_IN, NOISE)
    after = ahead(space, found, 3, NOISE)
    for row in range(2):
        model = bound(space, row, history, NOISE)
        known = model.smooth()
        np.testing.assert_allclose(found.shocks[row].T, known.smoothed_state[n:], atol=1e-7)
        np.testing.assert_allclose(found.start[row], known.smoothed_state[:n, 0], atol=1e-7)
        np.testing.assert_allclose(found.end[row], known.predicted_state[:n, -1], atol=1e-7)
        seen = ~np.isnan(history).any(axis=1)  # elsewhere it leaves its forecasts out
        np.testing.assert_allclose(found.forecast[row][seen], known.forecasts.T[seen], atol=1e-7)
        variances = np.diagonal(known.forecasts_error_cov)[seen]
        np.testing.assert_allclose(found.forecast_sd[row][seen] ** 2, variances, rtol=1e-7)
        # beyond the end, quarters of which nothing is known are forecast
        longer = np.vstack([history, np.zeros((3, 3))])
        beyond = bound(space, row, longer, NOISE).filter()
        np.testing.assert_allclose(after[0][row, 0], beyond.forecasts[:, -3], atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lss", "nk", "rbc"])
def test_a_history_from_rest_is_taken_apart_into_the_shocks_that_made_it(name: str) -> None:
    world = get_world(name)
    theta = np.tile(world.pack(), (5, 1))
    eps = np.random.default_rng(2).normal(size=(1, 30, 3))
    history = world.simulate(theta[:1], eps).observables[0]
    target = Target(prior_of(world), history, 0)
    names = tuple(str(t) for t in range(34))
    found = quarter_by_quarter(target, theta, world.irf(theta, 8).values, names)
    np.testing.assert_allclose(found.shocks, eps[0].T, atol=1e-6)
    alone = np.eye(3)[:, None] * eps
    made = world.simulate(np.tile(world.pack(), (3, 1)), alone).observables
    np.testing.assert_allclose(found.contributions[:3], made, atol=1e-6)
    np.testing.assert_allclose(found.contributions[3], 0.0, atol=1e-12)


@pytest.mark.slow
def test_what_is_added_up_is_the_history_whatever_is_missing_and_measured_with_noise() -> None:
    world = get_world("nk")
    theta = world.sample_parameters(7, np.random.default_rng(3))
    history = _with_gaps(_history(world, theta, 60))
    names = tuple(str(t + 1) for t in range(60))
    for noise, parts in ((NOISE, 5), (0.0 * NOISE, 4)):
        target = Target(prior_of(world), history, RUN_IN, noise)
        found = quarter_by_quarter(target, theta, world.irf(theta, 4).values, names)
        assert len(found.components) == len(found.contributions) == parts
        seen = ~np.isnan(history)
        np.testing.assert_allclose(found.contributions.sum(axis=0)[seen], history[seen], atol=1e-9)
        assert np.isfinite(found.contributions).all()
        assert found.ahead is None


@pytest.mark.slow
def test_forecasts_are_the_joint_density_of_past_and_future_given_the_past() -> None:
    world = get_world("nk")
    theta = world.pack()[None]
    run_in, length, later = 6, 10, 5
    quarters = run_in + length + later
    eps = np.eye(3 * quarters).reshape(-1, quarters, 3)
    load = world.simulate(np.repeat(theta, len(eps), axis=0), eps).observables[:, run_in:]
    load = load.reshape(len(eps), -1).T
    covariance = load @ load.T + np.diag(np.tile(NOISE**2, length + later))
    past, future = slice(0, 3 * length), slice(3 * length, None)
    history = _history(world, theta, run_in + length)[run_in:]
    weights = np.linalg.solve(covariance[past, past], covariance[past, future]).T
    left = covariance[future, future] - weights @ covariance[past, future]
    names = tuple(str(t) for t in range(length + later))
    target = Target(prior_of(world), history, run_in, NOISE)
    found = quarter_by_quarter(target, theta, world.irf(theta, 4).values, names)
    mean = (weights @ history.ravel()).reshape(later, 3)
    sd = np.sqrt(np.diag(left)).reshape(later, 3)
    np.testing.assert_allclose(found.ahead.mean, mean, atol=1e-9)
    expected = mean[..., None] + sd[..., None] * ndtri(LEVELS)
    np.testing.assert_allclose(found.ahead.quantiles, expected, atol=1e-9)


@pytest.mark.fast
def test_quantiles_are_those_of_a_mixture_of_normals() -> None:
    means = np.array([-1.0, 0.5, 4.0])[:, None, None] * np.ones((1, 2, 3))
    sds = np.array([0.3, 2.0, 1.0])[:, None, None] * np.ones((1, 2, 3))
    found = mixture(means, sds)
    levels = ndtr((found.quantiles - means[..., None]) / sds[..., None]).mean(axis=0)
    np.testing.assert_allclose(levels, np.broadcast_to(LEVELS, levels.shape), atol=1e-12)
    certain = mixture(np.full((2, 1, 3), 7.0), np.zeros((2, 1, 3)))
    np.testing.assert_allclose(certain.quantiles, 7.0)


@pytest.mark.fast
def test_shares_in_forecast_errors_are_of_sums_of_squared_responses() -> None:
    responses = np.zeros((1, 2, 3, 3))
    responses[0, 0, :, 0] = [1.0, 2.0, 0.0]
    responses[0, 1, :, 0] = [0.0, 1.0, 2.0]
    responses[0, 1, 1:, 1] = 1.0
    shares = variance_shares(responses)
    np.testing.assert_allclose(shares[0, 0, :, 0], [1.0, 5 / 6, 0.5])
    np.testing.assert_allclose(shares[0, :, 1:, :2].sum(axis=0), 1.0)
    assert np.isnan(shares[0, :, 0, 1]).all()  # nothing moves it yet
    assert np.isnan(shares[..., 2]).all()


@pytest.mark.slow
def test_regimes_are_not_taken_apart() -> None:
    world = get_world("switching")
    theta = world.pack()[None]
    target = Target(prior_of(world), np.ones((3, 3)), 4)
    assert quarter_by_quarter(target, theta, world.irf(theta, 2).values, ("1", "2", "3")) is None
