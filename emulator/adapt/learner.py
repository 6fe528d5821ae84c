"""One network while it learns: its weights, its optimiser, how far it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from emulator.adapt.draws import Draws, Supply
from emulator.adapt.order import Start
from emulator.data import Moments
from emulator.errors import InputError
from emulator.models.adoption import most_alike
from emulator.models.universal import Universal, UniversalConfig
from emulator.models.weights import Loaded
from emulator.seeding import derived_seed
from emulator.specs import WorldSpec, same_names
from emulator.training.batches import StepBatch
from emulator.training.config import LossConfig, TrainingConfig
from emulator.training.losses import response_loss
from emulator.training.muon import Muon, groups
from emulator.training.objective import Objective
from emulator.worlds.base import World

BATCH = 256  # draws a step
WARMUP, CLIP = TrainingConfig().warmup, TrainingConfig().clip
# Bands move no response, and cost as much as all the rest: they are learned in some steps only.
BANDS_EVERY = 5
RESPONSES, BANDS_TOO = LossConfig(trajectory=0.0, quantile=0.0), LossConfig(trajectory=0.0)
ROWS_AT_ONCE = 1024


class Settings(NamedTuple):
    """What is chosen: the peak rate, the units of a shock's own layers, where it starts."""

    rate: float
    width: int
    start: Start

    def __str__(self) -> str:
        start = "from the shipped weights" if self.start == "shipped" else "from scratch"
        return f"rate {self.rate:g}, width {self.width}, {start}"


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
        model.train_from_parameters()
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
        network.start_as(other)
        if same_names(network.spec, other.spec):  # what was learned is in units of these
            model.scales(network.spec.name).sd.copy_(source.scales(other.spec.name).sd)
            for own, theirs in ((network.small, other.small), (network.beyond, other.beyond)):
                if own is not None and theirs is not None:
                    own.components.load_state_dict(theirs.components.state_dict())
        return not all(map(torch.equal, before, network.parameters()))


class Learner:
    """A network and its optimiser. `learn` is a step; what it sees is a function of `step`."""

    def __init__(self, matter: Matter, settings: Settings, supply: Supply) -> None:
        self.matter, self.settings, self.supply = matter, settings, supply
        self.model = matter.build(settings)
        moments = {matter.spec.name: matter.moments}
        self.objectives = [
            Objective(self.model, moments, losses) for losses in (RESPONSES, BANDS_TOO)
        ]
        self.optimiser = Muon(groups(self.model, 0.0), settings.rate, 0.0)
        self.step = 0

    def learn(self, share: float) -> bool:
        """One step at the rate for this share of the stage, 0 to 1; False where it diverged."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate * rate_at(share)
        batch = self.supply.rows(self.step * BATCH, BATCH).ask(self.matter.world)
        objective = self.objectives[self.step % BANDS_EVERY == 0]
        objective.train()
        self.optimiser.zero_grad(set_to_none=True)
        objective(StepBatch({self.matter.spec.name: (batch,)}, {})).total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        if not math.isfinite(norm.item()):
            return False
        self.optimiser.step()
        self.step += 1
        return True

    def error(self, draws: Draws) -> float:
        """NRMSE on draws."""
        return error_of(self.model, draws, self.matter)

    def state_dict(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])


def rate_at(share: float) -> float:
    """A linear warm-up, then a cosine to zero; a share of the peak rate."""
    if share < WARMUP:
        return max(share / WARMUP, 0.01)
    return 0.5 * (1.0 + math.cos(math.pi * (min(share, 1.0) - WARMUP) / (1.0 - WARMUP)))


@torch.no_grad()
def error_of(model: Universal, draws: Draws, matter: Matter) -> float:
    """NRMSE of a network: the mean over draws, shocks and observables."""
    model.eval()
    total = 0.0
    for first in range(0, len(draws), ROWS_AT_ONCE):
        inputs, target = draws.rows(slice(first, first + ROWS_AT_ONCE)).ask(matter.world)
        total += response_loss(model(inputs), target, matter.sigma).item() * len(inputs)
    return total / len(draws)


def check_start(matter: Matter, start: Start | None, width: int) -> tuple[Start, ...]:
    """The starts to be tried. Raises InputError where the shipped weights are asked for and have
    nothing of the world's names."""
    has = matter.take_over(matter.build(Settings(1.0, width, "scratch")))
    if start == "shipped" and not has:
        raise InputError(
            f"start: the shipped weights have no part of the names of world {matter.spec.name!r}; "
            "start from scratch"
        )
    if start is not None:
        return (start,)
    return ("scratch", "shipped") if has else ("scratch",)
