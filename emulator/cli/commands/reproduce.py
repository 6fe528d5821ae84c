"""`emulator reproduce --profile NAME`: a whole plan of runs."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from functools import partial
from pathlib import Path

import typer

from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar
from emulator.cli.criteria import print_criteria
from emulator.errors import ConfigError

PLANS = Path("configs", "plans")


class Profile(StrEnum):
    """The plans of the repository."""

    smoke = "smoke"
    dev = "dev"


RESUME = typer.Option(False, "--resume", help="Skip what is finished, go on with what was stopped.")
ONLY = typer.Option([], "--only", metavar="NAME", help="Only this run; may be given again.")
WORKERS = typer.Option(
    1, "--workers", "-w", min=1, help="Runs at once; the results do not depend on it."
)
DRY_RUN = typer.Option(False, "--dry-run", help="Say what would be done and how long it takes.")


EXAMPLE = "emulator reproduce --profile smoke --resume"


def reproduce(
    profile: Profile = typer.Option(Profile.smoke, help="How much: minutes, hours, or days."),
    resume: bool = RESUME,
    only: list[str] = ONLY,
    workers: int = WORKERS,
    dry_run: bool = DRY_RUN,
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Make the repository's results again: data set, runs, evaluation, leaderboard.

    Exit code 1 when a run diverged. The criteria are printed; `emulator leaderboard --criteria`
    turns them into an exit code.
    """
    plan = PLANS / f"{profile}.yaml"
    if not plan.exists():
        raise ConfigError(
            f"{plan}: no such file; the plans are part of the repository, so give this command in "
            "its root folder (or name a plan of your own: emulator campaign PLAN)"
        )
    carry_out(plan, resume, only, workers, dry_run, output_format)


def carry_out(
    plan: Path, resume: bool, only: list[str], workers: int, dry_run: bool, output_format: Format
) -> None:
    from emulator.plans.engine import run_plan

    as_json = output_format is Format.json
    if dry_run:
        _print_preview(plan, only, as_json)
        return
    say = partial(typer.echo, err=as_json)  # stdout is for the result
    report = run_plan(plan, only=only, resume=resume, workers=workers, say=say, bar=progress_bar)
    if as_json:
        runs = [dataclasses.asdict(outcome) for outcome in report.outcomes]
        criteria = {run.name: run.metrics["criteria"] for run in report.universal}
        answer = {"plan": str(plan), "stopped": report.stopped, "runs": runs, "criteria": criteria}
        print_json(answer)
    else:
        for run in report.universal:
            print_criteria(run)
    if report.stopped:
        say("stopped with checkpoints; go on with --resume")
    elif report.failed:
        names = ", ".join(outcome.label for outcome in report.failed)
        typer.echo(
            f"{len(report.failed)} of {len(report.outcomes)} runs diverged: {names}", err=True
        )
        raise typer.Exit(1)
    else:
        say(f"finished: {report.output}/leaderboard.md")


def _print_preview(plan: Path, only: list[str], as_json: bool) -> None:
    from emulator.plans.engine import duration, preview

    seen = preview(plan, only=only, bar=progress_bar)
    if as_json:
        runs = [
            {
                "run": job.label,
                "role": job.role,
                "candidate": job.is_candidate,
                "config": job.config.model_dump(mode="json"),
                "seconds": None if seen.seconds is None else seen.seconds.get(job.label, 0.0),
            }
            for job in seen.jobs
        ]
        print_json({"plan": str(plan), "data_complete": seen.seconds is not None, "runs": runs})
        return
    rows = []
    for job in seen.jobs:
        settings = job.config.training
        if seen.seconds is None:
            time = "-"
        elif job.label in seen.seconds:
            time = duration(seen.seconds[job.label])
        else:
            time = "finished"
        rate = "tuned" if job.candidates else f"{settings.lr:g}"
        budget = f"{settings.steps} steps" if settings.steps else f"{settings.epochs} epochs"
        if job.fitted_at_once:
            rate, budget = "-", "-"
        role = "tuning" if job.is_candidate else job.role
        rows.append([job.label, role, job.config.model.type, rate, budget, time])
    print_table(
        str(plan),
        ["run", "role", "model", "lr", "budget", "roughly"],
        rows,
        prose=("role", "model"),
    )
    if seen.seconds is None:
        typer.echo("the data set is made first; times are known once it is there")
    else:
        total = duration(sum(seen.seconds.values()))
        typer.echo(f"roughly {total} on one worker")
