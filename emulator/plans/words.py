"""What is said while a plan is carried out: lines, progress bars, times, what became of a run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from emulator.plans.perform import Outcome, Status
from emulator.progress import Progress, silent

Say = Callable[[str], None]  # takes a line for the user
Bar = Callable[[str], AbstractContextManager[Progress]]  # opens a progress bar of this title


def no_bar(title: str) -> AbstractContextManager[Progress]:
    return nullcontext(silent)


def duration(seconds: float) -> str:
    """A time as a person says it, to about two digits."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def describe(outcome: Outcome) -> str:
    """One line on what became of a run."""
    if outcome.status is Status.stopped:
        return f"{outcome.label}: stopped with a checkpoint"
    if outcome.status is Status.failed or outcome.validation is None:
        return f"{outcome.label}: {outcome.message}"
    spent = outcome.training_seconds + outcome.evaluation_seconds
    rate = f", lr {outcome.lr:g}" if outcome.lr else ""
    time = duration(spent) if spent else "finished before"
    return f"{outcome.label}: validation {outcome.validation:.4f}{rate}, {time}"
