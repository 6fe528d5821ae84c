"""`emulator validate DIR`: check a data set."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import typer

from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar

EXAMPLE = "emulator validate datasets/dev"


def validate(
    path: Path = typer.Argument(..., metavar="DIR", help="The data set's directory."),
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Check files, values and splits, and compute some samples again.

    Exit code 0 when all is well, 1 when a check falls short, 2 when a file is damaged or missing.
    """
    from emulator.data.validate import validate as check

    with progress_bar("Checking") as progress:
        checks = check(path, progress)
    failed = [c for c in checks if not c.passed]
    if output_format is Format.json:
        print_json({"passed": not failed, "checks": [dataclasses.asdict(c) for c in checks]})
    else:
        print_table(
            str(path),
            ["check", "world", "result", "detail"],
            [[c.name, c.world or "all", "ok" if c.passed else "FAILED", c.detail] for c in checks],
            prose=("detail",),
        )
    if failed:
        names = ", ".join(f"{c.name} ({c.world or 'all'})" for c in failed)
        typer.echo(f"{len(failed)} of {len(checks)} checks fall short: {names}", err=True)
        raise typer.Exit(1)
