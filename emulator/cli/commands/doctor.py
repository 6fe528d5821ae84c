"""`emulator doctor`: what is installed, what is wrong with it, and what to send with a report."""

from __future__ import annotations

import typer

from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar

EXAMPLE = "emulator doctor --format json"

SEND = (
    "In a report of a fault send this, the command with what it printed, and the files it read; "
    "say what you expected."
)


def doctor(output_format: Format = FORMAT_OPTION) -> None:
    """Look at the installation: versions, machine, caches, worlds, and the weights that ship.

    Exit code 0 when all is well, 1 where something is wrong, with what to do about it.
    """
    from emulator.cli.health import examine

    with progress_bar("doctor") as progress:
        findings = examine(progress)
    wrong = [each for each in findings if each.remedy]
    if output_format is Format.json:
        found: dict[str, dict[str, str]] = {}
        for each in findings:
            found.setdefault(each.group, {})[each.name] = each.found
        faults = [
            {"group": w.group, "name": w.name, "found": w.found, "remedy": w.remedy} for w in wrong
        ]
        print_json({"found": found, "wrong": faults, "send": SEND})
    else:
        rows = [[each.group, each.name, each.found] for each in findings]
        print_table("Installation", ["of", "what", "found"], rows, prose=("what", "found"))
        for w in wrong:
            typer.echo(f"wrong: {w.group}, {w.name}: {w.found}. To do: {w.remedy}.")
        if not wrong:
            typer.echo("Nothing is wrong.")
        typer.echo(SEND)
    if wrong:
        raise typer.Exit(1)
