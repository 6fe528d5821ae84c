"""The root of the mean square."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.metrics.nrmse import nrmse
from emulator.evaluation.metrics.rmse import rmse
from tests.evaluation.toys import SIGMA, frame, noise, scored

pytestmark = pytest.mark.fast


def test_one_large_error_in_four_counts_by_its_square() -> None:
    error = 1e-4 * np.ones((4, 2, 9, 3)) * SIGMA[:, None]  # an exact answer would be refused
    error[0] = 2.0 * SIGMA[:, None]
    assert nrmse(frame(error)) == pytest.approx(2.0 / 4, abs=1e-4)
    assert rmse(frame(error)) == pytest.approx(2.0 / np.sqrt(4), abs=1e-4)


def test_it_is_nrmse_where_all_errors_are_alike_and_above_it_elsewhere() -> None:
    alike = frame(0.3 * np.ones((6, 2, 9, 3)) * SIGMA[:, None])
    assert rmse(alike) == pytest.approx(nrmse(alike)) == pytest.approx(0.3)
    assert rmse(frame(noise())) > nrmse(frame(noise()))


def test_the_mean_of_responses_scores_one_by_their_own_spread() -> None:
    """An identity: the s.d. about the mean is the root mean squared error of the mean."""
    truth = scored(noise()).truth
    mean, sd = truth.mean(axis=0), truth.std(axis=0).mean(axis=1)
    spread = (truth - mean) / (truth - mean).std(axis=(0, 2))[:, None] * sd[:, None]
    case = frame(noise(), truth=mean + spread, prediction=0 * truth + mean, sigma=sd)
    assert rmse(case) == pytest.approx(1.0)
