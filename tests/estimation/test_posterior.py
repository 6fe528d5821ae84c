"""The sampler of the Bayes floor where the posterior is known, and its calibration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from emulator.errors import InputError
from emulator.estimation.likelihoods import log_likelihood
from emulator.estimation.posterior import Target, sample, systematic
from emulator.estimation.priors import OwnPrior
from emulator.evaluation.floors.simulation_based_calibration import uniformity
from emulator.specs import Shock, normal
from emulator.worlds import Status, get_world
from emulator.worlds.linear import LinearWorld, StateSpace

PRIOR_SD = 0.3
IMPACT = np.array([[1.0, 0.0, 0.0], [0.4, 0.7, 0.0], [-0.3, 0.2, 0.5]])


class KnownPosterior(LinearWorld):
    """y_t = A y_{t-1} + L eps_t with L known and A ~ N(0, .3^2): a normal posterior."""

    name = "conjugate"
    parameters = tuple(
        normal(f"a_{i}{j}", "coefficient", 0.0, PRIOR_SD) for i in range(3) for j in range(3)
    )
    shocks = tuple(Shock(f"shock_{j}", "") for j in range(3))
    state_names = ("y1", "y2", "y3")

    def _solve(self, theta: np.ndarray) -> StateSpace:
        a = theta.reshape(-1, 3, 3)
        b = np.broadcast_to(IMPACT, a.shape).copy()
        return StateSpace(a, b, a, b, np.zeros(len(a), dtype=np.int8))


def _exact(history: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean (9,), covariance (9, 9) and log evidence of a history that starts at rest."""
    x = np.vstack([np.zeros(3), history[:-1]])
    precision = np.linalg.inv(IMPACT @ IMPACT.T)
    data = np.kron(precision, x.T @ x)
    covariance = np.linalg.inv(data + np.eye(9) / PRIOR_SD**2)
    mean = covariance @ (precision @ history.T @ x).ravel()
    # p(y) = p(y | a) p(a) / p(a | y), at a = 0
    quarters = len(history)
    log_l = -0.5 * np.einsum("ti,ij,tj->", history, precision, history)
    log_l += quarters * (0.5 * np.linalg.slogdet(precision)[1] - 1.5 * np.log(2 * np.pi))
    log_prior = -9 * np.log(PRIOR_SD)
    log_posterior = -0.5 * (mean @ np.linalg.solve(covariance, mean))
    log_posterior -= 0.5 * np.linalg.slogdet(covariance)[1]
    return mean, covariance, log_l + log_prior - log_posterior


@pytest.mark.slow
def test_a_conjugate_var_has_the_posterior_that_algebra_gives() -> None:
    world = KnownPosterior()
    rng = np.random.default_rng(0)
    a = 0.15 * rng.standard_normal(9)  # far from the truncation of the prior at three s.d.
    history = world.simulate(a[None], rng.standard_normal((1, 120, 3))).observables[0]
    mean, covariance, evidence = _exact(history)
    draws = sample(Target(OwnPrior(world), history, 0), 1000, np.random.default_rng(1))
    sd = np.sqrt(np.diag(covariance))
    # four standard errors of a mean, of an s.d. and of a correlation of 1,000 draws
    assert np.abs((draws.theta.mean(axis=0) - mean) / sd).max() < 4 / np.sqrt(1000)
    assert np.abs(draws.theta.std(axis=0) / sd - 1.0).max() < 4 / np.sqrt(2000)
    found = np.corrcoef(draws.theta.T) - covariance / np.outer(sd, sd)
    assert np.abs(found).max() < 4.5 / np.sqrt(1000)  # the largest of 36
    # sequential Monte Carlo's evidence of 1,000 particles, some ten steps: s.d. about .1
    assert draws.log_evidence == pytest.approx(evidence, abs=0.5)


