"""What is asked of an adaptation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from emulator.errors import InputError
from emulator.limits import MOST_SEED, MOST_STEPS

Start = Literal["shipped", "scratch"]
MOST_MINUTES = 60.0 * 24 * 30
FEWEST_DRAWS, MOST_DRAWS = 100, 1_000_000
FEWEST_STEPS = 20  # of all networks together: each of the chosen ones is to have some


@dataclass(frozen=True)
class Order:
    """A network of one's own.

    world: a world's name or the path of a world file. minutes: of wall time, in all. error: stop at
    this NRMSE on validation draws; None: use the time. start: from the shipped weights' part of
    matching names, or from nothing; None: whichever does better. draws: train on a fixed set of so
    many; None: by what a draw costs. steps: train for so many steps in all, whatever the time, so
    that a run can be repeated bit for bit. from_data: a posterior of parameters from a history
    instead of responses from parameters.
    """

    world: str
    minutes: float = 10.0
    error: float | None = None
    start: Start | None = None
    draws: int | None = None
    steps: int | None = None
    seed: int = 42
    from_data: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.minutes <= MOST_MINUTES:  # NaN is refused as well
            raise InputError(f"minutes: expected more than 0, a month at most, got {self.minutes}")
        if self.error is not None and not (self.error > 0.0 and math.isfinite(self.error)):
            raise InputError(f"error: expected an NRMSE above 0, such as .01, got {self.error}")
        if self.start not in (None, "shipped", "scratch"):
            raise InputError(f"start: expected shipped or scratch, got {self.start!r}")
        if self.from_data and (self.error is not None or self.start == "shipped"):
            raise InputError(
                "from-data: a posterior has no NRMSE to stop at and starts from scratch; leave out "
                "error and start"
            )
        for name, value, least, most in (
            ("draws", self.draws, FEWEST_DRAWS, MOST_DRAWS),
            ("steps", self.steps, FEWEST_STEPS, MOST_STEPS),
            ("seed", self.seed, 0, MOST_SEED),
        ):
            if value is not None and not least <= value <= most:
                raise InputError(f"{name}: expected {least} to {most:,}, got {value}")
