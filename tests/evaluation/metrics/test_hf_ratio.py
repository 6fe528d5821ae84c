"""Spectra: known answers, and energies that add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from emulator.evaluation.metrics.hf_ratio import (
    frequencies,
    hf_ratio,
    hf_share,
    hf_share_truth,
    high_frequency,
    spectrum,
)
from emulator.evaluation.scoring.statistics import mean_spectrum, statistics
from tests.evaluation.toys import SIGMA, frame, noise, scored

responses = arrays(
    np.float64, st.integers(2, 60), elements=st.floats(-1e6, 1e6, allow_subnormal=False)
)

pytestmark = pytest.mark.fast


@given(responses)
def test_energies_add_up_to_the_sum_of_squares(values: np.ndarray) -> None:
    """Parseval, for even and odd numbers of points."""
    total = np.square(values).sum()
    assert spectrum(values).sum() == pytest.approx(total, rel=1e-9, abs=1e-12)


def test_a_cosine_has_all_its_energy_at_its_own_frequency() -> None:
    quarters = np.arange(40)
    for period, high in ((4, True), (5, True), (8, False), (20, False)):
        energy = spectrum(np.cos(2 * np.pi * quarters / period))
        k = int(energy.argmax())
        assert frequencies(40)[k] == pytest.approx(1 / period)
        assert energy[k] == pytest.approx(energy.sum(), rel=1e-12)
        assert high_frequency(40)[k] == high


def test_a_period_of_six_quarters_is_not_high_frequency() -> None:
    high = high_frequency(36)  # has an entry at exactly six quarters
    assert not high[6]
    assert high[7]


def test_energy_is_the_sum_of_squares_and_bounds_its_high_part() -> None:
    case = scored(noise())
    table = statistics(case)
    squares = np.square(case.prediction).sum(axis=2)[:, case.sigma > 0]
    assert np.sort(table["energy"]) == pytest.approx(np.sort(squares.ravel()))
    assert (table["energy_high"] <= table["energy"]).all()


def test_hf_ratio_is_one_for_any_scale_and_larger_with_jaggedness() -> None:
    smooth = np.exp(-np.arange(41) / 10)[None, None, :, None] * np.ones((5, 2, 41, 3))
    jagged = 0.05 * ((-1.0) ** np.arange(41))[None, None, :, None]
    empty = np.zeros_like(smooth)
    scaled = frame(empty, truth=smooth, prediction=1.3 * smooth)
    assert hf_ratio(scaled) == pytest.approx(1.0, rel=1e-12)
    rough = frame(empty, truth=smooth, prediction=smooth + jagged)
    assert hf_ratio(rough) > 1.1
    assert hf_share(rough) / hf_share_truth(rough) == hf_ratio(rough)


def test_the_mean_spectrum_and_the_stored_energies_agree() -> None:
    case = scored(noise())
    table = statistics(case)
    stored = (table["energy"] / table["sigma"] ** 2).mean()
    assert mean_spectrum(case.prediction, SIGMA).sum() == pytest.approx(stored, rel=1e-12)
