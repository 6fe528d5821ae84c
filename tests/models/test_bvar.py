"""Bayesian VARs: posterior and marginal likelihood against other ways to them, and priors learned
from histories."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import gamma, multivariate_t

from emulator import get_world
from emulator.errors import InputError
from emulator.models.baselines import bvar
from emulator.models.baselines import minnesota as module
from emulator.models.baselines.bvar import LAGS, BVARConfig, Prior, least_squares_of
from emulator.models.baselines.history import MAX_LAGS, spectral_radius
from emulator.models.baselines.minnesota import FREEDOM, log_posterior, minnesota
from emulator.regimes import Inputs, Task
from tests.specs import SMALL

pytestmark = pytest.mark.fast


def _paths(rows: int, quarters: int, seed: int = 0) -> np.ndarray:
    """Stable VAR(1) paths around a mean, float64 numbers that float32 holds."""
    rng = np.random.default_rng(seed)
    out = np.zeros((rows, quarters + 50, 3))
    for r in range(rows):
        matrix = np.diag(rng.uniform(0.2, 0.8, 3)) + rng.normal(0, 0.1, (3, 3))
        impact = np.tril(rng.normal(0, 1, (3, 3)))
        for t in range(1, quarters + 50):
            out[r, t] = matrix @ out[r, t - 1] + impact @ rng.normal(size=3)
    return (out[:, 50:] * [1.0, 5.0, 0.2] + [5.0, 0.0, -1.0]).astype(np.float32).astype(float)


class _Problem:
    """A VAR of one standardised path as textbooks write it: y, x with a constant, prior mean and
    the diagonal of Omega, the constant's variance `loose`."""

    def __init__(self, path: np.ndarray, lags: int, tightness: float, own: float) -> None:
        z = (path - path.mean(axis=0)) / path.std(axis=0, ddof=1)
        self.y, loose = z[MAX_LAGS:], 1e9
        past = [z[MAX_LAGS - lag : len(z) - lag] for lag in range(1, lags + 1)]
        self.x = np.column_stack([*past, np.ones(len(self.y))])
        now, last = (part - part.mean(axis=0) for part in (self.y, past[0]))
        slope = (now * last).sum(axis=0) / np.square(last).sum(axis=0)
        self.psi = np.square(now - slope * last).mean(axis=0)  # AR(1) residuals
        steps = np.arange(1, lags + 1)[:, None]
        self.omega = np.append((tightness**2 / (steps**2 * self.psi)).ravel(), loose)
        self.mean = np.zeros((3 * lags + 1, 3))
        self.mean[:3] = own * np.eye(3)

    def evidence(self) -> float:
        """Quarter by quarter: the product of the predictive t densities, with conjugate updates."""
        precision, mean = np.diag(1 / self.omega), self.mean
        scale, freedom, total = np.diag(self.psi), float(FREEDOM), 0.0
        for y, x in zip(self.y, self.x, strict=True):
            wide = 1 + x @ np.linalg.solve(precision, x)
            degrees = freedom - 3 + 1
            shape = scale * wide / degrees
            total += multivariate_t.logpdf(y, loc=x @ mean, shape=shape, df=degrees)
            surprise = y - x @ mean
            scale = scale + np.outer(surprise, surprise) / wide
            mean = mean + np.outer(np.linalg.solve(precision, x), surprise) / wide
            precision, freedom = precision + np.outer(x, x), freedom + 1
        return total


def test_the_marginal_likelihood_is_the_product_of_predictive_densities() -> None:
    """All differences between hyperparameters: the constant's flat prior has no density."""
    path = _paths(1, 60)[0]
    found, expected = [], []
    history = torch.as_tensor(path)[None]
    z = (history - history.mean(dim=1)) / history.std(dim=1)
    for lags in (1, 2, 4):
        regression = module._regression(z, lags)
        for tightness, own in ((0.05, 0.0), (0.2, 0.6), (3.0, 1.0)):
            value = log_posterior(
                regression, torch.tensor([tightness]).double(), torch.tensor([own]).double()
            )
            found.append(float(value))
            hyper = gamma.logpdf(tightness, module._SHAPE, scale=module._SCALE)
            expected.append(_Problem(path, lags, tightness, own).evidence() + hyper)
    differences = np.subtract(found, found[0])
    np.testing.assert_allclose(differences, np.subtract(expected, expected[0]), atol=1e-5)


def test_the_hyperprior_is_that_of_giannone_lenza_and_primiceri() -> None:
    """A gamma density of mode .2 and s.d. .4."""
    density = gamma(module._SHAPE, scale=module._SCALE)
    assert density.std() == pytest.approx(0.4)
    near = np.linspace(0.15, 0.25, 1001)
    assert near[density.logpdf(near).argmax()] == pytest.approx(0.2)


