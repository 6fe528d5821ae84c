"""What is asked of weights, all but the numbers it is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from emulator.limits import MAX_HISTORY
from emulator.regimes import CONTRACTS, Inputs, Regime, Task, build_inputs
from emulator.specs import WorldSpec


@dataclass(frozen=True)
class Request:
    """Responses of a world to whole shocks.

    spec: the world; where the regime names none, any of those known stands in. shocks: what is
    answered for; shock: the only one of them that is wanted, None for all. size: in s.d.s. horizon:
    the last quarter. bands: quantiles too; simultaneous: those whose bands hold whole curves.
    """

    spec: WorldSpec
    shocks: tuple[str, ...]
    regime: Regime
    task: Task = Task.steady_state
    size: float = 1.0
    horizon: int = 40
    bands: bool = False
    simultaneous: bool = False
    shock: str | None = None

    @property
    def world(self) -> WorldSpec | None:
        """The world asked about, None where none is named."""
        return self.spec if CONTRACTS[self.regime].world else None

    def inputs(self, given: Mapping[str, torch.Tensor]) -> Inputs:
        """What a model sees of B draws, exactly what the regime allows.

        given: `theta` (B, P) and `trajectories` (B, L, 3), histories, as far as the regime shows
        them; `shock_size` (B, S) where the size is not that of the request.
        """
        rows = next(iter(given.values()))
        size = rows.new_full((rows.shape[0], len(self.shocks)), self.size)
        history = given.get("trajectories")
        inputs = build_inputs(
            {"shock_size": size, **given},
            self.spec,
            self.regime,
            self.task,
            history_length=MAX_HISTORY if history is None else history.shape[1],
            run_in=0,
        )
        return inputs if self.world else replace(inputs, shocks=self.shocks)
