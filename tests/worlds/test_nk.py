"""nk: Dynare's responses and verdicts, the closed determinacy condition, equilibrium, moments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_lyapunov

from emulator import get_world
from emulator.worlds import Status, doubling
from emulator.worlds.nk import equations
from emulator.worlds.rational_expectations import solve
from tests.dynare import largest_gap, load

pytestmark = pytest.mark.fast

WORLD = get_world("nk")
LOWER = np.array([p.lower for p in WORLD.parameters])
UPPER = np.array([p.upper for p in WORLD.parameters])
# The references carry 15 digits of numbers up to about 100.
REFERENCE_TOLERANCE = 1e-11


def box(world_lower: np.ndarray, world_upper: np.ndarray) -> st.SearchStrategy[np.ndarray]:
    """Points of the box, its faces and corners included."""
    position = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0))
    return st.lists(position, min_size=len(world_lower), max_size=len(world_lower)).map(
        lambda u: np.minimum(world_lower + (world_upper - world_lower) * np.array(u), world_upper)
    )


def test_responses_are_dynares() -> None:
    draws = load("nk_dynare.json")["draws"]
    theta = np.stack([WORLD.pack(d["params"]) for d in draws])
    gap = largest_gap(WORLD, theta, draws, ["e_m", "e_a", "e_u"], ["x", "pi", "i"])
    assert gap < REFERENCE_TOLERANCE


def test_determinacy_verdicts_are_dynares() -> None:
    cases = load("nk_indeterminate_dynare.json")["cases"]
    verdicts = {0: Status.OUT_OF_BOUNDS, 3: Status.NO_STABLE_SOLUTION, 4: Status.INDETERMINATE}
    expected = [verdicts[c["dynare_info"]] for c in cases]
    assert set(expected) == {Status.OUT_OF_BOUNDS, Status.INDETERMINATE}
    theta = np.stack([WORLD.pack(c["params"]) for c in cases])
    assert WORLD.check(theta).tolist() == expected


def test_verdict_is_the_closed_condition_on_both_sides_of_the_frontier() -> None:
    rng = np.random.default_rng(12)
    theta = WORLD.from_uniforms(rng.random((300, len(WORLD.parameters))))
    beta, kappa, phi_y = theta[:, 0], theta[:, 2], theta[:, 4]
    # straddle kappa (phi_pi - 1) + (1 - beta) phi_y = 0 at distances down to 1e-5
    distance = 10.0 ** rng.uniform(-5, -1, 300) * rng.choice([-1.0, 1.0], 300)
    theta[:, 3] = 1.0 + (distance * kappa - (1.0 - beta) * phi_y) / kappa
    determinate = kappa * (theta[:, 3] - 1.0) + (1.0 - beta) * phi_y > 0.0
    assert 100 < determinate.sum() < 200
    status = WORLD.check(theta)
    assert ((status == Status.INDETERMINATE) == ~determinate).all()
    assert (status[determinate] <= Status.OUT_OF_BOUNDS).all()


def test_an_exploding_shock_is_outranked_by_indeterminacy() -> None:
    explosive = {"rho_m": 1.0}
    theta = np.stack([WORLD.pack({**explosive, "phi_pi": p, "phi_y": 0.0}) for p in (1.5, 0.5)])
    assert WORLD.check(theta).tolist() == [Status.NO_STABLE_SOLUTION, Status.INDETERMINATE]


@settings(deadline=None, max_examples=60)
@given(box(LOWER, UPPER))
def test_decision_rule_is_an_equilibrium(theta: np.ndarray) -> None:
    lead, now, lag, load_, persistence, _ = equations(theta[None])
    rule = solve(lead, now, lag, load_, persistence)
    assert rule.status[0] == Status.OK
    g, q, n = rule.transition[0], rule.load[0], persistence[0]
    past = lead[0] @ g @ g + now[0] @ g + lag[0]
    exogenous = lead[0] @ (g @ q + q @ n) + now[0] @ q + load_[0]
    scale = max(1.0, np.abs(q).max())
    assert np.abs(past).max() < 1e-13
    assert np.abs(exogenous).max() < 1e-13 * scale
    assert np.abs(np.linalg.eigvals(g)).max() < 1.0


def test_signs_are_those_documented() -> None:
    theta = WORLD.sample_parameters(2_000, np.random.default_rng(4))
    impact = WORLD.irf(theta, horizon=0).values[:, :, 0]
    monetary, demand, cost_push = impact.swapaxes(0, 1)
    assert (monetary[:, :2] < 0.0).all()
    assert 0.2 < (monetary[:, 2] < 0.0).mean() < 0.35  # "about a quarter"
    assert (demand > 0.0).all()
    assert 0.98 < (cost_push[:, 0] < 0.0).mean() < 1.0  # "if not always on impact"
    assert (cost_push[:, 1:] > 0.0).all()


def test_covariance_solves_the_lyapunov_equation() -> None:
    theta = WORLD.sample_parameters(20, np.random.default_rng(5))
    space = WORLD.solve(theta)
    ours = doubling.covariances(space.a, space.b, 4)
    for r in range(20):
        theirs = solve_discrete_lyapunov(space.a[r], space.b[r] @ space.b[r].T)
        np.testing.assert_allclose(ours[r], theirs, rtol=0, atol=1e-11 * np.abs(theirs).max())
