"""Missing numbers: their mean given the others, whatever the units; what is there stays."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.econometrics.gaps import filled

pytestmark = pytest.mark.fast


def simulated(quarters: int = 400) -> np.ndarray:
    """Two series that move together, (T, 2)."""
    rng = np.random.default_rng(4)
    a = np.array([[0.8, 0.1], [0.0, 0.9]])
    root = np.linalg.cholesky([[1.0, 0.9], [0.9, 1.0]])
    y = np.zeros((quarters, 2))
    for t in range(1, quarters):
        y[t] = a @ y[t - 1] + root @ rng.standard_normal(2)
    return y


def holes(y: np.ndarray, share: float = 0.1) -> np.ndarray:
    out = y.copy()
    out[1:-1][np.random.default_rng(5).random(y[1:-1].shape) < share] = np.nan
    return out


def test_one_series_is_filled_by_the_mean_between_its_neighbours() -> None:
    """Of an AR(1): phi / (1 + phi^2) of the sum of both, from long data."""
    rng = np.random.default_rng(1)
    y = np.zeros((4000, 1))
    for t in range(1, len(y)):
        y[t] = 0.6 * y[t - 1] + rng.standard_normal()
    gaps = y.copy()
    gaps[50::100] = np.nan
    found = filled(gaps, 1, np.zeros(1))
    exact = 0.6 / (1.0 + 0.36) * (y[49::100] + y[51::100])
    np.testing.assert_allclose(found[50::100], exact, atol=0.08)


def test_others_help_and_what_is_there_stays() -> None:
    y = simulated()
    gaps = holes(y)
    found, missing = filled(gaps, 2, np.ones(2)), np.isnan(gaps)
    np.testing.assert_array_equal(found[~missing], y[~missing])
    time = np.arange(len(y))
    lines = np.column_stack(
        [np.interp(time, time[~m], column[~m]) for column, m in zip(gaps.T, missing.T, strict=True)]
    )
    errors = [np.sqrt(np.square(each - y)[missing].mean()) for each in (found, lines)]
    assert errors[0] < 0.7 * errors[1]


def test_units_and_signs_do_not_matter() -> None:
    gaps, unit = holes(simulated()), np.array([-30.0, 0.01])
    plain, other = filled(gaps, 2, np.ones(2)), filled(gaps * unit + 5.0, 2, np.ones(2))
    np.testing.assert_allclose((other - 5.0) / unit, plain, rtol=1e-6, atol=1e-6)


def test_whole_series_are_returned_as_they_are() -> None:
    y = simulated(60)
    np.testing.assert_array_equal(filled(y, 1, np.ones(2)), y)
