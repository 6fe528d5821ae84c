"""NRMSE: known answers, and identities."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.metrics.nrmse import nrmse_per_sample
from emulator.evaluation.scoring.statistics import squares_by_horizon, statistics
from emulator.evaluation.scoring.summarise import summarise
from tests.evaluation.toys import SHAPE, frame, noise, scored

pytestmark = pytest.mark.fast


def test_nrmse_of_a_known_error() -> None:
    """Off by 0.3 everywhere: 0.3 / sigma, averaged over the five responses that are not zero."""
    expected = 0.3 * np.mean([1 / 1, 1 / 2, 1 / 0.5, 1 / 1, 1 / 4])
    summary = summarise(frame(np.full(SHAPE, 0.3)))
    assert summary["nrmse"] == pytest.approx(expected, rel=1e-12)
    assert summary["samples"] == 4
    assert summary["ci95"] == pytest.approx([expected, expected], rel=1e-12)
    pooled = 0.3 * np.mean([1 / 1, 1 / 2, 1 / 1, 1 / 2, 1 / 4])
    assert summary["nrmse_pooled"] == pytest.approx(pooled, rel=1e-12)
    assert summary["by_observable"]["rate"] == pytest.approx(0.3 / 4, rel=1e-12)
    assert summary["by_shock"]["first"] == pytest.approx(0.3 * (1 / 1 + 1 / 2) / 2, rel=1e-12)


def test_nrmse_is_the_mean_over_responses_of_the_root_over_horizons() -> None:
    """One horizon of seven off by 0.7: the root mean square over horizons is 0.7 / sqrt(7)."""
    error = np.zeros((3, 2, 7, 3))
    error[1, 0, 4, 0] = 0.7
    error[0, 1, 4, 1] = error[2, 1, 4, 1] = 0.07  # no sample may be exact
    per_sample = nrmse_per_sample(frame(error))
    assert per_sample[0] == pytest.approx(0.07 / np.sqrt(7) / 5, rel=1e-12)
    assert per_sample[1] == pytest.approx(0.7 / np.sqrt(7) / 5, rel=1e-12)
    by_horizon = np.sqrt(squares_by_horizon(scored(error)).mean(axis=0))
    assert by_horizon[4] == pytest.approx(np.sqrt((0.7**2 + 2 * 0.07**2) / (3 * 5)), rel=1e-12)
    assert (np.delete(by_horizon, 4) == 0).all()


def test_mean_square_by_response_and_by_horizon_agree() -> None:
    """Both average the same squares, (error / sigma)^2."""
    case = scored(noise())
    table = statistics(case)
    by_response = (table["mse"] / table["sigma"] ** 2).mean()
    assert squares_by_horizon(case).mean() == pytest.approx(by_response, rel=1e-12)
