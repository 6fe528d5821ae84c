"""The overshoot."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.metrics.overshoot import swing
from tests.evaluation.toys import HUMP

pytestmark = pytest.mark.fast


def test_a_hump_swings_back_by_a_quarter_of_its_peak() -> None:
    for scale in (1.0, -1.0, 400.0, -1e-6):
        assert swing(scale * HUMP) == pytest.approx(0.25)


def test_a_response_that_is_zero_does_not_swing() -> None:
    assert (swing(np.zeros((2, 9))) == 0).all()
