"""Priors that a model file states, and those of worlds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from emulator.errors import InputError
from emulator.estimation.posterior import Target
from emulator.estimation.priors import EstimatedPrior, OwnPrior, left_out, prior_of
from emulator.worlds import Status, get_world
from emulator.worlds.dynare import from_dynare

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