@pytest.mark.slow
def test_a_short_nk_history_has_the_posterior_of_weighted_prior_draws() -> None:
    """Brute force: 200,000 draws of the world's own prior, weighted by the likelihood."""
    world = get_world("nk")
    rng = np.random.default_rng(9)
    paths = world.simulate(world.pack()[None], rng.standard_normal((1, 26, 3)))
    history = np.ascontiguousarray(paths.observables[0, -6:])
    theta = world.sample_parameters(200_000, rng)
    log_l = log_likelihood(world.solve(theta), history, 20)
    weights = np.exp(log_l - log_l.max())
    evidence = np.log(weights.mean()) + log_l.max()
    weights /= weights.sum()
    effective = 1.0 / np.square(weights).sum()
    assert effective > 500
    runs = [
        sample(Target(OwnPrior(world), history, 20), 500, np.random.default_rng([10, k]))
        for k in range(6)
    ]
    # the s.d. of one run's evidence is about .1
    assert np.mean([r.log_evidence for r in runs]) == pytest.approx(evidence, abs=0.15)
    draws = np.concatenate([r.theta for r in runs])
    mean = weights @ theta
    sd = np.sqrt(weights @ np.square(theta - mean))
    # three standard errors each of the brute force and of 3,000 draws that count for a third
    allowed = 3.0 / np.sqrt(effective) + 3.0 / np.sqrt(1000)
    assert np.abs((draws.mean(axis=0) - mean) / sd).max() < allowed
    assert abs((draws.std(axis=0) / sd - 1.0).mean()) < 0.02


@pytest.mark.slow
def test_no_draw_is_inadmissible() -> None:
    world = get_world("zlb")
    target = Target(OwnPrior(world), np.zeros((4, 3)), 0)
    theta = target.prior.theta(target.draw(200, np.random.default_rng(3))[0])
    assert (world.check(theta) == Status.OK).all()


@pytest.mark.slow
def test_the_same_stream_gives_the_same_draws() -> None:
    world = get_world("nk")
    rng = np.random.default_rng(4)
    theta = world.sample_parameters(1, rng)
    history = world.simulate(theta, rng.standard_normal((1, 30, 3))).observables[0]
    target = Target(OwnPrior(world), history, 0)
    first, again, other = (sample(target, 60, np.random.default_rng(s)).theta for s in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.fast
def test_too_few_particles_for_a_covariance_are_refused() -> None:
    target = Target(OwnPrior(KnownPosterior()), np.zeros((4, 3)), 0)
    with pytest.raises(InputError, match="at least 36"):
        sample(target, 35, np.random.default_rng(0))


@pytest.mark.fast
def test_systematic_resampling_takes_each_particle_as_often_as_its_weight() -> None:
    weights = np.array([0.5, 0.25, 0.25, 0.0])
    for seed in range(20):
        chosen = np.bincount(systematic(weights, np.random.default_rng(seed)), minlength=4)
        assert chosen.tolist() == [2, 1, 1, 0]


@pytest.mark.fast
def test_uniformity_tells_narrow_and_biased_posteriors_from_calibrated_ones() -> None:
    rng = np.random.default_rng(6)
    truth = rng.standard_normal(300)
    assert uniformity(ndtr(truth)) > 0.01
    assert uniformity(ndtr(truth / 0.8)) < 0.01  # s.d. understated by a fifth
    assert uniformity(ndtr(truth - 0.4)) < 0.01


@pytest.mark.slow
def test_simulation_based_calibration_passes() -> None:
    # 40 economies from the prior, each with a history of 20 quarters after 10 from rest.
    world = get_world("nk")
    rng = np.random.default_rng(7)
    theta = world.sample_parameters(40, rng)
    paths = world.simulate(theta, rng.standard_normal((40, 30, 3))).observables
    ranks, covered = [], []
    for row in range(40):
        target = Target(OwnPrior(world), np.ascontiguousarray(paths[row, 10:]), 10)
        draws = sample(target, 200, np.random.default_rng([8, row])).theta
        ranks.append((draws < theta[row]).mean(axis=0))
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        covered.append(((low <= theta[row]) & (theta[row] <= high)).mean())
    p_values = [uniformity(column) for column in np.array(ranks).T]
    assert min(p_values) * len(p_values) > 0.01
    # the s.e. over 40 economies is about .015
    assert 0.86 < np.mean(covered) < 0.94
