"""The universal emulator: one network for every world.

    world, task, tokens of theta ──┬──────────────┬─ trunk ── draw ─┬─ shock blocks ─ heads
    history: a regression's view ──┤              │  (FiLM)          │  (FiLM)
    history, innovations: state ───┴──────────────┘          shock token (name, size)

A regression of the history on its past, and on innovations where they are known, stands in where
theta is not given; how the past ended is read only where the answer depends on the state. Inputs a
regime does not give are replaced by a learned "absent" vector, so that one set of weights serves
every regime. From there on answers from parameters and answers from data go separate ways
(trunk.py says why): blocks and heads of their own, conditioned on the world, the shock, and which
inputs there are. Those from parameters have an expert a world beside the shared blocks.

Heads: poles and residues plus a direct correction, plus a share of the regression's own responses;
and bands (heads.py), as wide as validation rows call for (bands.py). Outputs are per-unit responses
in physical units (base.py).

Trajectories: where innovations are known, the sum of the responses to them plus a correction
(trajectories.py); where a history is known, a forecast of what it left behind, from the draw's
vector and the regression.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import Field
from torch import nn

from emulator.limits import MAX_SIZE, MOST_DEPTH, MOST_WIDTH
from emulator.models.abilities import ModelConfigBase
from emulator.models.bands import BandWidths
from emulator.models.base import Answer, Answered, Model
from emulator.models.blocks import Reach
from emulator.models.embeddings import NO_WORLD, NameEmbedding, ParameterEncoder
from emulator.models.encoders import EconomyEncoder, StateEncoder, regressions, scale_of
from emulator.models.heads import EstimateHead
from emulator.models.regression import Regression
from emulator.models.trajectories import CORRECTED, TrajectoryCorrection, TrajectoryHeads, convolve
from emulator.models.trunk import Trunk
from emulator.regimes import Inputs, Regime, Task, response_inputs
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Float

ABSENT = ("theta", "regression", "state")  # what a vector may have to do without
FROM_PARAMETERS, FROM_DATA = "from_parameters", "from_data"  # names of the trunks
# What else there is besides the world: estimates from the past, from innovations, the state.
GIVEN = ("estimates", "identified estimates", "state")


class UniversalConfig(ModelConfigBase):
    """`model:` of a universal run."""

    extra_inputs = frozenset({"history", "flags"})
    starts_from_weights = True
    forecasts = True
    bands = True
    any_horizon = True
    shocks_apart = True
    exports = (Regime.A, Regime.B1, Regime.C)
    label = "copy"  # of the universal model, for one world
    universal = True
    specialist = True

    type: Literal["universal"] = "universal"
    world_embed_dim: int = Field(32, ge=1, le=MOST_WIDTH)
    param_embed_dim: int = Field(64, ge=1, le=MOST_WIDTH)
    hidden_dim: int = Field(256, ge=8, le=MOST_WIDTH)
    blocks: int = Field(
        3, ge=1, le=MOST_DEPTH, description="residual blocks of a draw known by its parameters"
    )
    data_blocks: int = Field(
        2, ge=1, le=MOST_DEPTH, description="residual blocks of a draw known from data"
    )
    shock_blocks: int = Field(
        2, ge=1, le=MOST_DEPTH, description="residual blocks after the shock token"
    )
    expert_dim: int = Field(
        128,
        ge=0,
        le=MOST_WIDTH,
        description="width of a world's own part of a block, where theta is known; 0 for none",
    )
    poles: int = Field(16, ge=1, le=MOST_WIDTH, description="damped cosines of the modal head")

    def build(self, specs: Sequence[WorldSpec], horizon: int) -> Universal:
        return Universal(self, specs, horizon)


class Universal(Model):
    """See the module docstring."""

    config: UniversalConfig

    def __init__(self, config: UniversalConfig, specs: Sequence[WorldSpec], horizon: int) -> None:
        super().__init__(config, specs, horizon)
        hidden, world_dim = config.hidden_dim, config.world_embed_dim
        shocks = [n for s in specs for n in s.shock_names]
        self.world = NameEmbedding([NO_WORLD, *self.specs], world_dim)
        self.given = NameEmbedding(GIVEN, world_dim, std=0.5)
        self.world_in = nn.Linear(world_dim, hidden)
        self.parameters_in = ParameterEncoder(specs, config.param_embed_dim, hidden)
        self.task = NameEmbedding(Task, hidden, std=0.1)
        self.economy_in = EconomyEncoder(hidden)
        self.state_in = StateEncoder(shocks, hidden)
        self.absent = NameEmbedding(ABSENT, hidden, std=0.0)
        self.shock = NameEmbedding(shocks, hidden)
        self.shock_condition = NameEmbedding(shocks, world_dim)
        self.shock_world = nn.Linear(world_dim, hidden)
        self.size_in = nn.Sequential(nn.Linear(2, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        shape: dict[str, Any] = {
            "hidden": hidden,
            "condition": world_dim,
            "shock_blocks": config.shock_blocks,
            "poles": config.poles,
            "points": horizon + 1,
        }
        self.pathways = nn.ModuleDict(  # under the name that shipped weights have for it
            {
                FROM_PARAMETERS: Trunk(
                    blocks=config.blocks, expert=config.expert_dim, worlds=list(self.specs), **shape
                ),
                FROM_DATA: Trunk(blocks=config.data_blocks, **shape),
            }
        )
        # On innovations: the response itself, by either fit, the second's closer in linear worlds.
        self.identified = EstimateHead(hidden, start=[0.0, 1.0])
        self.path_heads = TrajectoryHeads(hidden, world_dim, config.poles)
        self.correction = TrajectoryCorrection(shocks, hidden)
        self.rotated = EstimateHead(hidden, start=[0.0] * 6)  # on the past: both fits' columns
        self.widths = BandWidths(specs)

    def train_from_parameters(self) -> None:
        """Let training move only what answers from parameters pass through and answers from data do
        not, and what corrects paths of known innovations."""
        self.requires_grad_(False)
        for part in (self.parameters_in, self.pathways[FROM_PARAMETERS], self.correction):
            part.requires_grad_(True)

    @torch.no_grad()
    def measure(self, rows: Iterable[Inputs]) -> None:
        self.eval()
        with Reach.measured(self):
            for inputs in rows:
                self(inputs)

    @torch.no_grad()
    def calibrate(self, rows: Iterable[Answered]) -> None:
        self.eval()
        self.widths.factors.fill_(1.0)  # scores are of bands as the network gives them
        scores = self.widths.scores()
        for inputs, truth in rows:
            answer = self.answer([inputs])[0]
            assert answer.quantiles is not None
            self.widths.see(scores, inputs, answer.quantiles, truth)
        self.widths.settle(scores)

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
            spread = self._trunk_for(inputs).spread(shock, points)
            spread = spread.unflatten(0, (len(inputs), -1)).transpose(2, 3)
            # Bands form around the point estimate without moving it.
            quantiles = response.detach()[..., None] + spread * scale
            answers.append(Answer(response, self.widths(quantiles, inputs)))
        return answers

    def forecast(self, inputs: Inputs) -> Float[torch.Tensor, "B F 3"]:
        ahead, scale = inputs.ahead, self.path_scale(inputs)[:, None]
        path = inputs.size.new_zeros(len(inputs), ahead, 3)
        if inputs.eps is not None:
            # trajectories.py says why training stops here.
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self.training):
                at_rest = response_inputs(inputs)
                found = _regressions([at_rest])
                draws = self._draws([at_rest], found)
                shocks = self._shocks([at_rest], draws)
                points = inputs.eps.shape[1]
                responses = self._response(at_rest, draws[0], shocks[0], found[0], points)
                linear = convolve(responses, inputs.eps)
            window = min(CORRECTED + ahead, linear.shape[1])
            # A history of a constant series has no scale; the floor is far below any of a world.
            seen = linear[:, -window:] / scale.clamp(min=1e-6)
            more = self.correction(seen, inputs.eps[:, -window:], inputs.shocks, draws[0])
            path = path + linear[:, -ahead:] + more[:, -ahead:] * scale
        if inputs.history is not None or inputs.eps is None:
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self.training):
                own = _regressions([inputs])
                worlds = self._worlds([inputs])
                known = self._economies_and_states([inputs], own, worlds)[0]
                condition = self._conditions([inputs], worlds)[0]
            draw = self.path_heads.draw(known, condition)
            with torch.autocast(draw.device.type, enabled=False):
                draw = draw.float()
                path = path + self.path_heads(draw, ahead) * scale
                if inputs.history is not None and inputs.eps is None:
                    regression = own[0] or regressions([inputs])[0]  # with theta known, for this
                    units = scale_of(inputs.history)[:, None]
                    path = (
                        path + self.path_heads.estimated(draw, regression.forecast(ahead)) * units
                    )
        return path

    def _draws(
        self, asked: Sequence[Inputs], found: Sequence[Regression | None]
    ) -> list[torch.Tensor]:
        """The trunk's vectors, (B, hidden) for each of `asked`."""
        worlds = self._worlds(asked)
        out = self._economies_and_states(asked, found, worlds)
        conditions = self._conditions(asked, worlds)
        for name, members in _by_trunk(asked):
            parts = self._trunk(name).draws(
                [out[k] for k in members],
                [conditions[k] for k in members],
                [asked[k].world for k in members],
            )
            for k, part in zip(members, parts, strict=True):
                out[k] = part
        return out

    def _economies_and_states(
        self, asked: Sequence[Inputs], found: Sequence[Regression | None], worlds: torch.Tensor
    ) -> list[torch.Tensor]:
        """World, task, economy and state, (B, hidden) for each of `asked`."""
        known = [
            self._economy(inputs, world, regression)
            for inputs, world, regression in zip(asked, worlds, found, strict=True)
        ]
        moving = [k for k, inputs in enumerate(asked) if _moving(inputs)]
        if moving:
            states = self.state_in([asked[k] for k in moving], [known[k] for k in moving])
            for k, state in zip(moving, states, strict=True):
                known[k] = known[k] + state
        for k in set(range(len(known))) - set(moving):
            known[k] = known[k] + self.absent(("state",))
        return known

    def _economy(
        self, inputs: Inputs, world: torch.Tensor, found: Regression | None
    ) -> torch.Tensor:
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

    def _shocks(self, asked: Sequence[Inputs], draws: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """What the heads read, (B S, hidden) for each of `asked`."""
        worlds = self._worlds(asked)
        tokens = []
        for inputs, draw, world in zip(asked, draws, worlds, strict=True):
            token = draw[:, None] + self.shock(inputs.shocks) + self.shock_world(world)
            if inputs.world is None or not self.spec(inputs.world).linear:
                # In a linear world the response per unit does not depend on the size.
                size = inputs.size / MAX_SIZE
                token = token + self.size_in(torch.stack([size, size.abs()], dim=-1))
            tokens.append(token)
        conditions = self._conditions(asked, worlds)
        out = list(tokens)
        for name, members in _by_trunk(asked):
            parts = self._trunk(name).shocks(
                [tokens[k] for k in members],
                [conditions[k] + self.shock_condition(asked[k].shocks) for k in members],
                [asked[k].world for k in members],
            )
            for k, part in zip(members, parts, strict=True):
                out[k] = part
        return out

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
            scale = self.response_scale(inputs)[:, :, None]
            response: torch.Tensor = self._trunk_for(inputs).response(draw, shock, points) * scale
            if found is None:
                return response
            assert inputs.history is not None
            own = found.responses(points)  # (B, J, points, 3)
            if found.shocks is None:
                own = own[:, None].expand(-1, response.shape[1], -1, -1, -1).flatten(0, 1)
                share = self.rotated(shock, own)
            else:
                each = torch.stack(own.chunk(2, dim=1), dim=2)  # (B, S, 2, points, 3)
                share = self.identified(shock, each.flatten(0, 1))
            share = share.reshape_as(response) * scale_of(inputs.history)[:, None, None]
            # What the world's responses never do, no estimate makes them do.
            return response + torch.where(scale > 0, share, torch.zeros_like(share))

    def _worlds(self, asked: Sequence[Inputs]) -> torch.Tensor:
        """(len(asked), world_dim)."""
        return self.world(tuple(i.world or NO_WORLD for i in asked))  # type: ignore[no-any-return]

    def _conditions(self, asked: Sequence[Inputs], worlds: torch.Tensor) -> list[torch.Tensor]:
        """World and which inputs there are, (world_dim,) for each of `asked`."""
        return [
            world + self.given(_inputs_given(inputs)).sum(dim=0)
            for inputs, world in zip(asked, worlds, strict=True)
        ]

    def _trunk_for(self, inputs: Inputs) -> Trunk:
        return self._trunk(_trunk_name(inputs))

    def _trunk(self, name: str) -> Trunk:
        trunk = self.pathways[name]
        assert isinstance(trunk, Trunk)
        return trunk


def _trunk_name(inputs: Inputs) -> str:
    return FROM_DATA if inputs.theta is None else FROM_PARAMETERS


def _by_trunk(asked: Sequence[Inputs]) -> list[tuple[str, list[int]]]:
    """Which of `asked` go through which trunk; one that nothing goes through is left out."""
    members: dict[str, list[int]] = {}
    for k, inputs in enumerate(asked):
        members.setdefault(_trunk_name(inputs), []).append(k)
    return list(members.items())


def _moving(inputs: Inputs) -> bool:
    """Whether the answer depends on the state, and something tells it."""
    return inputs.has_sequence and inputs.task is not Task.steady_state


def _inputs_given(inputs: Inputs) -> tuple[str, ...]:
    """Which of `GIVEN` there are."""
    estimates = inputs.theta is None and inputs.history is not None
    identified = estimates and inputs.eps is not None
    there = (estimates and not identified, identified, _moving(inputs))
    return tuple(name for name, is_there in zip(GIVEN, there, strict=True) if is_there)


def _regressions(asked: Sequence[Inputs]) -> list[Regression | None]:
    """The regression of each history that stands in for an unknown theta."""
    unknown = [k for k, i in enumerate(asked) if i.theta is None and i.history is not None]
    out: list[Regression | None] = [None] * len(asked)
    for k, found in zip(unknown, regressions([asked[k] for k in unknown]), strict=True):
        out[k] = found
    return out
