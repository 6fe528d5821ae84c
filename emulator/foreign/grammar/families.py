"""Economies without theory: factor models, VARs and sums of damped waves.

Each draws an economy of n series, and says how many of its innovations, the first ones, are common:
the others move one series each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag

from emulator.econometrics.question import FloatArray
from emulator.foreign.grammar.series import LARGEST_ROOT, sd_of_changes, sluggish, with_own
from emulator.foreign.linear_economy import Economy

SLUGGISH = 0.8  # of factor models: with series that adjust slowly


class Family(NamedTuple):
    """economy: of n series. common: how many innovations are shared."""

    economy: Economy
    common: int


def factors(rng: np.random.Generator, n: int) -> Family:
    """A few factors that follow a VAR, and series that load on them with disturbances of their
    own. Some factors are trends, which series then share."""
    k = int(rng.integers(2, 9))
    moved = _vector(rng, k)
    loadings = rng.standard_normal((n, k)) / sd_of_changes(moved)
    if rng.random() < 0.4:  # groups of series
        loadings *= rng.random((n, k)) < 0.6
        loadings[np.arange(n), rng.integers(0, k, n)] += 0.5
    loaded = moved._replace(c=loadings @ moved.c)
    if rng.random() < SLUGGISH:
        loaded = sluggish(loaded, rng.uniform(0.3, 0.95, n) * (rng.random(n) < 0.8))
    share = np.clip(rng.beta(1.2, 1.4, n), 0.02, 0.95)
    return Family(with_own(rng, loaded, share), k)


def autoregression(rng: np.random.Generator, n: int) -> Family:
    """A VAR of the series, and of up to two more that are not seen."""
    k = n + int(rng.integers(0, 3))
    moved = _vector(rng, k)
    turn = np.eye(k) + rng.choice([0.0, 0.5]) * rng.standard_normal((k, k))
    return Family(with_own(rng, moved._replace(c=turn[:n] @ moved.c), np.full(n, 0.01)), k)


def waves(rng: np.random.Generator, n: int) -> Family:
    """A VARMA in modal form: every response is a sum of damped exponentials and cosines."""
    modes, k = int(rng.integers(2, 7)), int(rng.integers(2, n + 3))
    blocks = []
    for _ in range(modes):
        modulus = 1.0 - np.exp(rng.uniform(np.log(0.01), np.log(0.7)))
        angle = 0.0 if rng.random() < 0.5 else rng.uniform(0.05, 1.0)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        blocks.append(modulus * turn)
    b, c = rng.standard_normal((2 * modes, k)), rng.standard_normal((n, 2 * modes))
    share = np.clip(rng.beta(1.0, 4.0, n), 0.02, 0.95)
    return Family(with_own(rng, Economy(block_diag(*blocks), b, c), share), k)


def _vector(rng: np.random.Generator, k: int) -> Economy:
    """k variables that follow a VAR(1), VAR(2) or VAR(4), up to four of them as sums of what they
    are there: trends."""
    p = int(rng.choice([1, 2, 4], p=[0.2, 0.4, 0.4]))
    persistence = 1.0 - np.exp(rng.uniform(np.log(0.01), 0.0, k))
    trends = int(rng.integers(1, min(k, 4) + 1)) if rng.random() < 0.8 else 0
    persistence[:trends] = rng.uniform(0.0, 0.9, trends)
    a = _lags(rng, k, p, persistence)
    impact = np.tril(rng.standard_normal((k, k)) * rng.choice([0.0, 0.3, 1.0]), -1) + np.eye(k)
    impact *= np.exp(0.5 * rng.standard_normal(k))[:, None]
    b, c = np.zeros((k * p, k)), np.eye(k, k * p)
    b[:k] = impact
    if trends:
        a = block_diag(a, np.eye(trends))
        a[k * p :, : k * p] = a[:trends, : k * p]
        b = np.vstack([b, impact[:trends]])
        c = np.hstack([c, np.zeros((k, trends))])
        c[:trends] = np.eye(k * p + trends)[k * p :]
    return Economy(a, b, c)


def _lags(rng: np.random.Generator, k: int, p: int, persistence: FloatArray) -> FloatArray:
    """Companion matrix (k p, k p), own first lags about `persistence` (k,), near unit roots at
    most."""
    spread = rng.choice([0.05, 0.15, 0.3]) / np.sqrt(k)
    decay = rng.uniform(0.5, 1.5)
    lags = spread * rng.standard_normal((p, k, k)) / np.arange(1, p + 1)[:, None, None] ** decay
    lags[0] += np.diag(persistence)
    if p > 1 and rng.random() < 0.8:  # humps: momentum
        momentum = rng.uniform(-0.2, 0.8, k)
        lags[0] += np.diag(momentum)
        lags[1] -= np.diag(momentum * persistence)
    a = np.zeros((k * p, k * p))
    a[k:, :-k] = np.eye(k * (p - 1))
    a[:k] = np.hstack(list(lags))
    goal = min(1.0 - np.exp(rng.uniform(np.log(0.002), np.log(0.3))), LARGEST_ROOT)
    root = float(np.abs(np.linalg.eigvals(a)).max())
    if root > goal:  # every root by the same factor
        scale = (goal / root) ** np.arange(1, p + 1)
        a[:k] *= np.repeat(scale, k)
    return a