def test_the_posterior_mean_is_least_squares_with_dummy_observations() -> None:
    paths = _paths(5, 90, seed=1)
    estimates, chosen = minnesota(torch.as_tensor(paths))
    for row, path in enumerate(paths):
        lags = int(chosen.lags[row])
        problem = _Problem(path, lags, float(chosen.tightness[row]), float(chosen.own[row]))
        root = np.append(problem.omega[:-1] ** -0.5, 0.0)
        y = np.vstack([problem.y, root[:, None] * problem.mean])
        x = np.vstack([problem.x, np.diag(root)])
        solution = np.linalg.lstsq(x, y, rcond=None)[0]
        left = y - x @ solution
        covariance = (left.T @ left + np.diag(problem.psi)) / (len(problem.y) + FREEDOM - 4)
        mean, sd = path.mean(axis=0), path.std(axis=0, ddof=1)
        ratio = sd[:, None] / sd
        matrices = solution[:-1].reshape(lags, 3, 3).transpose(0, 2, 1) * ratio
        ours = estimates.coefficients[row].numpy()
        np.testing.assert_allclose(ours[:lags], matrices, rtol=1e-8, atol=1e-9)
        assert not ours[lags:].any()
        np.testing.assert_allclose(
            estimates.covariance[row].numpy(), covariance * np.outer(sd, sd), rtol=1e-8
        )
        constant = mean + sd * solution[-1] - matrices.sum(axis=0) @ mean
        np.testing.assert_allclose(estimates.constant[row].numpy(), constant, rtol=1e-7)
    assert estimates.lags.tolist() == chosen.lags.tolist()


def test_hyperparameters_follow_the_data() -> None:
    """A persistent series asks for a prior mean near one, noise for a tight one at zero."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(1, 200, 3))
    walk = np.zeros_like(noise)
    for t in range(1, 200):
        walk[:, t] = 0.98 * walk[:, t - 1] + noise[:, t]
    _, of_noise = minnesota(torch.as_tensor(noise))
    _, of_walk = minnesota(torch.as_tensor(walk))
    assert float(of_noise.own) == 0.0
    assert float(of_walk.own) >= 0.8
    assert float(of_noise.tightness) < 0.2


def test_a_history_does_not_depend_on_those_beside_it_and_broken_ones_are_refused() -> None:
    history = torch.as_tensor(_paths(3, 80))
    whole, alone = minnesota(history)[0], minnesota(history[1:2])[0]
    torch.testing.assert_close(whole.coefficients[1:2], alone.coefficients, rtol=1e-12, atol=1e-14)
    history[2, :, 1] = 0.1
    with pytest.raises(InputError, match="1 of 3 rows, the first 2"):
        minnesota(history)


# ------------------------------------------------------------------ the informed prior


def _economies(rows: int, quarters: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Paths of VAR(1)s whose nine coefficients are drawn from a normal, and the coefficients."""
    rng = np.random.default_rng(seed)
    matrices = np.diag([0.5, 0.6, 0.4]) + 0.1 * rng.normal(size=(rows, 3, 3))
    out = np.zeros((rows, quarters + 50, 3))
    for t in range(1, quarters + 50):
        past = np.einsum("bij,bj->bi", matrices, out[:, t - 1])
        out[:, t] = past + rng.normal(size=(rows, 3))
    return out[:, 50:], matrices


def test_a_prior_is_learned_from_histories_and_not_from_their_noise() -> None:
    """Least squares on 100 quarters scatter by .1 too: twice the variance of the draws."""
    paths, _ = _economies(1500, 100, 0)
    prior = Prior()
    prior.learn(torch.as_tensor(paths), torch.ones(3))
    mean = prior.mean.unflatten(0, (LAGS, 3, 3)).mT  # lag, equation, variable
    torch.testing.assert_close(
        mean[0], torch.diag(torch.tensor([0.5, 0.6, 0.4])).double(), atol=0.03, rtol=0
    )
    assert float(mean[1:].abs().max()) < 0.03
    sd = prior.covariance.diagonal().sqrt().unflatten(0, (LAGS, 3, 3))
    assert float((sd[0] - 0.1).abs().max()) < 0.03
    assert float(sd[1:].max()) < 0.06  # of least squares some .11
    known = least_squares_of(torch.as_tensor(paths), torch.ones(3)).solution.flatten(1)
    assert float(known[:, 9:].std(dim=0).min()) > 0.09


