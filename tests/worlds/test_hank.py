"""hank: sequence-jacobian's solutions, Walras' law, determinacy, known limits, siblings."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from emulator.worlds import Responses, Status
from emulator.worlds.hank import SHOCKS, HeterogeneousAgents, _solution
from emulator.worlds.hank.elementary import exp, log
from emulator.worlds.hank.equilibrium import (
    QUARTERS,
    UNITS,
    markets,
    smoothed,
    solve_household,
)
from emulator.worlds.hank.grids import skills
from emulator.worlds.hank.jacobians import INPUTS, jacobians
from emulator.worlds.hank.steady_state import Household, steady_state
from tests.dynare import load

pytestmark = pytest.mark.fast

WORLD = HeterogeneousAgents()
HOUSEHOLD = len(Household._fields)
COARSE = 100  # assets, where the economics does not need the world's own grid


def own(theta: np.ndarray, points: int) -> np.ndarray:
    """Responses (6, 41, 3) to one s.d. on a grid of `points` assets."""
    solved = solve_household(Household(*theta[:HOUSEHOLD].tolist()), points)
    values, status = _solution(solved, theta[HOUSEHOLD:], 0)
    assert status == Status.OK
    assert values is not None
    return values[:, :41] * theta[-len(SHOCKS) :, None, None]


def some_draws(horizon: int) -> Responses:
    """Responses of valid prior draws, siblings of four households."""
    theta = WORLD.from_uniforms(np.random.default_rng(3).random((32, len(WORLD.parameters))))
    theta[:, :HOUSEHOLD] = np.repeat(theta[:4, :HOUSEHOLD], 8, axis=0)
    responses = WORLD.irf(theta, horizon)
    valid = responses.status == Status.OK
    return Responses(responses.values[valid], responses.status[valid])


def test_responses_are_those_of_sequence_jacobian() -> None:
    reference = load("hank_ssj.json")
    assert reference["parameters"] == list(WORLD.parameter_names)
    assert reference["shocks"] == list(WORLD.shock_names)
    gaps = []
    for draw in reference["draws"]:
        expected = np.array(draw["irf_7x100"])
        ours = own(np.array(draw["theta"]), 100)
        gaps.append(np.abs(ours - expected).max(axis=1) / np.abs(expected).max(axis=1))
    # Its derivatives are differences of width 1e-5, which kinks in policies leave least exact.
    assert np.max(gaps) < 2e-5
    assert np.median(gaps) < 1e-7


def test_the_grid_is_fine_enough() -> None:
    draws = load("hank_ssj.json")["draws"]
    expected = np.array([draw["irf_7x500"] for draw in draws])
    values = WORLD.irf(np.array([draw["theta"] for draw in draws]), 40).values
    scale = some_draws(40).values.std(axis=(0, 2))  # (S, 3), as in the metric
    # It is .0007 over the six draws that there are, with the s.d. over a hundred of the prior.
    assert (np.sqrt(((values - expected) ** 2).mean(axis=2)) / scale).mean() < 1.5e-3


def test_output_is_consumption_and_spending() -> None:
    theta = WORLD.pack()
    state = steady_state(Household(*theta[:HOUSEHOLD].tolist()), COARSE)
    assert state is not None
    found = jacobians(state, QUARTERS, ("assets", "labour", "consumption"))
    rate, wage, debt = state.problem.rate, state.wage, state.debt
    solved = markets(rate, wage, debt, found[:2])
    assert solved is not None
    values, status = _solution(solved, theta[HOUSEHOLD:], 0)
    assert status == Status.OK
    assert values is not None
    names = dict(zip(WORLD.parameter_names, theta, strict=True))
    quarters = np.arange(QUARTERS)
    for shock, letter, paths in zip(WORLD.shock_names, "mbuzgt", values, strict=True):
        output, inflation, nominal = paths.T / UNITS[:, None]
        path = names[f"rho_{letter}"] ** quarters
        u, z, g, t, b = (
            path if shock == name else np.zeros(QUARTERS)
            for name in ("cost_push", "technology", "spending", "transfer", "demand")
        )
        real = np.append(0.0, nominal[:-1]) - (1.0 + rate) * inflation
        later = np.append(inflation[1:], 0.0)
        wages = wage * z + (inflation - later / (1.0 + rate) - u) / names["kappa"]
        dividends = output - wage * (output - z) - wages
        bonds = names["rho_d"] * smoothed((g + t)[:, None], names["rho_d"])[:, 0]
        tax = debt * real + (1.0 + rate) * np.append(0.0, bonds[:-1]) + g + t - bonds
        inputs = dict(zip(INPUTS, (real, wages, dividends, tax, t, -b), strict=True))
        consumption = sum(found[2, k] @ x for k, x in enumerate(inputs.values()))
        held = sum(found[0, k] @ x for k, x in enumerate(inputs.values()))
        assert np.abs(held - bonds).max() < 1e-9 * np.abs(output).max()
        assert np.abs(output - consumption - g).max() < 1e-8 * max(1.0, np.abs(output).max())


def test_markets_decide_output_where_a_constant_real_rate_would_not() -> None:
    theta = WORLD.pack({"debt": 0.4, "markup": 1.35, "frisch": 0.25, "sigma": 3.0, "r_ss": 1.0,
                        "rho_e": 0.985, "sigma_e": 0.7, "gamma_d": 1.5})  # fmt: skip
    state = steady_state(Household(*theta[:HOUSEHOLD].tolist()), COARSE)
    assert state is not None
    found = jacobians(state, QUARTERS)
    solved = markets(state.problem.rate, state.wage, state.debt, found)
    assert solved is not None
    output, cost = solved.given.reshape(2, QUARTERS, QUARTERS)
    real = np.eye(QUARTERS)
    real[1:] += solved.reaction * output[:-1]
    inputs = (real, cost, output - state.wage * output - cost, state.debt * real)
    assets, labour = np.einsum("oits,isk->otk", found[:, :4], np.array(inputs))
    assert np.abs(solved.given).max() < 100.0  # it explodes without a reaction
    np.testing.assert_allclose(assets, 0.0, atol=1e-9)
    np.testing.assert_allclose(labour, output, atol=1e-9)


def test_determinacy_ends_near_a_reaction_of_one() -> None:
    theta = np.tile(WORLD.pack({"phi_y": 0.0}), (4, 1))
    column = WORLD.parameter_names.index("phi_pi")
    theta[:, column] = (0.9, 0.97, 1.04, 1.5)
    status = WORLD.check(theta)
    assert (status[:2] == Status.INDETERMINATE).all()
    assert (status[2:] <= Status.OUT_OF_BOUNDS).all()


def test_persistence_of_one_has_no_stable_solution() -> None:
    theta = np.stack([WORLD.pack({name: 1.0}) for name in ("rho_g", "rho_d")])
    assert (WORLD.check(theta) == Status.NO_STABLE_SOLUTION).all()
    assert WORLD.check(WORLD.pack({"rho_e": 1.0})) == Status.NO_CONVERGENCE


def test_with_less_risk_and_more_debt_households_come_to_smooth_as_one() -> None:
    """A representative agent consumes the interest on a transfer, and keeps its Euler equation."""
    spent, gaps = [], []
    for risk, debt in ((0.5, 1.4), (0.2, 3.0), (0.1, 5.0)):
        theta = WORLD.pack({"sigma_e": risk, "debt": debt})
        state = steady_state(Household(*theta[:HOUSEHOLD].tolist()), COARSE)
        assert state is not None
        found = jacobians(state, 20, ("consumption",))
        spent.append(found[0, INPUTS.index("transfer"), 0, 0])
    assert all(b < a / 2 for a, b in pairwise(spent))
    assert state.problem.rate / 2 < spent[-1] < 4.0 * state.problem.rate
    for risk, debt in ((0.5, 1.4), (0.15, 3.5)):
        theta = WORLD.pack({"sigma_e": risk, "debt": debt})
        output, inflation, nominal = own(theta, COARSE)[0].T / UNITS[:, None]
        real = nominal[:-1] - (1.0 + state.problem.rate) * inflation[1:]
        growth = np.diff(output)
        euler = growth - state.problem.eis * real / (1.0 + state.problem.rate)
        gaps.append(np.abs(euler).max() / np.abs(growth).max())
    assert gaps[1] < 0.75 * gaps[0]


def test_signs_are_those_documented() -> None:
    impact = some_draws(0).values[:, :, 0].swapaxes(0, 1)
    assert impact.shape[1] > 20
    monetary, demand, cost_push, technology, spending, transfer = impact
    assert (monetary[:, :2] < 0.0).all()
    assert (demand > 0.0).all()
    assert (cost_push[:, 1:] > 0.0).all()
    assert (technology[:, 1] < 0.0).all()
    assert (spending[:, 0] > 0.0).all()
    assert (transfer[:, ::2] > 0.0).all()
    # "mostly", "nearly always"
    for mostly in (
        monetary[:, 2] > 0.0, cost_push[:, 0] < 0.0, technology[:, 0] > 0.0,
        technology[:, 2] < 0.0, spending[:, 2] > 0.0, transfer[:, 1] > 0.0,
    ):  # fmt: skip
        assert mostly.mean() > 0.6


def test_draws_with_one_household_solve_it_once() -> None:
    theta = np.stack([WORLD.pack({"phi_pi": value}) for value in (1.2, 1.4, 2.0)])
    WORLD.check(theta)
    before = solve_household.cache_info().misses
    assert len({responses.tobytes() for responses in WORLD.irf(theta, 4).values}) == 3
    assert solve_household.cache_info().misses == before


def test_exponential_and_logarithm_are_numpys() -> None:
    x = np.random.default_rng(0).uniform(-300.0, 300.0, 2_000)
    ours = np.array([exp(value) for value in x])
    np.testing.assert_allclose(ours, np.exp(x), rtol=5e-16)
    np.testing.assert_allclose([log(value) for value in np.exp(x)], np.log(np.exp(x)), rtol=5e-16)


def test_the_chain_of_skills_has_its_persistence_and_spread() -> None:
    levels, chain, shares = skills(0.966, 0.5)
    logs = np.log(levels) - shares @ np.log(levels)
    assert shares @ levels == pytest.approx(1.0, abs=1e-14)
    np.testing.assert_allclose(chain.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(shares @ chain, shares, rtol=1e-13)
    assert shares @ logs**2 == pytest.approx(0.25, rel=1e-12)
    assert shares @ (logs * (chain @ logs)) == pytest.approx(0.966 * 0.25, rel=1e-12)
