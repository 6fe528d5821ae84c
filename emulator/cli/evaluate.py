"""`emulator evaluate RUN` and `emulator leaderboard FOLDER`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from emulator.cli.app import app
from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar

CRITERIA_OPTION = typer.Option(
    False,
    "--criteria",
    help="Print the criteria; exit with 1 where one that must hold falls short.",
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
    criteria: bool = CRITERIA_OPTION,
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Score a trained run on the test, val, slice and corner splits; write figures and a report."""
    from emulator.errors import InputError
    from emulator.evaluation.compare import compare
    from emulator.evaluation.criteria import Verdict
    from emulator.evaluation.evaluate import evaluate as score
    from emulator.evaluation.runs import find_runs, read_run

    # A folder without runs should be refused before minutes of work.
    others = [] if against is None else find_runs(against)
    with progress_bar(f"evaluate {run.name}") as progress:
        score(run, data, progress, ablations=ablations)
    evaluated = read_run(run.resolve(), run.resolve().name)
    if others:
        compare(evaluated, others)
    if criteria and not evaluated.is_universal:
        raise InputError(
            f"{run}: the criteria are for a universal model of several worlds; this is "
            f"{evaluated.model} on {', '.join(evaluated.worlds)}"
        )
    metrics = evaluated.metrics
    if output_format is Format.json:
        print_json(metrics)
    else:
        _print_scores(run, evaluated)
        if criteria:
            _print_criteria(evaluated)
        typer.echo(f"written: {run}/report.html, metrics.json, leaderboard.md, figures/")
    if criteria and any(c["must"] == Verdict.falls_short for c in metrics["criteria"]):
        raise typer.Exit(1)


def _print_scores(run: Path, evaluated: Any) -> None:
    """A table of the errors on every split that ranks."""
    from emulator.evaluation.leaderboard import MARKS, SPLITS
    from emulator.regimes import Task

    rows = []
    for split in SPLITS:
        for world, regime, task in evaluated.cases(split):
            entry = evaluated.entry(world, regime, split, task)
            null = evaluated.null_entry(world, regime, split, task)
            rows.append(_row([world + MARKS[Task(task)], regime, split], entry, null))
    rows.sort(key=lambda row: (evaluated.worlds.index(row[0].rstrip("*†")), row[1]))
    print_table(
        f"NRMSE of {evaluated.model} in {run}",
        ["world", "regime", "split", "NRMSE", "95 %", "output", "inflation", "rate",
         "worst h", "training mean", "samples"],
        rows,
    )  # fmt: skip
    marks = {row[0][-1] for row in rows}
    if "*" in marks:
        typer.echo("* responses from the state at the end of a history")
    if "†" in marks:
        typer.echo("† trajectories, in s.d.s of the observables")


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


def _print_criteria(evaluated: Any) -> None:
    names = ("name", "must", "goal", "levels", "figures")
    rows = [[criterion[name] for name in names] for criterion in evaluated.metrics["criteria"]]
    header = ["criterion", *names[1:]]
    print_table(f"Criteria, {evaluated.name}", header, rows, prose=names[1:])


@app.command(epilog="Example: emulator leaderboard runs --criteria")
def leaderboard(
    folder: Path = typer.Argument(..., help="A folder with evaluated runs in it."),
    split: str = typer.Option("test", help="The split to rank on: test, slice or corner."),
    criteria: bool = CRITERIA_OPTION,
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Rank all evaluated runs below a folder; write leaderboard.csv and .md there.

    Universal runs are compared with the specialists and baselines found: gaps and criteria go to
    their metrics.json and report.html.
    """
    from emulator.errors import DatasetError, unknown_name
    from emulator.evaluation.compare import compare_all
    from emulator.evaluation.criteria import Verdict
    from emulator.evaluation.leaderboard import ranked, write_leaderboard

    with progress_bar(f"compare {folder.name}") as progress:
        compared = compare_all(folder, progress)
    table = write_leaderboard(folder, folder)
    if split not in set(table["split"]):
        raise unknown_name("split", split, table["split"].unique())
    if criteria and not compared:
        raise DatasetError(
            f"{folder}: no universal run of several worlds with stored statistics here; run "
            "`emulator evaluate` on one"
        )
    if output_format is Format.json:
        scores = table[table["split"] == split].to_dict("records")
        verdicts = {run.name: run.metrics["criteria"] for run in compared}
        print_json({"scores": scores, "criteria": verdicts} if criteria else scores)
    else:
        _print_ranking(ranked(table, split), split)
        if criteria:
            for run in compared:
                _print_criteria(run)
        typer.echo(f"written: {folder}/leaderboard.csv, leaderboard.md")
    short = (c["must"] == Verdict.falls_short for run in compared for c in run.metrics["criteria"])
    if criteria and any(short):
        raise typer.Exit(1)


def _print_ranking(ranking: Any, split: str) -> None:
    """A table a data set and regime; trajectories are in the files alone."""
    from emulator.evaluation.leaderboard import DAGGER

    for (data, regime), part in ranking.groupby(["data_sha", "regime"], sort=False):
        wide = part.dropna(axis=1, how="all")
        scores = [
            c
            for c in wide.columns
            if c not in ("data_sha", "regime", "model", "run") and not c.endswith(DAGGER)
        ]
        rows = [
            [row["run"], *("-" if row[c] != row[c] else f"{row[c]:.4f}" for c in scores)]
            for _, row in wide.iterrows()
        ]
        print_table(f"NRMSE on {split}, regime {regime}, data {data}", ["run", *scores], rows)
