"""Which network is trained next, for how long: a function of what was found so far.

Every stage is a whole schedule, from a warm-up to a rate of zero, so that its error is what such a
run ends with. First the rates, from each start; then the best of them narrower and wider; then the
best two for three times as long; then the best for the time that is left, at half the rate: what a
short schedule stands, a long one may not (docs/experiments.md). What is chosen, is chosen by
validation draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from emulator.adapt.learner import Grid, Settings
from emulator.adapt.order import Start

# Shares of the whole. Shorter schedules choose too high a rate and too narrow a network, longer
# ones leave less for the last.
SHORT, LONG = 0.025, 0.075
FINALISTS = 2


@dataclass(frozen=True)
class Stage:
    """A schedule: share of the whole run, None for what is left."""

    settings: Settings
    share: float | None


@dataclass(frozen=True)
class Result:
    """What a stage came to. error: NRMSE on validation draws at its end, infinite where it
    diverged. curve: steps, seconds and error at some points of it."""

    settings: Settings
    last: bool
    error: float
    steps: int
    seconds: float
    curve: tuple[tuple[int, float, float], ...]


def next_stage(
    done: Sequence[Result], starts: Sequence[Start], grid: Grid, tried: bool = True
) -> Stage | None:
    """The stage after those that are done; None after the last. tried: whether rates and widths
    are; starts are tried where there are several."""
    trials = [Settings(grid.rates[0], grid.width, start) for start in starts]
    if not tried and len(starts) == 1:
        return _last(trials[0], done)
    if len(done) < len(trials):
        return Stage(trials[len(done)], SHORT)
    if not tried:
        return _last(_best(done[: len(trials)]), done[len(trials) :])
    start = _best(done[: len(trials)]).start
    trials += [Settings(rate, grid.width, start) for rate in grid.rates[1:]]
    if len(done) < len(trials):
        return Stage(trials[len(done)], SHORT)
    best = _best(done[: len(trials)])
    if best.start == "scratch":  # what is taken over has the width it had
        trials += [best._replace(width=width) for width in grid.widths]
    if len(done) < len(trials):
        return Stage(trials[len(done)], SHORT)
    longer = done[len(trials) :]
    if len(longer) < FINALISTS:
        ranked = sorted(done[: len(trials)], key=lambda result: result.error)
        return Stage(ranked[len(longer)].settings, LONG)
    return _last(_slower(_best(longer[:FINALISTS])), longer[FINALISTS:])


def _last(settings: Settings, done: Sequence[Result]) -> Stage | None:
    """All the time that is left, or None once it went well; where it diverged, at half the rate."""
    if not done:
        return Stage(settings, None)
    return None if math.isfinite(done[-1].error) else Stage(_slower(done[-1].settings), None)


def _slower(settings: Settings) -> Settings:
    return settings._replace(rate=settings.rate / 2)


def _best(results: Sequence[Result]) -> Settings:
    return min(results, key=lambda result: result.error).settings
