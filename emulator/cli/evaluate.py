"""`emulator evaluate RUN` and `emulator leaderboard FOLDER`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from emulator.cli.app import app
from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar
from emulator.evaluation.floors import FLOORS_FOLDER

FLOORS_OPTION = typer.Option(
    FLOORS_FOLDER,
    help="Floors, as `emulator floors` keeps them, to say how far runs are from them.",
)
CRITERIA_OPTION = typer.Option(
    False,
    "--criteria",
    help="Exit with 1 where a criterion that must hold falls short or was not measured.",
)


@app.command(epilog="Example: emulator evaluate runs/universal_A --against runs")
def evaluate(
    run: Path = typer.Argument(..., help="A trained run folder."),
    data: str | None = typer.Option(None, help="The data set, if it has moved."),
    against: Path | None = typer.Option(
        None, help="A folder of evaluated runs: specialists and baselines to compare with."
    ),
    ablations: bool = typer.Option(
        False, "--ablations", help="Also score the test split with each input masked."
    ),
    floors: Path = FLOORS_OPTION,
    criteria: bool = CRITERIA_OPTION,
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Score a trained run on the test, val, slice and corner splits; write figures and a report.

    The criteria of a universal run are printed; they bear on the exit code with --criteria alone.
    """
    from emulator.evaluation.comparison.compare import compare
    from emulator.evaluation.floors.archive import find_floors
    from emulator.evaluation.scoring.evaluate import evaluate as score
    from emulator.evaluation.stored.runs import find_runs

    # A folder without runs, or with a damaged floor, should be refused before minutes of work.
    others = [] if against is None else find_runs(against)
    found = find_floors(floors)
    with progress_bar(f"evaluate {run.name}") as progress:
        evaluated = score(run, data, progress, ablations=ablations, criteria=criteria, floors=found)
    if others:
        compare(evaluated, others, found)
    if output_format is Format.json:
        print_json(evaluated.metrics)
    else:
        _print_scores(run, evaluated)
        if evaluated.is_universal:
            print_criteria(evaluated)
        typer.echo(f"written: {run}/report.html, metrics.json, leaderboard.md, figures/")
    if criteria:
        _exit_by_criteria([evaluated])


def _exit_by_criteria(runs: list[Any]) -> None:
    """Exit with 1, and say why, where a run misses a level that must be reached."""
    from emulator.evaluation.comparison.verdicts import unmet

    lines = [f"{run.name}: {line}" for run in runs for line in unmet(run.metrics["criteria"])]
    for line in lines:
        typer.echo(line, err=True)
    if lines:
        raise typer.Exit(1)


def _print_scores(run: Path, evaluated: Any) -> None:
    """A table of the errors on every split that ranks, gaps where specialists were found."""
    from emulator.evaluation.comparison.leaderboard import SPLITS
    from emulator.evaluation.comparison.marks import NOTES, bare, marked

    with_gaps = bool(evaluated.metrics.get("gaps"))
    rows = []
    for split in SPLITS:
        for world, regime, task in evaluated.cases(split):
            entry = evaluated.entry(world, regime, split, task)
            null = evaluated.null_entry(world, regime, split, task)
            names = [marked(world, task), regime, split]
            rows.append(_row(names, entry, null) + (_gap(entry) if with_gaps else []))
    rows.sort(key=lambda row: (evaluated.worlds.index(bare(row[0])), row[1]))
    print_table(
        f"NRMSE of {evaluated.model} in {run}",
        ["world", "regime", "split", "NRMSE", "95 %", "output", "inflation", "rate",
         "worst h", "training mean", "samples", *(["gap", "trained longer"] if with_gaps else [])],
        rows,
    )  # fmt: skip
    cells = [cell for row in rows for cell in row]
    for mark, note in NOTES.items():
        if any(cell.endswith(mark) for cell in cells):
            typer.echo(f"{mark} {note}")


def _gap(entry: dict[str, Any]) -> list[str]:
    """The gap to the specialist, and to specialists trained longer."""
    from emulator.evaluation.comparison.marks import UNEQUAL

    if "gap" not in entry:
        return ["-", "-"]
    longer = entry.get("gap_converged")
    return [
        f"{entry['gap']:+.1%}" + ("" if entry["equal_samples"] else UNEQUAL),
        "-" if longer is None else f"{longer:+.1%}",
    ]


def _row(names: list[str], entry: dict[str, Any], null: dict[str, Any]) -> list[str]:
    low, high = entry["ci95"]
    errors = entry["by_horizon"]
    by_observable = (entry["by_observable"].get(o) for o in ("output", "inflation", "rate"))
    return [
        *names,
        f"{entry['nrmse']:.4f}",
        f"{low:.4f} to {high:.4f}",
        *("-" if value is None else f"{value:.4f}" for value in by_observable),
        str(errors.index(max(errors))),
        f"{null['nrmse']:.4f}",
        str(entry["samples"]),
    ]


def print_criteria(evaluated: Any) -> None:
    """The criteria of a universal run as a table."""
    names = ("name", "must", "goal", "levels", "figures")
    rows = [[criterion[name] for name in names] for criterion in evaluated.metrics["criteria"]]
    header = ["criterion", *names[1:]]
    print_table(f"Criteria, {evaluated.name}", header, rows, prose=names[1:])


@app.command(epilog="Example: emulator leaderboard runs --criteria")
def leaderboard(
    folder: Path = typer.Argument(..., help="A folder with evaluated runs in it."),
    split: str = typer.Option("test", help="The split to rank on: test, slice or corner."),
    beside: Path | None = typer.Option(
        None,
        help="Another leaderboard, such as results/campaign, whose runs of the same samples are "
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
    from emulator.evaluation.comparison.compare import compare_all
    from emulator.evaluation.comparison.leaderboard import (
        SPLITS,
        collect,
        published,
        ranked,
        write_leaderboard,
    )
    from emulator.evaluation.comparison.verdicts import decides
    from emulator.evaluation.floors.archive import find_floors
    from emulator.evaluation.stored.runs import find_runs

    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    runs = find_runs(folder)
    if beside is not None:
        published(beside, collect(runs))  # refused before any work
    with progress_bar(f"compare {folder.name}") as progress:
        comparison = compare_all(runs, progress, find_floors(floors))
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
        _exit_by_criteria(deciding)


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
