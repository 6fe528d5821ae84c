"""`emulator reproduce PLAN`: a whole plan of runs."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import typer

from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar
from emulator.cli.criteria import print_criteria
from emulator.limits import MOST_WORKERS

EXAMPLE = "emulator reproduce smoke --resume --workers 2"
PLAN_ARGUMENT = typer.Argument(
    ..., metavar="PLAN", help="A plan: the name of one in configs/plans, or a YAML file."
)


def reproduce(
    name: str = PLAN_ARGUMENT,
    resume: bool = typer.Option(
        False, "--resume", help="Skip what is finished, go on with what was stopped."
    ),
    workers: int = typer.Option(
        1,
        "--workers",
        "-w",
        min=1,
        max=MOST_WORKERS,
        help="Runs at once; the results do not depend on it.",
    ),
    only: list[str] = typer.Option(
        [], "--only", metavar="NAME", help="Only this entry of `runs:`; may be given several times."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Say what would be done and how long it takes."
    ),
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Carry out a plan: data set, runs, evaluation, leaderboard.

    Leaderboard and plan.json are written again as runs finish. Exit code 1 when a run diverged. The
    criteria are printed; `emulator leaderboard --criteria` turns them into an exit code. Stopped by
    SIGTERM it saves checkpoints and exits with code 143.
    """
    from emulator.plans.carry_out import carry_out
    from emulator.plans.plan import find_plan
    from emulator.training.interruption import TERMINATED

    plan, as_json = find_plan(name), output_format is Format.json
    if dry_run:
        _print_preview(plan, only, as_json)
        return
    say = partial(typer.echo, err=as_json)  # stdout is for the result
    report = carry_out(plan, resume=resume, workers=workers, only=only, say=say, bar=progress_bar)
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
        raise typer.Exit(TERMINATED)
    elif report.failed:
        names = ", ".join(outcome.label for outcome in report.failed)
        typer.echo(
            f"{len(report.failed)} of {len(report.outcomes)} runs diverged: {names}", err=True
        )
        raise typer.Exit(1)
    else:
        say(f"finished: {report.output}/leaderboard.md")


def _print_preview(plan: Path, only: list[str], as_json: bool) -> None:
    from emulator.plans.preview import preview
    from emulator.plans.words import duration

    seen = preview(plan, only, progress_bar)
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
