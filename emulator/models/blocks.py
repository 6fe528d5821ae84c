"""The residual block that trunks are made of."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from emulator.models.embeddings import vocabulary

if TYPE_CHECKING:
    from jaxtyping import Float, Int64

# How far beyond the range of training rows a block may go, as a share of that range.
MARGIN = 0.25


class Segment(NamedTuple):
    """Rows that follow each other and are of one world."""

    world: str
    rows: int


class Reach(nn.Module):
    """Keeps what a part of a block adds within what it adds for a world's training rows, a quarter
    of that range wider on either side, entry by entry.

    Without norms a network grows steeply away from its rows: answers at the ends of several bounds
    at once were hundreds of s.d.s off, and one rounding of the inputs moved them. `measured` takes
    the ranges once training is over; in training, and for worlds not measured, nothing is held.
    """

    lowest: torch.Tensor
    highest: torch.Tensor

    def __init__(self, hidden: int, worlds: Sequence[str]) -> None:
        super().__init__()
        self.rows = vocabulary(worlds)
        self.register_buffer("lowest", torch.full((len(self.rows), hidden), -torch.inf))
        self.register_buffer("highest", torch.full((len(self.rows), hidden), torch.inf))
        self.seen: dict[str, tuple[torch.Tensor, torch.Tensor]] | None = None

    def forward(
        self, added: Float[torch.Tensor, "N *more hidden"], segments: Sequence[Segment]
    ) -> Float[torch.Tensor, "N *more hidden"]:
        """added (N, ..., hidden), its rows in `segments`, to the same shape."""
        if self.training:
            return added
        if len(segments) == 1:
            return self._of(segments[0].world, added)
        parts = torch.split(added, [segment.rows for segment in segments])
        return torch.cat([self._of(s.world, part) for s, part in zip(segments, parts, strict=True)])

    def _of(self, world: str, added: torch.Tensor) -> torch.Tensor:
        if self.seen is not None:
            flat = added.flatten(0, -2)
            low, high = flat.amin(dim=0), flat.amax(dim=0)
            if world in self.seen:
                low = torch.minimum(low, self.seen[world][0])
                high = torch.maximum(high, self.seen[world][1])
            self.seen[world] = low, high
            return added
        row = self.rows[world]
        return torch.clamp(added, self.lowest[row], self.highest[row])

    @staticmethod
    @contextmanager
    def measured(model: nn.Module) -> Iterator[None]:
        """While this lasts, `model` sees rows of some worlds; their ranges are then kept."""
        reaches = [module for module in model.modules() if isinstance(module, Reach)]
        for reach in reaches:
            reach.seen = {}
        try:
            yield
            for reach in reaches:
                assert reach.seen is not None
                for world, (low, high) in reach.seen.items():
                    beyond = MARGIN * (high - low)
                    reach.lowest[reach.rows[world]] = low - beyond
                    reach.highest[reach.rows[world]] = high + beyond
        finally:
            for reach in reaches:
                reach.seen = None


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
        self.reach = Reach(hidden, worlds)

    def forward(
        self, x: Float[torch.Tensor, "N *more hidden"], segments: Sequence[Segment]
    ) -> Float[torch.Tensor, "N *more hidden"]:
        """x (N, ..., hidden), its rows in `segments`, to the same shape."""
        if len(segments) == 1:
            own: torch.Tensor = self.worlds[segments[0].world](x)
        else:
            parts = torch.split(x, [segment.rows for segment in segments])
            own = torch.cat(
                [self.worlds[s.world](part) for s, part in zip(segments, parts, strict=True)]
            )
        return self.reach(own, segments)  # type: ignore[no-any-return]


class Block(nn.Module):
    """A residual block under a condition, which scales and shifts its input (FiLM, Perez et al.
    2018) and gates what is inside.

    No layer norm: dividing by a vector's own length is one more thing that a smooth map has to be
    undone of. Errors of answers from parameters are a fifth lower without any, here or before the
    heads (docs/experiments.md). With `worlds`, what the block adds is held within their reach; with
    an `expert` width besides, each has a part of the block of its own.
    """

    def __init__(
        self, hidden: int, condition: int, worlds: Sequence[str] = (), expert: int = 0
    ) -> None:
        super().__init__()
        self.film = nn.Linear(condition, 4 * hidden)
        self.up = nn.Linear(hidden, 2 * hidden)
        self.down = nn.Linear(2 * hidden, hidden)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        self.down.weight.data.mul_(0.5)
        self.reach = Reach(hidden, worlds) if worlds else None
        self.experts = Experts(hidden, expert, worlds) if worlds and expert else None

    def forward(
        self,
        x: Float[torch.Tensor, "*rows hidden"],
        conditions: Float[torch.Tensor, "C condition"],
        rows: Int64[torch.Tensor, " N"] | None = None,
        segments: Sequence[Segment] = (),
    ) -> Float[torch.Tensor, "*rows hidden"]:
        """x (..., hidden), conditions (C, condition), to (..., hidden). rows (N,): which condition
        is each row's, for x (N, hidden); without it they broadcast against x. segments: the
        worlds that x's rows belong to, in order, where the block knows worlds."""
        hidden = x.shape[-1]
        film = self.film(conditions)
        if rows is not None:
            film = film[rows]
        scale, shift, gate = film.split([hidden, hidden, 2 * hidden], dim=-1)
        y = x * (1.0 + scale) + shift
        y = nn.functional.silu(self.up(y)) * (1.0 + gate)
        added: torch.Tensor = self.down(y)
        if self.reach is not None:
            added = self.reach(added, segments)
        out = x + added
        return out if self.experts is None else out + self.experts(x, segments)
