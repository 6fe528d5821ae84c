"""What `evaluate` and `leaderboard` share: floors and criteria, as options, table and exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from emulator.cli.console import print_table

FLOORS_FOLDER = Path("results/floors")  # where `emulator floors` keeps them

FLOORS_OPTION = typer.Option(
    FLOORS_FOLDER,
    help="Floors, as `emulator floors` keeps them, to say how far runs are from them.",
)
CRITERIA_OPTION = typer.Option(
    False,
    "--criteria",
    help="Exit with 1 where a criterion that must hold falls short or was not measured.",
)


def print_criteria(evaluated: Any) -> None:
    """The criteria of a universal run as a table."""
    names = ("name", "must", "goal", "levels", "figures")
    rows = [[criterion[name] for name in names] for criterion in evaluated.metrics["criteria"]]
    header = ["criterion", *names[1:]]
    print_table(f"Criteria, {evaluated.name}", header, rows, prose=names[1:])


def exit_by_criteria(runs: list[Any]) -> None:
    """Exit with 1, and say why, where a run misses a level that must be reached."""
    from emulator.evaluation.comparison.verdicts import unmet

    lines = [f"{run.name}: {line}" for run in runs for line in unmet(run.metrics["criteria"])]
    for line in lines:
        typer.echo(line, err=True)
    if lines:
        raise typer.Exit(1)
