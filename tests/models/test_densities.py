"""Learned densities: normalised, of their draws, and the prior before they learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from scipy.stats import kstest, norm

from emulator.models.densities import Density
from emulator.models.summaries import LONGEST, SHORTEST, count, summarise
from emulator.worlds import get_world

pytestmark = pytest.mark.fast


@pytest.fixture
def density() -> Density:
    """Of two coordinates, with weights far from those it starts with."""
    torch.manual_seed(3)
    made = Density(2, 5, 8)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made.eval()


@torch.no_grad()
def test_it_integrates_to_one(density: Density) -> None:
    summary = torch.randn(1, 5, generator=torch.Generator().manual_seed(1))
    axis = np.linspace(-25.0, 25.0, 801)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    log_q = density.log_density(torch.as_tensor(z, dtype=torch.float32), summary)
    q = log_q.double().exp().numpy().reshape(801, 801)
    assert trapezoid(trapezoid(q, axis), axis) == pytest.approx(1.0, abs=2e-3)


@torch.no_grad()
def test_draws_have_its_density(density: Density) -> None:
    """The distribution of the first coordinate, and of the second given a slice of the first."""
    summary = torch.randn(1, 5, generator=torch.Generator().manual_seed(1))
    z = density.sample(20_000, summary, torch.Generator().manual_seed(2))
    axis = torch.linspace(-25.0, 25.0, 4001)
    log_q = density.log_density(torch.stack([axis, torch.zeros_like(axis)], dim=1), summary)
    # of both at a second coordinate of zero, over the second's alone there
    known = density._known(summary)
    shown = torch.stack([axis, torch.zeros_like(axis)], dim=1)[None]
    logits, means, log_sds = density._mixture(shown, known, slice(1, 2))
    at = (-means) * (-log_sds).exp()
    second = torch.logsumexp(logits - log_sds - 0.5 * (at.square() + np.log(2 * np.pi)), dim=-1)[0]
    first = (log_q - second).exp().double().numpy()
    cdf = np.cumsum(first) * 50.0 / 4000
    assert cdf[-1] == pytest.approx(1.0, abs=1e-3)
    assert kstest(z[:, 0].numpy(), lambda x: np.interp(x, axis.numpy(), cdf)).pvalue > 1e-3


@torch.no_grad()
def test_a_density_that_has_learned_nothing_is_near_the_prior() -> None:
    density = Density(3, 5, 8)
    z = density.sample(4000, torch.randn(1, 5), torch.Generator().manual_seed(1)).numpy()
    assert abs(z.std(axis=0) - 1.0).max() < 0.1
    assert min(kstest(column, norm.cdf).pvalue for column in z.T) > 1e-4


@torch.no_grad()
def test_a_row_s_density_is_the_same_alone(density: Density) -> None:
    z, summaries = torch.randn(7, 2), torch.randn(7, 5)
    together = density.log_density(z, summaries)
    alone = torch.cat([density.log_density(z[k : k + 1], summaries[k : k + 1]) for k in range(7)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_summaries_are_of_any_history() -> None:
    world = get_world("switching")
    theta = world.sample_parameters(3, np.random.default_rng(0))
    eps = np.random.default_rng(1).standard_normal((3, LONGEST, len(world.shocks)))
    paths = torch.as_tensor(world.simulate(theta, eps).observables)
    for history in (paths, paths[:, :SHORTEST], torch.zeros(2, 60, 3).double(), 1e9 * paths):
        found = summarise(history)
        assert found.shape == (len(history), count())
        assert found.isfinite().all()
    torch.testing.assert_close(summarise(paths[1:2])[0], summarise(paths)[1])
