"""Responses scaled to an impact, summed over quarters, and averaged."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.estimation.bands import averaged, bands, cumulated, scaled, summed_units
from emulator.specs import MACRO_OBSERVABLES

pytestmark = pytest.mark.fast


def _draws() -> np.ndarray:
    return np.random.default_rng(0).normal(1.0, 0.2, (50, 2, 5, 3))


def test_scaled_draws_have_the_impact_and_their_own_shape() -> None:
    values = _draws()
    values[0, 0, 0, 2] = 1e-9
    found = scaled(values, 2, 0.5)
    assert np.isnan(found[0, 0]).all()
    np.testing.assert_allclose(found[1:, :, 0, 2], 0.5)
    np.testing.assert_allclose(found[3, 1, :, 0] / values[3, 1, :, 0], 0.5 / values[3, 1, 0, 2])


def test_sums_are_percent_and_annualised_rates_are_summed_by_a_fourth() -> None:
    values = _draws()
    found = cumulated(values, ("output", "inflation"))
    np.testing.assert_allclose(found[..., -1, 0], values[..., 0].sum(axis=-1))
    np.testing.assert_allclose(found[..., -1, 1], values[..., 1].sum(axis=-1) / 4.0)
    assert np.array_equal(found[..., 2], values[..., 2])
    units = [o.unit for o in summed_units(MACRO_OBSERVABLES, ("inflation",))]
    assert units == ["percent", "percent, summed", MACRO_OBSERVABLES[2].unit]


def test_an_average_over_models_weighs_them_by_their_shares() -> None:
    one, other = _draws(), _draws() + 10.0
    alone = averaged(("a", "b"), [one, other], np.array([1.0, 0.0]))
    expected = bands(("a", "b"), one)
    np.testing.assert_allclose(alone.mean, expected.mean)
    np.testing.assert_allclose(alone.quantiles, expected.quantiles, atol=0.1)
    both = averaged(("a", "b"), [one, other], np.array([0.5, 0.5]))
    assert (both.quantiles[..., 0] < 2.0).all()
    assert (both.quantiles[..., -1] > 9.0).all()
