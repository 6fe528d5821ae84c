"""Carrying out a plan: data set, runs, leaderboard; every stage skipped where it is finished.

    carry_out(Path("configs/plans/smoke.yaml"), resume=True)

The leaderboard is written again after every evaluation, and so is `plan.json`, which records what
became of every run: role, rate, budget, validation, seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emulator.errors import ConfigError
from emulator.evaluation import compare_all
from emulator.evaluation.comparison.leaderboard import write_leaderboard
from emulator.evaluation.floors.floors_on_disk import find_floors
from emulator.evaluation.stored.runs import EvaluatedRun, find_runs
from emulator.plans import data_sets
from emulator.plans.jobs import Job, expand
from emulator.plans.perform import Outcome, Status, perform
from emulator.plans.plan import Plan, read_plan
from emulator.plans.preview import seconds_left
from emulator.plans.record import Record
from emulator.plans.words import Bar, Say, describe, duration, no_bar
from emulator.plans.workers import perform_all
from emulator.training.run_folder import holds_a_run, is_finished


@dataclass(frozen=True)
class Report:
    """What a plan did: the outcome of every job that ended, whether it was asked to stop, and the
    universal runs compared at the end."""

    output: Path
    outcomes: tuple[Outcome, ...]
    stopped: bool
    universal: tuple[EvaluatedRun, ...] = ()  # with their criteria

    @property
    def failed(self) -> list[Outcome]:
        """Runs that diverged."""
        return [o for o in self.outcomes if o.status is Status.failed]


def carry_out(
    path: Path,
    *,
    resume: bool = False,
    workers: int = 1,
    only: Sequence[str] = (),
    say: Say = lambda line: None,
    bar: Bar = no_bar,
) -> Report:
    """Carry out the plan in a YAML file, or what is left of it.

    resume: skip what is finished and go on with what was stopped. workers: processes that make the
    data set, and runs at once; results do not depend on it. only: entries of `runs:` to carry out;
    all unless given.

    SIGTERM lets the trainings in progress save a checkpoint and ends the plan (`stopped`), Ctrl-C
    the same with KeyboardInterrupt. A run that diverges is reported and the others go on. Raises
    ConfigError and UnknownNameError before any work where the plan is wrong or has no such entry,
    or where there is a run already and `resume` was not asked for.
    """
    plan = read_plan(path)
    jobs = expand(plan, str(path), data_sets.worlds(plan), only)
    held = [job for job in jobs if holds_a_run(job.folder)]
    if held and not resume:
        raise ConfigError(
            f"{held[0].folder}: holds a run already; add --resume to go on with the plan, or name "
            "another output in it"
        )
    dataset = data_sets.make(plan, workers, say, bar)
    for job in jobs:
        # Another configuration is better refused now than hours later. A tuned run's is not known
        # before its candidates have ended.
        if not job.candidates:
            is_finished(job.folder, job.config, True, dataset)
    seconds = seconds_left(plan, jobs, bar)
    say(
        f"runs: {len(jobs)}, {len(jobs) - len(seconds)} finished already, the others roughly "
        f"{duration(sum(seconds.values()))}"
        + (f", shared by {workers} workers" if workers > 1 else "")
    )
    output = Path(plan.output)
    record = Record(plan, dataset.hash)
    outcomes: list[Outcome] = []

    def ended(outcome: Outcome) -> None:
        outcomes.append(outcome)
        job = next(job for job in jobs if job.label == outcome.label)
        record.add(job, outcome)
        if outcome.evaluated and not job.is_candidate:
            write_leaderboard(find_runs(output, of_this_version=True), output)
        say(f"{len(outcomes)}/{len(jobs)} {describe(outcome)}")

    if workers == 1:
        going = _perform_here(jobs, plan.threads, ended, bar)
    else:
        with bar(f"{len(jobs)} runs") as progress:
            going = perform_all(jobs, workers, plan.threads, ended, progress)
    evaluated = {job.label for job in jobs if not job.is_candidate}
    universal: tuple[EvaluatedRun, ...] = ()
    if going and any(o.label in evaluated and o.evaluated for o in outcomes):
        universal = _compare(plan, say, bar)
    return Report(output, tuple(outcomes), not going, universal)


def _compare(plan: Plan, say: Say, bar: Bar) -> tuple[EvaluatedRun, ...]:
    """Compare the universal runs with all others, now that they are there: gaps, criteria,
    reports, and the leaderboard that shows them. Returns the universal runs."""
    # Every run of the plan is of this version by now; the folder may hold older ones.
    runs = find_runs(Path(plan.output), of_this_version=True)
    floors = () if plan.floors is None else find_floors(Path(plan.floors))
    with bar("comparing runs") as progress:
        comparison = compare_all(runs, floors, progress)
    write_leaderboard(runs, Path(plan.output))
    for note in comparison.notes():
        say(note)
    for run in comparison.universal:
        say(f"report: {run.folder}/report.html")
    return comparison.universal


def _perform_here(
    jobs: Sequence[Job], threads: int, ended: Callable[[Outcome], None], bar: Bar
) -> bool:
    """Perform jobs one after the other in this process; False when stopped."""
    for job in jobs:
        with bar(job.label) as progress:
            outcome = perform(job, threads, progress)
        ended(outcome)
        if outcome.status is Status.stopped:
            return False
    return True
