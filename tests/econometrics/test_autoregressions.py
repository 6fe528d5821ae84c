"""Vector autoregressions against statsmodels, and the bias that Pope's formula takes away."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.tsa.api import VAR

from emulator.econometrics import autoregressions
from emulator.econometrics.candidates import candidates
from emulator.errors import InputError
from tests.econometrics import estimators

pytestmark = pytest.mark.fast


def data(seed: int, count: int = 3, quarters: int = 150, n: int = 3) -> np.ndarray:
    """Stationary series in different units (count, T, n)."""
    rng = np.random.default_rng(seed)
    a = np.array([[0.7, 0.1, 0.0], [0.0, 0.5, 0.2], [0.1, 0.0, 0.8]])[:n, :n]
    root = np.array([[1.0, 0.0, 0.0], [0.4, 1.0, 0.0], [-0.3, 0.2, 1.0]])[:n, :n]
    y = np.zeros((count, quarters + 50, n))
    for t in range(1, y.shape[1]):
        y[:, t] = y[:, t - 1] @ a.T + rng.standard_normal((count, n)) @ root.T
    return y[:, 50:] * np.array([1.0, 40.0, 0.01])[:n] + np.array([3.0, -900.0, 0.2])[:n]


@pytest.mark.parametrize("before", [0, 1, 2])
def test_responses_are_statsmodels_orthogonalised_ones(before: int) -> None:
    y = data(1)
    ours = estimators.least_squares(y, before, 2, 12)
    for row, series in zip(ours, y, strict=True):
        irf = VAR(series).fit(2, trend="c").irf(12).orth_irfs[:, :, before]
        np.testing.assert_allclose(row, irf / irf[0, before], rtol=1e-7, atol=1e-9)


def test_controls_may_stand_in_any_order() -> None:
    y = data(2)
    turned = estimators.least_squares(y[:, :, [0, 2, 1]], 0, 2, 8)
    np.testing.assert_allclose(
        turned[:, :, [0, 2, 1]], estimators.least_squares(y, 0, 2, 8), rtol=1e-9
    )


def test_units_and_signs_only_scale() -> None:
    y = data(3)
    factor = np.array([-5.0, 2.0, -0.1])
    for estimator in (estimators.least_squares, estimators.corrected):
        plain, other = estimator(y, 1, 2, 8), estimator(y * factor, 1, 2, 8)
        np.testing.assert_allclose(other, plain * factor / factor[1], rtol=1e-6, atol=1e-12)


def test_the_bias_of_one_autoregression() -> None:
    rho, quarters = 0.6, 100
    estimate = autoregressions.Autoregression(np.full((1, 1, 1, 1), rho), np.ones((1, 1, 1)))
    found = autoregressions.bias_corrected(estimate, quarters).lags.item()
    assert found == pytest.approx(rho + (1.0 + 3.0 * rho) / quarters)  # Kendall (1954)


def test_corrections_stop_short_of_unit_roots() -> None:
    near = autoregressions.Autoregression(np.full((1, 1, 1, 1), 0.99), np.ones((1, 1, 1)))
    found = autoregressions.bias_corrected(near, 50).lags.item()
    assert 0.99 < found < 1.0
    beyond = autoregressions.Autoregression(np.full((1, 1, 1, 1), 1.01), np.ones((1, 1, 1)))
    assert autoregressions.bias_corrected(beyond, 50).lags.item() == 1.01


def test_too_few_quarters_and_constants_are_refused() -> None:
    with pytest.raises(InputError, match="too few for 4 lags of 3 series; 18 would do"):
        estimators.least_squares(data(4)[:, :17], 0, 4, 8)
    y = data(4)
    y[:, :, 1] = 7.0
    with pytest.raises(InputError, match="constant"):
        estimators.least_squares(y, 0, 2, 8)


@pytest.mark.parametrize("horizon", [0, 8])
@pytest.mark.parametrize("made", ["change", "lag", "sum", "trend", "wave"])
def test_a_series_that_follows_from_others_or_from_the_past_is_refused(
    made: str, horizon: int
) -> None:
    y, time = data(5)[:, :, :2], np.arange(149.0)
    new = {
        "change": np.diff(y[:, :, 0]),
        "lag": y[:, :-1, 0],
        "sum": y[:, 1:].sum(axis=2),
        "trend": np.broadcast_to(time, (3, 149)),
        "wave": np.broadcast_to(np.sin(0.3 * time), (3, 149)),
    }[made]
    both = np.concatenate([y[:, 1:], new[..., None]], axis=2)
    for before in (0, 2):
        with pytest.raises(InputError, match="leave one out"):
            candidates(both, before, horizon, np.ones(3))


def test_series_that_are_much_alike_are_answered() -> None:
    """Of the second, a ten-thousandth of the innovation is its own."""
    y = data(6)
    y[:, :, 1] = 40.0 * y[:, :, 0] + 40e-4 * np.random.default_rng(7).standard_normal(y.shape[:2])
    assert np.isfinite(candidates(y, 1, 8, np.ones(3)).responses).all()


def test_a_pivot_of_nothing_is_refused_whichever_it_is() -> None:
    for before in (0, 1):
        with pytest.raises(InputError, match="leave one out"):
            autoregressions.unit_impact(np.array([[[1.0, 1.0], [1.0, 1.0 + 1e-12]]]), before)
