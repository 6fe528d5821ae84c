"""What a plan will do and how long it takes, before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.plans import data_sets
from emulator.plans.estimate import estimate
from emulator.plans.jobs import Job, expand
from emulator.plans.plan import Plan, read_plan
from emulator.plans.words import Bar, no_bar


@dataclass(frozen=True)
class Preview:
    """What a plan will do. seconds: of training and evaluation, roughly, by label of the jobs that
    are not finished; None where the data set has to be made first."""

    jobs: tuple[Job, ...]
    seconds: dict[str, float] | None


def preview(path: Path, only: Sequence[str] = (), bar: Bar = no_bar) -> Preview:
    """What the plan in a YAML file will do and how long it takes. only: entries of `runs:`, all
    unless given. Writes nothing; raises ConfigError and UnknownNameError where the plan is wrong or
    has no such entry."""
    plan = read_plan(path)
    jobs = expand(plan, str(path), data_sets.worlds(plan), only)
    if not data_sets.are_complete(plan):
        return Preview(tuple(jobs), None)
    return Preview(tuple(jobs), seconds_left(plan, jobs, bar))


def seconds_left(plan: Plan, jobs: Sequence[Job], bar: Bar) -> dict[str, float]:
    """By label of the jobs that are not finished."""
    with bar("timing a few steps of every kind of run") as progress:
        return estimate(jobs, plan.threads, progress)
