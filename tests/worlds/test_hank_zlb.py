"""hank_zlb: the economy's own equations along its plans, `hank` without the bound, and verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.worlds import Status
from emulator.worlds import expected_paths as ep
from emulator.worlds.catalogue import describe
from emulator.worlds.hank import HeterogeneousAgents, moving_averages
from emulator.worlds.hank.equilibrium import QUARTERS, UNITS
from emulator.worlds.hank.jacobians import jacobians
from emulator.worlds.hank.steady_state import Household, steady_state
from emulator.worlds.hank_zlb import ANNOUNCED, HeterogeneousAgentsBound

pytestmark = pytest.mark.slow

WORLD, HANK = HeterogeneousAgentsBound(), HeterogeneousAgents()
# Large and lasting demand shocks, a rule that reacts fast: the bound binds for seven quarters.
BINDING = {"kappa": 0.01, "phi_pi": 2.5, "rho_i": 0.5, "rho_b": 0.85, "sigma_b": 0.01}
DEMAND = WORLD.shock_names.index("demand")


@pytest.fixture(scope="module")
def theta() -> np.ndarray:
    """One household, two rules."""
    return np.stack([WORLD.pack(BINDING), WORLD.pack()])


# ---------------------------------------------------------------- the economy's own equations


def lagged(x: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], x[:-1]])


def led(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x[1:], [0.0]])


def residuals(
    theta: np.ndarray, paths: np.ndarray, eps: np.ndarray, added: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What paths (T, 3), news of a quarter in reported units, leave of the rule, assets, labour.

    eps: the quarter's innovations (6,); added: what is newly announced for the rule (T,), in
    annualised percentage points. Written anew, from the docstring of `hank`.
    """
    p = dict(zip(WORLD.parameter_names, theta, strict=True))
    output, inflation, rate = (paths / UNITS).T
    names = ("m", "b", "u", "z", "g", "t")
    h = np.arange(QUARTERS)
    process = {
        name: p[f"sigma_{name}"] * e * p[f"rho_{name}"] ** h
        for name, e in zip(names, eps, strict=True)
    }
    rule = (1.0 - p["rho_i"]) * (p["phi_pi"] * inflation + p["phi_y"] * output)
    rule += p["rho_i"] * lagged(rate) + process["m"] + added / 400.0 - rate
    r, b_, w = p["r_ss"] / 400.0, 4.0 * p["debt"], 1.0 / p["markup"]
    real = lagged(rate) - (1.0 + r) * inflation
    wage = w * process["z"] + (inflation - led(inflation) / (1.0 + r) - process["u"]) / p["kappa"]
    labour = output - process["z"]
    dividends = output - w * labour - wage
    spent = process["g"] + process["t"]
    debt = np.zeros(QUARTERS)
    for t in range(QUARTERS):
        debt[t] = p["rho_d"] * ((debt[t - 1] if t else 0.0) + spent[t])
    tax = b_ * real + (1.0 + r) * lagged(debt) + spent - debt
    state = steady_state(Household(*theta[: len(Household._fields)].tolist()))
    assert state is not None
    inputs = (real, wage, dividends, tax, process["t"], -process["b"])
    assets, supply = np.einsum("oits,is->ot", jacobians(state, QUARTERS), np.array(inputs))
    return rule, assets - debt, supply - labour


def check(theta: np.ndarray, paths: np.ndarray, eps: np.ndarray, added: np.ndarray) -> None:
    for residual in residuals(theta, paths, eps, np.pad(added, (0, QUARTERS - len(added)))):
        np.testing.assert_allclose(residual, 0.0, atol=1e-9)


def economy(theta: np.ndarray) -> ep.Economy:
    """The economy on all quarters of the sequence space; the world's states are cut before."""
    values, status = moving_averages(theta, ANNOUNCED)
    impulse = values[:, :6] * theta[:, -6:, None, None]
    return ep.economy(impulse, values[:, 6:] / 400.0, theta[:, 0].copy(), status, 2)


def test_plans_satisfy_the_equations_and_complementarity(theta: np.ndarray) -> None:
    e = economy(theta)
    cases = -3.0 * np.eye(6)
    plans = ep.plans(e, np.einsum("cs,bshv->bchv", cases, e.impulse), QUARTERS - 1)
    assert plans.binding[0, DEMAND].sum() >= 8
    for row in range(2):
        for case in range(6):
            paths, added = plans.values[row, case], plans.additions[row, case]
            check(theta[row], paths, cases[case], added)
            above = paths[:ANNOUNCED, 2] + theta[row, 0]
            assert (paths[:, 2] >= -theta[row, 0]).all()
            assert (added >= -1e-10).all()
            assert (above * added == 0.0).all()


