"""The integrated absolute error, and bounds that other errors set."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.metrics.iae import iae
from tests.evaluation.toys import SHAPE, frame, noise

pytestmark = pytest.mark.fast


def test_a_constant_bias_is_its_size_times_quarters() -> None:
    expected = 7 * 0.2 * np.mean([1 / 1, 1 / 2, 1 / 0.5, 1 / 1, 1 / 4])
    assert iae(frame(np.full(SHAPE, -0.2))) == pytest.approx(expected)


def test_iae_lies_between_the_bounds_that_mse_sets() -> None:
    """Jensen: (iae / points)^2 <= mse, and iae >= sqrt(points mse)."""
    table = frame(noise())
    assert (table["iae"] / 9 <= np.sqrt(table["mse"]) + 1e-12).all()
    assert (table["iae"] >= np.sqrt(9 * table["mse"]) - 1e-12).all()
