"""How a run draws: anew while it trains, or once, by what a draw costs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from emulator.adapt.draws import R, Store, Supply, seconds_a_draw, unheard
from emulator.adapt.learner import BATCH, Settings, Subject
from emulator.adapt.order import FEWEST_DRAWS, Order
from emulator.errors import InputError

HORIZON = 40  # as the shipped weights, of which a network may take over a part
CHAPTER = 4096  # draws that are gone through some times and then no more
# Times a draw is seen, so that drawing takes half as long as training; beyond, a fixed set has
# nearly as many.
MOST_TIMES = 16
DRAWING = 0.3  # share of the time in which a fixed set is drawn
MOST_FIXED = 50_000  # draws of a fixed set; more were not tried
MOST_NUMBERS = 100_000_000  # that they hold: 400 MB
VALIDATION, TEST = 1024, 2048  # draws where they are cheap: an NRMSE is then known to 2 %
LEAST = 50  # of either, where they are dear
FEWEST_TRIED = 1000  # steps in all from which on a trial of 2.5 % of them tells anything
KEPT = 1e-3  # seconds a draw from which on draws are kept in files


@dataclass(frozen=True)
class Plan:
    """seconds_a_draw, seconds_a_row: what drawing and learning from a draw cost of processor time.
    draws: of a fixed set; None where they are drawn anew, each to be seen so many `times`.
    validation, test: draws beside these. kept: whether all are kept in files. trials: whether there
    are steps enough for trials of rates and widths."""

    seconds_a_draw: float
    seconds_a_row: float
    draws: int | None
    times: int | None
    validation: int
    test: int
    kept: bool
    trials: bool

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        costs = (
            f"a draw takes {1e3 * self.seconds_a_draw:.3g} ms, a row of a training step "
            f"{1e3 * self.seconds_a_row:.3g} ms of processor time"
        )
        if self.draws is not None:
            return f"a fixed set of {self.draws:,} draws ({costs})"
        times = "once" if self.times == 1 else f"{self.times} times"
        return f"new draws while it trains, each seen {times} ({costs})"

    def supply(self, store: Store[R], told: Callable[[int], None]) -> Supply[R]:
        """Training draws as planned. told: is called with how many of a fixed set there are."""
        length = CHAPTER if self.draws is None else self.draws
        blocks = -(-length // store.size)

        def chapter(number: int) -> R:
            return store.some("train", length, number * blocks, told if number == 0 else unheard)

        return Supply(chapter, length, self.times, store.seed)


def plan(order: Order, store: Store[R], subject: Subject[R], pace: float) -> Plan:
    """By a rule: draw anew where that takes at most half as long as training, each draw seen at
    most `MOST_TIMES`; otherwise a fixed set, in `DRAWING` of the time. pace: seconds that go by in
    one of processor time. Raises InputError where the time is not enough for that."""
    draw, row = seconds_a_draw(store), seconds_a_row(subject)
    times: int | None = max(1, math.ceil(2.0 * draw / row))
    draws, beside, test = order.draws, VALIDATION, TEST
    if draws is not None:
        beside = test = min(VALIDATION, max(LEAST, draws // 4))
    elif times is not None and times > MOST_TIMES:
        there = int(DRAWING * 60.0 * order.minutes / (draw * pace))
        beside = test = min(VALIDATION, max(LEAST, there // 6))
        draws = min(there - 2 * beside, MOST_FIXED, MOST_NUMBERS // store.numbers)
        if draws < FEWEST_DRAWS:
            needed = (FEWEST_DRAWS + 2 * LEAST) * draw * pace / DRAWING / 60.0
            name, seconds = store.world.name, draw * pace
            raise InputError(
                f"minutes: a draw of world {name!r} takes {seconds:.2g} seconds, so that "
                f"{order.minutes:g} minutes have too few; give {math.ceil(needed)} or more, or say "
                "how many draws you want"
            )
    if draws is not None:
        times = None
    a_step = BATCH * pace * (row + draw / (times or MOST_TIMES))
    steps = order.steps or 60.0 * order.minutes / a_step
    return Plan(draw, row, draws, times, beside, test, draw >= KEPT, steps >= FEWEST_TRIED)


def seconds_a_row(subject: Subject[R]) -> float:
    """What it costs to learn from one draw, at the network tried first."""
    known = subject.known

    def chapter(number: int) -> R:
        return known

    settings = Settings(subject.grid.rates[0], subject.grid.width, "scratch")
    learner = subject.learner(settings, Supply(chapter, len(known), None, 0))
    seconds = []
    for _ in range(6):
        started = time.process_time()
        learner.learn(0.5)
        seconds.append(time.process_time() - started)
    return min(seconds) / BATCH
