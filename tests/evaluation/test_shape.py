"""Shapes of responses: known answers and identities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emulator.evaluation.scoring.metrics import shape

pytestmark = pytest.mark.fast

HUMP = np.array([0.0, 1.0, 2.0, 1.5, 0.9, 1.1, 0.4, -0.5, 0.0])
responses = arrays(
    np.float64, st.integers(2, 60), elements=st.floats(-1e6, 1e6, allow_subnormal=False)
)


def test_a_hump_has_its_peak_half_life_overshoot_and_one_flip() -> None:
    value, time = shape.peak(HUMP)
    assert (value, time) == (2.0, 2)
    # Below half at 4, above it again at 5, for good from 6 on: four quarters after the peak.
    assert shape.half_life(HUMP) == 4
    assert shape.overshoot(HUMP) == 0.25
    assert shape.sign_flips(HUMP) == 1


def test_shapes_do_not_depend_on_sign_or_unit() -> None:
    for scale in (-1.0, 400.0, -1e-6):
        for measure in (shape.half_life, shape.overshoot, shape.sign_flips):
            assert measure(scale * HUMP) == pytest.approx(measure(HUMP))
        assert shape.peak(scale * HUMP)[0] == scale * 2.0


def test_geometric_decay_has_the_half_life_of_its_root() -> None:
    """.9^h is at most one half from h = 7 on: log(.5) / log(.9) = 6.6."""
    assert shape.half_life(0.9 ** np.arange(41)) == 7


def test_a_response_that_stays_up_is_censored_at_the_last_horizon() -> None:
    assert shape.half_life(np.ones(41)) == 41


def test_a_response_that_is_zero_has_no_shape() -> None:
    zero = np.zeros((2, 9))
    assert (shape.peak(zero)[0] == 0).all()
    for measure in (shape.half_life, shape.overshoot, shape.sign_flips):
        assert (measure(zero) == 0).all()


def test_an_alternating_response_flips_every_quarter_and_ripples_below_one_percent_never() -> None:
    alternating = (-1.0) ** np.arange(9)
    assert shape.sign_flips(alternating) == 8
    ripple = np.concatenate([[1.0], 0.009 * alternating])
    assert shape.sign_flips(ripple) == 0
    assert shape.sign_flips(np.concatenate([[1.0], 0.011 * alternating])) == 9 - 1


def test_a_dead_band_between_two_signs_is_one_flip() -> None:
    assert shape.sign_flips(np.array([1.0, 0.0, 0.0, -1.0, 0.0, 0.0])) == 1


@given(responses)
def test_energies_add_up_to_the_sum_of_squares(values: np.ndarray) -> None:
    """Parseval, for even and odd numbers of points."""
    total = np.square(values).sum()
    assert shape.spectrum(values).sum() == pytest.approx(total, rel=1e-9, abs=1e-12)


def test_a_cosine_has_all_its_energy_at_its_own_frequency() -> None:
    quarters = np.arange(40)
    for period, high in ((4, True), (5, True), (8, False), (20, False)):
        energy = shape.spectrum(np.cos(2 * np.pi * quarters / period))
        k = int(energy.argmax())
        assert shape.frequencies(40)[k] == pytest.approx(1 / period)
        assert energy[k] == pytest.approx(energy.sum(), rel=1e-12)
        assert shape.high_frequency(40)[k] == high


def test_a_period_of_six_quarters_is_not_high_frequency() -> None:
    high = shape.high_frequency(36)  # has an entry at exactly six quarters
    assert not high[6]
    assert high[7]
