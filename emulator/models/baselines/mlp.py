"""A plain multilayer perceptron, pooled over worlds or, with one world in the data, per world.

Pooled, it sees a world's normalised parameters in the first P of the widest world's slots, the
shock sizes in the first S, a one-hot world and the task. It has no notion of names or time: all
responses come out at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from emulator.config import StrictModel
from emulator.models.base import Model
from emulator.models.normalization import ParameterNormalizer
from emulator.regimes import MAX_SIZE, Inputs, Task, require_theta
from emulator.specs import WorldSpec


class MLPConfig(StrictModel):
    """`model:` of an MLP baseline."""

    type: Literal["baseline_mlp"] = "baseline_mlp"
    hidden_dim: int = Field(256, ge=1)
    layers: int = Field(3, ge=1, description="hidden layers")

    def build(self, specs: Sequence[WorldSpec], horizon: int) -> MLP:
        return MLP(self, specs, horizon)


class MLP(Model):
    """See the module docstring."""

    def __init__(self, config: MLPConfig, specs: Sequence[WorldSpec], horizon: int) -> None:
        super().__init__(specs, horizon)
        self.normalizers = nn.ModuleDict({s.name: ParameterNormalizer(s) for s in specs})
        self.slots = max(len(s.parameters) for s in specs)
        self.shocks = max(len(s.shocks) for s in specs)
        width = config.hidden_dim
        inputs = self.slots + self.shocks + len(specs) + 1
        layers: list[nn.Module] = [nn.Linear(inputs, width), nn.SiLU()]
        for _ in range(config.layers - 1):
            layers += [nn.Linear(width, width), nn.SiLU()]
        self.net = nn.Sequential(*layers, nn.Linear(width, self.shocks * (horizon + 1) * 3))

    def forward(self, inputs: Inputs, horizon: int | None = None) -> torch.Tensor:
        theta = require_theta(inputs)
        assert inputs.world is not None
        value = self.normalizers[inputs.world](theta)
        which = torch.zeros(len(theta), len(self.specs), device=theta.device)
        which[:, list(self.specs).index(inputs.world)] = 1.0
        padded = nn.functional.pad(value, (0, self.slots - value.shape[1]))
        size = inputs.size / MAX_SIZE
        if self.specs[inputs.world].linear:
            size = torch.zeros_like(size)  # the response per unit does not depend on it
        sizes = nn.functional.pad(size, (0, self.shocks - size.shape[1]))
        task = torch.full_like(which[:, :1], float(inputs.task is Task.state_dependent))
        flat = self.net(torch.cat([padded, sizes, which, task], dim=1))
        output = flat.unflatten(-1, (self.shocks, self.horizon + 1, 3))
        output = self.trained_horizons(output[:, : len(inputs.shocks)], horizon)
        return self.scales(inputs.world)(output, theta)  # type: ignore[no-any-return]
