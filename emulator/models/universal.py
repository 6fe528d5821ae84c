"""The universal emulator: one set of weights for every world.

    A, C     parameters ── the world's own network (from_parameters.py) ── responses
             the past, where the answer depends on it ─┘
    B, D     world, task ──────────┬─ trunk ── draw ─┬─ shock blocks ─ heads
             regression's view ────┤  (FiLM)         │  (FiLM)
             state ────────────────┘        shock token (name, size)

Where theta is given, a world's responses are a function of it, and of the state, that a network
can learn nearly exactly, and each world has one for that function. Where it is not, a regression of
the history on its past, and on innovations where they are known, stands in, and all worlds share
the blocks and heads that answer from it (trunk.py). Inputs that a regime does not give are replaced
by a learned "absent" vector. There, and in forecasts, how the past ended is read by one encoder,
only where the answer depends on the state, beside what is known of the economy.

Heads of answers from data: poles and residues plus a direct correction, plus a share of the
regression's own responses; and bands (heads.py), as wide as validation rows call for (bands.py).
Outputs are per-unit responses in physical units (base.py).

Trajectories: where innovations are known, the sum of the responses to them plus a correction
(trajectories.py); where a history is known, a forecast of what it left behind, from what is known
of the draw and the regression.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field
from torch import nn

from emulator.limits import MAX_SIZE, MOST_DEPTH, MOST_WIDTH
from emulator.models.abilities import ModelConfigBase
from emulator.models.bands import BandWidths
from emulator.models.base import Answer, Answered, Model, Part
from emulator.models.embeddings import NO_WORLD, NameEmbedding, ParameterEncoder
from emulator.models.encoders import (
    EconomyEncoder,
    StateEncoder,
    innovations,
    regressions,
    scale_of,
)
from emulator.models.from_parameters import FromParameters, Widths
from emulator.models.gated import Reach
from emulator.models.heads import EstimateHead, distances
from emulator.models.past import Seen
from emulator.models.regression import Regression
from emulator.models.trajectories import CORRECTED, TrajectoryCorrection, TrajectoryHeads, convolve
from emulator.models.trunk import Trunk
from emulator.regimes import Inputs, Regime, Task, response_inputs
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Float

ABSENT = ("theta", "regression", "state")  # what a vector may have to do without
FROM_PARAMETERS, FROM_DATA = "from_parameters", "from_data"  # names of the pathways
# What else there is besides the world: estimates from the past, from innovations, the state.
GIVEN = ("estimates", "identified estimates", "state")


class UniversalConfig(ModelConfigBase):
    """`model:` of a universal run."""

    extra_inputs = frozenset({"history", "flags"})
    starts_from_weights = True
    forecasts = True
    bands = True
    compresses = True
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
    group_width: int = Field(
        64, ge=1, le=MOST_WIDTH, description="gated units of a shock's own layers, given parameters"
    )
    trunk_width: int = Field(
        128,
        ge=1,
        le=MOST_WIDTH,
        description="gated units of a layer that a world's shocks share, given parameters",
    )
    data_blocks: int = Field(
        2, ge=1, le=MOST_DEPTH, description="residual blocks of a draw known from data"
    )
    shock_blocks: int = Field(
        2, ge=1, le=MOST_DEPTH, description="residual blocks after the shock token, given data"
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
        widths = Widths(config.group_width, config.trunk_width)
        self.pathways = nn.ModuleDict(
            {
                FROM_PARAMETERS: nn.ModuleDict(
                    {s.name: FromParameters(s, widths, horizon + 1) for s in specs}
                ),
                FROM_DATA: Trunk(
                    hidden, world_dim, config.data_blocks, config.shock_blocks, config.poles,
                    horizon + 1,
                ),
            }
        )  # fmt: skip
        # On innovations: the response itself, by either fit, the second's closer in linear worlds.
        self.identified = EstimateHead(hidden, start=[0.0, 1.0])
        self.path_heads = TrajectoryHeads(hidden, world_dim, config.poles)
        self.correction = TrajectoryCorrection(shocks, hidden)
        self.rotated = EstimateHead(hidden, start=[0.0] * 6)  # on the past: both fits' columns
        self.widths = BandWidths(specs)

    def train_only(self, part: Part) -> None:
        """What corrects paths of known innovations is trained with answers from parameters, and
        with those from data. The tokens of parameters are for paths alone, and forecasts are read
        beside them by parts that answers from data share: they are trained with these."""
        networks = [self.network(world) for world in self.specs]
        if part == "from_data":
            for network in networks:
                network.requires_grad_(False)
            return
        self.requires_grad_(False)
        moved = [*networks, self.correction]
        if part == "from_state":
            moved = [n.beyond for n in networks if n.beyond is not None]
        for module in moved:
            module.requires_grad_(True)

    def keep(self, other: Model) -> None:
        super().keep(other)
        assert isinstance(other, Universal)
        self.widths.load_state_dict(other.widths.state_dict())

    @torch.no_grad()
    def compress(self, world: str, theta: torch.Tensor, responses: torch.Tensor) -> None:
        scales = self.scales(world)
        scale = scales(theta)[:, :, None]
        self.network(world).measure(torch.where(scale > 0.0, responses / scale, 0.0))

    @torch.no_grad()
    def measure(self, rows: Iterable[Inputs]) -> None:
        self.eval()
        with Reach.measured(self):
            for inputs in rows:
                self(inputs)

    @torch.no_grad()
    def go_on(
        self, world: str, theta: torch.Tensor, size: torch.Tensor, responses: torch.Tensor
    ) -> None:
        self.eval()
        network, scales = self.network(world), self.scales(world)
        scale = scales(theta)
        found = network.on_its_own(theta, size, None, scales.sd, scale, responses.shape[2])
        known, own = found.response.tensor_split((network.points,), dim=2)
        wide = scale[:, :, None]
        later = torch.where(wide > 0.0, responses / wide, 0.0)[:, :, network.points :]
        network.tail.fit(known, own, network.box(theta), later)

    @torch.no_grad()
    def calibrate(self, rows: Iterable[Answered]) -> None:
        self.eval()
        before = self.widths.factors.clone()
        self.widths.factors.fill_(1.0)  # scores are of bands as the network gives them
        scores = self.widths.scores()
        for inputs, truth in rows:
            answer = self.answer([inputs])[0]
            assert answer.quantiles is not None
            self.widths.see(scores, inputs, answer.quantiles, truth)
        self.widths.factors.copy_(before)
        self.widths.settle(scores)

    def answer(
        self, asked: Sequence[Inputs], horizon: int | None = None, *, bands: bool = True
    ) -> list[Answer]:
        points = 1 + (self.horizon if horizon is None else horizon)
        given = [k for k, inputs in enumerate(asked) if inputs.theta is not None]
        answers: dict[int, Answer] = {}
        for k in given:
            answers[k] = self._answer_from_parameters(asked[k], points, bands)
        rest = [k for k in range(len(asked)) if k not in answers]
        found = self._answers_from_data([asked[k] for k in rest], points, bands)
        answers |= dict(zip(rest, found, strict=True))
        return [answers[k] for k in range(len(asked))]

    def _answer_from_parameters(self, inputs: Inputs, points: int, bands: bool) -> Answer:
        assert inputs.world is not None
        assert inputs.theta is not None
        every, size = self.spec(inputs.world).shock_names, inputs.size
        chosen = [every.index(shock) for shock in inputs.shocks]
        if inputs.shocks != every:
            size = torch.ones(len(size), len(every), device=size.device, dtype=size.dtype)
            size[:, chosen] = inputs.size
        scales = self.scales(inputs.world)
        scale = scales(inputs.theta)
        seen = None if inputs.task is Task.steady_state else self._seen(inputs)
        known = self.network(inputs.world)(inputs.theta, size, seen, scales.sd, scale, points)
        response, spread = known.response * scale[:, :, None], known.spread
        if inputs.shocks != every:
            response, scale = response[:, chosen], scale[:, chosen]
            spread = spread.unflatten(0, (len(size), -1))[:, chosen].flatten(0, 1)
        return self._answer(inputs, response, spread if bands else None, scale)

    def _answers_from_data(self, asked: Sequence[Inputs], points: int, bands: bool) -> list[Answer]:
        if not asked:
            return []
        found = _regressions(asked)
        draws = self._draws(asked, found)
        shocks = self._shocks(asked, draws)
        answers = []
        for inputs, draw, shock, regression in zip(asked, draws, shocks, found, strict=True):
            response = self._response(inputs, draw, shock, regression, points)
            spread = self._trunk.spread(shock) if bands else None
            answers.append(self._answer(inputs, response, spread, self.response_scale(inputs)))
        return answers

    def _answer(
        self,
        inputs: Inputs,
        response: torch.Tensor,
        spread: torch.Tensor | None,
        scale: torch.Tensor,
    ) -> Answer:
        """Responses (B, S, points, 3) with bands around them, of coefficients (B S, ...) in units
        of `scale` (B, S, 3); without coefficients none."""
        if spread is None:
            return Answer(response)
        with torch.autocast(response.device.type, enabled=False):
            apart = distances(spread, response.shape[2])
        apart = torch.unflatten(apart, 0, (len(inputs), -1)).transpose(2, 3)
        # Bands form around the point estimate without moving it.
        quantiles = response.detach()[..., None] + apart * scale[:, :, None, :, None]
        return Answer(response, self.widths(quantiles, inputs))

    def around_curves(
        self, quantiles: Float[torch.Tensor, "B S points 3 5"], inputs: Inputs
    ) -> Float[torch.Tensor, "B S points 3 5"] | None:
        return self.widths.around_curves(quantiles, inputs)

    def forecast(self, inputs: Inputs) -> Float[torch.Tensor, "B F 3"]:
        ahead, scale = inputs.ahead, self.path_scale(inputs)[:, None]
        path = inputs.size.new_zeros(len(inputs), ahead, 3)
        if inputs.eps is not None:
            # trajectories.py says why training stops here.
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self.training):
                at_rest, points = response_inputs(inputs), inputs.eps.shape[1]
                if inputs.theta is None:
                    found = _regressions([at_rest])
                    (draw,) = self._draws([at_rest], found)
                    (shock,) = self._shocks([at_rest], [draw])
                    responses = self._response(at_rest, draw, shock, found[0], points)
                else:
                    draw = self._economy(at_rest, self._worlds([at_rest])[0], None)
                    draw = draw + self.absent(("state",))
                    responses = self._answer_from_parameters(at_rest, points, False).response
                linear = convolve(responses, inputs.eps)
            if self.training and inputs.theta is not None:
                # No response reads the tokens of parameters, so paths alone teach them.
                assert inputs.world is not None
                told = self.parameters_in(inputs.world, inputs.theta)
                draw = draw + (told - told.detach())
            window = min(CORRECTED + ahead, linear.shape[1])
            # A history of a constant series has no scale; the floor is far below any of a world.
            seen = linear[:, -window:] / scale.clamp(min=1e-6)
            more = self.correction(seen, inputs.eps[:, -window:], inputs.shocks, draw)
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
        """The trunk's vectors, (B, hidden) for each of `asked`, known from data."""
        worlds = self._worlds(asked)
        known = self._economies_and_states(asked, found, worlds)
        return self._trunk.draws(known, self._conditions(asked, worlds))

    def _seen(self, inputs: Inputs) -> Seen:
        """What tells the state where parameters are known."""
        history, eps, flags = inputs.history, innovations(inputs), inputs.flags
        if history is not None:
            history = history / self.path_scale(inputs)[:, None]
        return Seen(history, eps, None if flags is None else flags[..., None])

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
        conditions = [
            condition + self.shock_condition(inputs.shocks)
            for inputs, condition in zip(asked, self._conditions(asked, worlds), strict=True)
        ]
        return self._trunk.shocks(tokens, conditions)

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
            response: torch.Tensor = self._trunk.response(draw, shock, points) * scale
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

    @property
    def _trunk(self) -> Trunk:
        trunk = self.pathways[FROM_DATA]
        assert isinstance(trunk, Trunk)
        return trunk

    def network(self, world: str) -> FromParameters:
        """What answers from a world's parameters."""
        networks = self.pathways[FROM_PARAMETERS]
        assert isinstance(networks, nn.ModuleDict)
        network = networks[world]
        assert isinstance(network, FromParameters)
        return network


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
