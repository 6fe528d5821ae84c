"""The sign where the response is largest."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.metrics.base import Answers
from emulator.evaluation.metrics.wrong_sign_at_peak import wrong_sign, wrong_sign_at_peak
from tests.evaluation.toys import HUMP, frame

pytestmark = pytest.mark.fast


def test_only_the_quarter_of_the_true_peak_counts() -> None:
    elsewhere = np.where(np.arange(9) == 2, HUMP, -9.0 * HUMP)
    predictions = np.stack([HUMP, elsewhere, -elsewhere, 0.0 * HUMP])
    truth = np.stack([HUMP] * 4)
    assert wrong_sign(Answers(predictions, truth)).tolist() == [False, False, True, True]
    assert wrong_sign(Answers(-predictions, -truth)).tolist() == [False, False, True, True]


def test_the_share_is_over_responses() -> None:
    truth = np.zeros((4, 2, 9, 3))
    truth[:] = HUMP[:, None]
    prediction = 1.1 * truth
    prediction[1, 0, :, 1] *= -1.0
    table = frame(truth, truth=truth, prediction=prediction)
    assert wrong_sign_at_peak(table) == 1 / 20
