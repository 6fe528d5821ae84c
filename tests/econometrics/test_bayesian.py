"""The Bayesian VAR against densities and regressions written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import multigammaln

from emulator.econometrics import autoregressions, bayesian
from emulator.econometrics.question import sample, scaled
from tests.econometrics import estimators
from tests.econometrics.test_autoregressions import data

pytestmark = pytest.mark.fast


def by_hand(y: np.ndarray, lags: int, tightness: np.ndarray, persistent: np.ndarray) -> tuple:
    """Log evidence, posterior means of coefficients and covariance, from dummy observations and
    the matric-t density, of one data set (T, n)."""
    n = y.shape[1]
    z, x = (part[0] for part in sample(y[None], lags))
    psi = np.array([autoregressions.fit(y[None, :, [k]], lags).covariance.item() for k in range(n)])
    strength, mu, delta = tightness
    first = y[:lags].mean(axis=0)
    sums = np.hstack([np.zeros((n, 1)), *[np.diag(persistent) / mu] * lags])
    start = np.concatenate([[1.0], *[first] * lags])[None] / delta
    more_z = np.vstack([sums, start])
    more_x = np.vstack([np.diag(persistent) / mu, first[None] / delta])

    def log_evidence(z: np.ndarray, x: np.ndarray) -> tuple:
        precision = np.concatenate(
            [[1e-9], *[psi * k**2 / strength**2 for k in range(1, lags + 1)]]
        )
        mean = np.zeros((1 + n * lags, n))
        mean[1 : 1 + n] = np.diag(persistent)
        left = z.T @ z + np.diag(precision)
        b = np.linalg.solve(left, z.T @ x + precision[:, None] * mean)
        e, d, count = x - z @ b, n + 2, len(x)
        scatter = np.diag(psi) + e.T @ e + (b - mean).T @ (precision[:, None] * (b - mean))
        log = (
            -0.5 * n * count * np.log(np.pi)
            + multigammaln((count + d) / 2, n) - multigammaln(d / 2, n)
            + 0.5 * n * np.log(precision).sum() - 0.5 * n * np.linalg.slogdet(left)[1]
            + 0.5 * d * np.log(psi).sum() - 0.5 * (count + d) * np.linalg.slogdet(scatter)[1]
        )  # fmt: skip
        return log, b, scatter / (count + d - n - 1)

    alone = log_evidence(more_z, more_x)[0]
    whole, b, covariance = log_evidence(np.vstack([z, more_z]), np.vstack([x, more_x]))
    return whole - alone, b, covariance


def test_evidence_and_means_are_those_written_out() -> None:
    y = scaled(data(5, count=2)).data
    persistent = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    found = bayesian.posterior(y, 3, persistent)
    for k in range(2):
        log, b, covariance = by_hand(y[k], 3, found.tightness[k], persistent[k])
        assert found.log_evidence[k] == pytest.approx(log, abs=1e-4)
        np.testing.assert_allclose(found.coefficients[k], b, atol=1e-7)
        np.testing.assert_allclose(found.covariance[k], covariance, rtol=1e-6)


def test_the_grid_holds_the_best() -> None:
    y = scaled(data(6, count=1)).data
    persistent = np.ones((1, 3))
    found = bayesian.posterior(y, 2, persistent)

    def score(tightness: np.ndarray) -> float:
        hyper = bayesian.gamma_log_density(tightness[:1], 0.2, 0.4).sum()
        hyper += bayesian.gamma_log_density(tightness[1:], 1.0, 1.0).sum()
        return float(by_hand(y[0], 2, tightness, persistent[0])[0] + hyper)

    best = score(found.tightness[0])
    for strength in bayesian.LAMBDA:
        assert score(np.array([strength, *found.tightness[0, 1:]])) <= best + 1e-6
    for mu, delta in bayesian.TIED:
        assert score(np.array([found.tightness[0, 0], mu, delta])) <= best + 1e-6


def test_hyperpriors_have_their_modes_and_spreads() -> None:
    x = np.linspace(1e-4, 8.0, 400_000)
    for mode, sd in ((0.2, 0.4), (1.0, 1.0)):
        density = np.exp(bayesian.gamma_log_density(x, mode, sd))
        assert x[density.argmax()] == pytest.approx(mode, abs=1e-3)
        mean = np.average(x, weights=density)
        assert np.sqrt(np.average((x - mean) ** 2, weights=density)) == pytest.approx(sd, rel=1e-2)


def test_shrinking_helps_short_samples() -> None:
    """Over 200 samples of 60 quarters the Bayesian VAR errs less, significantly."""
    y = data(8, count=200, quarters=60)
    system = np.array([[0.7, 0.1, 0.0], [0.0, 0.5, 0.2], [0.1, 0.0, 0.8]])
    unit = np.array([1.0, 40.0, 0.01])
    root = np.array([[1.0, 0.0, 0.0], [0.4, 1.0, 0.0], [-0.3, 0.2, 1.0]])
    truth = np.stack([np.linalg.matrix_power(system, h) @ root[:, 0] for h in range(13)]) * unit
    plain = estimators.least_squares(y, 0, 4, 12)
    shrunk = estimators.bayes(y, 0, 4, 12, np.ones((200, 3)))
    errors = [(((each - truth) / unit) ** 2).mean(axis=(1, 2)) for each in (plain, shrunk)]
    assert stats.ttest_rel(*errors, alternative="greater").pvalue < 1e-6
