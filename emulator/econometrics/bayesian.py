"""A Bayesian VAR whose prior's tightness the data choose.

Natural conjugate Minnesota prior. The coefficient of series j's lag k in the equation of series i,
given the innovations' covariance Sigma, has mean `persistent_j` if i = j and k = 1, else 0, and
variance lambda^2 Sigma_ii / (k^2 psi_j); Sigma is inverse Wishart with scale diag(psi) and n + 2
degrees of freedom, psi the residual variances of univariate autoregressions. Two more priors, as
observations that are added: the own lags of a persistent series sum to one (mu), and all series may
stay at their first values together (delta). lambda, mu and delta maximise the marginal likelihood
times gamma hyperpriors of modes .2, 1, 1 and s.d.s .4, 1, 1, on a grid.

The sum of own lags is tied at a value of one s.d. of the series, not at its first value, so that a
constant added to a series changes nothing.

Source: Giannone, Lenza and Primiceri (2015, Review of Economics and Statistics 97(2)).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import multigammaln

from emulator.econometrics.autoregressions import Autoregression, fit, unstacked
from emulator.econometrics.question import FloatArray, sample

LAMBDA = np.geomspace(0.02, 2.0, 13)
TIED = tuple(itertools.product((0.3, 1.0, 5.0), repeat=2))  # mu and delta: smaller is tighter
POWER = 2.0  # of a lag, in the precision of its coefficient
UNIVARIATE = 4  # lags of the autoregressions that give psi


class Posterior(NamedTuple):
    """Posterior means: coefficients (B, 1 + n p, n), a regressor a row, and covariance (B, n, n).
    tightness (B, 3): lambda, mu, delta. log_evidence (B,): of the data at these."""

    coefficients: FloatArray
    covariance: FloatArray
    tightness: FloatArray
    log_evidence: FloatArray

    @property
    def estimate(self) -> Autoregression:
        """The posterior means as a VAR."""
        n = self.coefficients.shape[2]
        lags = (self.coefficients.shape[1] - 1) // n
        return Autoregression(unstacked(self.coefficients[:, 1:], lags), self.covariance)


def gamma_log_density(x: FloatArray, mode: float, sd: float) -> FloatArray:
    """Log density of the gamma distribution with this mode and s.d., but for a constant."""
    scale = (math.sqrt(mode**2 + 4.0 * sd**2) - mode) / 2.0
    return np.asarray((mode / scale) * np.log(x) - x / scale)


def posterior(data: FloatArray, lags: int, persistent: FloatArray) -> Posterior:
    """On data (B, T, n); persistent (B, n): the prior means of own first lags.

    Raises InputError where there are too few quarters.
    """
    z, y = sample(data, lags)
    n, psi = y.shape[2], _residual_variances(data, lags)
    first = data[:, :lags].mean(axis=1)
    found = []
    for mu, delta in TIED:
        more_z, more_y = _added(first, persistent, lags, mu, delta)
        both = _Regression(np.concatenate([z, more_z], 1), np.concatenate([y, more_y], 1),
                           persistent, psi)  # fmt: skip
        alone = _Regression(more_z, more_y, persistent, psi)
        log_evidence = both.log_evidence() - alone.log_evidence()  # (B, G)
        hyper = gamma_log_density(np.array([mu, delta]), 1.0, 1.0).sum()
        found.append((log_evidence, hyper + gamma_log_density(LAMBDA, 0.2, 0.4), both))
    score = np.stack([evidence + hyper for evidence, hyper, _ in found], axis=1)
    rows = np.arange(len(data))
    pair, place = np.unravel_index(score.reshape(len(rows), -1).argmax(axis=1), score.shape[1:])
    coefficients, covariance = np.empty((len(rows), z.shape[2], n)), np.empty((len(rows), n, n))
    for k, (_, _, both) in enumerate(found):
        own = pair == k
        coefficients[own], covariance[own] = both.means(own, LAMBDA[place[own]])
    evidence = np.stack([evidence for evidence, _, _ in found], axis=1)[rows, pair, place]
    tightness = np.column_stack([LAMBDA[place], np.array(TIED)[pair]])
    return Posterior(coefficients, covariance, tightness, evidence)


def fixed(
    data: FloatArray, lags: int, persistent: FloatArray, tightness: Sequence[float]
) -> list[Autoregression]:
    """Posterior means as `posterior`, a VAR for every lambda in `tightness`; mu and delta are one.

    Raises InputError where there are too few quarters.
    """
    z, y = sample(data, lags)
    more_z, more_y = _added(data[:, :lags].mean(axis=1), persistent, lags, 1.0, 1.0)
    both = _Regression(
        np.concatenate([z, more_z], 1), np.concatenate([y, more_y], 1), persistent,
        _residual_variances(data, lags),
    )  # fmt: skip
    every = np.full(len(data), True)
    found = [both.means(every, np.full(len(data), each)) for each in tightness]
    return [Autoregression(unstacked(b[:, 1:], lags), covariance) for b, covariance in found]


def _added(
    first: FloatArray, persistent: FloatArray, lags: int, mu: float, delta: float
) -> tuple[FloatArray, FloatArray]:
    """Observations z (B, n + 1, 1 + n p), y (B, n + 1, n) that stand for the two priors."""
    rows, n = first.shape
    own = persistent[:, None] * np.eye(n) / mu
    y = np.concatenate([own, first[:, None] / delta], axis=1)
    constant = np.zeros((rows, n + 1, 1))
    constant[:, -1] = 1.0 / delta
    return np.concatenate([constant, *[y] * lags], axis=2), y


class _Regression:
    """Sums of squares of a regression under the Minnesota prior, for every lambda at once.

    Coefficients are counted from their prior mean. The constant, whose prior is flat, is regressed
    out first; the others are in coordinates in which prior and data are both diagonal.
    """

    def __init__(
        self, z: FloatArray, y: FloatArray, persistent: FloatArray, psi: FloatArray
    ) -> None:
        _, self.count, self.n = y.shape
        lags = (z.shape[2] - 1) // self.n
        self.persistent, self.psi = persistent, psi
        excess = y - z[:, :, 1 : 1 + self.n] * persistent[:, None]
        ones = z[:, :, :1]
        self.weight = (ones[:, :, 0] ** 2).sum(axis=1)
        share = ones / self.weight[:, None, None]
        self.mean_z, self.mean_y = share.mT @ z[:, :, 1:], share.mT @ excess
        apart, excess = z[:, :, 1:] - ones * self.mean_z, excess - ones * self.mean_y
        weight = np.tile(psi, lags) * np.repeat(np.arange(1, lags + 1), self.n) ** POWER
        self.root = 1.0 / np.sqrt(weight)  # s.d.s of the prior at lambda 1, over Sigma's
        apart = apart * self.root[:, None]
        self.energy, self.turned = np.linalg.eigh(apart.mT @ apart)  # (B, m), (B, m, m)
        self.energy = np.maximum(self.energy, 0.0)
        self.cross = self.turned.mT @ (apart.mT @ excess)  # (B, m, n)
        self.squares = excess.mT @ excess

    def log_evidence(self) -> FloatArray:
        """(B, G), but for the density of the constant's flat prior, which is always the same."""
        n, freedom = self.n, self.n + 2
        precision = LAMBDA[:, None] ** -2.0
        shrunk = self.cross[:, None] / (self.energy[:, None] + precision)[..., None]
        left = self.squares[:, None] - self.cross[:, None].mT @ shrunk  # (B, G, n, n)
        scale = self.psi[:, None, :, None] * np.eye(n)
        log_left = np.linalg.slogdet(left + scale)[1]
        fitted = np.log1p(self.energy[:, None] / precision).sum(axis=-1)
        count = self.count
        return np.asarray(
            -0.5 * n * count * math.log(math.pi)
            + multigammaln((count + freedom) / 2.0, n)
            - multigammaln(freedom / 2.0, n)
            + 0.5 * freedom * np.log(self.psi).sum(axis=1)[:, None]
            - 0.5 * n * (fitted + np.log(self.weight)[:, None])
            - 0.5 * (count + freedom) * log_left
        )

    def means(self, rows: FloatArray, tightness: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Posterior means of coefficients and covariance of these rows, at lambda (rows,)."""
        energy, cross = self.energy[rows], self.cross[rows]
        shrunk = cross / (energy + tightness[:, None] ** -2.0)[..., None]
        lags = self.root[rows][..., None] * (self.turned[rows] @ shrunk)
        constant = self.mean_y[rows] - self.mean_z[rows] @ lags
        n = self.n
        lags[:, :n] += self.persistent[rows][:, None] * np.eye(n)
        left = self.squares[rows] - cross.mT @ shrunk + self.psi[rows][:, None] * np.eye(n)
        return np.concatenate([constant, lags], axis=1), left / (self.count + 1)


def _residual_variances(data: FloatArray, lags: int) -> FloatArray:
    each = [
        fit(data[:, :, [k]], min(lags, UNIVARIATE)).covariance[:, :, 0]
        for k in range(data.shape[2])
    ]
    return np.concatenate(each, axis=1)
