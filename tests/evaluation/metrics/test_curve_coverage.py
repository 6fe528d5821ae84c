"""Whole curves in bands."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.scoring.summarise import summarise
from tests.evaluation.toys import bands, frame, noise, scored

pytestmark = pytest.mark.fast


def test_one_quarter_outside_is_a_curve_outside() -> None:
    case = scored(noise())
    quantiles = bands(case.truth, (-2.0, -1.0, 0.5, 1.0, 2.0))
    quantiles[2, 1, 4, 0] += 10.0
    summary = summarise(frame(noise(), quantiles=quantiles))
    assert summary["curve_coverage_90"] == pytest.approx(1 - 1 / 30)
    assert summary["coverage_90"] == pytest.approx(1 - 1 / 270)


def test_independent_quarters_are_all_inside_with_the_power_of_the_level() -> None:
    """Two quarters, each inside with chance .9: both with .81."""
    rng = np.random.default_rng(3)
    truth = rng.uniform(size=(4000, 2, 2, 3))
    quantiles = np.broadcast_to(np.array([0.0, 0.25, 0.5, 0.75, 0.9]), (*truth.shape, 5))
    summary = summarise(frame(truth, truth=truth, prediction=truth + 1.0, quantiles=quantiles))
    error = 4 * np.sqrt(0.81 * 0.19 / 20_000)  # four binomial standard errors
    assert summary["curve_coverage_90"] == pytest.approx(0.81, abs=error)


def test_bands_of_whole_curves_are_scored_beside_those_of_points() -> None:
    case = scored(noise())
    points, curves = (bands(case.truth, (-w, -1.0, 0.5, 1.0, w)) for w in (2.0, 3.0))
    curves[1, 1, 4, 1] += 10.0
    summary = summarise(frame(noise(), quantiles=points, curves=curves))
    assert summary["simultaneous_coverage_90"] == pytest.approx(1 - 1 / 30)
    assert summary["curve_coverage_90"] == 1.0
