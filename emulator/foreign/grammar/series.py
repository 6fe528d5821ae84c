"""What is done to the series of an economy: disturbances of their own, sums, differences, scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, null_space

from emulator.econometrics.question import FloatArray
from emulator.foreign.linear_economy import Economy

BoolArray = NDArray[np.bool_]

DOUBLED = 8  # 2^8 quarters, over which changes are measured
DOUBLINGS = 20  # 2^20 quarters: nothing is left of a root of .999
LARGEST_ROOT = 0.998  # of what is not integrated


def integrated(economy: Economy) -> BoolArray:
    """Series (n,) in which some innovation stays for ever. Roots are one, or below .999."""
    power = economy.a
    for _ in range(DOUBLINGS):
        power = power @ power
    stays = np.abs(economy.c @ power @ economy.b).max(axis=1)
    return np.asarray(stays > 1e-8 * sd_of_changes(economy))


def sd_of_changes(economy: Economy) -> FloatArray:
    """S.d. (n,) of quarterly changes of the series, from 256 quarters of responses."""
    a, b, c = economy
    gamma, power = b @ b.T, a  # of states, the sum over quarters
    for _ in range(DOUBLED):
        gamma, power = gamma + power @ gamma @ power.T, power @ power
    step = c @ a - c
    squares = np.square(c @ b).sum(axis=1) + np.einsum("ij,jk,ik->i", step, gamma, step)
    return np.asarray(np.sqrt(squares))


def scaled(economy: Economy) -> Economy:
    """The economy with series in s.d.s of their changes."""
    return economy._replace(c=economy.c / sd_of_changes(economy)[:, None])


def with_own(rng: np.random.Generator, common: Economy, share: FloatArray) -> Economy:
    """Series with independent disturbances of their own besides, each an AR(2) or a random walk,
    that make up `share` (n,) of the variance of changes."""
    n = len(share)
    first = 1.0 - np.exp(rng.uniform(np.log(0.02), 0.0, n))
    first[rng.random(n) < 0.15] = 1.0
    first[rng.random(n) < 0.3] = 0.0  # what is measured with noise
    second = rng.uniform(-0.3, 0.8, n) * (first > 0.0)
    blocks = [np.array([[f + s, -f * s], [1.0, 0.0]]) for f, s in zip(first, second, strict=True)]
    a, c = block_diag(*blocks), np.repeat(np.eye(n), 2, axis=1) * np.tile([1.0, 0.0], n)
    b = c.T
    own = sd_of_changes(Economy(a, b, c))
    gains = np.sqrt(share / (1.0 - share)) * sd_of_changes(common) / own
    return Economy(
        block_diag(common.a, a), block_diag(common.b, b * gains), np.hstack([common.c, c])
    )


def summed(economy: Economy, chosen: BoolArray) -> Economy:
    """The economy with the `chosen` series (n,) as sums over quarters of themselves."""
    a, b, c = economy
    size, more = len(a), int(chosen.sum())
    whole = np.zeros((size + more, size + more))
    whole[:size, :size], whole[size:, :size] = a, c[chosen] @ a
    whole[size:, size:] = np.eye(more)
    seen = np.hstack([c, np.zeros((len(c), more))])
    seen[chosen] = np.eye(size + more)[size:]
    return Economy(whole, np.vstack([b, c[chosen] @ b]), seen)


def sluggish(economy: Economy, stays: FloatArray) -> Economy:
    """The economy with series that move a share of the way to what they were: of each, `stays` (n,)
    is what it keeps of its last value a quarter, none where that is zero."""
    a, b, c = economy
    slow = np.flatnonzero(stays)
    size, more = len(a), len(slow)
    moves = (1.0 - stays[slow, None]) * c[slow]
    whole = np.zeros((size + more, size + more))
    whole[:size, :size], whole[size:, :size] = a, moves @ a
    whole[size:, size:] = np.diag(stays[slow])
    seen = np.hstack([c, np.zeros((len(c), more))])
    seen[slow] = np.eye(size + more)[size:]
    return Economy(whole, np.vstack([b, moves @ b]), seen)


def differenced(economy: Economy, chosen: BoolArray) -> Economy:
    """The economy with the `chosen` series (n,) as quarterly changes of themselves. Trends that no
    series shows any more are left out: what is true of the series does not need them, and no filter
    settles on them."""
    a, b, c = economy
    size, more = len(a), int(chosen.sum())
    whole = np.zeros((size + more, size + more))
    whole[:size, :size], whole[size:, :size] = a, c[chosen]
    seen = np.hstack([c, np.zeros((len(c), more))])
    seen[chosen, size + np.arange(more)] = -1.0
    loads = np.vstack([b, np.zeros((more, b.shape[1]))])
    trends = null_space(whole - np.eye(size + more), rcond=1e-10)
    _, shown, turned = np.linalg.svd(seen @ trends)
    shown = np.append(shown, np.zeros(trends.shape[1]))[: trends.shape[1]]
    hidden = trends @ turned[shown < 1e-8].T
    kept = null_space(hidden.T) if hidden.size else np.eye(size + more)
    return Economy(kept.T @ whole @ kept, kept.T @ loads, seen @ kept)


def shrunk(a: FloatArray, root: float) -> FloatArray:
    """A matrix scaled down to a spectral radius of `root`, where it is larger."""
    largest = float(np.abs(np.linalg.eigvals(a)).max())
    return a * min(1.0, root / max(largest, 1e-12))
