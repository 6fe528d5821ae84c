"""`emulator campaign PLAN`: a plan of one's own."""

from __future__ import annotations

from pathlib import Path

import typer

from emulator.cli.commands.reproduce import DRY_RUN, ONLY, RESUME, WORKERS, carry_out
from emulator.cli.console import FORMAT_OPTION, Format

EXAMPLE = "emulator campaign configs/plans/shipped.yaml --resume --workers 2"


def campaign(
    plan: Path = typer.Argument(..., help="A plan: a YAML file as in configs/plans."),
    resume: bool = RESUME,
    only: list[str] = ONLY,
    workers: int = WORKERS,
    dry_run: bool = DRY_RUN,
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Carry out a plan of runs; partial tables are published as runs finish.

    Exit code 1 when a run diverged. The criteria are printed; `emulator leaderboard --criteria`
    turns them into an exit code.
    """
    carry_out(plan, resume, only, workers, dry_run, output_format)
