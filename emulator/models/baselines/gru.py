"""A recurrent baseline, pooled over worlds or, with one world in the data, per world.

    history -> GRU over years ─┐
    theta, sizes, world, task ─┴─ draw vector -> GRU over horizons -> responses to every shock

The encoder sees each series divided by its own s.d. over the window, whose logarithm enters beside
it, a year a step; its last state and the mean over its states go on. The decoder starts from the
draw vector, which also enters at every horizon together with the horizon's embedding. Without a
history the draw vector is made of the parameters alone; innovations are not seen.

Source: Cho et al. (2014, EMNLP) for the cell and the encoder-decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field
from torch import nn

from emulator.limits import MOST_WIDTH
from emulator.models.abilities import ModelConfigBase
from emulator.models.base import SeparateModel
from emulator.models.baselines.tokens import Tokens
from emulator.regimes import Inputs, Regime
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Float

YEAR = 4  # quarters a step of the encoder: a quarter of the steps, and of the time, of single ones


class GRUConfig(ModelConfigBase):
    """`model:` of a recurrent baseline."""

    reads = frozenset({"world", "theta", "history"})
    extra_inputs = frozenset({"history"})
    exports = (Regime.A,)  # how many years are read depends on the length of a history
    label = "GRU"
    specialist = True
    needs = frozenset({"history"})

    type: Literal["baseline_gru"] = "baseline_gru"
    hidden_dim: int = Field(128, ge=1, le=MOST_WIDTH)

    def build(self, specs: Sequence[WorldSpec], horizon: int) -> GRU:
        return GRU(self, specs, horizon)


class GRU(SeparateModel):
    """See the module docstring."""

    def __init__(self, config: GRUConfig, specs: Sequence[WorldSpec], horizon: int) -> None:
        super().__init__(config, specs, horizon)
        width = config.hidden_dim
        self.tokens = Tokens(specs)
        self.token_in = nn.Linear(self.tokens.size, width)
        self.encoder = nn.GRU(3 * YEAR, width, batch_first=True)
        self.observed_in = nn.Linear(2 * width + 3, width)
        self.absent = nn.Parameter(torch.zeros(width))  # stands for the history where none is given
        self.draw = nn.Sequential(
            nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.horizons = nn.Embedding(horizon + 1, width)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, len(self.tokens.shocks) * 3)

    def respond(
        self, inputs: Inputs, horizon: int | None = None
    ) -> Float[torch.Tensor, "B S points 3"]:
        known = self.token_in(self.tokens(inputs)) + self._observed(inputs)
        draw = self.draw(known)  # (B, width)
        steps = draw[:, None] + self.horizons.weight  # (B, H+1, width)
        states, _ = self.decoder(steps, torch.tanh(draw)[None])
        output = self.out(states).unflatten(-1, (len(self.tokens.shocks), 3)).transpose(1, 2)
        output = self.trained_horizons(output[:, self.tokens.rows(inputs)], horizon)
        return self.physical(output, inputs)

    def _observed(self, inputs: Inputs) -> torch.Tensor:
        """What the history says, (B, width). The oldest L mod 4 quarters are dropped."""
        if inputs.history is None:
            return self.absent
        # A constant series has no scale; the floor is far below any series of the worlds.
        sd = inputs.history.std(dim=1, keepdim=True).clamp(min=1e-6)
        quarters = inputs.history.shape[1] // YEAR * YEAR
        years = (inputs.history / sd)[:, -quarters:].reshape(len(inputs), -1, 3 * YEAR)
        states, last = self.encoder(years)
        # The mean gives early years a short way for the gradient, which vanishes through the last
        # state alone (into subnormal numbers, ten times slower on a CPU).
        seen = torch.cat([last[0], states.mean(dim=1), sd[:, 0].log()], dim=1)
        return self.observed_in(seen)  # type: ignore[no-any-return]
