"""Links restore the state they were made from; what is wrong in one is said, never fatal."""

from __future__ import annotations

import math
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import emulator
from emulator.explorer.parameters import STEPS, nice_step
from emulator.explorer.state import Catalogue, State
from emulator.specs import WorldSpec
from tests.specs import SPECS

pytestmark = pytest.mark.fast

WORLDS: tuple[WorldSpec, ...] = tuple(
    emulator.get_world(name).spec for name in emulator.list_worlds()
)
CATALOGUE = Catalogue(WORLDS, trained=40)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def states(draw: st.DrawFn) -> State:
    worlds = draw(st.lists(st.sampled_from(list(CATALOGUE.specs)), min_size=1, unique=True))
    shown = [group.key for group in CATALOGUE.shown(worlds)]
    return State(
        worlds=tuple(worlds),
        shock=draw(st.sampled_from(CATALOGUE.shocks)),
        size=draw(st.floats(-1e6, 1e6)),
        quarters=draw(st.integers(1, 80)),
        values=draw(st.dictionaries(st.sampled_from(shown), FINITE, max_size=8)),
    )


@given(states())
def test_a_link_restores_the_whole_state(state: State) -> None:
    link = CATALOGUE.write(state)
    assert CATALOGUE.read(link) == (state, [])
    assert CATALOGUE.read(f"?{link}")[0] == state


@given(st.text(max_size=60), st.sampled_from(["worlds", "shock", "size", "quarters", "set", ""]))
def test_any_link_gives_a_state_that_can_be_shown(text: str, key: str) -> None:
    for query in (text, f"{key}={quote(text)}", f"{key}={text}&size=2"):
        state, problems = CATALOGUE.read(query)
        assert set(state.worlds) <= set(CATALOGUE.specs)
        assert state.worlds
        assert all("\n" not in problem for problem in problems)
        assert CATALOGUE.read(CATALOGUE.write(state)) == (state, [])


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("worlds=nkk", "did you mean 'nk'?"),
        ("worlds=nk,nk", "named twice"),
        ("worlds=", "unknown world here ''"),
        ("shock=monetry", "did you mean 'monetary'?"),
        ("size=big", "size: expected a number, got 'big'"),
        ("size=nan", "size: expected a finite number"),
        ("size=1e9", "of at most 1e+06"),
        ("size=1&size=2", "size is given 2 times"),
        ("quarters=0", "quarters: expected 1 to 80"),
        ("quarters=12.5", "quarters: expected 1 to 80"),
        ("quarters=²", "quarters: expected 1 to 80"),
        ("set=phi_pi", "expected NAME=VALUE"),
        ("set=phi_pj=2", "did you mean 'phi_pi'?"),
        ("set=phi_pi=inf", "phi_pi: expected a finite number"),
        ("set=phi_pi=2&set=phi_pi=3", "set twice"),
        ("set=rho_a=0.5", "write nk.rho_a or rbc.rho_a"),
        ("set=sw07.csigma=1", "unknown parameter of the chosen worlds"),
        ("world=nk", "did you mean 'worlds'?"),
        ("x" * 30_000, "longer than"),
    ],
)
def test_what_is_wrong_in_a_link_is_said_and_the_rest_used(query: str, said: str) -> None:
    state, problems = CATALOGUE.read(f"quarters=8&{query}" if "quarters" not in query else query)
    assert any(said in problem for problem in problems), problems
    assert state.worlds in (CATALOGUE.default.worlds, ("nk",))
    assert state.size in (1.0, CATALOGUE.default.size)
    if "quarters" not in query and len(query) < 100:
        assert state.quarters == 8
    assert set(state.values.values()) <= {2.0}


def test_many_problems_are_counted_not_listed() -> None:
    problems = CATALOGUE.read("&".join(f"nonsense{n}=1" for n in range(30)))[1]
    assert len(problems) == 6
    assert problems[-1] == "and 25 more"


def test_worlds_share_a_slider_where_a_parameter_means_the_same() -> None:
    state, problems = CATALOGUE.read("worlds=nk,rbc,zlb&set=phi_pi=2&set=zlb.rho_a=0.3")
    assert problems == []
    sliders = {control.key: control for control in CATALOGUE.controls(state)}
    assert sliders["phi_pi"].worlds == ["nk", "rbc", "zlb"]
    assert (sliders["phi_pi"].lower, sliders["phi_pi"].upper) == (1.1, 3.0)  # rbc's are narrowest
    for world in state.worlds:
        assert CATALOGUE.theta(state, world)["phi_pi"] == 2.0
    # The persistence of demand in nk and zlb, of technology in rbc.
    assert sliders["nk.rho_a"].worlds == ["nk", "zlb"]
    assert sliders["rbc.rho_a"].worlds == ["rbc"]
    assert CATALOGUE.theta(state, "nk")["rho_a"] == 0.3
    assert CATALOGUE.theta(state, "rbc")["rho_a"] == 0.9


def test_bounds_that_do_not_overlap_are_not_shared() -> None:
    state = CATALOGUE.read("worlds=rbc,sw07")[0]
    capital = [control for control in CATALOGUE.controls(state) if control.name == "alpha"]
    assert [control.worlds for control in capital] == [["rbc"], ["sw07"]]


def test_every_choice_of_two_worlds_starts_inside_both_boxes() -> None:
    for first in CATALOGUE.specs:
        for second in CATALOGUE.specs:
            state = State((first, second) if first != second else (first,), "monetary", 1.0, 8)
            for world in state.worlds:
                economy = emulator.get_world(world)
                theta = economy.pack(CATALOGUE.theta(state, world))
                assert economy.check(theta)[0] == 0, (first, second)


def test_the_first_page_shows_the_shock_that_most_worlds_have() -> None:
    assert CATALOGUE.default == State(("nk", "rbc"), "monetary", 1.0, 40)
    assert CATALOGUE.read("") == (CATALOGUE.default, [])
    assert CATALOGUE.read("worlds=var")[0].shock == "shock_1"
    assert Catalogue(SPECS, trained=12).default.quarters == 12


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
@example(0.125, 0.02)
def test_steps_are_round_and_fine(lower: float, width: float) -> None:
    step = nice_step(lower, lower + width)
    assert STEPS <= 1.0001 * width / step <= 2.6 * STEPS
    assert f"{step:.0e}"[0] in "125"
    assert math.isclose(step, float(f"{step:.0e}"), rel_tol=1e-9)
