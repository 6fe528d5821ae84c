"""CRPS against exact answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from emulator.evaluation.metrics.crps import crps, score
from emulator.evaluation.metrics.iae import iae
from emulator.limits import QUANTILES
from tests.evaluation.toys import frame, noise

pytestmark = pytest.mark.fast


def test_crps_of_a_degenerate_forecast_is_the_absolute_error() -> None:
    rng = np.random.default_rng(2)
    truth, point = rng.normal(size=(2, 30, 41))
    quantiles = np.repeat(point[..., None], 5, axis=-1)
    expected = np.abs(truth - point).mean(axis=-1)
    assert score(truth, quantiles) == pytest.approx(expected, rel=1e-12)


def test_crps_of_a_model_without_bands_is_its_absolute_error() -> None:
    table = frame(noise())
    assert crps(table) == pytest.approx(iae(table) / 9)


def test_crps_of_an_exact_normal_forecast_is_three_percent_below_the_exact_score() -> None:
    """Exact: 1 / sqrt(pi) (Gneiting and Raftery 2007, JASA 102). Truths on a fine grid of normal
    quantiles stand for the expectation; the docstring quotes the bias."""
    truth = norm.ppf((np.arange(200_000) + 0.5) / 200_000)[None]
    quantiles = np.broadcast_to(norm.ppf(QUANTILES), (*truth.shape, 5))
    ratio = score(truth, quantiles)[0] * np.sqrt(np.pi)
    assert ratio == pytest.approx(0.970, abs=5e-4)


def test_crps_prefers_the_right_spread() -> None:
    """The score is proper: too narrow and too wide both cost."""
    truth = norm.ppf((np.arange(20_000) + 0.5) / 20_000)[None]

    def expected(spread: float) -> float:
        quantiles = np.broadcast_to(spread * norm.ppf(QUANTILES), (*truth.shape, 5))
        return float(score(truth, quantiles)[0])

    assert expected(1.0) < min(expected(0.8), expected(1.25))
