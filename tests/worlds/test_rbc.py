"""rbc: Dynare's responses, equilibrium, the classical dichotomy, convolution, moments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_lyapunov

from emulator import get_world
from emulator.worlds import Status, doubling
from emulator.worlds.rational_expectations import solve
from emulator.worlds.rbc import RealBusinessCycle
from tests.dynare import largest_gap, load

pytestmark = pytest.mark.fast

WORLD = RealBusinessCycle()
LOWER = np.array([p.lower for p in WORLD.parameters])
UPPER = np.array([p.upper for p in WORLD.parameters])


def test_responses_are_dynares() -> None:
    draws = load("rbcm_dynare.json")["draws"]
    names = WORLD.parameter_names
    theta = np.array([[d["params"][name] for name in names] for d in draws])
    # the references carry 15 digits of numbers up to about 10
    gap = largest_gap(WORLD, theta, draws, ["e_a", "e_b", "e_m"], ["y", "pi", "ii"])
    assert gap < 1e-11


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)), min_size=12, max_size=12))
def test_decision_rule_is_an_equilibrium(position: list[float]) -> None:
    theta = np.minimum(LOWER + (UPPER - LOWER) * np.array(position), UPPER)
    lead, now, lag, load_, persistence, _ = WORLD.model(theta[None]).matrices
    rule = solve(lead, now, lag, load_, persistence)
    assert rule.status[0] == Status.OK
    g, q, n = rule.transition[0], rule.load[0], persistence[0]
    # rounding times the elasticities of investment, up to about 40
    assert np.abs(lead[0] @ g @ g + now[0] @ g + lag[0]).max() < 1e-12
    assert np.abs(lead[0] @ (g @ q + q @ n) + now[0] @ q + load_[0]).max() < 1e-12
    assert np.abs(np.linalg.eigvals(g)).max() < 1.0


def test_steady_state_ratios_are_those_of_the_nonlinear_model() -> None:
    # N = 1/3 and the levels of the reference's steady state give the same resource shares.
    for draw in load("rbcm_dynare.json")["draws"]:
        logs = draw["steady_state_logs"]
        theta = np.array([[draw["params"][name] for name in WORLD.parameter_names]])
        stated = WORLD.model(theta)
        resources = stated.matrices.now[0, 7]
        for name in ("c", "inv"):
            share = np.exp(logs[name] - logs["y"])
            assert resources[stated.variables[name]] == pytest.approx(share, rel=1e-12)


def test_output_does_not_react_to_the_monetary_shock_at_all() -> None:
    theta = WORLD.sample_parameters(200, np.random.default_rng(1))
    output = WORLD.irf(theta).values[:, 2, :, 0]
    np.testing.assert_array_equal(output, 0.0)


def test_monetary_shock_moves_nominal_variables_as_in_closed_form() -> None:
    theta = WORLD.sample_parameters(200, np.random.default_rng(1))
    phi_pi, rho_m, sigma_m = theta[:, 5], theta[:, 8], theta[:, 11]
    values = WORLD.irf(theta, horizon=8).values[:, 2]
    decay = (sigma_m / (phi_pi - rho_m))[:, None] * rho_m[:, None] ** np.arange(9)
    np.testing.assert_allclose(values[:, :, 1], -400 * decay, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(
        values[:, :, 2], -400 * rho_m[:, None] * decay, rtol=1e-11, atol=1e-14
    )


def test_signs_are_those_documented() -> None:
    theta = WORLD.sample_parameters(2_000, np.random.default_rng(4))
    technology, preference, monetary = WORLD.irf(theta, horizon=0).values[:, :, 0].swapaxes(0, 1)
    assert (technology[:, 0] > 0.0).all()
    assert (preference[:, 0] < 0.0).all()
    rises = (technology[:, 1:] > 0.0).mean(axis=0)
    assert ((rises > 0.7) & (rises < 0.8)).all()  # "three quarters"
    rises = (preference[:, 1:] > 0.0).mean(axis=0)
    assert ((rises > 0.35) & (rises < 0.45)).all()  # "two fifths"
    assert (technology[theta[:, 6] < 0.1, 1] < 0.0).mean() > 0.9  # short-lived: they fall
    assert (preference[theta[:, 7] < 0.1, 1:] > 0.0).all()  # short-lived: they rise
    assert (monetary[:, 1] < 0.0).all()
    assert (monetary[:, 2] <= 0.0).all()


@pytest.mark.parametrize("name", ["nk", "rbc", "sw07"])
def test_simulation_from_rest_is_the_convolution_of_shocks_with_responses(name: str) -> None:
    world, rng = get_world(name), np.random.default_rng(6)
    theta = world.sample_parameters(3, rng)
    eps = rng.standard_normal((3, 30, len(world.shocks)))
    responses = world.irf(theta, horizon=29).values
    expected = np.zeros((3, 30, 3))
    for t in range(30):
        for h in range(t + 1):
            expected[:, t] += np.einsum("bs,bsv->bv", eps[:, t - h], responses[:, :, h])
    paths = world.simulate(theta, eps)
    np.testing.assert_allclose(paths.observables, expected, rtol=0, atol=1e-11)


def test_covariance_solves_the_lyapunov_equation() -> None:
    theta = WORLD.sample_parameters(20, np.random.default_rng(5))
    space = WORLD.solve(theta)
    ours = doubling.covariances(space.a, space.b, 4)
    for r in range(20):
        theirs = solve_discrete_lyapunov(space.a[r], space.b[r] @ space.b[r].T)
        np.testing.assert_allclose(ours[r], theirs, rtol=0, atol=1e-11 * np.abs(theirs).max())
