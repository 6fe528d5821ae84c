"""A plain multilayer perceptron, pooled over worlds or, with one world in the data, per world.

It sees one vector: a world's normalised parameters in the first P of the widest world's slots, or,
in regimes that do not give them, the classical summary of the history (summary.py) and its length;
the shock sizes in the slots of the shocks' names; a one-hot world, where it is named; the task.
What is not given is zero. It has no notion of parameter names or time: all responses come out at
once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field
from torch import nn

from emulator.limits import MAX_HISTORY, MOST_DEPTH, MOST_WIDTH
from emulator.models.abilities import ModelConfigBase, Rival
from emulator.models.base import SeparateModel
from emulator.models.baselines.summary import SUMMARY_SIZE, Summaries
from emulator.models.baselines.tokens import Tokens
from emulator.regimes import Inputs, Regime
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Float


class MLPConfig(ModelConfigBase):
    """`model:` of an MLP baseline."""

    regimes = tuple(Regime)  # one at a time, in which summaries are standardised
    reads = frozenset({"world", "theta", "history"})
    theta_alone = True
    prepares = True
    exports = (Regime.A,)  # how a history is summarised depends on its numbers
    label = "MLP"
    specialist = True
    rival = Rival("pooled MLP", pooled=True)

    type: Literal["baseline_mlp"] = "baseline_mlp"
    hidden_dim: int = Field(256, ge=1, le=MOST_WIDTH)
    layers: int = Field(3, ge=1, le=MOST_DEPTH, description="hidden layers")

    def build(self, specs: Sequence[WorldSpec], horizon: int) -> MLP:
        return MLP(self, specs, horizon)


class MLP(SeparateModel):
    """See the module docstring."""

    def __init__(self, config: MLPConfig, specs: Sequence[WorldSpec], horizon: int) -> None:
        super().__init__(config, specs, horizon)
        self.summaries = Summaries(specs)
        self.tokens = Tokens(specs)
        width = config.hidden_dim
        inputs = self.tokens.size + SUMMARY_SIZE + 1
        layers: list[nn.Module] = [nn.Linear(inputs, width), nn.SiLU()]
        for _ in range(config.layers - 1):
            layers += [nn.Linear(width, width), nn.SiLU()]
        outputs = len(self.tokens.shocks) * (horizon + 1) * 3
        self.net = nn.Sequential(*layers, nn.Linear(width, outputs))

    def prepare(self, world: str, inputs: Inputs) -> None:
        if inputs.theta is None:
            self.summaries.update(inputs)

    def respond(
        self, inputs: Inputs, horizon: int | None = None
    ) -> Float[torch.Tensor, "B S points 3"]:
        flat = self.net(torch.cat([self.tokens(inputs), self._observed(inputs)], dim=1))
        output = flat.unflatten(-1, (len(self.tokens.shocks), self.horizon + 1, 3))
        output = self.trained_horizons(output[:, self.tokens.rows(inputs)], horizon)
        return self.physical(output, inputs)

    def _observed(self, inputs: Inputs) -> torch.Tensor:
        """Summary and log length of the history (B, 46); zeros where theta is known."""
        if inputs.theta is not None:
            return inputs.theta.new_zeros(len(inputs), SUMMARY_SIZE + 1)
        summary = self.summaries(inputs)
        assert inputs.history is not None
        # Estimation errors, and so what a coefficient is worth, depend on the length.
        length = math.log(inputs.history.shape[1] / MAX_HISTORY)
        return torch.cat([summary, torch.full_like(summary[:, :1], length)], dim=1)
