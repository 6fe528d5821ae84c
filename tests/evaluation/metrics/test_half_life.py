"""The half-life."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.evaluation.metrics.half_life import half_life, half_life_error
from tests.evaluation.toys import HUMP, shifted

pytestmark = pytest.mark.fast


def test_a_hump_is_below_half_for_good_four_quarters_after_its_peak() -> None:
    """Below half at 4, above it again at 5, for good from 6 on; whatever its sign and unit."""
    for scale in (1.0, -1.0, 400.0, -1e-6):
        assert half_life(scale * HUMP) == 4


def test_a_response_that_is_zero_has_none() -> None:
    assert (half_life(np.zeros((2, 9))) == 0).all()


def test_a_shift_leaves_the_half_life_alone() -> None:
    assert half_life_error(shifted()) == 0.0


def test_geometric_decay_has_the_half_life_of_its_root() -> None:
    """.9^h is at most one half from h = 7 on: log(.5) / log(.9) = 6.6."""
    assert half_life(0.9 ** np.arange(41)) == 7


def test_a_response_that_stays_up_is_censored_at_the_last_horizon() -> None:
    assert half_life(np.ones(41)) == 41
