"""Exact conditional means of responses from a state that parameters and inputs leave open.

In `switching` a response depends on the state through its regime alone, which nobody sees, and is
linear in the regime's probability. So its mean given what is seen is the response from that
probability: after a history and with parameters known (regime C) Hamilton's filter gives it; known
innovations (regime A) are independent of the regimes, which leaves their long-run law, and the mean
is the response from rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.estimation import hamilton
from emulator.worlds.base import World
from emulator.worlds.switching import SwitchingSolution

if TYPE_CHECKING:
    from jaxtyping import Float64


def has_mean(world: World[Any]) -> bool:
    """Whether the filter here is that of the world's equations."""
    return isinstance(world.solve(world.pack()), SwitchingSolution)


def mean_response(
    world: World[SwitchingSolution],
    theta: Float64[np.ndarray, "B P"],
    histories: Float64[np.ndarray, "B L 3"] | None,
    run_in: int,
    horizon: int,
) -> Float64[np.ndarray, "B S {horizon}+1 3"]:
    """Mean responses given parameters and each one's history, which began `run_in` quarters after
    rest; without histories given parameters and innovations. Per unit of the shock's size."""
    if histories is None:
        return world.irf(theta, horizon).values
    solution = world.solve(theta)
    state = np.zeros((len(theta), len(world.state_names)))
    for row, history in enumerate(histories):
        some = slice(row, row + 1)
        one = SwitchingSolution(
            solution.stay[some], solution.lags[some], solution.impact[some],
            solution.ergodic[some], solution.status[some],
        )  # fmt: skip
        found = hamilton.filtered(one, np.ascontiguousarray(history), run_in)
        state[row, world.state_names.index("probability_turbulent")] = found.turbulent[0]
    return world.irf(theta, horizon, state=state, solution=solution).values
