"""One job from start to end: choose its learning rate, train it, evaluate it.

Each stage is skipped where it is finished and goes on where it was stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from emulator.errors import DatasetError, TrainingError
from emulator.evaluation import conclude
from emulator.evaluation.scoring.opened import open_run
from emulator.evaluation.scoring.score import score
from emulator.evaluation.stored.runs import read_run
from emulator.models.weights import DESCRIPTION_FILE
from emulator.plans.jobs import Job
from emulator.plans.tuning import DIVERGED_FILE, choose_rate, validation_score
from emulator.progress import Progress
from emulator.storage import write_atomically
from emulator.training.trainer import train


class Status(StrEnum):
    """How a job ended."""

    done = "done"
    stopped = "stopped"  # asked to, with a checkpoint
    failed = "failed"  # diverged; the message says where


@dataclass(frozen=True)
class Outcome:
    """What became of a job. seconds: those spent on training and evaluation this time, zero where
    the stage was finished before; validation: the mean NRMSE over worlds."""

    label: str
    status: Status
    lr: float | None = None
    epochs: int | None = None  # where no steps are given
    steps: int | None = None
    validation: float | None = None
    training_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    message: str = ""

    @property
    def evaluated(self) -> bool:
        """Whether it is done, and not because it diverged as one rate of several."""
        return self.status is Status.done and self.validation is not None


def perform(job: Job, threads: int, progress: Progress) -> Outcome:
    """Do what is left of a job on this many threads. Raises what training and evaluation raise,
    but for a divergence, which the outcome tells."""
    outcome = Outcome(job.label, Status.done)
    with threads_of(threads):
        try:
            config = job.with_rate(choose_rate(job)) if job.candidates else job.config
            if not job.fitted_at_once:
                settings = config.training
                epochs = settings.epochs if settings.steps is None else None
                outcome = replace(outcome, lr=settings.lr, epochs=epochs, steps=settings.steps)
            if job.one_of_several and (job.folder / DIVERGED_FILE).exists():
                return replace(outcome, validation=None, message="diverged before")
            trained_before = (job.folder / DESCRIPTION_FILE).exists()
            started = time.perf_counter()
            finished = train(config, job.folder, resume=True, progress=progress)
            if not trained_before:
                seconds = time.perf_counter() - started
                outcome = replace(outcome, training_seconds=seconds)
            if not finished:
                return replace(outcome, status=Status.stopped)
        except TrainingError as error:
            if not job.one_of_several:
                return replace(outcome, status=Status.failed, message=str(error))
            # One of several rates may be too high: that is a result, and not tried again.
            write_atomically(job.folder / DIVERGED_FILE, f"{error}\n".encode())
            return replace(outcome, message=str(error))
        outcome = replace(outcome, validation=validation_score(job.folder))
        if job.is_candidate or is_evaluated(job.folder, job.scored_on):
            return outcome
        started = time.perf_counter()
        whole = job.role == "universal"
        scored = score(job.folder, job.scored_on, progress, ablations=whole, rough_histories=whole)
        if not scored.is_universal:  # those wait for the runs that they are compared with
            conclude(scored)
        return replace(outcome, evaluation_seconds=time.perf_counter() - started)


def is_evaluated(run: Path, scored_on: str) -> bool:
    """Whether the run is scored and, unless it is universal, drawn: metrics.json, which is written
    last, is of the weights in the folder, of that data set and of every regime to score, and the
    statistics are those it was made from. Universal runs are drawn when the others are there."""
    try:
        evaluated = read_run(run, run.name)
    except DatasetError:
        return False  # none, damaged, or by another version: evaluated again
    run_now = open_run(run, scored_on)
    return (
        evaluated.metrics["weights_sha256"] == run_now.loaded.sha256
        and evaluated.data == run_now.dataset.samples_sha
        and evaluated.regimes == tuple(regime.value for regime in run_now.regimes)
        and evaluated.is_complete
        and (evaluated.is_compared or evaluated.is_universal)
    )


@contextmanager
def threads_of(count: int) -> Iterator[None]:
    """Compute on this many threads, in torch as in NumPy's and scikit-learn's libraries."""
    before = torch.get_num_threads()
    with threadpool_limits(limits=count):
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)
