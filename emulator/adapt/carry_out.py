"""Carrying out an order: the plan of draws, stages, and what the network is of."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from emulator.adapt.from_data import FromData
from emulator.adapt.from_parameters import FromParameters
from emulator.adapt.order import Order
from emulator.adapt.plan import CHAPTER, Plan, plan
from emulator.adapt.run import Clock, Run
from emulator.claim import LOCK, alone
from emulator.errors import ConfigError
from emulator.models.plain import plain_torch
from emulator.progress import Progress, silent
from emulator.storage import GONE, is_sealed, read_json, sealed, sweep, write_atomically
from emulator.worlds import get_world
from emulator.worlds.base import World
from emulator.worlds.identity import identity

ORDER, DRAWS = "order.json", "draws"
MOST_KNOWN = 4096  # training draws whose moments and principal components are taken


@plain_torch()
def adapt(
    order: Order,
    output: str | os.PathLike[str],
    *,
    resume: bool = False,
    progress: Progress = silent,
) -> bool:
    """Train a network of the order's world into the folder `output`; True when it is there.

    The folder then holds weights that `emulator.load` and `--weights` take, or a posterior that
    `emulator estimate --weights` takes; their card, README.md and card.json; and the world's file
    where the world is of one. resume: go on where it was
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
    parts = {"order": asdict(order).keys(), "plan": {field.name for field in fields(Plan)}}
    if any(held.get(part, {}).keys() != keys for part, keys in parts.items()):
        raise ConfigError(
            f"{folder}: its run was begun by another version of emulator, which alone can go on "
            "with it; name another folder with --output"
        )
    for key, value in asdict(order).items():
        if held["order"][key] != value:
            raise ConfigError(
                f"{folder}: cannot resume with another {key} ({held['order'][key]!r}, now "
                f"{value!r}); ask for the same, or name another folder with --output"
            )
    return (folder / _kind(order).last).exists()


def _carry_out(order: Order, world: World[Any], folder: Path, progress: Progress) -> bool:
    clock = Clock()
    progress(0, round(60 * order.minutes), "what moves what")
    kind: Any = _kind(order)(order, world)
    made = _planned(order, world, kind, folder, clock)
    store = kind.store(folder / DRAWS if made.kept else None)

    def told(done: int) -> None:
        progress(done, made.validation + (made.draws or CHAPTER), "draws")

    validation = store.some("validation", made.validation, told=told)
    supply = made.supply(store, lambda done: told(made.validation + done))
    subject = kind.subject(supply.rows(0, min(MOST_KNOWN, supply.length)))
    starts = kind.starts(subject)
    run = Run(order, subject, supply, validation, starts, made.trials, folder, clock, progress)
    run.restore()
    if not run.go():
        return False
    run.progress(0, 1, "errors")
    kind.finish(made, run, store)
    return True


def _kind(order: Order) -> type[FromParameters | FromData]:
    return FromData if order.from_data else FromParameters


def _planned(order: Order, world: World[Any], kind: Any, folder: Path, clock: Clock) -> Plan:
    """How the run draws, as it was decided when it began."""
    path, known = folder / ORDER, identity(world)
    if path.exists():
        held = read_json(path)
        if held["identity"] != known:
            raise ConfigError(
                f"{folder}: world {world.name!r} has changed since this run began; name another "
                "folder with --output"
            )
        return Plan(**held["plan"])
    probe = kind.store(None)
    subject = kind.subject(probe.some("train", probe.size))
    made = plan(order, probe, subject, clock.seconds / clock.processor)
    content = sealed({"order": asdict(order), "plan": made.to_dict(), "identity": known})
    write_atomically(path, json.dumps(content, indent=1).encode())
    return made
