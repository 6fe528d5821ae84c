"""Sign flips."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.metrics.sign_flips import flips
from tests.evaluation.toys import HUMP

pytestmark = pytest.mark.fast


def test_a_hump_flips_once() -> None:
    for scale in (1.0, -1.0, 400.0, -1e-6):
        assert flips(scale * HUMP) == 1


def test_a_response_that_is_zero_never_flips() -> None:
    assert (flips(np.zeros((2, 9))) == 0).all()


def test_an_alternating_response_flips_every_quarter_and_ripples_below_one_percent_never() -> None:
    alternating = (-1.0) ** np.arange(9)
    assert flips(alternating) == 8
    ripple = np.concatenate([[1.0], 0.009 * alternating])
    assert flips(ripple) == 0
    assert flips(np.concatenate([[1.0], 0.011 * alternating])) == 9 - 1


def test_a_dead_band_between_two_signs_is_one_flip() -> None:
    assert flips(np.array([1.0, 0.0, 0.0, -1.0, 0.0, 0.0])) == 1
