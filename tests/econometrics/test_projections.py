"""Local projections against regressions written out, and the two ends of the penalty."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from emulator.econometrics import projections
from emulator.errors import InputError
from tests.econometrics import estimators
from tests.econometrics.test_autoregressions import data

pytestmark = pytest.mark.fast


def test_responses_are_regression_coefficients() -> None:
    y, lags, before, horizon = data(11, count=1)[0], 2, 1, 6
    found = estimators.local_projections(y[None], before, lags, horizon)["lp"][0]
    for h in range(horizon + 1):
        rows = np.arange(lags, len(y) - h)
        z = np.column_stack(
            [y[rows, before], y[rows, :before], *[y[rows - k] for k in range(1, lags + 1)]]
        )
        for v in range(3):
            fit = sm.OLS(y[rows + h, v], sm.add_constant(z)).fit()
            assert found[h, v] == pytest.approx(fit.params[1], rel=1e-6, abs=1e-9)


def test_the_penalty_goes_from_least_squares_to_a_parabola(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = projections.Parts(data(12, count=2), 0, 2, 15)
    monkeypatch.setattr(projections, "PENALTIES", np.array([1e-12]))
    np.testing.assert_allclose(
        projections.penalised(parts), projections.projected(parts), rtol=1e-4, atol=1e-4
    )
    monkeypatch.setattr(projections, "PENALTIES", np.array([1e12]))
    assert np.abs(np.diff(projections.penalised(parts), n=3, axis=1)).max() < 1e-5


@pytest.mark.parametrize("horizon", [0, 1])
def test_of_one_or_two_quarters_nothing_is_smoothed(horizon: int) -> None:
    parts = projections.Parts(data(13, count=2), 1, 2, horizon)
    np.testing.assert_allclose(projections.penalised(parts), projections.projected(parts))


def test_splines_sum_to_one() -> None:
    np.testing.assert_allclose(projections.basis(10).sum(axis=1), 1.0)


def test_the_correction_moves_later_horizons_as_published() -> None:
    """One series, one lag as control: weights 1 + autocorrelation of the control."""
    rng = np.random.default_rng(3)
    controls = rng.standard_normal((1, 80, 2))
    found = np.ones((1, 3, 1))
    apart = controls[0, :, 1] - controls[0, :, 1].mean()
    rho = [(apart[j:] * apart[: 80 - j]).sum() / (apart**2).sum() for j in range(3)]
    first = 1.0 + (1.0 + rho[1]) / 79
    second = 1.0 + ((1.0 + rho[1]) * first + (1.0 + rho[2])) / 78
    expected = [1.0, first, second]
    np.testing.assert_allclose(projections.bias_corrected(found, controls)[0, :, 0], expected)


def test_too_long_horizons_are_refused() -> None:
    with pytest.raises(InputError, match="too few for local projections"):
        estimators.local_projections(data(13)[:, :40], 0, 4, 30)


def test_controls_that_follow_from_each_other_are_refused() -> None:
    y = data(14, count=1)
    y[:, :-9, 1] = 0.0  # without the last quarters it does not move
    with pytest.raises(InputError, match="leave out a series, or ask for a shorter horizon"):
        projections.Parts(y, 0, 2, 8)
