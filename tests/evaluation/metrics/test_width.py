"""Widths of bands."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.metrics.width import width, width_90
from tests.evaluation.toys import bands, frame, noise, scored

pytestmark = pytest.mark.fast


def test_widths_are_those_of_the_bands() -> None:
    quantiles = np.tile([0.0, 1.0, 2.0, 4.0, 9.0], (2, 3, 1))
    assert (width(quantiles, 50) == 3.0).all()
    assert (width(quantiles, 90) == 9.0).all()


def test_the_width_of_bands_is_in_units_of_sigma() -> None:
    case = scored(noise())
    table = frame(noise(), quantiles=bands(case.truth, (-2.0, -1.0, 0.5, 1.0, 2.0)))
    expected = 4.0 * np.mean([1 / 1, 1 / 2, 1 / 0.5, 1 / 1, 1 / 4])
    assert width_90(table) == pytest.approx(expected)
