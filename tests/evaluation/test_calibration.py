"""Bands: coverage, width and CRPS against exact answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from emulator.evaluation.scoring.metrics import bands as calibration
from emulator.limits import QUANTILES

pytestmark = pytest.mark.fast


def test_exact_quantiles_cover_their_level() -> None:
    rng = np.random.default_rng(0)
    centre, spread = rng.normal(size=(200, 41)), rng.uniform(0.5, 2, size=(200, 41))
    truth = rng.normal(centre, spread)
    quantiles = centre[..., None] + spread[..., None] * norm.ppf(QUANTILES)
    n = truth.size
    for band in (50, 90):
        level = band / 100
        error = 4 * np.sqrt(level * (1 - level) / n)  # four binomial standard errors
        assert calibration.coverage(truth, quantiles, band).mean() == pytest.approx(
            level, abs=error
        )
    below = calibration.below(truth, quantiles).mean(axis=0)
    assert below == pytest.approx(np.array(QUANTILES), abs=4 * 0.5 / np.sqrt(n))


def test_coverage_is_the_difference_of_the_calibration_curve() -> None:
    """An identity where no truth equals a quantile: in the band is below its top, not its end."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(50, 41))
    quantiles = np.sort(rng.normal(size=(50, 41, 5)), axis=-1)
    below = calibration.below(truth, quantiles)
    for band, (low, high) in calibration.BANDS.items():
        difference = below[..., high] - below[..., low]
        assert calibration.coverage(truth, quantiles, band) == pytest.approx(difference)


def test_the_ends_of_a_band_belong_to_it() -> None:
    """An impact that is exactly zero is covered by a band that has shrunk to it."""
    truth = np.zeros((1, 3))
    assert calibration.coverage(truth, np.zeros((1, 3, 5)), 90) == [1.0]


def test_widths_are_those_of_the_bands() -> None:
    quantiles = np.tile([0.0, 1.0, 2.0, 4.0, 9.0], (2, 3, 1))
    assert (calibration.width(quantiles, 50) == 3.0).all()
    assert (calibration.width(quantiles, 90) == 9.0).all()


def test_crps_of_a_degenerate_forecast_is_the_absolute_error() -> None:
    rng = np.random.default_rng(2)
    truth, point = rng.normal(size=(2, 30, 41))
    quantiles = np.repeat(point[..., None], 5, axis=-1)
    expected = np.abs(truth - point).mean(axis=-1)
    assert calibration.crps(truth, quantiles) == pytest.approx(expected, rel=1e-12)


def test_crps_of_an_exact_normal_forecast_is_three_percent_below_the_exact_score() -> None:
    """Exact: 1 / sqrt(pi) (Gneiting and Raftery 2007, JASA 102). Truths on a fine grid of normal
    quantiles stand for the expectation; the docstring quotes the bias."""
    truth = norm.ppf((np.arange(200_000) + 0.5) / 200_000)[None]
    quantiles = np.broadcast_to(norm.ppf(QUANTILES), (*truth.shape, 5))
    ratio = calibration.crps(truth, quantiles)[0] * np.sqrt(np.pi)
    assert ratio == pytest.approx(0.970, abs=5e-4)


def test_crps_prefers_the_right_spread() -> None:
    """The score is proper: too narrow and too wide both cost."""
    truth = norm.ppf((np.arange(20_000) + 0.5) / 20_000)[None]

    def score(spread: float) -> float:
        quantiles = np.broadcast_to(spread * norm.ppf(QUANTILES), (*truth.shape, 5))
        return float(calibration.crps(truth, quantiles)[0])

    assert score(1.0) < min(score(0.8), score(1.25))
