"""Networks that answer where parameters are known: their draws, starts, their folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from emulator.adapt.card import FILE, card, in_words
from emulator.adapt.draws import Draws, ResponseStore, of_prior
from emulator.adapt.learner import BATCH
from emulator.adapt.matter import Matter, check_start, error_of
from emulator.adapt.measured import at_points, over_prior, what_more_brings
from emulator.adapt.order import Order, Start
from emulator.adapt.plan import HORIZON, Plan
from emulator.adapt.run import Run
from emulator.data.moments import WorldMoments
from emulator.errors import WeightsError
from emulator.limits import MIN_HISTORY, RUN_IN
from emulator.models import bands
from emulator.models.weights import (
    DESCRIPTION_FILE,
    Loaded,
    find_weights,
    load_weights,
    save_weights,
)
from emulator.regimes import Regime
from emulator.seeding import derived_seed
from emulator.storage import json_sha256, write_atomically
from emulator.training.batches import FEWEST_MEASURED, MOST_MEASURED
from emulator.training.later import go_on
from emulator.worlds.base import World
from emulator.worlds.dependence import described
from emulator.worlds.dynare import DynareWorld, write_world

PATHS = 100  # simulated, for the scale of observables


class FromParameters:
    """An order of a network of responses given parameters."""

    last: ClassVar[str] = DESCRIPTION_FILE

    def __init__(self, order: Order, world: World[Any]) -> None:
        self.order, self.world = order, world
        self._spec = described(world)
        self._shipped = None if order.start == "scratch" else _shipped()

    def store(self, folder: Path | None) -> ResponseStore:
        """Draws, kept in the folder if any."""
        return ResponseStore(self.world, self.order.seed, HORIZON, folder)

    def subject(self, known: Draws) -> Matter:
        """What networks are made of, with the moments of those training draws that are the
        prior's."""
        seed, prior = self.order.seed, of_prior(self.world, known)
        paths = _paths(self.world, prior, seed)
        moments = WorldMoments.of(prior.responses.numpy(), None, paths).finish()
        return Matter(self.world, self._spec, HORIZON, moments, known, self._shipped, seed)

    def starts(self, matter: Matter) -> tuple[Start, ...]:
        """The starts to be tried."""
        return check_start(matter, self.order.start)

    def finish(self, made: Plan, run: Run[Draws], store: ResponseStore) -> None:
        """Bands, the errors that count, and the folder's files; weights last."""
        matter, world, folder = run.subject, self.world, run.folder
        assert isinstance(matter, Matter)
        assert run.best.settings is not None
        model = matter.build(run.best.settings)
        model.load_state_dict(run.best.weights)
        seen = run.supply.rows(0, min(MOST_MEASURED, run.supply.length))
        if len(seen) >= FEWEST_MEASURED:
            model.measure([seen.ask(world).inputs])
        go_on(model, world, seen.theta)
        enough = made.validation >= bands.FEWEST
        if enough:
            model.calibrate([run.validation.ask(world)])
        training = None
        if made.draws is not None:
            # Of the prior, as validation draws are.
            alike = of_prior(world, seen).rows(slice(made.validation))
            training = error_of(model, alike, matter)
        at_validation = error_of(model, run.validation, matter)
        drawn = run.supply.drawn
        found = {
            "validation": {"draws": made.validation, "nrmse": at_validation},
            "test": over_prior(model, store.some("test", made.test), matter),
            "points": at_points(model, matter),
            "more": what_more_brings(run.results, training, at_validation),
            "bands": "as wide as validation draws call for" if enough
            else f"as the network gives them: under {bands.FEWEST} validation draws to set them by",
        }  # fmt: skip
        facts = card(run.order, made, run, drawn, found)
        if isinstance(world, DynareWorld):
            write_world(world, folder / f"{world.name}.yaml")
        write_atomically(folder / FILE, json.dumps(facts, indent=1).encode())
        save_weights(folder, model, _provenance(facts, matter), in_words(facts, made))


def _shipped() -> Loaded | None:
    """The weights of the package; None where there are none that this version reads."""
    try:
        return load_weights(find_weights())
    except WeightsError:
        return None


def _paths(world: World[Any], known: Draws, seed: int) -> np.ndarray:
    """Simulated observables (B, T, 3) of some draws, after a run-in."""
    theta = known.theta[:PATHS].double().numpy()
    rng = np.random.default_rng(derived_seed(seed, "adapt", world.name, "paths"))
    eps = rng.standard_normal((len(theta), RUN_IN + MIN_HISTORY, len(world.shocks)))
    paths = world.simulate(theta, eps).observables[:, RUN_IN:]
    finite = np.isfinite(paths).all(axis=(1, 2))
    return np.asarray(paths[finite])


def _provenance(facts: dict[str, Any], matter: Matter) -> dict[str, Any]:
    name, source = matter.spec.name, None
    rows = BATCH * facts["chosen"]["steps"]
    if facts["chosen"]["start"] == "shipped" and matter.shipped is not None:
        source = matter.shipped.sha256
        rows += matter.shipped.samples_seen.get(Regime.A.value, {}).get(name, 0)
    draws = {"world": matter.spec.to_dict(), "seed": matter.seed, "draws": facts["draws"]["draws"]}
    return {
        "commit": facts["commit"],
        "config_sha": json_sha256(facts["order"])[:16],
        "data_sha": json_sha256(draws)[:16],
        "draws_sha": json_sha256(draws)[:16],
        "training_rows": {name: facts["draws"]["training_drawn"]},
        "held_out": {name: []},
        "started_from": source,
        "regime": Regime.A.value,
        "device": "cpu",
        "processes": 1,
        "threads": facts["threads"],
        "torch": facts["versions"]["torch"],
        "steps": facts["chosen"]["steps"],
        "samples_seen": {Regime.A.value: {name: rows}},
        "nrmse": {name: facts["test"]["nrmse"]},
        "processor_seconds": facts["processor_seconds"],
    }