def test_news_of_every_quarter_satisfies_the_equations(theta: np.ndarray) -> None:
    # Expectations move by what is learnt: innovations, and what is newly said about the bound.
    e = economy(theta[:1])
    eps = np.random.default_rng(1).standard_normal((1, 12, 6))
    eps[0, [0, 6], DEMAND] = -2.5, 3.0  # into the bound, and out of it
    _, states, binding = ep.simulate(e, eps, np.zeros((1, QUARTERS, 3)))
    assert 2 <= binding.sum() <= 11
    expected, announced = np.zeros((QUARTERS, 3)), np.zeros(ANNOUNCED)
    for t in range(12):
        state = states[:, t - 1] if t else np.zeros((1, QUARTERS * 3))
        free = state.reshape(QUARTERS, 3) + np.einsum("s,shv->hv", eps[0, t], e.impulse[0])
        plan = ep.plans(e, free[None, None], QUARTERS - 1)
        paths, added = plan.values[0, 0], plan.additions[0, 0]
        check(theta[0], paths - expected, eps[0, t], added - announced)
        expected = np.concatenate([paths[1:], np.zeros((1, 3))])
        announced = lagged(added[::-1])[::-1]


# ------------------------------------------------------------------------- without the bound


def test_a_bound_that_never_binds_gives_hank(theta: np.ndarray) -> None:
    eps = 0.1 * np.random.default_rng(2).standard_normal((2, 60, 6))
    ours = WORLD.simulate(theta, eps)
    assert not ours.flags.any()
    solution = WORLD.solve(theta)
    expected = np.zeros((2, 60, 3))
    for lag in range(60):
        part = solution.impulse[:, :, lag]
        expected[:, lag:] += np.einsum("bts,bsv->btv", eps[:, : 60 - lag], part)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(ours.observables, expected, rtol=0, atol=1e-13 * scale)
    # The world hank is a state space that reproduces these responses to 1e-5.
    linear = HANK.simulate(theta, eps).observables
    np.testing.assert_allclose(ours.observables, linear, rtol=0, atol=1e-5 * scale)
    response = WORLD.irf(theta, 40, 0.1, ours.states[:, -1], solution=solution).values
    exact = 0.1 * solution.impulse[:, :, :41]
    np.testing.assert_allclose(response, exact, rtol=0, atol=1e-12 * np.abs(exact).max())


def test_the_bound_deepens_a_recession(theta: np.ndarray) -> None:
    size = np.where(np.arange(6) == DEMAND, -2.0, 0.0)[None]
    with_bound = WORLD.irf(theta[0], 40, size).values[0, DEMAND]
    without = HANK.irf(theta[0], 40, size).values[0, DEMAND]
    assert (with_bound[:, 2] == -theta[0, 0]).sum() == 7
    assert with_bound[0, 0] < 1.4 * without[0, 0] < -3.0
    assert with_bound[0, 1] < without[0, 1] < 0.0


# ------------------------------------------------------------------------------------ verdicts


def test_verdicts_say_where_there_is_a_plan() -> None:
    cases: dict[Status, dict[str, float]] = {
        Status.OK: {},
        Status.INADMISSIBLE: {"kappa": 0.05, "phi_pi": 1.5},  # hank's defaults
        Status.NO_STABLE_SOLUTION: {"kappa": 0.05, "phi_pi": 1.5, "rho_i": 0.5},
        Status.INDETERMINATE: {"phi_pi": 0.5, "phi_y": 0.0},
    }
    theta = np.stack([WORLD.pack(case) for case in cases.values()])
    assert WORLD.check(theta).tolist() == [int(status) for status in cases]
    # What is refused would fail on the way, or is not unique.
    solution = WORLD.solve(theta)
    assert solution.window[0] > solution.window[1]
    shocks = np.zeros((4, 1, 6))
    shocks[:, 0] = [0.0, -6.0, 0.0, 6.0, 0.0, 0.0]
    assert WORLD.simulate(theta, shocks).status.tolist()[:2] == [
        Status.OK,
        Status.NO_CONVERGENCE,
    ]


def test_a_row_does_not_depend_on_its_batch(theta: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    both = np.concatenate([theta, theta[:1] * np.where(np.arange(25) == 24, 1.5, 1.0)])
    eps, size = rng.standard_normal((3, 30, 6)), rng.uniform(-3.0, 3.0, (3, 6))
    paths = WORLD.simulate(both, eps)
    states = paths.states[:, -1]
    response = WORLD.irf(both, 20, size, states).values
    assert paths.flags.any()
    for row in range(3):
        one = slice(row, row + 1)
        alone = WORLD.simulate(both[one], eps[one])
        np.testing.assert_array_equal(alone.observables, paths.observables[one])
        np.testing.assert_array_equal(alone.states, paths.states[one])
        again = WORLD.irf(both[one], 20, size[one], states[one]).values
        np.testing.assert_array_equal(again, response[one])


def test_a_reader_sees_the_first_of_its_450_states() -> None:
    assert len(WORLD.spec.state_names) == 450
    assert "`output_1`, `inflation_1`, " in describe(WORLD)
    assert "`rate_2`, `...`, `rate_150`." in describe(WORLD)
