"""Independent runs of the sampler, in processes, each kept stage by stage.

A run's numbers depend on the world, the history, the noise, the number of particles, the seed and
the run's own number, never on the number of workers or on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from emulator.estimation import posterior
from emulator.estimation.emulated import through
from emulator.estimation.in_processes import in_processes
from emulator.estimation.kept import keep_drawn, kept_drawn
from emulator.estimation.posterior import Posterior, Stage, Target
from emulator.estimation.priors import prior_of
from emulator.seeding import derived_seed
from emulator.storage import json_sha256, sha256
from emulator.worlds import World, get_world
from emulator.worlds.base import FloatArray
from emulator.worlds.dynare import DynareWorld

# Quarters from rest to a history of which nothing earlier is known. Their end has the long-run
# variance to the last digits where roots are below .999; a unit root's variance is then large.
# Regimes are carried quarter by quarter, with roots below .97.
LONG_AGO, LONG_AGO_IN_REGIMES = 2**14, 2**10


@dataclass(frozen=True)
class Run:
    """A run to do: what a worker needs and nothing else. world: as `get_world` takes it. weights:
    folders of those through which it is answered, none to solve it. start: the folder of a learned
    posterior that it starts from, if any. kept: the file of its stages, if any."""

    world: str
    weights: tuple[str, ...]
    start: str | None
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
    exact = world = get_world(run.world)
    sha = begun = ""
    if run.weights:
        world, sha = through(exact, run.weights)
    target = target_of(world, run.history, run.noise)
    rng = np.random.default_rng(derived_seed(run.seed, "estimate", world.name, run.number))
    with threadpool_limits(limits=1):
        if run.start is not None:
            target, begun = _started(target, run, exact)
        key = key_of(run, world, sha, begun)
        known = None if run.kept is None else kept_drawn(run.kept, key, Stage, rng)
        stage = posterior.begin(target, run.particles, rng) if known is None else known[0]
        while stage.power < 1.0:
            stage = posterior.advance(target, stage, rng)
            if run.kept is not None:
                keep_drawn(run.kept, key, stage, rng)
    return run, posterior.reached(target, stage)


def _started(target: Target, run: Run, world: World[Any]) -> tuple[Target, str]:
    """The target with particles that start from a learned posterior of `world`, where that is near
    enough, and the SHA-256 of its weights."""
    # Imported here: without one, worlds are estimated without torch, which takes seconds.
    from emulator.estimation.learned import learned, read, starting

    assert run.start is not None
    found = read(run.start, world)
    rng = np.random.default_rng(derived_seed(run.seed, "start", world.name, run.number))
    start = learned(found, target.history)
    return starting(target, start, run.particles, rng), found.sha256


def key_of(
    run: Run, world: World[Any], weights: str = "", start: str = "", instant: bool = False
) -> str:
    """16 hex digits of all that the numbers of a run depend on. weights, start: SHA-256 of what the
    world is answered through, and of the learned posterior. instant: its draws are the answer."""
    given: dict[str, Any] = {
        "world": world.spec.to_dict(),
        "model": world.found.text if isinstance(world, DynareWorld) else "",
        "history": sha256(run.history.tobytes()),
        "noise": run.noise.tolist(),
        "particles": run.particles,
        "seed": run.seed,
        "number": run.number,
        **({"weights": weights} if weights else {}),
        **({"start": start} if start else {}),
        **({"instant": True} if instant else {}),
    }
    return json_sha256(given)[:16]
