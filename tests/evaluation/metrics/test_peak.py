"""The peak."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.metrics.peak import peak, peak_error
from tests.evaluation.toys import HUMP, shifted

pytestmark = pytest.mark.fast


def test_a_hump_has_its_peak_where_it_is_furthest_from_zero() -> None:
    assert peak(HUMP) == (2.0, 2)
    for scale in (-1.0, 400.0, -1e-6):
        assert peak(scale * HUMP)[0] == scale * 2.0


def test_a_response_that_is_zero_has_no_peak() -> None:
    assert (peak(np.zeros((2, 9)))[0] == 0).all()


def test_the_peak_error_of_a_scaled_response() -> None:
    expected = 0.5 * np.mean([1 / 1, 1 / 2, 1 / 0.5, 1 / 1, 1 / 4])
    assert peak_error(shifted()) == pytest.approx(expected)