def test_a_prior_is_learned_from_the_first_rows_and_from_more_than_it_has_coefficients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bvar, "LEARNED_FROM", 48)
    paths = torch.as_tensor(_economies(60, 60, 2)[0], dtype=torch.float32)
    inputs = Inputs(SMALL.name, SMALL.shock_names, Task.steady_state,
                    torch.ones(60, len(SMALL.shocks)), history=paths)  # fmt: skip
    model = BVARConfig(prior="informed").build([SMALL], 4)
    model.set_scales({SMALL.name: np.ones((len(SMALL.shocks), 3))}, {SMALL.name: np.ones(3)})
    model.fit(SMALL.name, (inputs, torch.zeros(60, len(SMALL.shocks), 5, 3)), [])
    expected = Prior()
    expected.learn(paths[:48], torch.ones(3))
    assert torch.equal(model.priors[SMALL.name].mean, expected.mean)
    for rows in (1, 9 * LAGS):
        with pytest.raises(InputError, match=f"36 coefficients takes more .*, got {rows};"):
            Prior().learn(paths[:rows], torch.ones(3))


def test_an_explosive_posterior_mean_is_shrunk_whatever_the_prior() -> None:
    """A prior that is sure of growth by a twentieth a quarter."""
    model = BVARConfig(prior="informed").build([SMALL], 4)
    model.set_scales({SMALL.name: np.ones((len(SMALL.shocks), 3))}, {SMALL.name: np.ones(3)})
    growth = torch.zeros(LAGS, 3, 3, dtype=torch.float64)
    growth[0] = 1.05 * torch.eye(3)
    prior = model.priors[SMALL.name]
    prior.mean.copy_(growth.flatten())
    prior.covariance.copy_(1e-8 * torch.eye(9 * LAGS))
    history = torch.as_tensor(_paths(2, 80))
    raw = prior(history, torch.ones(3))
    assert float(spectral_radius(raw.coefficients, raw.lags).min()) > 1.04
    found = model.estimate(history, SMALL.name)
    radius = spectral_radius(found.coefficients, found.lags)
    assert radius.tolist() == pytest.approx([1 - 1 / 80] * 2)


def test_the_informed_posterior_mean_is_generalised_least_squares() -> None:
    """On the prior as another observation, in units that differ."""
    paths, _ = _economies(300, 80, 1)
    scale = torch.tensor([2.0, 1.0, 0.5])
    prior = Prior()
    prior.learn(torch.as_tensor(paths), scale)
    estimates = prior(torch.as_tensor(paths[:2]), scale)
    unit = scale.double().numpy()
    for row in range(2):
        z = paths[row] / unit
        past = np.column_stack([z[LAGS - k : len(z) - k] for k in range(1, LAGS + 1)])
        x = np.column_stack([past, np.ones(len(past))])
        first = np.linalg.lstsq(x, z[LAGS:], rcond=None)[0]
        left = z[LAGS:] - x @ first
        sigma = left.T @ left / (len(x) - x.shape[1])
        inner = past - past.mean(axis=0)
        precision = np.kron(inner.T @ inner, np.linalg.inv(sigma))
        of_prior = np.linalg.inv(prior.covariance.numpy())
        pull = precision @ first[:-1].ravel() + of_prior @ prior.mean.numpy()
        expected = np.linalg.solve(precision + of_prior, pull).reshape(LAGS, 3, 3)
        expected = expected.transpose(0, 2, 1) * (unit[:, None] / unit)
        np.testing.assert_allclose(
            estimates.coefficients[row, :LAGS].numpy(), expected, rtol=1e-6, atol=1e-9
        )


@pytest.mark.slow
def test_what_a_world_s_draws_have_in_common_helps() -> None:
    """Errors of responses of the var world."""
    world, rng = get_world("var"), np.random.default_rng(0)
    theta = world.sample_parameters(500, rng)
    path = world.simulate(theta, rng.standard_normal((500, 220, 3))).observables[:, 100:]
    truth = torch.as_tensor(world.irf(theta, 16).values, dtype=torch.float32)
    inputs = Inputs("var", world.shock_names, Task.steady_state, torch.ones(500, 3),
                    history=torch.as_tensor(path, dtype=torch.float32))  # fmt: skip
    errors = {}
    for prior in ("minnesota", "informed"):
        model = BVARConfig(prior=prior).build([world.spec], 16)
        model.set_scales({"var": truth.std(dim=(0, 2)).numpy()}, {"var": path.std(axis=(0, 1))})
        model.fit("var", (inputs, truth), [])
        errors[prior] = float((model(inputs) - truth).square().mean().sqrt())
    assert errors["informed"] < 0.95 * errors["minnesota"]
