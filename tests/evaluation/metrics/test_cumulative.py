"""The cumulative response beside the integrated absolute error."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.metrics.cumulative import cumulative_error
from emulator.evaluation.metrics.iae import iae
from tests.evaluation.toys import SHAPE, frame, noise

pytestmark = pytest.mark.fast


def test_a_constant_bias_shows_alike_in_iae_and_in_the_cumulative_response() -> None:
    table = frame(np.full(SHAPE, -0.2))
    expected = 7 * 0.2 * np.mean([1 / 1, 1 / 2, 1 / 0.5, 1 / 1, 1 / 4])
    assert iae(table) == pytest.approx(expected)
    assert cumulative_error(table) == pytest.approx(expected)


def test_iae_is_never_below_the_error_of_the_cumulative_response() -> None:
    table = frame(noise())
    gap = (table["cumulative"] - table["cumulative_truth"]).abs()
    assert (table["iae"] >= gap - 1e-12).all()
    assert (table["iae"] > gap + 0.1).any()
