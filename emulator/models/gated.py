"""Layers of gated units for several groups at once, and how far they may go.

A unit is a product, u sigmoid(g) (Dauphin et al. 2017): what a parameter does to a response depends
on the others, and products say so with few units. Groups, one a shock, have weights of their own;
all go through a layer as one batched product.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from jaxtyping import Float

GAIN = 1.7  # a gate of independent normals halves the s.d. of what it lets through, about
# How far beyond the range of training rows a layer may go, as a share of that range.
MARGIN = 0.25


class Reach(nn.Module):
    """Keeps what a layer gives within what it gives for training rows, a quarter of that range
    wider on either side, entry by entry.

    Without norms a network grows steeply away from its rows: answers at the ends of several bounds
    at once were hundreds of s.d.s off, and one rounding of the inputs moved them. `measured` takes
    the ranges once training is over; in training, and before they are measured, nothing is held.
    """

    lowest: torch.Tensor
    highest: torch.Tensor

    def __init__(self, groups: int, width: int) -> None:
        super().__init__()
        self.register_buffer("lowest", torch.full((groups, 1, width), -torch.inf))
        self.register_buffer("highest", torch.full((groups, 1, width), torch.inf))
        self.seen: list[tuple[torch.Tensor, torch.Tensor]] | None = None

    def forward(self, x: Float[torch.Tensor, "G B width"]) -> Float[torch.Tensor, "G B width"]:
        """x (G, B, width) to the same shape."""
        if self.training:
            return x
        if self.seen is not None:
            self.seen.append((x.amin(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)))
            return x
        return torch.clamp(x, self.lowest, self.highest)

    @staticmethod
    @contextmanager
    def measured(model: nn.Module) -> Iterator[None]:
        """While this lasts, layers of `model` see rows; the ranges of those that saw any are then
        kept."""
        reaches = [module for module in model.modules() if isinstance(module, Reach)]
        for reach in reaches:
            reach.seen = []
        try:
            yield
            for reach in reaches:
                if not reach.seen:
                    continue
                low = torch.stack([low for low, _ in reach.seen]).amin(dim=0)
                high = torch.stack([high for _, high in reach.seen]).amax(dim=0)
                beyond = MARGIN * (high - low)
                reach.lowest.copy_(low - beyond)
                reach.highest.copy_(high + beyond)
        finally:
            for reach in reaches:
                reach.seen = None


class Maps(nn.Module):
    """An affine map for each group, (G, B, inputs) to (G, B, outputs). The constants are flat, as
    they are no stack of matrices to an optimiser. pace: of weights, beside that of others."""

    def __init__(
        self, groups: int, inputs: int, outputs: int, gain: float = 1.0, pace: float = 1.0
    ) -> None:
        super().__init__()
        self.pace = pace
        bound = gain * inputs**-0.5
        self.weight = nn.Parameter(torch.empty(groups, outputs, inputs))
        self.bias = nn.Parameter(torch.empty(groups * outputs))
        nn.init.uniform_(self.weight, -bound / pace, bound / pace)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Float[torch.Tensor, "G B inputs"]) -> Float[torch.Tensor, "G B outputs"]:
        """(G, B, inputs) to (G, B, outputs)."""
        return torch.baddbmm(self.constants[:, None], x, self.weight.mT, alpha=self.pace)

    @property
    def constants(self) -> Float[torch.Tensor, "G outputs"]:
        """(G, outputs)."""
        return self.bias.view(len(self.weight), -1)


class Gated(nn.Module):
    """Layers of gated units, (G, B, inputs) to (G, B, width); with `residual` each adds to what
    came before, through a map back."""

    def __init__(
        self,
        groups: int,
        inputs: int,
        width: int,
        layers: int,
        *,
        residual: bool,
        pace: float = 1.0,
    ) -> None:
        super().__init__()
        self.width = width
        self.first = Maps(groups, inputs, width, pace=pace) if residual else None
        sizes = [width if residual or k else inputs for k in range(layers)]
        self.up = nn.ModuleList(Maps(groups, size, 2 * width, pace=pace) for size in sizes)
        self.down = nn.ModuleList(
            Maps(groups, width, width, 0.5, pace) for _ in range(layers if residual else 0)
        )
        self.reach = nn.ModuleList(Reach(groups, width) for _ in range(layers))

    def forward(self, x: Float[torch.Tensor, "G B inputs"]) -> Float[torch.Tensor, "G B width"]:
        """x (G, B, inputs) to (G, B, width)."""
        y: torch.Tensor = x if self.first is None else self.first(x)
        for k, (up, reach) in enumerate(zip(self.up, self.reach, strict=True)):
            through, gate = up(y).chunk(2, dim=-1)
            units = GAIN * through * torch.sigmoid(gate)
            y = reach(units) if self.first is None else y + reach(self.down[k](units))
        return y
