"""Bootstrap intervals: coverage, pairing, repeatability."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emulator.evaluation.scoring.bootstrap import (
    Pair,
    groups_of,
    mean_interval,
    mean_ratio_interval,
    percentile_interval,
    ratio_draws,
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
    pairs = [Pair(rng.exponential(size=50), rng.exponential(size=50)) for _ in range(9)]
    low, high = mean_ratio_interval(pairs)
    single = percentile_interval(ratio_draws(pairs[0].ours, pairs[0].theirs))
    # A third of the width with nine independent worlds; one half leaves room for luck.
    assert high - low < 0.5 * (single[1] - single[0])


def test_worlds_are_resampled_apart() -> None:
    """Nine worlds whose errors happen to be the same numbers are nine worlds all the same."""
    rng = np.random.default_rng(0)
    pair = Pair(rng.exponential(size=50), rng.exponential(size=50))
    low, high = mean_ratio_interval([pair] * 9)
    single = percentile_interval(ratio_draws(pair.ours, pair.theirs))
    assert high - low < 0.5 * (single[1] - single[0])


def test_siblings_that_err_alike_are_resampled_together() -> None:
    """Ten samples to a group, nearly the same error in each: as uncertain as one of each group."""
    rng = np.random.default_rng(2)
    errors = rng.exponential(size=40)
    groups = groups_of(pd.Index(np.arange(1000, 1400)), 10)  # the numbers of a split's samples
    each = np.repeat(errors, 10) + 1e-9 * rng.normal(size=400)
    interval = mean_interval(errors)
    assert mean_interval(each, groups=groups) == pytest.approx(interval, rel=1e-6)
    low, high = mean_interval(each)
    assert high - low < 0.5 * np.ptp(interval)
    pair = Pair(2.0 * each, each[::-1].copy(), groups)
    assert np.ptp(mean_ratio_interval([pair])) > 2.0 * np.ptp(
        mean_ratio_interval([pair._replace(groups=None)])
    )


def test_a_mean_is_over_samples_where_groups_are_unequal() -> None:
    """Groups of one err by 1, groups of nine by 0: the mean is near a tenth, not a half."""
    sizes = np.tile([1, 9], 60)
    groups = np.repeat(np.arange(120), sizes)
    errors = np.repeat(np.tile([1.0, 0.0], 60), sizes)
    low, high = mean_interval(errors, groups=groups)
    assert low < errors.mean() < high < 0.2


def test_samples_drawn_alone_have_no_groups() -> None:
    assert groups_of(pd.Index([4, 7, 9]), 1) is None
