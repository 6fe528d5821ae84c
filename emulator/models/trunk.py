"""From what data say of an economy to its responses: the trunk, the shock blocks, the heads.

Answers from parameters have networks of their own (from_parameters.py): they are as exact as a
network can learn them, while one from data has an error that no network can remove, and a gradient
that never settles. docs/experiments.md has what keeping them apart is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from emulator.models.blocks import Block
from emulator.models.heads import DirectHead, ModalHead, SpreadHead

if TYPE_CHECKING:
    from jaxtyping import Float


class Trunk(nn.Module):
    """Blocks and heads.

    draws and shocks are lists, an entry for each world and task asked about: all go through the
    blocks together, each with its own condition.
    """

    def __init__(
        self, hidden: int, condition: int, blocks: int, shock_blocks: int, poles: int, points: int
    ) -> None:
        super().__init__()

        def chain(depth: int) -> nn.ModuleList:
            return nn.ModuleList(Block(hidden, condition) for _ in range(depth))

        self.trunk, self.shock_trunk = chain(blocks), chain(shock_blocks)
        self.modal = ModalHead(hidden, poles)
        self.direct = DirectHead(hidden, points)
        self.spread = SpreadHead(hidden)

    def draws(
        self,
        known: Sequence[Float[torch.Tensor, "_ hidden"]],
        conditions: Sequence[Float[torch.Tensor, " condition"]],
    ) -> list[Float[torch.Tensor, "_ hidden"]]:
        """Vectors (B, hidden) of draws, each under its condition (condition,), refined."""
        under = [condition[None] for condition in conditions]
        return _through(self.trunk, [x[:, None] for x in known], under)

    def shocks(
        self,
        tokens: Sequence[Float[torch.Tensor, "_ _ hidden"]],
        conditions: Sequence[Float[torch.Tensor, "_ condition"]],
    ) -> list[Float[torch.Tensor, "_ hidden"]]:
        """Vectors (B, S, hidden) of draws' shocks, under conditions (S, condition), to what the
        heads read, (B S, hidden)."""
        return _through(self.shock_trunk, tokens, conditions)

    def response(
        self,
        draw: Float[torch.Tensor, "B hidden"],
        shock: Float[torch.Tensor, "BS hidden"],
        points: int,
    ) -> Float[torch.Tensor, "B S {points} 3"]:
        """draw (B, hidden), shock (B S, hidden) to responses over their scale,
        (B, S, points, 3)."""
        residues = self.modal.residues(shock).reshape(len(draw), -1, 2 * self.modal.poles)
        modal = residues @ self.modal.basis(draw, points)  # (B, 3 S, points)
        direct: torch.Tensor = self.direct(shock, points)  # (B S, 3, points)
        response: torch.Tensor = modal.reshape_as(direct) + direct
        return response.reshape(len(draw), -1, 3, points).mT


def _through(
    blocks: Iterable[nn.Module],
    vectors: Sequence[torch.Tensor],
    conditions: Sequence[torch.Tensor],
) -> list[torch.Tensor]:
    """Vectors (B, C, hidden), each under conditions (C, condition), through the blocks at once, to
    (B C, hidden)."""
    if len(vectors) == 1:
        (x,) = vectors
        for block in blocks:
            x = block(x, conditions[0])
        return [x.flatten(0, 1)]
    rows, first = [], 0
    for x in vectors:
        row = torch.arange(first, first + x.shape[1], device=x.device)
        rows.append(row.repeat(len(x)))
        first += x.shape[1]
    flat = torch.cat([x.flatten(0, 1) for x in vectors])
    condition, row = torch.cat(list(conditions)), torch.cat(rows)
    for block in blocks:
        flat = block(flat, condition, row)
    return list(torch.split(flat, [x.shape[0] * x.shape[1] for x in vectors]))
