"""Floors of many histories of a world, in processes, restartable after any history.

Histories are the first samples of the whole prior that a data set keeps from training (`prior`,
see `emulator.data.splits`), so that any run evaluated on it is compared on the same ones. A
history's numbers depend on (seed of the data, world, length, sample, particles) alone, never on the
number of workers or on what was done before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from emulator.claim import LOCK, alone
from emulator.data import Dataset
from emulator.data.schema import PRIOR, DataConfig, fingerprint
from emulator.errors import DatasetError, InputError
from emulator.estimation import hamilton, posterior, transport
from emulator.estimation.in_processes import in_processes
from emulator.estimation.likelihoods import log_likelihood
from emulator.estimation.priors import OwnPrior
from emulator.evaluation.floors.best_answers import Truth, answer
from emulator.evaluation.floors.floor_summary import write_summary
from emulator.evaluation.floors.floors_on_disk import (
    Floors,
    Scale,
    Settings,
    floor_file,
    read_floors,
    rows_of,
    write_floors,
)
from emulator.progress import Progress, silent
from emulator.provenance import commit
from emulator.questions import history_quarters
from emulator.regimes import TARGETS, Task, tasks
from emulator.seeding import derived_seed
from emulator.storage import json_sha256, sweep
from emulator.worlds import get_world
from emulator.worlds.base import FloatArray

SEED = 2007  # of the sampler; histories have streams of their own under it


@dataclass(frozen=True)
class _Job:
    """A history to answer: what a worker needs and nothing else."""

    settings: Settings
    config: DataConfig
    sample: int
    history: FloatArray
    truth: Truth


def compute_floors(
    dataset: Dataset,
    world: str,
    folder: Path,
    *,
    histories: int,
    length: int,
    particles: int,
    workers: int = 1,
    resume: bool = False,
    progress: Progress = silent,
) -> Floors:
    """The floors of the first samples of a world's prior, written to `folder` after every history.

    resume: go on with the file there, of the same settings. Raises InputError for arguments that
    cannot be met, DatasetError when the file exists already or is of other settings, ClaimError
    when another process computes the same floors.
    """
    settings = _settings(dataset, world, length, particles)
    rows = dataset.scored(world, PRIOR)
    if not 0 < histories <= len(rows):
        raise InputError(
            f"histories: expected 1 to {len(rows)}, the samples in split {PRIOR!r} of world "
            f"{world!r}, got {histories}"
        )
    path = floor_file(folder, world, length)
    with alone(path.with_name(f".{path.name}{LOCK}"), path, "emulator floors"):
        sweep(folder.glob(f".{path.stem}.*"))
        floors = _begin(path, settings, dataset, resume)
        wanted = rows[:histories].tolist()
        jobs = _jobs(dataset, settings, [row for row in wanted if row not in set(floors.samples)])
        if jobs and commit() not in floors.commits:
            floors = replace(floors, commits=(*floors.commits, commit()))
        total = len(jobs) + len(floors.samples)
        progress(len(floors.samples), total, "")
        for new in in_processes(_work, jobs, workers):
            frames = [floors.frame, pd.DataFrame(new)] if len(floors.frame) else [pd.DataFrame(new)]
            frame = pd.concat(frames).sort_values("sample", kind="stable", ignore_index=True)
            floors = replace(floors, frame=frame)
            write_floors(path, floors)
            progress(len(floors.samples), total, f"{new[0]['seconds']:.1f} s a history")
        write_summary(path, floors)
        return floors


def _settings(dataset: Dataset, world: str, length: int, particles: int) -> Settings:
    spec, config = dataset.spec(world), dataset.manifest.config
    if config.measurement_noise:
        raise InputError(
            f"{dataset.path}: has measurement noise, whose likelihood is not implemented; use a "
            "data set without"
        )
    solution = get_world(world).solve(get_world(world).pack()[None])
    log_likelihood(solution, np.zeros((1, 3)), 0)  # a world that has none says so before any work
    if fingerprint(get_world(world).spec) != fingerprint(spec):
        raise DatasetError(
            f"{dataset.path}: world {world!r} was drawn by another version of it; generate the "
            "data set again"
        )
    longest = history_quarters(config)
    if not 2 <= length <= longest:
        raise InputError(
            f"length: expected 2 to {longest} quarters, what the data set shows, got {length}"
        )
    return Settings(
        world=world,
        length=length,
        particles=particles,
        horizon=config.horizon,
        split=PRIOR,
        longest=longest,
        draws_sha=dataset.draws_of(world),
        method=_method(),
        parameters=spec.parameter_names,
        shocks=spec.shock_names,
    )


def _method() -> str:
    """16 hex digits of the sampler's constants: other ones make other numbers."""
    names = (
        "KEPT", "FORGOTTEN", "MOST_MOVES", "MOST_MOVES_AT_LAST", "DEGREES",
        "ACCEPTED",
    )  # fmt: skip
    constants = {name: getattr(posterior, name) for name in names}
    constants |= {
        "depth": hamilton.DEPTH,
        "seed": SEED,
        "particles a term": transport.PARTICLES_A_TERM,
    }
    return json_sha256(constants)[:16]


def _begin(path: Path, settings: Settings, dataset: Dataset, resume: bool) -> Floors:
    """The floors to go on with: those in the file, or none yet."""
    if not path.exists():
        moments = dataset.moments(settings.world)
        scales = {
            Task.steady_state: Scale(moments.irf_sd, moments.irf_sd_pooled, moments.irf_mean),
            Task.state_dependent: Scale(
                moments.irf_state_sd, moments.irf_state_sd_pooled, moments.irf_state_mean
            ),
        }
        return Floors(settings, scales, pd.DataFrame(), ())
    if not resume:
        raise DatasetError(f"{path}: exists already; --resume goes on with it, or delete it")
    floors = read_floors(path)
    if floors.settings != settings:
        differing = [k for k in vars(settings) if vars(settings)[k] != vars(floors.settings)[k]]
        raise DatasetError(
            f"{path}: was computed with another {', '.join(differing)}; use the same, or delete it"
        )
    return floors


def _jobs(dataset: Dataset, settings: Settings, samples: list[int]) -> list[_Job]:
    world = settings.world
    wanted = {task: TARGETS[task] for task in tasks(dataset.spec(world))}
    fields = dataset.read(world, samples, ["theta", "trajectories", *wanted.values()])
    histories = fields["trajectories"][:, -settings.length :].astype(np.float64)
    return [
        _Job(
            settings,
            dataset.manifest.config,
            sample,
            np.ascontiguousarray(histories[k]),
            Truth(
                fields["theta"][k],
                {task: fields[name][k].astype(np.float64) for task, name in wanted.items()},
            ),
        )
        for k, sample in enumerate(samples)
    ]


def _work(job: _Job) -> list[dict[str, Any]]:
    """The rows of one history."""
    settings, config = job.settings, job.config
    run_in = config.quarters - settings.length
    target = posterior.Target(OwnPrior(get_world(settings.world)), job.history, run_in)
    seed = derived_seed(
        SEED, config.seed, settings.world, settings.length, job.sample, settings.particles
    )
    with threadpool_limits(limits=1):
        done = answer(target, job.truth, settings.particles, settings.horizon, seed)
    return rows_of(job.sample, done, job.truth)
