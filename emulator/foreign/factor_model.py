"""The dynamic factor model of US series that data sets of the benchmark are drawn from.

    f_t = Phi_1 f_{t-1} + ... + Phi_4 f_{t-4} + eta_t,   eta_t ~ N(0, Sigma_eta)    6 factors
    X_it = Lambda_i' f_t + v_it,   v_it = delta_i1 v_{i,t-1} + ... + delta_i4 v_{i,t-4} + e_it

Stock and Watson's (2016) 207 quarterly US series, in log levels, as estimated for the study of Li,
Plagborg-Moller and Wolf (2024, J. Econometrics; arXiv 2104.00655). The observed shock is the
direction of the orthogonalised factor innovations with the largest impact on a policy series.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emulator.econometrics.question import FloatArray
from emulator.foreign.linear_economy import Economy

FUNDS_RATE = 141  # the federal funds rate, and government spending, counted from zero
ACTIVITY, PRICES = range(86), range(94, 131)  # GDP, production, work, housing, orders; prices
SERIES = 5


@dataclass(frozen=True)
class FactorModel:
    """Parameters as the file names them; see the module docstring. phi (6, 24), sigma_eta (6, 6),
    loadings (N, 6), delta (N, 4), sigma_v (N,)."""

    phi: FloatArray
    sigma_eta: FloatArray
    loadings: FloatArray
    delta: FloatArray
    sigma_v: FloatArray

    @classmethod
    def read(cls, path: Path) -> FactorModel:
        with np.load(path) as file:
            names = ("Phi", "Sigma_eta", "Lambda", "delta", "sigma_v")
            return cls(*(np.asarray(file[name], dtype=float) for name in names))

    def economy(self, series: NDArray[np.int64]) -> Economy:
        """Of these series (n,), counted from zero. Its first innovation is the observed shock: the
        direction of those of factors that moves the funds rate most."""
        n, k = len(series), len(self.phi)
        lags = self.phi.shape[1] // k
        own = self.delta.shape[1]
        size = k * lags + n * own
        a, b = np.zeros((size, size)), np.zeros((size, k + n))
        a[:k, : k * lags] = self.phi
        a[k : k * lags, : k * (lags - 1)] = np.eye(k * (lags - 1))
        root = np.linalg.cholesky(self.sigma_eta)
        first = root.T @ self.loadings[FUNDS_RATE]
        turned = np.linalg.qr(np.column_stack([first, np.eye(k)]))[0][:, :k]
        turned[:, 0] *= np.sign(turned[:, 0] @ first)
        b[:k, :k] = root @ turned
        c = np.zeros((n, size))
        c[:, :k] = self.loadings[series]
        for j, name in enumerate(series):
            at = k * lags + own * j
            a[at, at : at + own] = self.delta[name]
            a[at + 1 : at + own, at : at + own - 1] = np.eye(own - 1)
            b[at, k + j] = self.sigma_v[name]
            c[j, at] = 1.0
        return Economy(a, b, c)


def draw_series(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Series of `count` data-generating processes (count, 5): one of activity, one of prices, two
    of any, and the funds rate last."""
    out = []
    for _ in range(count):
        while True:
            picked = [rng.choice(ACTIVITY), rng.choice(PRICES), *rng.integers(0, 207, 2)]
            if len({*picked, FUNDS_RATE}) == SERIES:
                break
        out.append([*rng.permutation(picked), FUNDS_RATE])
    return np.array(out)
