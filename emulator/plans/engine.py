"""Carrying out a plan: data set, runs, leaderboard; every stage skipped where it is finished.

    run_plan(Path("configs/plans/smoke.yaml"), resume=True)

The leaderboard is written again after every evaluation, and so is `plan.json`, which records what
became of every run: role, rate, budget, validation, seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emulator.config import load_config
from emulator.data import DataConfig, Dataset
from emulator.data.claim import finished
from emulator.data.generate import generate
from emulator.errors import ConfigError, DatasetError
from emulator.evaluation.comparison.compare import compare_all
from emulator.evaluation.comparison.leaderboard import write_leaderboard
from emulator.evaluation.floors import FLOORS_FOLDER
from emulator.evaluation.floors.archive import find_floors
from emulator.evaluation.stored.runs import EvaluatedRun, find_runs
from emulator.models.weights import DESCRIPTION_FILE
from emulator.plans.estimate import estimate
from emulator.plans.jobs import Job, expand
from emulator.plans.perform import Outcome, Status, perform
from emulator.plans.plan import Plan
from emulator.plans.workers import perform_all
from emulator.progress import Progress, silent
from emulator.provenance import commit
from emulator.storage import write_atomically
from emulator.training.checkpoint import CHECKPOINT_FILE
from emulator.training.run_folder import is_finished

PLAN_FILE = "plan.json"

Say = Callable[[str], None]
Bar = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Preview:
    """What a plan will do. seconds: of training and evaluation, roughly, by label of the jobs that
    are not finished; None where the data set has to be made first."""

    jobs: tuple[Job, ...]
    seconds: dict[str, float] | None


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


def _no_bar(title: str) -> AbstractContextManager[Progress]:
    return nullcontext(silent)


def preview(path: Path, *, only: Sequence[str] = (), bar: Bar = _no_bar) -> Preview:
    """What the plan in a YAML file will do and how long it takes. Writes nothing; raises
    ConfigError and UnknownNameError where the plan is wrong."""
    plan, jobs = _jobs(path, only)
    if any(finished(Path(path), config) is None for config, path in _data_sets(plan)):
        return Preview(tuple(jobs), None)
    return Preview(tuple(jobs), _estimate(plan, jobs, bar))


def run_plan(
    path: Path,
    *,
    only: Sequence[str] = (),
    resume: bool = False,
    workers: int = 1,
    say: Say = lambda line: None,
    bar: Bar = _no_bar,
) -> Report:
    """Carry out the plan in a YAML file, or what is left of it.

    only: names of runs, all when empty. resume: skip what is finished and go on with what was
    stopped. workers: processes that make the data set, and runs at once; results do not depend on
    it. say takes lines for the user, bar opens a progress bar.

    SIGTERM lets the trainings in progress save a checkpoint and ends the plan (`stopped`), Ctrl-C
    the same with KeyboardInterrupt. A run that diverges is reported and the others go on. Raises
    ConfigError before any work where the plan is wrong, or where there is a run already and
    `resume` was not asked for.
    """
    plan, jobs = _jobs(path, only)
    held = [job for job in jobs if _holds_a_run(job)]
    if held and not resume:
        raise ConfigError(
            f"{held[0].folder}: holds a run already; add --resume to go on with the plan, or name "
            "another output in it"
        )
    for config, folder in _data_sets(plan):
        with bar(f"data {folder}") as progress:
            made = generate(config, folder, workers=workers, progress=progress)
        drawn = f"{made.samples:,} samples drawn in {made.seconds:.0f} s"
        say(f"data: {folder}, {drawn if made.samples else 'complete already'}")
    dataset = Dataset.open(plan.data.path)
    _require_same_draws(dataset, plan)
    for job in jobs:
        # Another configuration is better refused now than hours later. A tuned run's is not known
        # before its candidates have ended.
        if not job.candidates:
            is_finished(job.folder, job.config, True, dataset)
    seconds = _estimate(plan, jobs, bar)
    say(
        f"runs: {len(jobs)}, {len(jobs) - len(seconds)} finished already, the others roughly "
        f"{duration(sum(seconds.values()))}"
        + (f", shared by {workers} workers" if workers > 1 else "")
    )
    output = Path(plan.output)
    record = _Record(output, plan, dataset.hash)
    outcomes: list[Outcome] = []

    def ended(outcome: Outcome) -> None:
        outcomes.append(outcome)
        job = next(job for job in jobs if job.label == outcome.label)
        record.add(job, outcome)
        if outcome.status is Status.done and not job.is_candidate:
            write_leaderboard(find_runs(output, of_this_version=True), output)
        say(f"{len(outcomes)}/{len(jobs)} {describe(outcome)}")

    if workers == 1:
        going = _perform_here(jobs, plan.threads, ended, bar)
    else:
        with bar(f"{len(jobs)} runs") as progress:
            going = perform_all(jobs, workers, plan.threads, ended, progress)
    evaluated = {job.label for job in jobs if not job.is_candidate}
    universal: tuple[EvaluatedRun, ...] = ()
    if going and any(o.label in evaluated and o.status is Status.done for o in outcomes):
        universal = _publish(output, say, bar)
    return Report(output, tuple(outcomes), not going, universal)


def _publish(output: Path, say: Say, bar: Bar) -> tuple[EvaluatedRun, ...]:
    """Compare the universal runs with all others, now that they are there: gaps, criteria,
    reports, and the leaderboard that shows them. Returns the universal runs."""
    # Every run of the plan is of this version by now; the folder may hold older ones.
    runs = find_runs(output, of_this_version=True)
    with bar("comparing runs") as progress:
        comparison = compare_all(runs, progress, find_floors(FLOORS_FOLDER))
    write_leaderboard(runs, output)
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


def _jobs(path: Path, only: Sequence[str]) -> tuple[Plan, list[Job]]:
    """The plan and its jobs."""
    plan = load_config(path, Plan)
    return plan, expand(plan, str(path), _data(plan).worlds, only)


def _data(plan: Plan) -> DataConfig:
    return load_config(plan.data.config, DataConfig)


def _data_sets(plan: Plan) -> list[tuple[DataConfig, str]]:
    """Configuration and folder of the data set, and of the one that scores runs if it is another.
    Raises ConfigError where the second is not of the first's draws."""
    whole, scored_on = _data(plan), plan.data.scored_on
    if scored_on is None:
        return [(whole, plan.data.path)]
    part = load_config(scored_on.config, DataConfig)
    if part.draws != whole.draws:
        raise ConfigError(
            f"data.scored_on: {scored_on.config} draws other samples than {plan.data.config}; they "
            "may differ in samples, shard_rows and chunk_rows alone"
        )
    return [(whole, plan.data.path), (part, scored_on.path)]


