"""A map under which particles are nearer to normal; moves are made on its far side.

Posteriors of structural parameters are thin sheets, and bent: a likelihood that pins a response
down leaves the parameters behind it on a curved surface, which no covariance describes. Particles
are therefore put in principal axes, the widest first, and each axis is taken as its quadratic
regression on the widest ones before it, plus a remainder,

    z = mu + V S e,    e_k = sum_{j <= i < min(k, m)} beta_{ijk} (e_i e_j - 1(i = j)) + (R x)_k

with V S the principal axes scaled to unit variance and R the lower Cholesky factor of the
remainders' covariance. The map from x to e is triangular, so the Jacobian of the whole is the
constant det(S) det(R): ratios of densities are those in z. (A transport map in
the sense of Parno and Marzouk 2018, SIAM/ASA J. Uncertainty Quantification 6(2), linear in the last
argument of each component.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray

# Particles for each coefficient of a regression: with fewer it follows their noise.
PARTICLES_A_TERM = 12
# A covariance of float64 numbers is known to about this share of its largest entry.
SMALLEST_VARIANCE = 1e-14


@dataclass(frozen=True)
class Transport:
    """mean mu (P,), axes V S (P, P), their inverse; bends beta (terms, P); root R (P, P); widest m.

    Terms are ordered by i, then j: those of the first k axes come first.
    """

    mean: FloatArray
    axes: FloatArray
    inverse: FloatArray
    bends: FloatArray
    root: FloatArray
    widest: int

    def whiten(self, z: FloatArray) -> FloatArray:
        """x (N, P) of z (N, P): of the particles it was fitted to, uncorrelated with unit s.d."""
        e = (z - self.mean) @ self.inverse.T
        left = e - _terms(e[:, : self.widest]) @ self.bends
        return np.asarray(solve_triangular(self.root, left.T, lower=True).T)

    def colour(self, x: FloatArray) -> FloatArray:
        """z (N, P) of x (N, P), the inverse of `whiten`."""
        e = x @ self.root.T
        _bend(e, self.bends, self.widest)
        e[:, self.widest :] += _terms(e[:, : self.widest]) @ self.bends[:, self.widest :]
        return np.asarray(self.mean + e @ self.axes.T)


def fit(z: FloatArray, weights: FloatArray) -> Transport:
    """The map of particles z (N, P) with weights (N,) that sum to one."""
    count, parameters = z.shape
    mean = weights @ z
    centred = z - mean
    covariance = (weights[:, None] * centred).T @ centred
    variance, axes = np.linalg.eigh(covariance)
    variance, axes = variance[::-1], axes[:, ::-1]
    sd = np.sqrt(np.maximum(variance, SMALLEST_VARIANCE * variance[0]))
    e = centred @ axes / sd
    widest = 1
    while widest < parameters - 1 and _pairs(widest + 1) * PARTICLES_A_TERM <= count:
        widest += 1
    terms = _terms(e[:, :widest])
    bends = np.zeros((terms.shape[1], parameters))
    weighted = weights[:, None] * terms
    gram = terms.T @ weighted
    for k in range(1, parameters):
        known = _pairs(min(k, widest))
        # one particle's worth of zeros keeps the regression regular
        ridge = np.eye(known) / count
        bends[:known, k] = np.linalg.solve(
            gram[:known, :known] + ridge, weighted[:, :known].T @ e[:, k]
        )
    left = e - terms @ bends
    root = np.linalg.cholesky(left.T @ (weights[:, None] * left))
    return Transport(mean, axes * sd, axes.T / sd[:, None], bends, np.asarray(root), widest)


def _pairs(count: int) -> int:
    return count * (count + 1) // 2


@compiled()
def _terms(e: FloatArray) -> FloatArray:
    """e_i e_j - 1(i = j) (N, pairs) for j <= i, ordered by i, then j."""
    count, axes = e.shape
    out = np.empty((count, axes * (axes + 1) // 2))
    for row in range(count):
        term = 0
        for i in range(axes):
            for j in range(i + 1):
                out[row, term] = e[row, i] * e[row, j] - (1.0 if i == j else 0.0)
                term += 1
    return out


@compiled()
def _bend(e: FloatArray, bends: FloatArray, widest: int) -> None:
    """Add to each of the widest axes of e (N, P) its regression on those before it, in place."""
    for row in range(len(e)):
        for k in range(1, widest):
            bent, term = 0.0, 0
            for i in range(k):
                for j in range(i + 1):
                    bent += (e[row, i] * e[row, j] - (1.0 if i == j else 0.0)) * bends[term, k]
                    term += 1
            e[row, k] += bent
