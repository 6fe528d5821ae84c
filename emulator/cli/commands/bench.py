"""`emulator bench NAME`: estimators of responses on data of an economy that is no world."""

from __future__ import annotations

from pathlib import Path

import typer

from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar

EXAMPLE = "emulator bench lpw --processes 20 --samples 10 --output bench"
GOES_ON = True  # what is scored is in the folder's parts/


def bench(
    name: str = typer.Argument(..., help="The benchmark: lpw or macrodata."),
    output: Path = typer.Option(
        Path("bench"), help="A folder for errors and bench.json; a stopped run goes on from it."
    ),
    sealed: bool = typer.Option(
        False, "--sealed", help="Score the half of processes kept for finished estimators."
    ),
    processes: int = typer.Option(
        250, min=2, help="Of the half, from its first, as many as it has."
    ),
    samples: int = typer.Option(50, min=2, max=1000, help="Data sets a process."),
    method: str | None = typer.Option(
        None,
        metavar="FILE.py:FUNCTION",
        help="Score a function of your own too; docs/benchmark.md says what it takes and gives.",
    ),
    workers: int = typer.Option(1, min=1, max=256, help="Processes of the machine."),
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Score VARs, a Bayesian VAR, local projections and the network on data sets of US series.

    Data are drawn from an estimated factor model, of 207 series or of ten; errors are compared with
    those of a VAR by least squares, process by process.
    """
    from emulator.errors import unknown_name
    from emulator.foreign.benchmark import BENCHMARKS, Half, described, scored
    from emulator.foreign.rivals import read_method
    from emulator.foreign.standings import record

    if name not in BENCHMARKS:
        raise unknown_name("benchmark", name, BENCHMARKS)
    benchmark = BENCHMARKS[name]
    half: Half = "sealed" if sealed else "open"
    if method is not None:
        read_method(method)  # what is wrong with it is said before any work
    with progress_bar(f"bench {name}") as progress:
        table = scored(benchmark, output, half, processes, samples, workers, progress, method)
    population = described(benchmark, half, processes)
    found = record(output, name, half, table, population, samples, benchmark.file, method)
    if output_format is Format.json:
        print_json(found)
        return
    size = f"{found['processes']} processes of {samples}"
    held = {(row["question"], row["estimator"]): row for row in found["bands"]}
    for question in found["by_horizon"]:
        rows = [
            [
                row["estimator"],
                f"{row['mean']:.2f}",
                f"{row['low']:.2f} to {row['high']:.2f}",
                f"{row['median']:.2f}",
                f"{row['decile']:.2f}",
                f"{band['held']:.0%}" if (band := held.get((question, row["estimator"]))) else "",
            ]
            for row in found["summary"]
            if row["question"] == question
        ]
        print_table(
            f"{question}: squared error over the VAR's, {size}",
            ["estimator", "mean", "95 %", "median", "ninth decile", "in 90 % bands"],
            rows,
        )
    typer.echo(f"written: {output}/bench.json")
