"""Independent runs of the sampler, in processes, each kept stage by stage.

A run's numbers depend on the world, the history, the noise, the number of particles, the seed and
the run's own number, never on the number of workers or on where it was stopped.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from threadpoolctl import threadpool_limits

from emulator.errors import InputError
from emulator.estimation import posterior
from emulator.estimation.in_processes import in_processes
from emulator.estimation.posterior import Posterior, Stage, Target
from emulator.estimation.priors import prior_of
from emulator.seeding import derived_seed
from emulator.storage import json_sha256, read_bytes, sha256, write_atomically
from emulator.worlds import World, get_world
from emulator.worlds.base import FloatArray
from emulator.worlds.dynare import DynareWorld

# Quarters from rest to a history of which nothing earlier is known. Their end has the long-run
# variance to the last digits where roots are below .999; a unit root's variance is then large.
# Regimes are carried quarter by quarter, with roots below .97.
LONG_AGO, LONG_AGO_IN_REGIMES = 2**14, 2**10


@dataclass(frozen=True)
class Run:
    """A run to do: what a worker needs and nothing else. world: as `get_world` takes it. kept:
    the file of its stages, if any."""

    world: str
    history: FloatArray
    noise: FloatArray
    particles: int
    seed: int
    number: int
    kept: Path | None


def target_of(world: World[Any], history: FloatArray, noise: FloatArray) -> Target:
    """The posterior of a world given a history that began long after rest."""
    run_in = LONG_AGO_IN_REGIMES if world.hidden_chain else LONG_AGO
    return Target(prior_of(world), np.ascontiguousarray(history), run_in, noise)


def perform(runs: list[Run], workers: int) -> Iterator[tuple[Run, Posterior]]:
    """Every run and what it found, as they come."""
    return in_processes(_work, runs, workers)


def _work(run: Run) -> tuple[Run, Posterior]:
    world = get_world(run.world)
    target = target_of(world, run.history, run.noise)
    rng = np.random.default_rng(derived_seed(run.seed, "estimate", world.name, run.number))
    with threadpool_limits(limits=1):
        key = _key(world, run)
        stage = None if run.kept is None else _read(run.kept, key, rng)
        if stage is None:
            stage = posterior.begin(target, run.particles, rng)
        while stage.power < 1.0:
            stage = posterior.advance(target, stage, rng)
            if run.kept is not None:
                _write(run.kept, key, stage, rng)
    return run, posterior.reached(target, stage)


def _key(world: World[Any], run: Run) -> str:
    """16 hex digits of all that the numbers of a run depend on."""
    given: dict[str, Any] = {
        "world": world.spec.to_dict(),
        "model": world.found.text if isinstance(world, DynareWorld) else "",
        "history": sha256(run.history.tobytes()),
        "noise": run.noise.tolist(),
        "particles": run.particles,
        "seed": run.seed,
        "number": run.number,
    }
    return json_sha256(given)[:16]


def _write(path: Path, key: str, stage: Stage, rng: np.random.Generator) -> None:
    arrays = {name: v for name, v in vars(stage).items() if isinstance(v, np.ndarray)}
    rest = {name: v for name, v in vars(stage).items() if name not in arrays}
    notes = json.dumps({"key": key, "stage": rest, "rng": rng.bit_generator.state})
    buffer = io.BytesIO()
    np.savez(buffer, notes=np.array(notes), **arrays)  # type: ignore[arg-type]  # no pickles
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())


def _read(path: Path, key: str, rng: np.random.Generator) -> Stage | None:
    """The stage kept there, with `rng` as it was left; None without any. Raises InputError where
    the file is damaged or of another run."""
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        return None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            notes = json.loads(str(found["notes"]))
            arrays = {name: found[name] for name in found.files if name != "notes"}
        stage = Stage(**arrays, **notes["stage"])
        rng.bit_generator.state = notes["rng"]
    except (OSError, ValueError, KeyError, TypeError, BadZipFile):
        raise InputError(f"{path}: damaged; delete it to have this run done again") from None
    if notes["key"] != key:
        raise InputError(
            f"{path}: is of another history, noise, seed, number of draws or version of the "
            "world; ask for the same, or delete it"
        )
    return stage
