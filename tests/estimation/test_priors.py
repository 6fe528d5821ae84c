"""Priors that a model file states, and those of worlds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from emulator.errors import InputError
from emulator.estimation.likelihoods import NO_NOISE, log_likelihood
from emulator.estimation.posterior import Target
from emulator.estimation.priors import EstimatedPrior, OwnPrior, left_out, prior_of
from emulator.estimation.runs import target_of
from emulator.worlds import Status, get_world
from emulator.worlds.dynare import from_dynare
from emulator.worlds.dynare.model import Prior
from emulator.worlds.dynare.quantiles import quantiles
from studies.estimate.dynare import MODELS, OBSERVED, QUARTERS, RUN_IN, SEED

MODEL = """
var y pi i; varexo e u m; parameters rho phi kappa lambda;
rho = {rho}; phi = 1.5; kappa = 0.3; lambda = 0.5;
model(linear);
y = 0.8*y(-1) - 0.2*(i - pi(+1)) + e;
pi = 0.9*pi(+1) + kappa*y + u;
i = rho*i(-1) + (1-rho)*phi*pi + lambda*m;
end;
shocks; var e; stderr 0.5; var u; stderr 0.4; var m; stderr 0.3; end;
estimated_params;
{lines}
end;
"""
LINES = """
rho, 0.7, 0.3, 0.95, beta_pdf, 0.7, 0.1;
phi, gamma_pdf, 1.5, 0.4;
kappa, normal_pdf, 0.3, 0.05;
stderr e, inv_gamma_pdf, 0.5, 0.2;
stderr u, uniform_pdf, , , 0.1, 0.9;
"""


def _world(tmp_path: Path, lines: str = LINES, rho: str = "0.7"):
    path = tmp_path / "small.mod"
    path.write_text(MODEL.format(lines=lines, rho=rho))
    observables = {"output": "y", "inflation": "pi", "rate": "i"}
    return from_dynare(path, observables=observables)


@pytest.mark.slow
def test_a_file_states_which_parameters_move_and_how(tmp_path: Path) -> None:
    world = _world(tmp_path)
    prior = prior_of(world)
    assert prior.names == ("rho", "phi", "kappa", "sd_e", "sd_u")
    z, share = Target(prior, np.zeros((1, 3)), 0).draw(4000, np.random.default_rng(0))
    theta = dict(zip(world.parameter_names, prior.theta(z).T, strict=True))
    assert np.ptp(theta["lambda"]) == 0.0  # not estimated: where the file leaves it
    assert 0.5 < share < 1.0  # a rule must react by more than one for one
    assert theta["rho"].min() >= 0.3
    assert theta["rho"].max() <= 0.95
    assert (world.check(prior.theta(z)) <= Status.OUT_OF_BOUNDS).all()
    assert theta["phi"].max() > max(p.upper for p in world.parameters if p.name == "phi")
    for name, law in (
        ("kappa", stats.norm(0.3, 0.05)),
        ("sd_u", stats.uniform(0.1, 0.8)),
    ):
        assert stats.kstest(theta[name], law.cdf).pvalue > 1e-3
    assert theta["sd_e"].mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.fast
def test_worlds_without_stated_priors_have_their_own() -> None:
    world = get_world("nk")
    prior = prior_of(world)
    assert isinstance(prior, OwnPrior)
    z = np.random.default_rng(1).standard_normal((50, 12))
    theta = prior.theta(z)
    assert np.array_equal(prior.admits(theta, world.check(theta)), world.check(theta) == Status.OK)


@pytest.mark.slow
def test_what_is_estimated_without_a_distribution_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"small\.mod:\d+: estimated_params: rho"):
        prior_of(_world(tmp_path, "rho, 0.7, 0.1, 0.9;"))


@pytest.mark.slow
def test_what_a_file_estimates_and_no_world_moves_is_said(tmp_path: Path) -> None:
    world = _world(tmp_path, LINES + "corr e, u, normal_pdf, 0, 0.2;")
    assert isinstance(prior_of(world), EstimatedPrior)
    (said,) = left_out(world)
    assert "correlation e,u" in said
    assert left_out(get_world("nk")) == ()


# "f at the beginning of new iteration" that Dynare 5.3's estimation prints, of this file and data.
DYNARE_LOG_POSTERIOR = -141.3863122781


@pytest.mark.slow
def test_the_log_posterior_at_a_files_values_is_dynares() -> None:
    world = from_dynare(MODELS / "rule.mod", observables=OBSERVED)
    eps = np.random.default_rng(SEED).standard_normal((1, RUN_IN + QUARTERS, 3))
    history = world.simulate(world.pack(), eps).observables[0, RUN_IN:]
    target = target_of(world, history, NO_NOISE)
    assert isinstance(target.prior, EstimatedPrior)
    found = log_likelihood(world.solve(world.pack()[None]), target.history, target.run_in)[0]
    for name, line in target.prior.lines.items():
        value = world.pack()[world.parameter_names.index(name)]
        found += np.log(_density(line, float(value)))
    assert found == pytest.approx(DYNARE_LOG_POSTERIOR, abs=1e-5)


def _density(line: Prior, value: float) -> float:
    """One over the slope of the quantile function."""
    at = float(brentq(lambda u: float(quantiles(line, np.array(u))) - value, 1e-6, 1.0 - 1e-6))
    ends = quantiles(line, np.array([at - 1e-5, at + 1e-5]))
    return 2e-5 / float(ends[1] - ends[0])
