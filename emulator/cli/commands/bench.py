"""`emulator bench lpw`: estimators of responses on data of an economy that is no world."""

from __future__ import annotations

from pathlib import Path

import typer

from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar

EXAMPLE = "emulator bench lpw --processes 20 --samples 10 --output bench"


def bench(
    name: str = typer.Argument(..., help="The benchmark: lpw."),
    output: Path = typer.Option(
        Path("bench"), help="A folder for errors and bench.json; a stopped run goes on from it."
    ),
    sealed: bool = typer.Option(
        False, "--sealed", help="Score the half of processes kept for finished estimators."
    ),
    processes: int = typer.Option(250, min=1, max=250, help="Of the half, from its first."),
    samples: int = typer.Option(50, min=2, max=1000, help="Data sets a process."),
    workers: int = typer.Option(1, min=1, max=256, help="Processes of the machine."),
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Score VARs, a Bayesian VAR and local projections on data sets of US series.

    Data are drawn from an estimated factor model of 207 series; errors are compared with those of
    a VAR by least squares, process by process.
    """
    from emulator.errors import unknown_name
    from emulator.foreign import lpw

    if name != "lpw":
        raise unknown_name("benchmark", name, ["lpw"])
    half: lpw.Half = "sealed" if sealed else "open"
    with progress_bar(f"bench {name}") as progress:
        table = lpw.bench(output, half, processes, samples, workers, progress)
    found = lpw.record(output, half, table, lpw.described(half, processes), samples)
    if output_format is Format.json:
        print_json(found)
        return
    size = f"{found['processes']} processes of {samples}"
    for question in lpw.QUESTIONS:
        rows = [
            [
                row["estimator"],
                f"{row['mean']:.2f}",
                f"{row['low']:.2f} to {row['high']:.2f}",
                f"{row['median']:.2f}",
                f"{row['decile']:.2f}",
            ]
            for row in found["summary"]
            if row["question"] == question
        ]
        print_table(
            f"{question}: squared error over the VAR's, {size}",
            ["estimator", "mean", "95 %", "median", "ninth decile"],
            rows,
        )
    typer.echo(f"written: {output}/bench.json")
