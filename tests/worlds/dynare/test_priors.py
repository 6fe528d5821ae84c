"""Priors' quantiles have the means and s.d.s that the file states."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from emulator.worlds.dynare.model import Prior
from emulator.worlds.dynare.places import Place
from emulator.worlds.dynare.quantiles import box, inverse_gamma, quantiles

pytestmark = pytest.mark.fast


def prior(shape: str, mean: float | None, sd: float | None, *support: float | None) -> Prior:
    third, fourth = (*support, None, None)[:2]
    return Prior(
        "parameter", "p", shape, mean, sd, third, fourth, None, None, None, Place("f.mod", 1)
    )


@pytest.mark.parametrize(
    ("shape", "mean", "sd", "support"),
    [
        ("normal", 1.5, 0.25, ()),
        ("uniform", 0.5, 0.2, ()),
        ("beta", 0.7, 0.1, ()),
        ("beta", 0.2, 0.3, (-1.0, 1.0)),
        ("gamma", 1.5, 0.5, ()),
        ("gamma", 1.5, 0.3, (1.0,)),
        ("inv_gamma", 0.4, 0.15, ()),
        ("inv_gamma2", 0.4, 0.1, ()),
        ("weibull", 1.5, 0.4, ()),
    ],
)
def test_moments(shape: str, mean: float, sd: float, support: tuple[float, ...]) -> None:
    p = prior(shape, mean, sd, *support)
    # the midpoint rule on quantiles; tails of the inverse gamma converge slowly
    u = (np.arange(4_000) + 0.5) / 4_000
    draws = quantiles(p, u)
    assert draws.mean() == pytest.approx(mean, rel=5e-3)
    assert draws.std() == pytest.approx(sd, rel=5e-2)
    assert box(p) == pytest.approx(tuple(np.quantile(draws, [0.05, 0.95])), rel=1e-2)


def test_an_infinite_sd_is_dynares_convention() -> None:
    s, nu = inverse_gamma(0.1, float("inf"))
    assert nu == 2.0
    x = stats.invgamma(1.0, scale=0.5 * s)  # x is the square
    assert np.sqrt(x.ppf((np.arange(200_000) + 0.5) / 200_000)).mean() == pytest.approx(0.1, 1e-2)


@pytest.mark.parametrize(
    ("shape", "mean", "sd"),
    [("none", 1.0, 1.0), ("normal", None, 1.0), ("beta", 0.5, 0.9), ("gamma", -1.0, 0.2),
     ("normal", 1.0, 0.0), ("inv_gamma", float("nan"), 1.0)],
)  # fmt: skip
def test_what_is_no_distribution_has_no_box(shape: str, mean: float | None, sd: float) -> None:
    assert box(prior(shape, mean, sd)) is None


def test_uniform_ends_may_stand_for_mean_and_sd() -> None:
    assert box(prior("uniform", None, None, 0.0, 2.0)) == pytest.approx((0.1, 1.9))
