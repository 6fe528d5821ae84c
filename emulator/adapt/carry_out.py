"""Carrying out an order: draws, stages, bands, the errors that count, the folder."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from emulator.adapt.card import FILE, card, in_words
from emulator.adapt.draws import Draws, Store
from emulator.adapt.learner import BATCH, Matter, check_start, error_of
from emulator.adapt.measured import at_points, over_prior, what_more_brings
from emulator.adapt.order import Order
from emulator.adapt.plan import CHAPTER, HORIZON, Plan, plan
from emulator.adapt.run import Clock, Run
from emulator.adapt.search import WIDTH
from emulator.claim import LOCK, alone
from emulator.data.moments import WorldMoments
from emulator.errors import ConfigError, WeightsError
from emulator.limits import MIN_HISTORY, RUN_IN
from emulator.models import bands
from emulator.models.plain import plain_torch
from emulator.models.weights import (
    DESCRIPTION_FILE,
    Loaded,
    find_weights,
    load_weights,
    save_weights,
)
from emulator.progress import Progress, silent
from emulator.regimes import Regime
from emulator.seeding import derived_seed
from emulator.specs import WorldSpec
from emulator.storage import (
    GONE,
    is_sealed,
    json_sha256,
    read_json,
    sealed,
    sweep,
    write_atomically,
)
from emulator.training.batches import FEWEST_MEASURED, MOST_MEASURED
from emulator.worlds import get_world
from emulator.worlds.base import World
from emulator.worlds.dependence import described
from emulator.worlds.dynare import DynareWorld, write_world

ORDER, DRAWS = "order.json", "draws"
MOST_KNOWN = 4096  # training draws whose moments and principal components are taken
PATHS = 100  # simulated, for the scale of observables


@plain_torch()
def adapt(
    order: Order,
    output: str | os.PathLike[str],
    *,
    resume: bool = False,
    progress: Progress = silent,
) -> bool:
    """Train a network of the order's world into the folder `output`; True when it is there.

    The folder then holds weights that `emulator.load` and `--weights` take, their card, README.md
    and card.json, and the world's file where the world is of one. resume: go on where it was
    stopped; with `order.steps` the weights are bit for bit what they would have been. SIGTERM makes
    it save a checkpoint and return False, SIGINT save one and raise KeyboardInterrupt. Raises
    UnknownNameError and InputError for what cannot be, ConfigError where the folder holds something
    else, ClaimError where another process is at work there.
    """
    world = get_world(order.world)
    folder = Path(output)
    _check_folder(folder, order, resume)
    with alone(folder / LOCK, folder, "emulator adapt"):
        if _check_folder(folder, order, resume):  # whoever held it before may have seen to it
            return True
        sweep(folder.iterdir())
        return _carry_out(order, world, folder, progress)


def _check_folder(folder: Path, order: Order, resume: bool) -> bool:
    """Whether the folder holds this order, carried out. Raises ConfigError where it holds another,
    or anything else."""
    if not folder.exists() or not any(path.name != LOCK for path in folder.iterdir()):
        return False
    try:
        held = read_json(folder / ORDER)
    except GONE:
        raise ConfigError(
            f"{folder}: holds something else; name a new folder with --output"
        ) from None
    except ValueError:
        held = {}
    if not isinstance(held, dict) or not is_sealed(held):
        raise ConfigError(f"{folder / ORDER}: damaged; name a new folder with --output")
    if not resume:
        raise ConfigError(
            f"{folder}: holds a run already; add --resume to go on with it, or name another "
            "folder with --output"
        )
    for key, value in asdict(order).items():
        if held["order"].get(key) != value:
            raise ConfigError(
                f"{folder}: cannot resume with another {key} ({held['order'].get(key)!r}, now "
                f"{value!r}); name another folder with --output"
            )
    return (folder / DESCRIPTION_FILE).exists()


def _carry_out(order: Order, world: World[Any], folder: Path, progress: Progress) -> bool:
    clock = Clock()
    progress(0, round(60 * order.minutes), "what moves what")
    spec = described(world)
    shipped = None if order.start == "scratch" else _shipped()
    made = _planned(order, world, spec, shipped, folder, clock)
    store = Store(world, order.seed, HORIZON, folder / DRAWS if made.kept else None)

    def told(done: int) -> None:
        progress(done, made.validation + (made.draws or CHAPTER), "draws")

    validation = store.some("validation", made.validation, told=told)
    supply = made.supply(store, lambda done: told(made.validation + done))
    matter = _matter(world, spec, supply.rows(0, min(MOST_KNOWN, supply.length)), shipped, order)
    starts = check_start(matter, order.start, WIDTH)
    run = Run(order, matter, supply, validation, starts, made.trials, folder, clock, progress)
    run.restore()
    if not run.go():
        return False
    _finish(made, run, store)
    return True


def _planned(
    order: Order,
    world: World[Any],
    spec: WorldSpec,
    shipped: Loaded | None,
    folder: Path,
    clock: Clock,
) -> Plan:
    """How the run draws, as it was decided when it began."""
    path, identity = folder / ORDER, _identity(world)
    if path.exists():
        held = read_json(path)
        if held["identity"] != identity:
            raise ConfigError(
                f"{folder}: world {world.name!r} has changed since this run began; name another "
                "folder with --output"
            )
        return Plan(**held["plan"])
    probe = Store(world, order.seed, HORIZON, None)
    matter = _matter(world, spec, probe.some("train", probe.size), shipped, order)
    made = plan(order, world, probe, matter, clock.seconds / clock.processor)
    content = sealed({"order": asdict(order), "plan": made.to_dict(), "identity": identity})
    write_atomically(path, json.dumps(content, indent=1).encode())
    return made


def _identity(world: World[Any]) -> str:
    """What tells a world from another of its name."""
    text = world.found.text if isinstance(world, DynareWorld) else ""
    return json_sha256({"spec": world.spec.to_dict(), "text": text})


def _shipped() -> Loaded | None:
    """The weights of the package; None where there are none that this version reads."""
    try:
        return load_weights(find_weights())
    except WeightsError:
        return None


def _matter(
    world: World[Any], spec: WorldSpec, known: Draws, shipped: Loaded | None, order: Order
) -> Matter:
    """With the moments of training draws."""
    irfs = known.responses.numpy()
    moments = WorldMoments.of(irfs, None, _paths(world, known, order.seed)).finish()
    return Matter(world, spec, HORIZON, moments, known, shipped, order.seed)


def _paths(world: World[Any], known: Draws, seed: int) -> np.ndarray:
    """Simulated observables (B, T, 3) of some draws, after a run-in."""
    theta = known.theta[:PATHS].double().numpy()
    rng = np.random.default_rng(derived_seed(seed, "adapt", world.name, "paths"))
    eps = rng.standard_normal((len(theta), RUN_IN + MIN_HISTORY, len(world.shocks)))
    paths = world.simulate(theta, eps).observables[:, RUN_IN:]
    finite = np.isfinite(paths).all(axis=(1, 2))
    return np.asarray(paths[finite])


def _finish(made: Plan, run: Run, store: Store) -> None:
    """Bands, the errors that count, and the folder's files; weights last."""
    matter, world, folder = run.matter, run.matter.world, run.folder
    assert run.best.settings is not None
    run.progress(0, 1, "bands and errors")
    model = matter.build(run.best.settings)
    model.load_state_dict(run.best.weights)
    seen = run.supply.rows(0, min(MOST_MEASURED, run.supply.length))
    if len(seen) >= FEWEST_MEASURED:
        model.measure([seen.ask(world).inputs])
    enough = made.validation >= bands.FEWEST
    if enough:
        model.calibrate([run.validation.ask(world)])
    training = (
        None if made.draws is None else error_of(model, seen.rows(slice(made.validation)), matter)
    )
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
