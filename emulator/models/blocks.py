"""The residual block that trunks are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from jaxtyping import Float, Int64


class Block(nn.Module):
    """A residual block under a condition, which scales and shifts its input (FiLM, Perez et al.
    2018) and gates what is inside.

    No layer norm: dividing by a vector's own length is one more thing that a smooth map has to be
    undone of (docs/experiments.md).
    """

    def __init__(self, hidden: int, condition: int) -> None:
        super().__init__()
        self.film = nn.Linear(condition, 4 * hidden)
        self.up = nn.Linear(hidden, 2 * hidden)
        self.down = nn.Linear(2 * hidden, hidden)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        self.down.weight.data.mul_(0.5)

    def forward(
        self,
        x: Float[torch.Tensor, "*rows hidden"],
        conditions: Float[torch.Tensor, "C condition"],
        rows: Int64[torch.Tensor, " N"] | None = None,
    ) -> Float[torch.Tensor, "*rows hidden"]:
        """x (..., hidden), conditions (C, condition), to (..., hidden). rows (N,): which condition
        is each row's, for x (N, hidden); without it they broadcast against x."""
        hidden = x.shape[-1]
        film = self.film(conditions)
        if rows is not None:
            film = film[rows]
        scale, shift, gate = film.split([hidden, hidden, 2 * hidden], dim=-1)
        y = x * (1.0 + scale) + shift
        y = nn.functional.silu(self.up(y)) * (1.0 + gate)
        return x + self.down(y)  # type: ignore[no-any-return]
