"""A grammar of economies: what an estimator of responses is trained on.

Half are factor models: a few factors that follow a VAR, with common trends in some, and series that
load on them and have disturbances of their own; others are VARs (as many factors as series, little
of their own), sums of damped cosines, and the named worlds. Series are stationary, or integrated,
or differences. Innovations may have fat tails and a volatility that changes; series may have
measurement error and drift.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag

from emulator.econometrics.question import FloatArray
from emulator.foreign.linear_economy import Economy

LARGEST = 8  # series


def economy(rng: np.random.Generator) -> tuple[Economy, FloatArray]:
    """An economy of 2 to 8 series and the direction (k,) of its named shock among innovations."""
    n = int(rng.integers(2, LARGEST + 1))
    kind = rng.random()
    if kind < 0.65:
        found, common = _factors(rng, n)
    elif kind < 0.85:
        found, common = _autoregression(rng, n)
    else:
        found, common = _cosines(rng, n)
    found = _transformed(rng, found)
    direction = np.zeros(found.b.shape[1])
    impact = found.c @ found.b[:, :common]
    if rng.random() < 0.5:
        direction[:common] = impact[rng.integers(n)]  # the largest on one series
    else:
        direction[:common] = rng.standard_normal(common)
    return found, direction / np.linalg.norm(direction)


def _stable_lags(rng: np.random.Generator, n: int, p: int, persistence: FloatArray) -> FloatArray:
    """VAR coefficients (n, n p), own first lags about `persistence`, largest root below one."""
    scale = rng.choice([0.05, 0.15, 0.3]) / np.sqrt(n)
    lags = np.zeros((p, n, n))
    lags[0] = np.diag(persistence)
    for k in range(p):
        lags[k] += scale * rng.standard_normal((n, n)) / (k + 1) ** rng.uniform(0.5, 1.5)
    if p > 1 and rng.random() < 0.6:  # humps: momentum in own lags
        momentum = rng.uniform(-0.2, 0.7, n) * persistence
        lags[0] += np.diag(momentum)
        lags[1] -= np.diag(momentum * persistence)
    goal = 1.0 - np.exp(rng.uniform(np.log(0.005), np.log(0.3)))
    flat = lags.swapaxes(0, 1).reshape(n, n * p)
    root = np.abs(np.linalg.eigvals(_companion(flat))).max()
    if root > goal:
        lags *= (goal / root) ** np.arange(1, p + 1)[:, None, None]
    return lags.swapaxes(0, 1).reshape(n, n * p)


def _companion(flat: FloatArray) -> FloatArray:
    n, size = flat.shape
    out = np.zeros((size, size))
    out[:n] = flat
    out[n:, :-n] = np.eye(size - n)
    return out


def _common(rng: np.random.Generator, k: int) -> Economy:
    """k factors: some of them common trends, the cumulated sums of what the VAR has."""
    p = int(rng.choice([1, 2, 4]))
    persistence = 1.0 - np.exp(rng.uniform(np.log(0.03), np.log(1.0), k))
    trends = int(rng.integers(0, min(k, 4) + 1)) if rng.random() < 0.7 else 0
    persistence[:trends] *= rng.uniform(0.0, 0.8, trends)
    a = _companion(_stable_lags(rng, k, p, persistence))
    size = len(a)
    root = np.tril(rng.standard_normal((k, k)) * rng.choice([0.0, 0.3, 1.0]), -1) + np.eye(k)
    root *= np.exp(0.5 * rng.standard_normal(k))[:, None]
    b = np.vstack([root, np.zeros((size - k, k))])
    if trends:
        whole = np.zeros((size + trends, size + trends))
        whole[:size, :size] = a
        whole[size:, :size] = a[:trends]
        whole[size:, size:] = np.eye(trends)
        a, b = whole, np.vstack([b, b[:trends]])
    c = np.zeros((k, len(a)))
    c[:, :k] = np.eye(k)
    for j in range(trends):
        c[j], c[j, size + j] = 0.0, 1.0
    return Economy(a, b, c)


def _sd_of_changes(economy: Economy) -> FloatArray:
    """S.d. (n,) of quarterly changes of the series, from 200 quarters of responses."""
    x, before, total = economy.b, np.zeros((len(economy.c), economy.b.shape[1])), 0.0
    for _ in range(200):
        y = economy.c @ x
        total = total + ((y - before) ** 2).sum(axis=1)
        x, before = economy.a @ x, y
    return np.sqrt(total)


def _with_own(rng: np.random.Generator, common: Economy, share: FloatArray) -> Economy:
    """Series with disturbances of their own, AR(2), that make up `share` (n,) of changes."""
    n = len(share)
    blocks, gains = [], np.sqrt(share / (1.0 - share)) * _sd_of_changes(common)
    rows = []
    for _ in range(n):
        u = rng.random()
        first = 1.0 if u < 0.15 else 1.0 - np.exp(rng.uniform(np.log(0.02), np.log(1.0)))
        second = rng.uniform(-0.4, 0.7)
        blocks.append(np.array([[first + second, -first * second], [1.0, 0.0]]))
        rows.append(np.array([[1.0, 0.0]]))
    a, c = block_diag(*blocks), block_diag(*rows)
    b = np.zeros((2 * n, n))
    b[::2] = np.eye(n)
    b[::2] *= (gains / _sd_of_changes(Economy(a, b, c)))[:, None]
    return Economy(block_diag(common.a, a), block_diag(common.b, b), np.hstack([common.c, c]))


def _factors(rng: np.random.Generator, n: int) -> tuple[Economy, int]:
    k = int(rng.integers(2, 8))
    factors = _common(rng, k)
    loadings = rng.standard_normal((n, k)) / _sd_of_changes(factors)
    if rng.random() < 0.4:
        loadings *= rng.random((n, k)) < 0.6
        loadings[np.arange(n), rng.integers(0, k, n)] += 0.5
    common = factors._replace(c=loadings @ factors.c)
    share = np.clip(rng.beta(1.2, 1.2, n), 0.02, 0.95)
    return _with_own(rng, common, share), k


def _autoregression(rng: np.random.Generator, n: int) -> tuple[Economy, int]:
    k = n + int(rng.integers(0, 3))
    factors = _common(rng, k)
    turn = np.eye(k) + rng.choice([0.0, 0.5]) * rng.standard_normal((k, k))
    common = factors._replace(c=turn[:n] @ factors.c)
    return _with_own(rng, common, np.full(n, 0.01)), k


def _cosines(rng: np.random.Generator, n: int) -> tuple[Economy, int]:
    modes, k = int(rng.integers(2, 7)), int(rng.integers(2, n + 3))
    blocks = []
    for _ in range(modes):
        modulus = 1.0 - np.exp(rng.uniform(np.log(0.02), np.log(0.7)))
        angle = 0.0 if rng.random() < 0.5 else rng.uniform(0.05, 1.0)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        blocks.append(modulus * turn)
    a = block_diag(*blocks)
    b, c = rng.standard_normal((2 * modes, k)), rng.standard_normal((n, 2 * modes))
    return _with_own(rng, Economy(a, b, c), np.clip(rng.beta(1.0, 4.0, n), 0.02, 0.95)), k


def _transformed(rng: np.random.Generator, economy: Economy) -> Economy:
    """Some series as cumulated sums of themselves; all in s.d.s of changes."""
    a, b, c = economy
    summed = np.flatnonzero(rng.random(len(c)) < (0.25 if rng.random() < 0.5 else 0.0))
    if len(summed):
        m, s = len(a), len(summed)
        whole = np.zeros((m + s, m + s))
        whole[:m, :m] = a
        whole[m:, :m], whole[m:, m:] = c[summed] @ a, np.eye(s)
        b = np.vstack([b, c[summed] @ b])
        a = whole
        c = np.hstack([c, np.zeros((len(c), s))])
        c[summed] = 0.0
        c[summed, m + np.arange(s)] = 1.0
        economy = Economy(a, b, c)
    return economy._replace(c=economy.c / _sd_of_changes(economy)[:, None])


class Disturbances(NamedTuple):
    """e (burn + T, k) of variance one about; noise and drift (T, n), in s.d.s of changes."""

    e: FloatArray
    drift: FloatArray


def disturbances(
    rng: np.random.Generator, quarters: int, burn: int, k: int, n: int
) -> Disturbances:
    total = burn + quarters
    e = rng.standard_normal((total, k))
    if rng.random() < 0.35:
        freedom = rng.uniform(4.0, 10.0)
        e *= np.sqrt((freedom - 2.0) / rng.chisquare(freedom, (total, 1)))
    if rng.random() < 0.35:
        log_sd = np.empty(total)
        size, rho = rng.uniform(0.02, 0.15), rng.uniform(0.9, 0.99)
        log_sd[0] = 0.0
        steps = size * rng.standard_normal(total)
        for t in range(1, total):
            log_sd[t] = rho * log_sd[t - 1] + steps[t]
        e *= np.exp(log_sd - log_sd[burn:].mean())[:, None]
    drift = np.zeros((quarters, n))
    if rng.random() < 0.4:
        slope = rng.standard_normal(n) * (rng.random(n) < 0.5) * rng.uniform(0.0, 0.6)
        drift = np.arange(quarters)[:, None] * slope
    return Disturbances(e, drift)
