"""Posteriors from a history at once: what learns them, their folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from emulator.adapt.card import FILE, card
from emulator.adapt.draws import Supply
from emulator.adapt.histories import HistoryStore, Told, minus_log_prior
from emulator.adapt.learner import Grid, Learner, Settings
from emulator.adapt.order import Order, Start
from emulator.adapt.plan import Plan
from emulator.adapt.posterior_card import in_words
from emulator.adapt.posterior_measured import measured
from emulator.adapt.run import Run
from emulator.models.densities import Density
from emulator.models.gated import Reach
from emulator.models.posteriors import DESCRIPTION, save_posterior
from emulator.models.weights import CARD_FILE
from emulator.seeding import derived_seed
from emulator.specs import WorldSpec
from emulator.storage import json_sha256, write_atomically
from emulator.worlds.base import World
from emulator.worlds.dynare import DynareWorld, write_world
from emulator.worlds.identity import identity

# At 4e-3, which responses are learned at, a density's tails run away in its first steps.
GRID = Grid((1e-3, 5e-4, 2e-3), 32)
ROWS_AT_ONCE = 1024
SEEN = 8192  # training rows that tell how far layers go


class PosteriorLearner(Learner[Told]):
    """A density that learns from pairs of parameters and histories."""

    model: Density

    def loss(self, rows: Told) -> torch.Tensor:
        """Minus the mean log density of what made the histories."""
        self.model.train()
        return -self.model.log_density(rows.z, rows.summary).mean()

    def error(self, rows: Told) -> float:
        """The same on other draws."""
        return error_of(self.model, rows)


@dataclass(frozen=True)
class Posteriors:
    """What every density of a run is made of."""

    spec: WorldSpec
    known: Told
    seed: int
    grid: ClassVar[Grid] = GRID

    def learner(self, settings: Settings, supply: Supply[Told]) -> PosteriorLearner:
        """A density that starts as the prior."""
        return PosteriorLearner(self.build(settings), settings, supply)

    def nothing(self, rows: Told) -> float:
        """What the prior comes to."""
        return minus_log_prior(rows)

    def build(self, settings: Settings) -> Density:
        """The same without its optimiser."""
        torch.manual_seed(derived_seed(self.seed, "weights"))
        density = Density(self.known.z.shape[1], self.known.summary.shape[1], settings.width)
        density.scale_to(self.known.summary)
        return density


@torch.no_grad()
def error_of(density: Density, rows: Told) -> float:
    """Minus the mean log density of rows, in nats."""
    density.eval()
    total = 0.0
    for first in range(0, len(rows), ROWS_AT_ONCE):
        some = rows.rows(slice(first, first + ROWS_AT_ONCE))
        total -= density.log_density(some.z, some.summary).double().sum().item()
    return total / len(rows)


class FromData:
    """An order of a posterior."""

    last: ClassVar[str] = DESCRIPTION

    def __init__(self, order: Order, world: World[Any]) -> None:
        self.order, self.world = order, world

    def store(self, folder: Path | None) -> HistoryStore:
        """Draws and their histories, kept in the folder if any."""
        return HistoryStore(self.world, self.order.seed, folder)

    def subject(self, known: Told) -> Posteriors:
        """What densities are made of, with the moments of training histories."""
        return Posteriors(self.world.spec, known, self.order.seed)

    def starts(self, subject: Posteriors) -> tuple[Start, ...]:
        """From scratch alone."""
        return ("scratch",)

    def finish(self, made: Plan, run: Run[Told], store: HistoryStore) -> None:
        """The errors that count, and the folder's files; the description last."""
        subject, world, folder = run.subject, self.world, run.folder
        assert isinstance(subject, Posteriors)
        assert run.best.settings is not None
        density = subject.build(run.best.settings)
        density.load_state_dict(run.best.weights)
        density.eval()
        with Reach.measured(density):
            error_of(density, run.supply.rows(0, min(SEEN, run.supply.length)))
        test = store.some("test", made.test)
        found = {
            "validation": {
                "draws": made.validation, "minus_log_density": error_of(density, run.validation),
            },
            "test": {"minus_log_density": error_of(density, test)}
            | measured(density, test, store.prior, self.order.seed),
        }  # fmt: skip
        facts = card(run.order, made, run, run.supply.drawn, found)
        if isinstance(world, DynareWorld):
            write_world(world, folder / f"{world.name}.yaml")
        write_atomically(folder / FILE, json.dumps(facts, indent=1).encode())
        write_atomically(folder / CARD_FILE, in_words(facts, made).encode())
        provenance = {
            "commit": facts["commit"], "config_sha": json_sha256(facts["order"])[:16],
            "steps": facts["chosen"]["steps"], "training_drawn": facts["draws"]["training_drawn"],
        }  # fmt: skip
        names = store.prior.names
        save_posterior(folder, density, world.name, identity(world), names, provenance)
