"""`emulator leaderboard FOLDER`: rank evaluated runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar
from emulator.cli.criteria import (
    CRITERIA_OPTION,
    FLOORS_OPTION,
    exit_by_criteria,
    print_criteria,
)

EXAMPLE = "emulator leaderboard runs --criteria"


def leaderboard(
    folder: Path = typer.Argument(..., help="A folder with evaluated runs in it."),
    split: str = typer.Option(
        "prior", help="What to rank on: the whole prior, or its parts test, slice or corner."
    ),
    beside: Path | None = typer.Option(
        None,
        help="Another leaderboard, such as results/shipped, whose runs of the same samples are "
        "ranked too.",
    ),
    floors: Path = FLOORS_OPTION,
    criteria: bool = CRITERIA_OPTION,
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Rank all evaluated runs below a folder; write leaderboard.csv and .md there.

    Universal runs are compared with the specialists and baselines found and with the floors: gaps,
    distances and criteria go to their metrics.json and report.html. A run compared before keeps
    that where the folder holds none of its specialists. Runs of --beside are ranked and in no other
    comparison: their errors sample by sample are not there. With --criteria the exit code is that
    of the universal runs over every world in regimes A, B1 and C.
    """
    from emulator.errors import DatasetError, unknown_name
    from emulator.evaluation import compare_all
    from emulator.evaluation.comparison.leaderboard import (
        RANKED_SPLITS,
        collect,
        published,
        ranked,
        write_leaderboard,
    )
    from emulator.evaluation.comparison.verdicts import decides
    from emulator.evaluation.floors.floors_on_disk import find_floors
    from emulator.evaluation.stored.runs import find_runs

    if split not in RANKED_SPLITS:
        raise unknown_name("split", split, RANKED_SPLITS)
    runs = find_runs(folder)
    if beside is not None:
        published(beside, collect(runs))  # refused before any work
    with progress_bar(f"compare {folder.name}") as progress:
        comparison = compare_all(runs, find_floors(floors), progress)
    table = write_leaderboard(runs, folder, beside)
    if criteria and not comparison.universal:
        raise DatasetError(
            f"{folder}: no universal run of several worlds with stored statistics here; run "
            "`emulator evaluate` on one"
        )
    if output_format is Format.json:
        scores = table[table["split"] == split].to_dict("records")
        verdicts = {run.name: run.metrics["criteria"] for run in comparison.universal}
        print_json({"scores": scores, "criteria": verdicts})
    else:
        _print_ranking(ranked(table, split), split)
        for run in comparison.universal:
            print_criteria(run)
        typer.echo(f"written: {folder}/leaderboard.csv, leaderboard.md")
    for note in comparison.notes():
        typer.echo(note, err=True)
    if criteria:
        deciding = [run for run in comparison.universal if decides(run)]
        if not deciding:
            typer.echo(
                f"{folder}: not measured: no universal run over every world in regimes A, B1 and C",
                err=True,
            )
            raise typer.Exit(1)
        exit_by_criteria(deciding)


def _print_ranking(ranking: Any, split: str) -> None:
    """A table a data set and regime; trajectories are in the files alone."""
    from emulator.evaluation.comparison.marks import DAGGER

    for (data, regime), part in ranking.groupby(["samples_sha", "regime"], sort=False):
        wide = part.dropna(axis=1, how="all")
        scores = [
            c
            for c in wide.columns
            if c not in ("samples_sha", "regime", "model", "run") and not c.endswith(DAGGER)
        ]
        rows = [
            [row["run"], *("-" if row[c] != row[c] else f"{row[c]:.4f}" for c in scores)]
            for _, row in wide.iterrows()
        ]
        print_table(f"NRMSE on {split}, regime {regime}, data {data}", ["run", *scores], rows)
