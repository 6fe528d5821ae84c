"""Dynamic factor models of US series, which data sets of benchmarks are drawn from.

    f_t = Phi_1 f_{t-1} + ... + Phi_4 f_{t-4} + eta_t,   eta_t ~ N(0, Sigma_eta)
    X_it = Lambda_i' f_t + v_it,   v_it = delta_i1 v_{i,t-1} + ... + delta_i4 v_{i,t-4} + e_it

in log levels. The observed shock is the direction of the orthogonalised factor innovations with the
largest impact on a policy series, a short-term rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emulator.econometrics.question import FloatArray
from emulator.foreign.linear_economy import Economy


@dataclass(frozen=True)
class FactorModel:
    """Parameters as the file names them; see the module docstring. Of k factors and N series: phi
    (k, 4 k), sigma_eta (k, k), loadings (N, k), delta (N, 4), sigma_v (N,)."""

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

    def economy(self, series: NDArray[np.int64], policy: int) -> Economy:
        """Of these series (n,), counted from zero. Its first innovation is the observed shock: the
        direction of those of factors that moves the series `policy` most."""
        n, k = len(series), len(self.phi)
        lags = self.phi.shape[1] // k
        own = self.delta.shape[1]
        size = k * lags + n * own
        a, b = np.zeros((size, size)), np.zeros((size, k + n))
        a[:k, : k * lags] = self.phi
        a[k : k * lags, : k * (lags - 1)] = np.eye(k * (lags - 1))
        root = np.linalg.cholesky(self.sigma_eta)
        first = root.T @ self.loadings[policy]
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
