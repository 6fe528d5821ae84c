"""The residual block that trunks are made of."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

# What an expert adds to an entry at most. Training rows reach 10; at the ends of several bounds at
# once, where no row is, experts that feed each other had added hundreds.
REACH = 12.0


class Segment(NamedTuple):
    """Rows that follow each other and are of one world."""

    world: str
    rows: int


class Experts(nn.Module):
    """A small network for each world, beside what all of them share: rows go through their own
    world's alone (hard routing by name).

    All start the same and differ by what their worlds taught them, so a world that is not there yet
    can start from another's, or from the mean of several.
    """

    def __init__(self, hidden: int, width: int, worlds: Sequence[str]) -> None:
        super().__init__()
        up, down = nn.Linear(hidden, width), nn.Linear(width, hidden)
        down.weight.data.mul_(0.5)
        first = nn.Sequential(up, nn.SiLU(), down)
        self.worlds = nn.ModuleDict({world: copy.deepcopy(first) for world in worlds})

    def forward(self, x: torch.Tensor, segments: Sequence[Segment]) -> torch.Tensor:
        """x (N, ..., hidden), its rows in `segments`, to the same shape."""
        if len(segments) == 1:
            own: torch.Tensor = self.worlds[segments[0].world](x)
        else:
            parts = torch.split(x, [segment.rows for segment in segments])
            own = torch.cat(
                [self.worlds[s.world](part) for s, part in zip(segments, parts, strict=True)]
            )
        return own.clamp(-REACH, REACH)


class Block(nn.Module):
    """A residual block under a condition, which scales and shifts its input (FiLM, Perez et al.
    2018) and gates what is inside.

    No layer norm: dividing by a vector's own length is one more thing that a smooth map has to be
    undone of. Errors of answers from parameters are a fifth lower without any, here or before the
    heads (docs/experiments.md). With `experts`, worlds have a part of the block of their own.
    """

    def __init__(self, hidden: int, condition: int, experts: Experts | None = None) -> None:
        super().__init__()
        self.film = nn.Linear(condition, 4 * hidden)
        self.up = nn.Linear(hidden, 2 * hidden)
        self.down = nn.Linear(2 * hidden, hidden)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        self.down.weight.data.mul_(0.5)
        self.experts = experts

    def forward(
        self,
        x: torch.Tensor,
        conditions: torch.Tensor,
        rows: torch.Tensor | None = None,
        segments: Sequence[Segment] = (),
    ) -> torch.Tensor:
        """x (..., hidden), conditions (C, condition), to (..., hidden). rows (N,): which condition
        is each row's, for x (N, hidden); without it they broadcast against x. segments: the
        worlds that x's rows belong to, in order, for the experts."""
        hidden = x.shape[-1]
        film = self.film(conditions)
        if rows is not None:
            film = film[rows]
        scale, shift, gate = film.split([hidden, hidden, 2 * hidden], dim=-1)
        y = x * (1.0 + scale) + shift
        y = nn.functional.silu(self.up(y)) * (1.0 + gate)
        out: torch.Tensor = x + self.down(y)
        return out if self.experts is None else out + self.experts(x, segments)
