"""Where an economy of known parameters stands, read off how its past ended.

    parameters ── gated units ─┬─ a linear map ── two quarters at a time ─┐
                               └──────────────────────────────────────────┴─ recurrence ── state

With parameters known, what two adjacent quarters say is a residual, and a map that depends on the
parameters takes it to coordinates in which its square is evidence: how far a shock moved the
economy, how likely each regime made the data. A recurrence adds evidence up, as a filter does.
Innovations, where they are known instead, go the same way. Each world has a reader of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from emulator.models.gated import Gated, Maps

if TYPE_CHECKING:
    from jaxtyping import Float

RECENT = 40  # quarters read one after the other; what is older has faded
COORDINATES = 16  # of what two quarters say
ABOUT = 16  # numbers about the parameters that the recurrence is told in every quarter
FAR = 30.0  # a square beyond which evidence says no more


@dataclass(frozen=True)
class Seen:
    """What is known of the past of B draws; all None where nothing is.

    history: (B, L, 3), over the s.d.s of the world's paths. eps: (B, T, S), from rest to now, in
    s.d.s. flags: (B, T, 1), of an ablation.
    """

    history: Float[torch.Tensor, "B L 3"] | None
    eps: Float[torch.Tensor, "B T S"] | None
    flags: Float[torch.Tensor, "B T 1"] | None


class PastReader(nn.Module):
    """Numbers about the state, of one world."""

    def __init__(self, parameters: int, shocks: int, width: int, told: int) -> None:
        super().__init__()
        self.units = Gated(1, parameters, width, 2, residual=False)
        self.about = Maps(1, width, ABOUT)
        self.history = _Pairs(width, 3, from_rest=False)
        self.eps = _Pairs(width, shocks)
        self.flags = _Pairs(width, 1)
        self.recurrence = nn.GRU(2 * COORDINATES + ABOUT, width, batch_first=True)
        self.out = Maps(1, width + COORDINATES, told)
        self.nothing = nn.Parameter(torch.zeros(told))  # where nothing tells the state

    def forward(self, x: Float[torch.Tensor, "B P"], seen: Seen) -> Float[torch.Tensor, "B told"]:
        """x: parameters (B, P), of order one."""
        units = self.units(x[None])
        found = [
            pairs(units, part)
            for pairs, part in (
                (self.history, seen.history), (self.eps, seen.eps), (self.flags, seen.flags)
            )
            if part is not None
        ]  # fmt: skip
        if not found:
            return self.nothing.expand(len(x), -1)
        said = torch.stack(found).sum(dim=0)
        about = self.about(units)[0][:, None].expand(-1, RECENT, -1)
        read = torch.cat([said, said.square().clamp(max=FAR), about], dim=-1)
        _, last = self.recurrence(read)
        now = said[:, -1].clamp(-(FAR**0.5), FAR**0.5)
        return self.out(torch.cat([last[0], now], dim=-1)[None])[0]  # type: ignore[no-any-return]


class _Pairs(nn.Module):
    """The last quarters of series, two at a time, through a map that parameters make.

    from_rest: a series that is shorter began at rest, with zeros before; of others a pair whose
    first quarter nobody saw says nothing.
    """

    def __init__(self, width: int, series: int, *, from_rest: bool = True) -> None:
        super().__init__()
        self.from_rest = from_rest
        self.map = Maps(1, width, COORDINATES * (2 * series + 1))

    def forward(self, units: torch.Tensor, series: torch.Tensor) -> torch.Tensor:
        """units (1, B, width), series (B, T, C) to (B, RECENT, COORDINATES)."""
        recent = _recent(series)
        pairs = torch.cat(
            [recent[:, 1:], recent[:, :-1], torch.ones_like(recent[:, 1:, :1])], dim=-1
        )
        maps = self.map(units)[0].unflatten(-1, (COORDINATES, -1))
        said: torch.Tensor = pairs @ maps.mT
        return said if self.from_rest else said * _recent(torch.ones_like(series[..., :1]))[:, :-1]


def _recent(series: torch.Tensor) -> torch.Tensor:
    """The last RECENT + 1 quarters of (B, T, C), zeros before where there are fewer."""
    return nn.functional.pad(series, (0, 0, RECENT + 1, 0))[:, -RECENT - 1 :]
