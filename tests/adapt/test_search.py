"""Which network is trained next, and what a plan draws."""

from __future__ import annotations

import math

import pytest

from emulator.adapt import plan as plans
from emulator.adapt.matter import GRID
from emulator.adapt.order import Order
from emulator.adapt.search import FINALISTS, Result, next_stage
from emulator.worlds import get_world
from tests.adapt.test_draws import ResponseStore

pytestmark = pytest.mark.fast

RATES, WIDTH, WIDTHS = GRID.rates, GRID.width, GRID.widths


def _carried_out(error, starts=("scratch",), last=None):  # type: ignore[no-untyped-def]
    """All stages, `error` being that of settings and share."""
    done: list[Result] = []
    while stage := next_stage(done, starts, GRID):
        found = error(stage.settings, stage.share)
        if stage.share is None and last is not None:
            found = last.pop(0)
        done.append(Result(stage.settings, stage.share is None, found, 10, 1.0, ()))
    return done


def test_the_best_rate_then_width_then_the_longer_ones_decide() -> None:
    def error(settings, share):  # type: ignore[no-untyped-def]
        off = abs(math.log(settings.rate / 8e-3)) + abs(math.log(settings.width / 32))
        # Of the two best, the one that is worse in short runs is better in long ones.
        return 1.0 + off if share is None or share < 0.05 else 1.0 - off

    done = _carried_out(error)
    trials, longer, (last,) = done[:5], done[5:-1], done[-1:]
    assert [r.settings.rate for r in trials[:3]] == list(RATES)
    assert [r.settings.width for r in trials] == [WIDTH] * 3 + list(WIDTHS)
    assert {r.settings.rate for r in trials[3:]} == {8e-3}
    assert len(longer) == FINALISTS
    assert [r.settings.width for r in longer] == [32, WIDTH]
    assert last.settings.width == WIDTH
    assert last.settings.rate == 4e-3  # what a short schedule stands, a long one may not
    assert last.last


def test_both_starts_are_tried_and_the_better_goes_on() -> None:
    def error(settings, share):  # type: ignore[no-untyped-def]
        return 1.0 if settings.start == "shipped" else 2.0

    done = _carried_out(error, ("scratch", "shipped"))
    assert [r.settings.start for r in done[:2]] == ["scratch", "shipped"]
    assert {r.settings.start for r in done[2:]} == {"shipped"}
    assert {r.settings.width for r in done} == {WIDTH}  # what is taken over has the width it had


def test_a_last_run_that_diverges_is_gone_through_again_at_half_the_rate() -> None:
    done = _carried_out(lambda *_: 1.0, last=[math.inf, math.inf, 0.5])
    rates = [r.settings.rate for r in done if r.last]
    assert rates == [RATES[0] / 2, RATES[0] / 4, RATES[0] / 8]


@pytest.mark.parametrize("starts", [("scratch",), ("scratch", "shipped")])
def test_with_few_steps_only_starts_are_tried(starts: tuple[str, ...]) -> None:
    done: list[Result] = []
    while stage := next_stage(done, starts, GRID, tried=False):  # type: ignore[arg-type]
        done.append(Result(stage.settings, stage.share is None, 1.0, 10, 1.0, ()))
    assert len(done) == len(starts) + (len(starts) > 1)
    assert done[-1].last
    assert {(r.settings.rate, r.settings.width) for r in done} == {(RATES[0], WIDTH)}


@pytest.mark.parametrize(
    ("draw", "expected"), [(1e-6, (None, 1)), (2.4e-4, (None, 5)), (0.01, (15952, None))]
)
def test_what_a_draw_costs_says_whether_draws_are_fixed(
    monkeypatch: pytest.MonkeyPatch, draw: float, expected: tuple[int | None, int | None]
) -> None:
    """Against a step that costs a tenth of a millisecond a row."""
    monkeypatch.setattr(plans, "seconds_a_draw", lambda *_: draw)
    monkeypatch.setattr(plans, "seconds_a_row", lambda *_: 1e-4)
    store = ResponseStore(get_world("nk"), 1, 40, None)
    made = plans.plan(Order("nk"), store, None, 1.0)  # type: ignore[arg-type]
    assert (made.draws, made.times) == expected
    assert made.kept is (draw >= plans.KEPT)
    assert made.trials
    order = Order("nk", minutes=0.2, draws=500)
    asked = plans.plan(order, store, None, 1.0)  # type: ignore[arg-type]
    assert not asked.trials
    assert (asked.draws, asked.times, asked.validation) == (500, None, 125)
