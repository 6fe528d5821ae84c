"""Exact log likelihoods of one history under many parameters.

A history is the last L quarters of a simulation that started at rest k quarters before them.
Worlds that are a linear state space are filtered in `kalman`, regimes in `hamilton`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.errors import InputError
from emulator.estimation import hamilton
from emulator.estimation.kalman import NO_NOISE, kalman
from emulator.worlds.linear import MovingAverage, StateSpace
from emulator.worlds.switching import SwitchingSolution

if TYPE_CHECKING:
    from jaxtyping import Float64


def has_likelihood(solution: Any) -> bool:
    """Whether histories of a world with such solutions have an exact likelihood."""
    return isinstance(solution, StateSpace | MovingAverage | SwitchingSolution)


def log_likelihood(
    solution: Any,
    history: Float64[np.ndarray, "L 3"],
    run_in: int,
    noise: Float64[np.ndarray, " 3"] = NO_NOISE,
) -> Float64[np.ndarray, " B"]:
    """log p(history | theta) (B,) for solved parameters; NaN where a row has no solution.

    history: in the observables' units, NaN where a number is missing. run_in: quarters from rest
    before its first. noise: s.d.s of measurement noise, in the same units. Raises InputError where
    the world has no exact likelihood, or none with gaps or noise.
    """
    if isinstance(solution, StateSpace | MovingAverage):
        return kalman(solution.a, solution.b, solution.c, solution.d, history, run_in, noise)
    if isinstance(solution, SwitchingSolution):
        if noise.any() or not np.isfinite(history).all():
            raise InputError(
                "regimes are filtered exactly only where every number is seen: leave out noise, "
                "and start after the gaps"
            )
        return hamilton.filtered(solution, history, run_in).log_likelihood
    raise InputError(
        "no exact likelihood: expected a linear state space or the switching world, got a "
        f"{type(solution).__name__}; docs/floors.md says why and what to compare with instead"
    )
