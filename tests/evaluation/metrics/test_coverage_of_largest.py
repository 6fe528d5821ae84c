"""Bands where responses are large."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.scoring.summarise import summarise
from tests.evaluation.toys import SIGMA, bands, frame

pytestmark = pytest.mark.fast


def test_bands_that_miss_the_largest_tenth_alone_are_found_out() -> None:
    """Twenty samples in rising order, in s.d.s; the bands of the last two are off."""
    size = np.arange(1.0, 21.0)
    truth = np.ones((20, 2, 9, 3)) * size[:, None, None, None] * SIGMA[:, None]
    quantiles = bands(truth, (-2.0, -1.0, 0.5, 1.0, 2.0))
    quantiles[18:, :, :3] += 100.0  # three quarters of nine
    summary = summarise(frame(truth, truth=truth, prediction=truth + 1.0, quantiles=quantiles))
    assert summary["coverage_90_of_largest"] == pytest.approx(1 - 3 / 9)
    assert summary["coverage_90"] == pytest.approx(1 - 3 / 9 / 10)
