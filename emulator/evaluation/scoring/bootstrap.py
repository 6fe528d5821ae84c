"""Bootstrap intervals over samples (Efron and Tibshirani 1993, ch. 13: percentile intervals).

Samples are the unit that is resampled: the shocks and observables of one sample move together.
Where they are drawn by siblings, which share what is dear to solve, groups of these are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

RESAMPLES = 2000  # the ends of a 95 % interval then rest on 50 resamples each
SEED = 20_070_131  # fixed: the same statistics give the same interval
_RESAMPLES_AT_ONCE = 200  # resamples at once; bounds the memory


@lru_cache(maxsize=8)  # worlds and splits have few different sizes; 16 MB each at 8,000 samples
def _counts(n: int, stream: int) -> np.ndarray:
    """How often each of n samples is in each resample, (RESAMPLES, n)."""
    rng = np.random.default_rng([SEED, stream])
    shares = np.full(n, 1.0 / n)
    parts = [
        # Counts are Poisson-like with mean one: one beyond 255 has a chance below 1e-500.
        rng.multinomial(n, shares, size=_RESAMPLES_AT_ONCE).astype(np.uint8)
        for _ in range(RESAMPLES // _RESAMPLES_AT_ONCE)
    ]  # fmt: skip
    return np.concatenate(parts)


class Pair(NamedTuple):
    """Errors (N,) of the same samples, and which group of siblings each is in."""

    ours: np.ndarray
    theirs: np.ndarray
    groups: np.ndarray | None = None


def groups_of(samples: pd.Index, siblings: int) -> np.ndarray | None:
    """Which group of siblings each sample (N,) is in, by its number; None for samples drawn
    alone."""
    return None if siblings == 1 else samples.to_numpy() // siblings


def told(siblings: int) -> dict[str, object]:
    """What an entry of metrics.json says of siblings: nothing where each sample is drawn alone."""
    return {"siblings": siblings} if siblings > 1 else {}


def resampled_means(
    values: np.ndarray, stream: int = 0, groups: np.ndarray | None = None
) -> np.ndarray:
    """Means of `values` (N,) or (N, K) in each resample, (RESAMPLES,) or (RESAMPLES, K).

    Columns share their resamples, so what is paired stays paired. stream: another number gives
    independent resamples, for samples that are not the same. groups (N,): whole groups are
    resampled, and a mean is over the samples in them, however many.
    """
    if groups is not None:
        _, place = np.unique(groups, return_inverse=True)
        columns = np.column_stack([values, np.ones(len(values))])
        sums = np.zeros((place.max() + 1, columns.shape[1]))
        np.add.at(sums, place, columns)
        drawn = resampled_means(sums, stream)
        means = np.asarray(drawn[:, :-1] / drawn[:, -1:])
        return means if values.ndim > 1 else means[:, 0]
    counts = _counts(len(values), stream)
    parts = [
        counts[first : first + _RESAMPLES_AT_ONCE].astype(np.float64) @ values
        for first in range(0, RESAMPLES, _RESAMPLES_AT_ONCE)
    ]
    return np.concatenate(parts) / len(values)


def percentile_interval(draws: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of bootstrap draws."""
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(draws, [tail, 1.0 - tail])
    return float(low), float(high)


def mean_interval(
    values: np.ndarray, level: float = 0.95, groups: np.ndarray | None = None
) -> tuple[float, float]:
    """The percentile interval of a mean. For a paired comparison pass the differences."""
    return percentile_interval(resampled_means(values, groups=groups), level)


def ratio_draws(
    numerator: np.ndarray,
    denominator: np.ndarray,
    stream: int = 0,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Bootstrap draws (RESAMPLES,) of mean(numerator) / mean(denominator), paired by sample."""
    means = resampled_means(np.column_stack([numerator, denominator]), stream, groups)
    return np.asarray(means[:, 0] / means[:, 1])


def mean_ratio_interval(pairs: Sequence[Pair], level: float = 0.95) -> tuple[float, float]:
    """The interval of the mean of several ratios of means, each over samples of its own."""
    draws = [
        ratio_draws(pair.ours, pair.theirs, stream, pair.groups)
        for stream, pair in enumerate(pairs)
    ]
    return percentile_interval(np.mean(draws, axis=0), level)
