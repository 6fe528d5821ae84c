"""Coverage of bands, and the calibration curve, against exact answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from emulator.evaluation.metrics.calibration import below
from emulator.evaluation.metrics.coverage import BANDS, coverage
from emulator.evaluation.scoring.summarise import summarise
from emulator.limits import QUANTILES
from tests.evaluation.toys import bands, frame, noise, scored

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
        assert coverage(truth, quantiles, band).mean() == pytest.approx(level, abs=error)
    shares = below(truth, quantiles).mean(axis=0)
    assert shares == pytest.approx(np.array(QUANTILES), abs=4 * 0.5 / np.sqrt(n))


def test_coverage_is_the_difference_of_the_calibration_curve() -> None:
    """An identity where no truth equals a quantile: in the band is below its top, not its end."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(50, 41))
    quantiles = np.sort(rng.normal(size=(50, 41, 5)), axis=-1)
    shares = below(truth, quantiles)
    for band, (low, high) in BANDS.items():
        difference = shares[..., high] - shares[..., low]
        assert coverage(truth, quantiles, band) == pytest.approx(difference)


def test_the_ends_of_a_band_belong_to_it() -> None:
    """An impact that is exactly zero is covered by a band that has shrunk to it."""
    truth = np.zeros((1, 3))
    assert coverage(truth, np.zeros((1, 3, 5)), 90) == [1.0]


def test_wide_bands_cover_everything_of_every_observable() -> None:
    case = scored(noise())
    summary = summarise(frame(noise(), quantiles=bands(case.truth, (-2.0, -1.0, 0.5, 1.0, 2.0))))
    assert summary["coverage_50"] == summary["coverage_90"] == 1.0
    everywhere = {"output": 1.0, "inflation": 1.0, "rate": 1.0}
    assert summary["coverage_by_observable"] == {"50": everywhere, "90": everywhere}
