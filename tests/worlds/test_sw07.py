"""sw07: Dynare's responses, the box, equilibrium, signs, and the cap on output's volatility."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_lyapunov

from emulator.worlds import Status, doubling
from emulator.worlds.rational_expectations import solve
from emulator.worlds.sw07 import MAX_OUTPUT_SD, SmetsWouters
from tests.dynare import largest_gap, load

pytestmark = pytest.mark.fast

WORLD = SmetsWouters()
LOWER = np.array([p.lower for p in WORLD.parameters])
UPPER = np.array([p.upper for p in WORLD.parameters])


def pack(draw: dict[str, Any]) -> np.ndarray:
    values = {k: v for k, v in draw["params"].items() if k in WORLD.parameter_names}
    values |= {k.replace("e_", "sigma_"): v for k, v in draw["shock_sizes"].items()}
    assert len(values) == len(WORLD.parameters)
    return WORLD.pack(values)


@pytest.mark.parametrize("name", ["sw07_dynare.json", "sw07_draws_dynare.json"])
def test_responses_are_dynares(name: str) -> None:
    draws = load(name)["draws"]
    gap = largest_gap(
        WORLD,
        np.stack([pack(d) for d in draws]),
        draws,
        ["e_a", "e_b", "e_g", "e_i", "e_r", "e_p", "e_w"],
        ["y", "pi", "r"],
        signs=[1.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0],  # risk_premium is minus e_b
    )
    assert gap < 1e-11  # the references carry 15 digits of numbers of order one


def test_box_is_the_one_the_references_were_drawn_from_but_for_three_ceilings() -> None:
    document = load("sw07_draws_dynare.json")
    box = {k.replace("sd_", "sigma_"): v for k, v in document["box"].items()}
    assert set(box) == set(WORLD.parameter_names)
    for parameter in WORLD.parameters:
        lower, upper = box[parameter.name]
        if parameter.name in {"rho_a", "rho_g", "rho_w"}:  # .97 is the mode of two
            assert (upper, parameter.upper) == (0.97, 0.99)
            upper = 0.99
        assert (parameter.lower, parameter.upper) == pytest.approx((lower, upper), rel=1e-14)


def test_default_is_the_published_mode() -> None:
    draw = load("sw07_dynare.json")["draws"][0]
    np.testing.assert_allclose(WORLD.pack(), pack(draw), rtol=1e-14)
    assert WORLD.check(WORLD.pack())[0] == Status.OK


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)),
        min_size=len(WORLD.parameters),
        max_size=len(WORLD.parameters),
    )
)
def test_decision_rule_is_an_equilibrium(position: list[float]) -> None:
    theta = np.minimum(LOWER + (UPPER - LOWER) * np.array(position), UPPER)
    lead, now, lag, load_, persistence, _ = WORLD.model(theta[None]).matrices
    rule = solve(lead, now, lag, load_, persistence)
    assert rule.status[0] == Status.OK
    g, q, n = rule.transition[0], rule.load[0], persistence[0]
    scale = max(1.0, np.abs(q).max())
    assert np.abs(lead[0] @ g @ g + now[0] @ g + lag[0]).max() < 1e-11
    assert np.abs(lead[0] @ (g @ q + q @ n) + now[0] @ q + load_[0]).max() < 1e-12 * scale
    assert np.abs(np.linalg.eigvals(g)).max() < 1.0


def test_signs_are_those_documented() -> None:
    theta = WORLD.sample_parameters(300, np.random.default_rng(4))
    impact = WORLD.irf(theta, horizon=0).values[:, :, 0].swapaxes(0, 1)
    technology, premium, spending, investment, monetary, price, wage = impact
    assert (premium < 0.0).all()
    assert (technology[:, 0] > 0.0).all()
    assert (technology[:, 1:] < 0.0).all()
    assert (spending > 0.0).all()
    assert (investment[:, ::2] > 0.0).all()
    assert (investment[:, 1] > 0.0).mean() > 0.97
    assert (monetary[:, :2] < 0.0).all()
    assert (monetary[:, 2] > 0.0).all()
    assert (price[:, 1] > 0.0).all()
    assert (price[:, 2] > 0.0).mean() > 0.95
    assert 0.9 < (price[:, 0] < 0.0).mean() < 1.0
    assert 0.75 < (wage[:, 1] > 0.0).mean() < 1.0
    assert 0.85 < (wage[:, 2] > 0.0).mean() < 1.0
    assert 0.55 < (wage[:, 0] > 0.0).mean() < 0.75  # "two thirds"


def test_volatile_economies_are_inadmissible_and_the_cap_is_on_outputs_deviation() -> None:
    theta = WORLD.from_uniforms(np.random.default_rng(9).random((400, len(WORLD.parameters))))
    space = WORLD.solve(theta)
    covariance = doubling.covariances(space.a, space.b, 8)
    deviation = np.empty(400)
    for r in range(400):
        c, d = space.c[r, 0], space.d[r, 0]
        if r < 20:
            theirs = solve_discrete_lyapunov(space.a[r], space.b[r] @ space.b[r].T)
            scale = np.abs(theirs).max()
            np.testing.assert_allclose(covariance[r], theirs, rtol=0, atol=1e-10 * scale)
        deviation[r] = np.sqrt(c @ covariance[r] @ c + d @ d)
    volatile = deviation > MAX_OUTPUT_SD
    assert 2 <= volatile.sum() <= 40
    assert (space.status[volatile] == Status.INADMISSIBLE).all()
    assert (space.status[~volatile] == Status.OK).all()


def test_simulated_output_has_the_unconditional_deviation() -> None:
    rng = np.random.default_rng(3)
    space = WORLD.solve(WORLD.pack())
    covariance = doubling.covariances(space.a, space.b, 1)[0]
    c, d = space.c[0], space.d[0]
    expected = np.sqrt(np.diag(c @ covariance @ c.T + d @ d.T))
    path = WORLD.simulate(WORLD.pack(), rng.standard_normal((1, 60_000, 7))).observables[0]
    # Output's persistence leaves some 300 independent observations of 60,000: 8 percent is two s.d.
    np.testing.assert_allclose(path[1_000:].std(axis=0), expected, rtol=0.1)
