"""Persistence and volatility of theta: exact in linear worlds, by fixed numbers in others."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import get_world
from emulator.worlds.base import Status
from emulator.worlds.population import path_moments, population_moments
from emulator.worlds.registry import BUILT_IN

pytestmark = pytest.mark.slow


def test_moments_of_paths_are_what_numpy_says() -> None:
    paths = np.random.default_rng(0).standard_normal((5, 90, 3)).cumsum(axis=1).astype(np.float32)
    moments = path_moments(paths, 10)
    tail = paths[:, 10:].astype(float)
    deviation = tail - tail.mean(axis=1, keepdims=True)
    lagged = (deviation[:, 1:] * deviation[:, :-1]).sum(axis=1) / (deviation**2).sum(axis=1)
    np.testing.assert_allclose(moments.sd, tail.std(axis=1), rtol=1e-12)
    np.testing.assert_allclose(moments.autocorrelation, lagged, rtol=1e-11)
    np.testing.assert_allclose(moments.persistence, lagged.mean(axis=1), rtol=1e-11)
    np.testing.assert_allclose(
        moments.volatility, np.log(tail.std(axis=1)).mean(axis=1), rtol=1e-11
    )


def test_a_constant_series_has_no_persistence() -> None:
    moments = path_moments(np.zeros((1, 20, 3), dtype=np.float32), 4)
    assert np.isnan(moments.persistence[0])
    assert moments.volatility[0] == -np.inf


def test_independent_first_order_autoregressions_have_their_own() -> None:
    """y_t = rho y_{t-1} + s eps_t: autocorrelation rho, s.d. s / sqrt(1 - rho^2)."""
    world = get_world("var")
    own, names = {"a1_11": 0.9, "a1_22": 0.5, "a1_33": -0.2}, world.parameter_names
    theta = world.pack({n: 0.0 for n in names if n.startswith(("a", "l"))} | own)
    moments = population_moments(world, theta[None])
    rho, sd = np.array([*own.values()]), np.diagonal(world.solve(theta).d[0])
    np.testing.assert_allclose(moments.autocorrelation[0], rho, rtol=1e-12)
    np.testing.assert_allclose(moments.sd[0], sd / np.sqrt(1.0 - rho**2), rtol=1e-12)


@pytest.mark.parametrize("name", ["lss", "var", "nk", "rbc", "sw07"])
def test_exact_moments_are_those_of_a_long_path(name: str) -> None:
    world = get_world(name)
    theta = world.pack()[None]
    eps = np.random.default_rng(1).standard_normal((1, 40_000, len(world.shocks)))
    path = path_moments(world.simulate(theta, eps).observables, 500)
    exact = population_moments(world, theta)
    # Three standard errors at the roots of the defaults, .9 and below.
    np.testing.assert_allclose(path.autocorrelation, exact.autocorrelation, atol=0.02)
    np.testing.assert_allclose(path.sd, exact.sd, rtol=0.06)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_draw_has_the_same_moments_in_any_batch_and_at_any_time(name: str) -> None:
    world = get_world(name)
    rows, middle = (4, slice(1, 3)) if world.dear else (12, slice(2, 9))
    theta = world.sample_parameters(rows, np.random.default_rng(0))
    whole = population_moments(world, theta)
    assert np.isfinite(whole.persistence).all()
    assert np.isfinite(whole.volatility).all()
    for some in (slice(3, 4), middle):
        part = population_moments(world, theta[some], world.solve(theta[some]))
        np.testing.assert_array_equal(part.sd, whole.sd[some])
        np.testing.assert_array_equal(part.autocorrelation, whole.autocorrelation[some])
    assert population_moments(world, theta[:0]).sd.shape == (0, 3)


def test_draws_without_a_solution_have_none_and_spoil_no_other() -> None:
    world = get_world("nk")
    theta = np.array([world.pack(), world.pack({"phi_pi": 0.2})])
    assert world.check(theta)[1] >= Status.NO_STABLE_SOLUTION
    moments = population_moments(world, theta)
    assert np.isnan(moments.persistence).tolist() == [False, True]


def test_a_bound_that_never_binds_leaves_the_linear_world() -> None:
    """`zlb` far from its bound is `nk`, but for what 1,000 quarters leave open."""
    zlb, nk = get_world("zlb"), get_world("nk")
    quiet = {"sigma_a": 0.0005, "sigma_m": 0.0005, "sigma_u": 0.0005}  # below their bounds
    exact = population_moments(nk, nk.pack(quiet)[None])
    found = population_moments(zlb, zlb.pack({**quiet, "r_ss": 4.0})[None])
    # Three standard errors of an autocorrelation of .8, and of a log s.d.
    assert np.abs(found.autocorrelation - exact.autocorrelation).max() < 3 * 0.02
    assert np.abs(np.log(found.sd / exact.sd)).max() < 3 * 0.07
