"""Candidate responses: the estimators they are, whatever the units, signs and order of controls."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.econometrics import bayesian, projections
from emulator.econometrics.candidates import (
    DESCRIPTORS,
    NAMES,
    Candidates,
    candidates,
    lags_for,
)
from emulator.errors import InputError
from tests.econometrics import estimators
from tests.econometrics.test_autoregressions import data

pytestmark = pytest.mark.fast

BEFORE, HORIZON, N = 1, 12, 4


def series(seed: int = 0, quarters: int = 150) -> np.ndarray:
    """(2, T, 4), the last one a random walk."""
    y = data(seed, count=2, quarters=quarters)
    walk = np.random.default_rng(seed).standard_normal((2, quarters, 1)).cumsum(axis=1)
    return np.concatenate([y, walk + 0.01 * y[..., :1]], axis=2)


def answers(y: np.ndarray, persistent: np.ndarray | None = None) -> Candidates:
    return candidates(y, BEFORE, HORIZON, np.ones(N) if persistent is None else persistent)


def test_candidates_are_the_estimators_of_their_names() -> None:
    y = series()
    found = dict(zip(NAMES, answers(y).responses.swapaxes(0, 1), strict=True))
    assert lags_for(150, N, HORIZON) == 4
    expected = {
        "var": estimators.least_squares(y, BEFORE, 4, HORIZON),
        "var_short": estimators.least_squares(y, BEFORE, 2, HORIZON),
        "var_corrected": estimators.corrected(y, BEFORE, 4, HORIZON),
        "bvar": estimators.bayes(y, BEFORE, 4, HORIZON, np.ones((2, N))),
        **estimators.local_projections(y, BEFORE, 4, HORIZON),
    }
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, name)


def test_tighter_priors_end_nearer_to_random_walks_and_white_noise() -> None:
    found = dict(zip(NAMES, answers(series()).responses.swapaxes(0, 1), strict=True))
    own = {name: value[:, 1:, BEFORE] for name, value in found.items()}
    for tight, loose in (("bvar_tight", "bvar_middle"), ("bvar_middle", "bvar_loose")):
        assert np.abs(own[tight] - 1.0).mean() < np.abs(own[loose] - 1.0).mean()
    assert np.abs(own["bvar_white"]).mean() < np.abs(own["bvar_middle"]).mean()


def test_a_fixed_tightness_is_the_grids() -> None:
    y = series()
    z = (y - y.mean(axis=1, keepdims=True)) / y.std(axis=1, keepdims=True)
    prior = np.ones((2, N))
    best = bayesian.posterior(z, 4, prior)
    for k in range(2):
        if best.tightness[k, 1:].tolist() != [1.0, 1.0]:
            continue
        (same,) = bayesian.fixed(z, 4, prior, [best.tightness[k, 0]])
        np.testing.assert_allclose(same.lags[k], best.estimate.lags[k], atol=1e-12)
    one, other = bayesian.fixed(z, 4, prior, [0.1, 2.0])
    assert np.abs(one.lags[:, 0] - np.eye(N)).mean() < np.abs(other.lags[:, 0] - np.eye(N)).mean()


def test_the_order_of_controls_changes_nothing() -> None:
    """Of those ahead among themselves and of those behind among themselves."""
    y = series(1)
    order = np.array([0, 1, 3, 2])
    plain, found = answers(y), answers(y[..., order])
    _same(found, _reordered(plain, order))
    two = candidates(y, 2, HORIZON, np.ones(N))
    swapped = candidates(y[..., [1, 0, 2, 3]], 2, HORIZON, np.ones(N))
    _same(swapped, _reordered(two, np.array([1, 0, 2, 3])))


@pytest.mark.parametrize("scale", [[1.0, -1.0, 1.0, 1.0], [-40.0, 3.0, 0.01, -1.0]])
def test_units_and_signs_change_only_units_and_signs(scale: list[float]) -> None:
    y, unit = series(2), np.array(scale)
    plain, found = answers(y), answers(y * unit + 7.0)
    factor = unit / unit[BEFORE]
    _same(
        found,
        Candidates(
            plain.responses * factor, plain.error * np.abs(factor),
            plain.unit * np.abs(factor), plain.descriptors,
        ),
    )  # fmt: skip


def _reordered(found: Candidates, order: np.ndarray) -> Candidates:
    responses, error, unit, descriptors = found
    return Candidates(
        responses[..., order], error[..., order], unit[:, order], descriptors[:, order]
    )


def _same(found: Candidates, expected: Candidates) -> None:
    for name in Candidates._fields:
        one, other = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7, err_msg=name)


def test_standard_errors_are_those_of_robust_regressions() -> None:
    sm = pytest.importorskip("statsmodels.api")
    y = series(3)[0]
    parts = projections.Parts(y[None], BEFORE, 2, 4)
    found = projections.standard_errors(parts, projections.projected(parts))[0]
    for h in (0, 3):
        rows = np.arange(2, len(y) - h)
        z = np.column_stack([y[rows, BEFORE], y[rows, :BEFORE], *[y[rows - k] for k in (1, 2)]])
        fit = sm.OLS(y[rows + h, 2], sm.add_constant(z)).fit(cov_type="HC1")
        assert found[h, 2] == pytest.approx(fit.bse[1], rel=1e-6)


def test_standard_errors_are_about_as_large_as_errors() -> None:
    y = data(5, count=100, quarters=200)
    found = candidates(y, 0, 8, np.zeros(3))
    lp = found.responses[:, list(NAMES).index("lp")]
    assert (found.error.mean(axis=0) / np.maximum(lp.std(axis=0), 1e-9))[1:] == pytest.approx(
        1.0, abs=0.3
    )


def test_lags_leave_quarters_to_estimate_from() -> None:
    sizes = ((200, 5, 20), (80, 8, 20), (80, 2, 20), (60, 8, 40))
    assert [lags_for(*each) for each in sizes] == [4, 2, 4, 1]
    y = series(4, quarters=48)
    assert np.isfinite(candidates(y, 0, 4, np.ones(N)).responses).all()
    with pytest.raises(InputError, match="too few"):
        candidates(y[:, :16], 0, 12, np.ones(N))
    with pytest.raises(InputError, match="constant"):
        candidates(np.concatenate([y, 0.0 * y[..., :1]], axis=2), 0, 4, np.ones(N + 1))


def test_descriptors_have_their_names() -> None:
    found = answers(series(), np.array([1.0, 1.0, 1.0, 0.0])).descriptors
    assert found.shape == (2, N, len(DESCRIPTORS))
    assert np.isfinite(found).all()
    named = dict(zip(DESCRIPTORS, np.moveaxis(found, -1, 0), strict=True))
    assert named["asked"][0].tolist() == [0.0, 1.0, 0.0, 0.0]
    assert named["persistent"][1].tolist() == [1.0, 1.0, 1.0, 0.0]
    assert named["level"][0].argmax() == 3
