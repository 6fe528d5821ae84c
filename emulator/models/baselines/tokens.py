"""Everything the baselines see besides a history, as one vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from emulator.limits import MAX_SIZE
from emulator.models.normalization import ParameterNormalizer
from emulator.regimes import Inputs, Task
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Float


class Tokens(nn.Module):
    """World, parameters, whether they are known, shock sizes and task as one vector a draw.

    What is not given is zero.

    size: its length. shocks: the rows of the shocks' names.
    """

    def __init__(self, specs: Sequence[WorldSpec]) -> None:
        super().__init__()
        self.normalizers = nn.ModuleDict({s.name: ParameterNormalizer(s) for s in specs})
        self.linear = {s.name: s.linear for s in specs}
        self.slots = max(len(s.parameters) for s in specs)
        names = dict.fromkeys(name for s in specs for name in s.shock_names)
        self.shocks = {name: row for row, name in enumerate(names)}
        self.size = self.slots + len(self.shocks) + len(specs) + 2

    def rows(self, inputs: Inputs) -> list[int]:
        """The slots of the shocks asked for."""
        return [self.shocks[name] for name in inputs.shocks]

    def forward(self, inputs: Inputs) -> Float[torch.Tensor, "B size"]:
        """(B, size)."""
        rows, like = len(inputs), inputs.size
        theta = like.new_zeros(rows, self.slots)
        if inputs.theta is not None:
            assert inputs.world is not None
            value = self.normalizers[inputs.world](inputs.theta)
            theta = nn.functional.pad(value, (0, self.slots - value.shape[1]))
        which = like.new_zeros(rows, len(self.linear))
        if inputs.world is not None:
            which[:, list(self.linear).index(inputs.world)] = 1.0
        sizes = like.new_zeros(rows, len(self.shocks))
        if inputs.world is None or not self.linear[inputs.world]:
            # In a linear world the response per unit does not depend on the size.
            sizes[:, self.rows(inputs)] = inputs.size / MAX_SIZE
        task = like.new_full((rows, 1), float(inputs.task is Task.state_dependent))
        known = like.new_full((rows, 1), float(inputs.theta is not None))
        return torch.cat([theta, known, sizes, which, task], dim=1)
