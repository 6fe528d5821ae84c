"""How long a plan's training takes, from a few timed steps of every kind of run."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from emulator.config import canonical_json
from emulator.errors import TrainingError
from emulator.models.weights import DESCRIPTION_FILE
from emulator.reproduce.jobs import Job
from emulator.reproduce.perform import Progress, threads_of
from emulator.training.config import RunConfig
from emulator.training.trainer import train

WARM_STEPS = 2  # the first steps are slower: allocations, caches
TIMED_STEPS = 8


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
    progress: Progress = lambda done, total, note: None,
) -> dict[str, float]:
    """Seconds of training, roughly, by label of every job that is not finished.

    One run of each kind is timed: runs that differ only in budget, learning rate, seed, world
    (where there is one) or regime (where there is one) are taken to need the same time a step.
    Validation and evaluation come on top.
    """
    speeds: dict[str, _Speed] = {}
    out = {}
    for done, job in enumerate(jobs):
        progress(done, len(jobs), job.label)
        if (job.folder / DESCRIPTION_FILE).exists():
            continue
        kind = _kind(job.config)
        if kind not in speeds:
            with threads_of(threads):
                speeds[kind] = _timed(job)
        epochs = 1 if job.fitted_at_once else job.config.training.epochs
        out[job.label] = speeds[kind].start + speeds[kind].step * speeds[kind].steps * epochs
    return out


def _kind(config: RunConfig) -> str:
    data = config.model_dump(mode="json")
    for key in ("epochs", "lr", "seed"):
        del data["training"][key]
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

    with tempfile.TemporaryDirectory() as folder, suppress(_EnoughError, TrainingError):
        if not train(job.config, Path(folder), progress=mark):
            # The trainer took a SIGTERM for a request to save; there is nothing to save yet.
            signal.raise_signal(signal.SIGTERM)
    if job.fitted_at_once:
        return _Speed(0.0, marks[0] - started, total)
    warm = min(WARM_STEPS, len(marks) - 1)  # fewer where the run has very few steps
    first = marks[warm - 1] if warm else started
    step = (marks[-1] - first) / (len(marks) - warm)
    return _Speed(first - started, step, total / job.config.training.epochs)
