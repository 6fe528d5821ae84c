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


@pytest.mark.parametrize("persistent", [1.0, 0.0])
def test_numbers_of_the_first_quarters_are_as_near_as_later_ones(persistent: float) -> None:
    rng = np.random.default_rng(5)
    e = rng.standard_normal((200, 3)) @ np.array(
        [[1.0, 0.6, 0.3], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]]
    )
    y = np.cumsum(e, axis=0) if persistent else e
    scale = np.diff(y, axis=0).std(axis=0)
    for row in (1, 2, 3, 4, 100):
        for j in range(3):
            gaps = y.copy()
            gaps[row, j] = np.nan
            off = filled(gaps, 4, np.full(3, persistent))[row, j] - y[row, j]
            assert abs(off) < 2.5 * scale[j], (row, j)


def test_many_gaps_from_the_second_quarter_on_settle() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        y = np.cumsum(rng.standard_normal((120, 3)), axis=0)
        missing = rng.random(y.shape) < 0.07
        missing[[0, -1]] = False
        found = filled(np.where(missing, np.nan, y), 4, np.ones(3))
        off = np.abs(found - y)[missing] / np.diff(y, axis=0).std()
        assert off.max() < 5.0, seed
