"""Bootstrap intervals over samples (Efron and Tibshirani 1993, ch. 13: percentile intervals)."""

from __future__ import annotations

import numpy as np

RESAMPLES = 2000  # the ends of a 95 % interval then rest on 50 resamples each
SEED = 20_070_131  # fixed: the same statistics give the same interval


def mean_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of a mean. For a paired comparison pass the differences."""
    rng = np.random.default_rng(SEED)
    n = len(values)
    # Multinomial weights are the counts of a resample; chunks bound the memory.
    means = np.concatenate(
        [rng.multinomial(n, np.full(n, 1.0 / n), size=200) @ values / n
         for _ in range(RESAMPLES // 200)]
    )  # fmt: skip
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)
