"""Errors relative to a response's own peak."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.metrics.relative_error import SMALL
from emulator.evaluation.scoring.summarise import summarise
from tests.evaluation.toys import HUMP, frame

pytestmark = pytest.mark.fast

NAMES = tuple(f"relative_error_{name}" for name in ("median", "90", "99", "worst"))


def test_the_levels_are_those_of_the_worst_quarter_over_the_peak() -> None:
    """101 responses of one shape, in any unit, whose last quarter is off by 1, 2, ... 101 %."""
    share = np.arange(1, 102) / 100
    truth = np.zeros((101, 2, 9, 3))
    truth[:] = HUMP[:, None] * np.array([1.0, -5.0, 30.0])
    error = np.zeros_like(truth)
    error[:, :, -1] = share[:, None, None] * 2.0 * np.array([1.0, 5.0, 30.0])
    summary = summarise(frame(error, truth=truth, prediction=truth + error))
    assert [summary[name] for name in NAMES] == pytest.approx([0.51, 0.91, 1.0, 1.01])
    assert summary["small_responses"] == 0.0


def test_small_responses_are_counted_and_not_scored() -> None:
    truth = np.ones((4, 2, 9, 3))
    truth[0] *= 0.9 * SMALL * 0.5  # below 2 % of every sigma
    error = np.full_like(truth, 0.1)
    table = frame(error, truth=truth, prediction=truth - error)
    summary = summarise(table)
    assert summary["small_responses"] == 1 / 4
    assert [summary[name] for name in NAMES] == pytest.approx([0.1] * 4)
    assert summary["wrong_sign_at_peak"] == 0.0  # it is wrong for the small ones alone
    assert table["wrong_sign"].mean() == 1 / 4


def test_where_all_are_small_there_is_no_relative_error() -> None:
    truth = np.zeros((4, 2, 9, 3))
    summary = summarise(frame(truth + 1.0, truth=truth, prediction=truth + 1.0))
    assert summary["small_responses"] == 1.0
    assert [summary[name] for name in (*NAMES, "wrong_sign_at_peak")] == [None] * 5