def _require_same_draws(dataset: Dataset, plan: Plan) -> None:
    """Raises DatasetError where the set that scores is not of the draws that train: evaluation
    would refuse it, after the training."""
    if plan.data.scored_on is None:
        return
    part = Dataset.open(plan.data.scored_on.path)
    if part.draws != dataset.draws:
        raise DatasetError(
            f"{part.path}: its draws are not those of {dataset.path}; another version made one of "
            "them: delete the older, it is made again"
        )


def _holds_a_run(job: Job) -> bool:
    return any((job.folder / name).exists() for name in (CHECKPOINT_FILE, DESCRIPTION_FILE))


def _estimate(plan: Plan, jobs: Sequence[Job], bar: Bar) -> dict[str, float]:
    with bar("timing a few steps of every kind of run") as progress:
        return estimate(jobs, plan.threads, progress)


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


class _Record:
    """plan.json: what became of every run, and from which budget."""

    def __init__(self, output: Path, plan: Plan, data_sha: str) -> None:
        self.path = output / PLAN_FILE
        self.runs: dict[str, dict[str, Any]] = {}
        if self.path.exists():
            try:
                self.runs = json.loads(self.path.read_text(encoding="utf-8"))["runs"]
            except (ValueError, LookupError, TypeError):
                raise DatasetError(
                    f"{self.path}: damaged; delete it, it is written again (times spent so far are "
                    "lost, nothing else)"
                ) from None
        self.head = {
            "commit": commit(),
            "data_sha": data_sha,
            "threads": plan.threads,
            "plan": plan.model_dump(mode="json"),
        }

    def add(self, job: Job, outcome: Outcome) -> None:
        """Take an outcome in. Seconds add up over resumes, but for those lost to a kill."""
        before = self.runs.get(job.label, {})
        entry = {
            "role": job.role,
            "candidate": job.is_candidate,
            "regime": job.config.data.regime,
            "worlds": job.config.data.worlds,
            **asdict(outcome),
        }
        for key in ("training_seconds", "evaluation_seconds"):
            entry[key] = round(before.get(key, 0.0) + entry[key], 2)
        self.runs[job.label] = entry
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**self.head, "runs": self.runs}, indent=1, allow_nan=False)
        write_atomically(self.path, text.encode())
