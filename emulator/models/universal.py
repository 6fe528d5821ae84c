"""The universal emulator: one network for every world.

    world, task, tokens of theta ─┬──────────────┬─ residual trunk ─ draw ─┬─ shock blocks ─ heads
    history, innovations ─────────┴─ transformer ┘   (FiLM by world)       │
    shock token (name, size) ──────────────────────────────────────────────┘

Inputs a regime does not give are replaced by a learned "absent" vector, so that one set of weights
serves every regime. Heads: poles and residues plus a direct correction (heads.py). Outputs are
per-unit responses in physical units (base.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from emulator.config import StrictModel
from emulator.models.base import Model
from emulator.models.embeddings import NameEmbedding, ParameterEncoder
from emulator.models.encoders import SequenceEncoder
from emulator.models.heads import DirectHead, ModalHead
from emulator.regimes import MAX_SIZE, Inputs, Task
from emulator.specs import WorldSpec

BLIND = "(no world)"  # the row of the world table for regimes that do not name the world


class UniversalConfig(StrictModel):
    """`model:` of a universal run."""

    type: Literal["universal"] = "universal"
    world_embed_dim: int = Field(32, ge=1)
    param_embed_dim: int = Field(64, ge=1)
    hidden_dim: int = Field(256, ge=8)
    blocks: int = Field(3, ge=1, description="residual blocks of the trunk, per draw")
    shock_blocks: int = Field(2, ge=1, description="residual blocks after the shock token")
    poles: int = Field(16, ge=1, description="damped cosines of the modal head")

    def build(self, specs: Sequence[WorldSpec], horizon: int) -> Universal:
        return Universal(self, specs, horizon)


class Universal(Model):
    """See the module docstring."""

    def __init__(self, config: UniversalConfig, specs: Sequence[WorldSpec], horizon: int) -> None:
        super().__init__(specs, horizon)
        hidden, world_dim = config.hidden_dim, config.world_embed_dim
        self.world = NameEmbedding([BLIND, *self.specs], world_dim)
        self.world_in = nn.Linear(world_dim, hidden)
        self.parameters_in = ParameterEncoder(specs, config.param_embed_dim, hidden)
        self.task = NameEmbedding(Task, hidden, std=0.1)
        self.sequence_in = SequenceEncoder((n for s in specs for n in s.shock_names), hidden)
        self.absent = nn.Parameter(torch.zeros(2, hidden))  # no theta, no sequence
        self.trunk = nn.ModuleList(Block(hidden, world_dim) for _ in range(config.blocks))
        self.shock = NameEmbedding([n for s in specs for n in s.shock_names], hidden)
        self.shock_world = nn.Linear(world_dim, hidden)
        self.size_in = nn.Sequential(nn.Linear(2, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.shock_trunk = nn.ModuleList(
            Block(hidden, world_dim) for _ in range(config.shock_blocks)
        )
        self.norm = nn.LayerNorm(hidden)
        self.modal = ModalHead(hidden, config.poles)
        self.direct = DirectHead(hidden, horizon)

    def forward(self, inputs: Inputs, horizon: int | None = None) -> torch.Tensor:
        horizon = self.horizon if horizon is None else horizon
        world = self.world((inputs.world or BLIND,))[0]
        draw = self._known(inputs, world)  # (B, hidden)
        for block in self.trunk:
            draw = block(draw, world)
        token = self.shock(inputs.shocks) + self.shock_world(world)  # (S, hidden)
        shock = draw[:, None] + token
        if not (inputs.world and self.specs[inputs.world].linear):
            # A linear world's response per unit does not depend on the size.
            size = inputs.size / MAX_SIZE
            shock = shock + self.size_in(torch.stack([size, size.abs()], dim=-1))
        for block in self.shock_trunk:
            shock = block(shock, world)
        shock = self.norm(shock)
        output = self.modal(draw, shock, horizon) + self.direct(shock, horizon)
        return self.physical(output, inputs)

    def _known(self, inputs: Inputs, world: torch.Tensor) -> torch.Tensor:
        """World, task, theta and what happened so far, or their absence, (B, hidden)."""
        known = self.world_in(world) + self.task((inputs.task,))
        if inputs.theta is None:
            known = (known + self.absent[0]).expand(len(inputs), -1)
        else:
            assert inputs.world is not None
            known = known + self.parameters_in(inputs.world, inputs.theta)
        if inputs.history is None and inputs.eps is None:
            return torch.add(known, self.absent[1])
        sequence = self.sequence_in(inputs.history, inputs.eps, inputs.shocks, known)
        return known + sequence  # type: ignore[no-any-return]


class Block(nn.Module):
    """A residual block whose input is scaled and shifted by the world (FiLM, Perez et al. 2018)."""

    def __init__(self, hidden: int, world_dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden, elementwise_affine=False)
        self.film = nn.Linear(world_dim, 2 * hidden)
        self.up = nn.Linear(hidden, 2 * hidden)
        self.down = nn.Linear(2 * hidden, hidden)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        self.down.weight.data.mul_(0.5)

    def forward(self, x: torch.Tensor, world: torch.Tensor) -> torch.Tensor:
        """x (..., hidden), world (world_dim) to (..., hidden)."""
        scale, shift = self.film(world).chunk(2)
        y = self.norm(x) * (1.0 + scale) + shift
        return x + self.down(nn.functional.silu(self.up(y)))  # type: ignore[no-any-return]
