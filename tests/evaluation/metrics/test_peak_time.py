"""When the peak comes."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.metrics.peak_time import peak_time, peak_time_error
from tests.evaluation.toys import HUMP, shifted

pytestmark = pytest.mark.fast


def test_the_first_of_several_peaks_counts() -> None:
    assert peak_time(HUMP) == 2
    assert peak_time(np.array([1.0, -2.0, 2.0])) == 1


def test_the_peak_time_error_of_a_shifted_response() -> None:
    assert peak_time_error(shifted()) == 3.0
