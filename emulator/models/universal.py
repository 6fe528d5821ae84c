"""The universal emulator: one network for every world.

    world, task, tokens of theta ──┬─────────────┬─ residual trunk ─ draw ─┬─ shock blocks ─ heads
    history: a regression's view ──┤             │  (FiLM by world)        │
    history, innovations: state ───┴─────────────┘           shock token (name, size)

A regression of the history on its past, and on innovations where they are known, stands in where
theta is not given; how the past ended is read only where the answer depends on the state. Inputs a
regime does not give are replaced by a learned "absent" vector, so that one set of weights serves
every regime.

Heads: poles and residues plus a direct correction, plus a share of the regression's own responses;
and bands (heads.py). Outputs are per-unit responses in physical units (base.py).

Trajectories: where innovations are known, the sum of the responses to them plus a correction
(paths.py); where a history is known, a forecast of what it left behind, from the draw's vector and
the regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from emulator.config import StrictModel
from emulator.models.base import Answer, Forecaster, Model
from emulator.models.embeddings import NameEmbedding, ParameterEncoder
from emulator.models.encoders import EconomyEncoder, StateEncoder, regressions, scale_of
from emulator.models.heads import DirectHead, EstimateHead, ModalHead, SpreadHead
from emulator.models.paths import MEMORY, PathCorrection, convolve
from emulator.models.regression import Regression
from emulator.regimes import AHEAD, MAX_SIZE, Inputs, Task, response_inputs
from emulator.specs import WorldSpec

BLIND = "(no world)"  # the row of the world table for regimes that do not name the world
ABSENT = ("theta", "regression", "state")  # what a vector may have to do without


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


class Universal(Model, Forecaster):
    """See the module docstring."""

    shocks_apart = True

    def __init__(self, config: UniversalConfig, specs: Sequence[WorldSpec], horizon: int) -> None:
        super().__init__(specs, horizon)
        hidden, world_dim = config.hidden_dim, config.world_embed_dim
        shocks = [n for s in specs for n in s.shock_names]
        self.world = NameEmbedding([BLIND, *self.specs], world_dim)
        self.world_in = nn.Linear(world_dim, hidden)
        self.parameters_in = ParameterEncoder(specs, config.param_embed_dim, hidden)
        self.task = NameEmbedding(Task, hidden, std=0.1)
        self.economy_in = EconomyEncoder(hidden)
        self.state_in = StateEncoder(shocks, hidden)
        self.absent = NameEmbedding(ABSENT, hidden, std=0.0)
        self.trunk = nn.ModuleList(Block(hidden, world_dim) for _ in range(config.blocks))
        self.shock = NameEmbedding(shocks, hidden)
        self.shock_world = nn.Linear(world_dim, hidden)
        self.size_in = nn.Sequential(nn.Linear(2, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.shock_trunk = nn.ModuleList(
            Block(hidden, world_dim) for _ in range(config.shock_blocks)
        )
        self.draw_norm = nn.LayerNorm(hidden)
        self.shock_norm = nn.LayerNorm(hidden)
        self.modal = ModalHead(hidden, config.poles)
        self.direct = DirectHead(hidden, horizon + 1)
        self.identified = EstimateHead(hidden, 1, start=1.0)  # on innovations: the response itself
        self.rotated = EstimateHead(hidden, 3, start=0.0)  # on the past: its columns, in some mix
        self.spread = SpreadHead(hidden)
        self.path_modal = ModalHead(hidden, config.poles)
        self.path_direct = DirectHead(hidden, AHEAD)
        self.forecasted = EstimateHead(hidden, 1, start=1.0)
        self.correction = PathCorrection(shocks, hidden)

    def answer(
        self, asked: Sequence[Inputs], horizon: int | None = None, *, bands: bool = True
    ) -> list[Answer]:
        points = 1 + (self.horizon if horizon is None else horizon)
        found = _regressions(asked)
        draws = self._draws(asked, found)
        shocks = self._shocks(asked, draws)
        answers = []
        for inputs, draw, shock, regression in zip(asked, draws, shocks, found, strict=True):
            response = self._response(inputs, draw, shock, regression, points)
            if not bands:
                answers.append(Answer(response))
                continue
            scale = self.response_scale(inputs)[:, :, None, :, None]
            spread = self.spread(shock, points).unflatten(0, (len(inputs), -1)).transpose(2, 3)
            # Bands form around the point estimate without moving it.
            answers.append(Answer(response, response.detach()[..., None] + spread * scale))
        return answers

    def forecast(self, inputs: Inputs) -> torch.Tensor:
        ahead, scale = inputs.ahead, self.path_scale(inputs)[:, None]
        path = inputs.size.new_zeros(len(inputs), ahead, 3)
        if inputs.eps is not None:
            at_rest = response_inputs(inputs)
            found = _regressions([at_rest])
            draws = self._draws([at_rest], found)
            shocks = self._shocks([at_rest], draws)
            points = inputs.eps.shape[1]
            responses = self._response(at_rest, draws[0], shocks[0], found[0], points)
            linear = convolve(responses, inputs.eps)
            window = min(MEMORY + ahead, linear.shape[1])
            # A history of a constant series has no scale; the floor is far below any of a world.
            seen = linear[:, -window:] / scale.clamp(min=1e-6)
            more = self.correction(seen, inputs.eps[:, -window:], inputs.shocks, draws[0])
            path = path + linear[:, -ahead:] + more[:, -ahead:] * scale
        if inputs.history is not None or inputs.eps is None:
            own = _regressions([inputs])
            draw = self._draws([inputs], own)[0]
            with torch.autocast(draw.device.type, enabled=False):
                draw = draw.float()
                basis = self.path_modal.basis(draw, ahead)
                left = (self.path_modal.residues(draw) @ basis + self.path_direct(draw, ahead)).mT
                path = path + left * scale
                if inputs.history is not None and inputs.eps is None:
                    regression = own[0] or regressions([inputs])[0]  # with theta known, for this
                    ahead_of_it = regression.forecast(ahead)[:, None]
                    units = scale_of(inputs.history)[:, None]
                    path = path + self.forecasted(draw, ahead_of_it) * units
        return path

    def _draws(
        self, asked: Sequence[Inputs], found: Sequence[Regression | None]
    ) -> tuple[torch.Tensor, ...]:
        """The trunk's vectors, (B, hidden) for each of `asked`."""
        worlds = self._worlds(asked)
        known = [
            self._known(inputs, world, regression)
            for inputs, world, regression in zip(asked, worlds, found, strict=True)
        ]
        moving = [
            k for k, i in enumerate(asked) if i.has_sequence and i.task is not Task.steady_state
        ]
        if moving:
            states = self.state_in([asked[k] for k in moving], [known[k] for k in moving])
            for k, state in zip(moving, states, strict=True):
                known[k] = known[k] + state
        for k in set(range(len(known))) - set(moving):
            known[k] = known[k] + self.absent(("state",))
        sizes = [len(i) for i in asked]
        draw, rows = torch.cat(known), _repeat(sizes, worlds)
        for block in self.trunk:
            draw = block(draw, worlds, rows)
        return _split(self.draw_norm(draw), sizes)

    def _known(self, inputs: Inputs, world: torch.Tensor, found: Regression | None) -> torch.Tensor:
        """World, task, and what is known of the economy, (B, hidden)."""
        known = self.world_in(world) + self.task((inputs.task,))
        if found is None:
            known = known + self.absent(("regression",))
        else:
            assert inputs.history is not None
            known = known + self.economy_in(inputs.history, found)
        if inputs.theta is None:
            return (known + self.absent(("theta",))).expand(len(inputs), -1)  # type: ignore[no-any-return]
        assert inputs.world is not None
        return known + self.parameters_in(inputs.world, inputs.theta)  # type: ignore[no-any-return]

    def _shocks(
        self, asked: Sequence[Inputs], draws: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, ...]:
        """What the heads read, (B S, hidden) for each of `asked`."""
        worlds = self._worlds(asked)
        tokens = []
        for inputs, draw, world in zip(asked, draws, worlds, strict=True):
            token = draw[:, None] + self.shock(inputs.shocks) + self.shock_world(world)
            if inputs.world is None or not self.spec(inputs.world).linear:
                # In a linear world the response per unit does not depend on the size.
                size = inputs.size / MAX_SIZE
                token = token + self.size_in(torch.stack([size, size.abs()], dim=-1))
            tokens.append(token.flatten(0, 1))
        sizes = [len(token) for token in tokens]
        shock, rows = torch.cat(tokens), _repeat(sizes, worlds)
        for block in self.shock_trunk:
            shock = block(shock, worlds, rows)
        return _split(self.shock_norm(shock), sizes)

    def _response(
        self,
        inputs: Inputs,
        draw: torch.Tensor,
        shock: torch.Tensor,
        found: Regression | None,
        points: int,
    ) -> torch.Tensor:
        """draw (B, hidden), shock (B S, hidden) to physical responses (B, S, points, 3).

        In float32 whatever the trunk's precision: bfloat16 alone is off by some 0.3 %.
        """
        with torch.autocast(draw.device.type, enabled=False):
            draw, shock = draw.float(), shock.float()
            residues = self.modal.residues(shock).reshape(len(draw), -1, 2 * self.modal.poles)
            modal = residues @ self.modal.basis(draw, points)  # (B, 3 S, points)
            direct: torch.Tensor = self.direct(shock, points)  # (B S, 3, points)
            output = (modal.reshape_as(direct) + direct).reshape(len(draw), -1, 3, points).mT
            scale = self.response_scale(inputs)[:, :, None]
            response: torch.Tensor = output * scale
            if found is None:
                return response
            assert inputs.history is not None
            own = found.responses(points)  # (B, J, points, 3)
            if found.shocks is None:
                own = own[:, None].expand(-1, response.shape[1], -1, -1, -1).flatten(0, 1)
                share = self.rotated(shock, own)
            else:
                share = self.identified(shock, own.flatten(0, 1)[:, None])
            share = share.reshape_as(response) * scale_of(inputs.history)[:, None, None]
            # What the world's responses never do, no estimate makes them do.
            return response + torch.where(scale > 0, share, torch.zeros_like(share))

    def _worlds(self, asked: Sequence[Inputs]) -> torch.Tensor:
        """(len(asked), world_dim)."""
        return self.world(tuple(i.world or BLIND for i in asked))  # type: ignore[no-any-return]


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

    def forward(
        self, x: torch.Tensor, worlds: torch.Tensor, rows: torch.Tensor | None
    ) -> torch.Tensor:
        """x (N, hidden), worlds (W, world_dim), rows (N,) the world of each row or None where W is
        1, to (N, hidden)."""
        film = self.film(worlds)
        scale, shift = (film if rows is None else film[rows]).chunk(2, dim=-1)
        y = self.norm(x) * (1.0 + scale) + shift
        return x + self.down(nn.functional.silu(self.up(y)))  # type: ignore[no-any-return]


def _regressions(asked: Sequence[Inputs]) -> list[Regression | None]:
    """The regression of each history that stands in for an unknown theta."""
    unknown = [k for k, i in enumerate(asked) if i.theta is None and i.history is not None]
    out: list[Regression | None] = [None] * len(asked)
    for k, found in zip(unknown, regressions([asked[k] for k in unknown]), strict=True):
        out[k] = found
    return out


def _repeat(sizes: Sequence[int], like: torch.Tensor) -> torch.Tensor | None:
    """0 repeated sizes[0] times, 1 sizes[1] times, ...; None where there is one size."""
    if len(sizes) == 1:
        return None
    index = torch.arange(len(sizes), device=like.device)
    return index.repeat_interleave(torch.tensor(sizes, device=like.device))


def _split(rows: torch.Tensor, sizes: Sequence[int]) -> tuple[torch.Tensor, ...]:
    """The rows of each of `asked`."""
    return (rows,) if len(sizes) == 1 else torch.split(rows, list(sizes))
