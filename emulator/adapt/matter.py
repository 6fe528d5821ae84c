"""Networks that learn responses given parameters: what they are made of, and their steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from emulator.adapt.draws import Draws, Supply
from emulator.adapt.learner import Grid, Learner, Settings
from emulator.adapt.order import Start
from emulator.data import Moments
from emulator.errors import InputError
from emulator.models.adoption import most_alike, start_as
from emulator.models.universal import Universal, UniversalConfig
from emulator.models.weights import Loaded
from emulator.seeding import derived_seed
from emulator.specs import WorldSpec
from emulator.training.batches import StepBatch
from emulator.training.config import LossConfig
from emulator.training.losses import response_loss
from emulator.training.objective import Objective
from emulator.worlds.base import World

GRID = Grid((4e-3, 2e-3, 8e-3), 64)
# Bands move no response, and cost as much as all the rest: they are learned in some steps only.
BANDS_EVERY = 5
RESPONSES, BANDS_TOO = LossConfig(trajectory=0.0, quantile=0.0), LossConfig(trajectory=0.0)
ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Matter:
    """What every network of a run is made of: the world and its description, moments of training
    draws, some of these, the shipped weights if they are to be had."""

    world: World[Any]
    spec: WorldSpec
    horizon: int
    moments: Moments
    known: Draws
    shipped: Loaded | None
    seed: int
    grid: ClassVar[Grid] = GRID

    def learner(self, settings: Settings, supply: Supply[Draws]) -> ResponseLearner:
        return ResponseLearner(self, settings, supply)

    def nothing(self, rows: Draws) -> float:
        """What the answer comes to that nothing ever moves."""
        target = rows.ask(self.world).target
        return response_loss(torch.zeros_like(target), target, self.sigma).item()

    @property
    def sigma(self) -> torch.Tensor:
        """The s.d. of responses, (S, 3)."""
        return torch.as_tensor(self.moments.irf_sd, dtype=torch.float32)

    def build(self, settings: Settings) -> Universal:
        """A network that has learned nothing but, where asked for, what shipped weights know."""
        torch.manual_seed(derived_seed(self.seed, "weights"))
        config = UniversalConfig(
            hidden_dim=8, world_embed_dim=1, param_embed_dim=1, data_blocks=1, shock_blocks=1,
            poles=1, group_width=settings.width, trunk_width=2 * settings.width,
        )  # fmt: skip
        model = config.build([self.spec], self.horizon)
        name = self.spec.name
        model.set_scales({name: self.moments.irf_sd}, {name: self.moments.traj_sd})
        model.compress(name, self.known.theta, self.known.responses)
        model.train_only("from_parameters")
        if settings.start == "shipped":
            self.take_over(model)
        return model

    @torch.no_grad()
    def take_over(self, model: Universal) -> bool:
        """Give a network the shipped weights' part of the same names; whether there is any."""
        source = None if self.shipped is None else self.shipped.model
        if not isinstance(source, Universal) or source.horizon != self.horizon:
            return False
        if source.config.group_width != model.config.group_width or (
            source.config.trunk_width != model.config.trunk_width
        ):
            return False
        network = model.network(self.spec.name)
        before = [parameter.detach().clone() for parameter in network.parameters()]
        other = source.network(most_alike(self.spec, source.specs.values())[0])
        start_as(model, network, source, other)
        return not all(map(torch.equal, before, network.parameters()))


class ResponseLearner(Learner[Draws]):
    """A network that learns responses, its bands in some steps only."""

    model: Universal

    def __init__(self, matter: Matter, settings: Settings, supply: Supply[Draws]) -> None:
        super().__init__(matter.build(settings), settings, supply)
        self.matter = matter
        moments = {matter.spec.name: matter.moments}
        self.objectives = [
            Objective(self.model, moments, losses) for losses in (RESPONSES, BANDS_TOO)
        ]

    def loss(self, rows: Draws) -> torch.Tensor:
        objective = self.objectives[self.step % BANDS_EVERY == 0]
        objective.train()
        batch = rows.ask(self.matter.world)
        total: torch.Tensor = objective(StepBatch({self.matter.spec.name: (batch,)}, {})).total
        return total

    def error(self, rows: Draws) -> float:
        """NRMSE on draws."""
        return error_of(self.model, rows, self.matter)


@torch.no_grad()
def error_of(model: Universal, draws: Draws, matter: Matter) -> float:
    """NRMSE of a network: the mean over draws, shocks and observables."""
    model.eval()
    total = 0.0
    for first in range(0, len(draws), ROWS_AT_ONCE):
        inputs, target = draws.rows(slice(first, first + ROWS_AT_ONCE)).ask(matter.world)
        total += response_loss(model(inputs), target, matter.sigma).item() * len(inputs)
    return total / len(draws)


def check_start(matter: Matter, start: Start | None) -> tuple[Start, ...]:
    """The starts to be tried. Raises InputError where the shipped weights are asked for and have
    nothing of the world's names."""
    has = matter.take_over(matter.build(Settings(1.0, matter.grid.width, "scratch")))
    if start == "shipped" and not has:
        raise InputError(
            f"start: the shipped weights have no part of the names of world {matter.spec.name!r}; "
            "start from scratch"
        )
    if start is not None:
        return (start,)
    return ("scratch", "shipped") if has else ("scratch",)
