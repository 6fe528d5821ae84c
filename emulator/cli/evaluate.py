"""`emulator evaluate RUN` and `emulator leaderboard FOLDER`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from emulator.cli.app import app
from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar


@app.command(epilog="Example: emulator evaluate runs/universal_A")
def evaluate(
    run: Path = typer.Argument(..., help="A trained run folder."),
    data: str | None = typer.Option(None, help="The data set, if it has moved."),
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Score a trained run on the test, slice and corner splits and draw its responses."""
    from emulator.evaluation.evaluate import NULL_MODEL
    from emulator.evaluation.evaluate import evaluate as score
    from emulator.regimes import Task

    with progress_bar(f"evaluate {run.name}") as progress:
        metrics = score(run, data, progress)
    if output_format is Format.json:
        print_json(metrics)
        return
    rows = []
    for world, regimes in metrics["worlds"].items():
        for regime, splits in regimes.items():
            for split, entry in splits.items():
                null = metrics[NULL_MODEL][world][regime][split]
                rows.append(_row([world, regime, split], entry, null))
                for task in set(entry) & set(Task):
                    rows.append(_row([f"{world}*", regime, split], entry[task], null[task]))
    print_table(
        f"NRMSE of {metrics['model']} in {run}",
        ["world", "regime", "split", "NRMSE", "95 %", "output", "inflation", "rate",
         "worst h", "training mean", "samples"],
        rows,
    )  # fmt: skip
    if any(row[0].endswith("*") for row in rows):
        typer.echo("* responses from the state at the end of a history")
    typer.echo(f"written: {run}/metrics.json, statistics.parquet, leaderboard.md, figures/")


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


@app.command(epilog="Example: emulator leaderboard runs")
def leaderboard(
    folder: Path = typer.Argument(..., help="A folder with evaluated runs in it."),
    split: str = typer.Option("test", help="The split to rank on."),
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Rank all evaluated runs below a folder; write leaderboard.csv and .md there."""
    from emulator.errors import unknown_name
    from emulator.evaluation.leaderboard import ranked, write_leaderboard

    table = write_leaderboard(folder, folder)
    if split not in set(table["split"]):
        raise unknown_name("split", split, table["split"].unique())
    if output_format is Format.json:
        print_json(table[table["split"] == split].to_dict("records"))
        return
    for data, wide in ranked(table, split).groupby("data_sha", sort=False):
        names = ["regime", "model", "run"]
        values = [c for c in wide.columns if c not in ("data_sha", *names)]
        rows = [
            [
                *(row[n] for n in names),
                *("-" if row[c] != row[c] else f"{row[c]:.4f}" for c in values),
            ]
            for _, row in wide.iterrows()
        ]
        print_table(f"NRMSE on {split}, data {data}", [*names, *values], rows)
    typer.echo(f"written: {folder}/leaderboard.csv, leaderboard.md")
