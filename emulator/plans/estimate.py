"""How long a plan takes: training from a few timed steps of each kind, evaluation by its size."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from emulator.data import Dataset
from emulator.errors import TrainingError
from emulator.evaluation.scoring.opened import SCORED_SPLITS
from emulator.models.weights import DESCRIPTION_FILE
from emulator.plans.jobs import Job
from emulator.plans.perform import is_evaluated, threads_of
from emulator.progress import Progress, silent
from emulator.regimes import tasks
from emulator.storage import canonical_json
from emulator.training.config import RunConfig
from emulator.training.trainer import train

WARM_STEPS = 2  # the first steps are slower: allocations, caches
TIMED_STEPS = 8

# Seconds of one core to score 1,000 samples of a world in a regime, responses of one task: 0.7 to 1
# for every model, as most of it is in the statistics, not in the network. And to draw and write.
SECONDS_PER_THOUSAND = 1.0
SECONDS_TO_DRAW = 10.0


class _EnoughError(Exception):
    """Raised from the progress callback to end a timed run."""


class _Speed(NamedTuple):
    """Seconds until the first steps are done, seconds a step, and steps an epoch. For a model that
    is fitted at once a step is a world."""

    start: float
    step: float
    steps: float


def estimate(
    jobs: Sequence[Job],
    threads: int,
    progress: Progress = silent,
) -> dict[str, float]:
    """Seconds of training and evaluation, roughly, by label of every job that is not finished.

    One run of each kind is timed: runs that differ only in budget, learning rate, seed, world
    (where there is one) or regime (where there is one) are taken to need the same time a step.
    Validation comes on top.
    """
    speeds: dict[str, _Speed] = {}
    out = {}
    opened = {path: Dataset.open(path) for path in {job.scored_on for job in jobs}}
    for done, job in enumerate(jobs):
        progress(done, len(jobs), job.label)
        evaluation = (
            0.0 if job.is_candidate else evaluation_seconds(job.config, opened[job.scored_on])
        )
        if (job.folder / DESCRIPTION_FILE).exists():
            if evaluation and not is_evaluated(job.folder, job.scored_on):
                out[job.label] = evaluation
            continue
        kind = _kind(job.config)
        if kind not in speeds:
            with threads_of(threads):
                speeds[kind] = _timed(job)
        speed, settings = speeds[kind], job.config.training
        if job.fitted_at_once:
            steps = speed.steps
        else:
            steps = settings.steps or speed.steps * settings.epochs
        training = speed.start + speed.step * steps
        out[job.label] = training + evaluation
    return out


def evaluation_seconds(config: RunConfig, dataset: Dataset) -> float:
    """Seconds to evaluate a run, roughly, from the numbers of samples scored."""
    samples = sum(
        len(dataset.scored(world, split)) * len(tasks(dataset.spec(world)))
        for world in config.data.worlds or dataset.worlds
        for split in SCORED_SPLITS
    )
    return SECONDS_TO_DRAW + SECONDS_PER_THOUSAND * samples * len(config.data.regimes) / 1000.0


def _kind(config: RunConfig) -> str:
    data = config.model_dump(mode="json")
    for key in ("epochs", "lr", "seed", "start_from"):
        data["training"].pop(key, None)  # parts that are not asked for are not there
    data["training"]["steps"] = config.training.steps is not None
    if config.training.steps is not None:  # of an epoch rows are the length
        data["data"].pop("rows", None)
    if len(data["data"]["worlds"] or ()) == 1:
        data["data"]["worlds"] = 1
    if len(config.data.regimes) == 1:
        data["data"]["regime"] = 1
    return canonical_json(data)


def _timed(job: Job) -> _Speed:
    """Start the run in a temporary folder and stop it after a few steps."""
    started = time.perf_counter()
    marks: list[float] = []
    total = 1

    def mark(done: int, of: int, note: str) -> None:
        nonlocal total
        total = of
        marks.append(time.perf_counter())
        if job.fitted_at_once or done >= WARM_STEPS + TIMED_STEPS:
            raise _EnoughError

    # The run it starts from may be yet to come, and makes no difference to the time.
    training = job.config.training.model_copy(update={"start_from": None, "steps": None})
    config = job.config.model_copy(update={"training": training})
    with tempfile.TemporaryDirectory() as folder, suppress(_EnoughError, TrainingError):
        if not train(config, Path(folder), progress=mark):
            # The trainer took a SIGTERM for a request to save; there is nothing to save yet.
            signal.raise_signal(signal.SIGTERM)
    if not marks:  # diverged before the first step was done; so will the run
        return _Speed(time.perf_counter() - started, 0.0, 0.0)
    if job.fitted_at_once:
        return _Speed(0.0, marks[0] - started, total)
    warm = min(WARM_STEPS, len(marks) - 1)  # fewer where the run has very few steps
    first = marks[warm - 1] if warm else started
    step = (marks[-1] - first) / (len(marks) - warm)
    return _Speed(first - started, step, total / job.config.training.epochs)
