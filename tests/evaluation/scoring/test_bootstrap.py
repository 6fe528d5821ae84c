"""Bootstrap intervals: coverage, pairing, repeatability."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emulator.evaluation.scoring.bootstrap import (
    mean_interval,
    mean_ratio_interval,
    percentile_interval,
    ratio_draws,
    units,
)

pytestmark = pytest.mark.fast


def test_intervals_have_their_coverage() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        low, high = mean_interval(rng.normal(size=60))
        hits += low < 0 < high
    # 95 % less a little for percentile intervals at n = 60; four binomial s.e. below 0.94.
    assert hits / 100 > 0.94 - 4 * np.sqrt(0.94 * 0.06 / 100)


def test_the_same_values_give_the_same_interval() -> None:
    values = np.random.default_rng(0).normal(size=50)
    assert mean_interval(values) == mean_interval(values.copy())


def test_pairing_makes_the_interval_of_a_ratio_narrow() -> None:
    """Twice the same errors: the ratio of means is 2 in every resample, however they vary."""
    errors = np.random.default_rng(0).exponential(size=50)
    assert percentile_interval(ratio_draws(2 * errors, errors)) == pytest.approx((2.0, 2.0))
    shuffled = np.random.default_rng(1).permutation(errors)
    low, high = percentile_interval(ratio_draws(2 * errors, shuffled))
    assert high - low > 0.5


def test_the_mean_of_ratios_over_worlds_is_less_uncertain_than_each() -> None:
    rng = np.random.default_rng(0)
    pairs = [(rng.exponential(size=50), rng.exponential(size=50)) for _ in range(9)]
    low, high = mean_ratio_interval(pairs)
    single = percentile_interval(ratio_draws(*pairs[0]))
    # A third of the width with nine independent worlds; one half leaves room for luck.
    assert high - low < 0.5 * (single[1] - single[0])


def test_worlds_are_resampled_apart() -> None:
    """Nine worlds whose errors happen to be the same numbers are nine worlds all the same."""
    rng = np.random.default_rng(0)
    pair = rng.exponential(size=50), rng.exponential(size=50)
    low, high = mean_ratio_interval([pair] * 9)
    single = percentile_interval(ratio_draws(*pair))
    assert high - low < 0.5 * (single[1] - single[0])


def test_siblings_that_err_alike_are_resampled_together() -> None:
    """Ten samples to a group, nearly the same error in each: as uncertain as one of each group."""
    rng = np.random.default_rng(2)
    errors = rng.exponential(size=40)
    samples = pd.Index(np.arange(1000, 1400))  # the numbers of a split's samples
    each = pd.Series(np.repeat(errors, 10) + 1e-9 * rng.normal(size=400), samples)
    assert mean_interval(units(each, 10)) == pytest.approx(mean_interval(errors), rel=1e-6)
    low, high = mean_interval(units(each, 1))
    assert high - low < 0.5 * np.ptp(mean_interval(errors))


def test_samples_drawn_alone_are_resampled_as_they_are() -> None:
    each = pd.Series([3.0, 1.0, 2.0], [4, 7, 9])
    np.testing.assert_array_equal(units(each, 1), each)
