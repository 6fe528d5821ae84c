"""`emulator import FILE.mod`: a world made of a Dynare model."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import typer

from emulator.cli.console import FORMAT_OPTION, Format, print_json, progress_bar
from emulator.cli.imported import as_dict, print_imported
from emulator.cli.responses import parse_assignments
from emulator.errors import ConfigError, InputError
from emulator.storage import read_bytes
from emulator.strict_yaml import read_number

EXAMPLE = 'emulator import model.mod --observables "output=100*y" "inflation=400*pi" "rate=400*i"'


def import_(
    file: Path = typer.Argument(help="A Dynare model, a .mod file."),
    observables: tuple[str, str, str] | None = typer.Option(
        None,
        metavar='"output=..." "inflation=..." "rate=..."',
        help="The three observables in the file's variables: output in percent, inflation and the "
        "rate in annualised percentage points. Common names are recognised when left out.",
    ),
    bounds: Path | None = typer.Option(
        None,
        metavar="FILE.yaml",
        help="Boxes of parameters: `name: [lower, upper]`, or `name: number` to fix it.",
    ),
    values: Path | None = typer.Option(
        None,
        metavar="FILE",
        help="YAML or CSV of numbers that the file takes from elsewhere: parameters, and values "
        "of variables near the steady state.",
    ),
    define: list[str] = typer.Option(
        [], metavar="NAME=VALUE", help="A macro variable; may be given several times."
    ),
    rename: list[str] = typer.Option(
        [],
        metavar="OLD=NEW",
        help="What a shock or a parameter is called in the world, to compare it with "
        "others' of the same name; may be given several times.",
    ),
    rule: str | None = typer.Option(
        None,
        metavar="NAME|EQUATION",
        help="A policy rule in place of the one that the file marks: taylor, gerdesmeier-roffia, "
        "levin-wieland-williams, christiano-eichenbaum-evans, smets-wouters, or an equation.",
    ),
    name: str | None = typer.Option(None, help="The world's name; the file's when left out."),
    output: Path | None = typer.Option(None, help="The world file; NAME.yaml when left out."),
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Make a world of a Dynare model: what it holds, and a file that every command takes."""
    from emulator.worlds.dynare import from_dynare, write_world

    with progress_bar(f"import {file.name}"):
        world = from_dynare(
            file,
            observables=None if observables is None else _expressions(observables),
            bounds=None if bounds is None else _bounds(bounds),
            values=None if values is None else _values(values),
            defines=parse_assignments("--define", define),
            names=_pairs(rename),
            rule=rule,
            name=name,
        )
    target = output or Path(f"{world.name}.yaml")
    _check_replaced(target)
    write_world(world, target)
    if output_format is Format.json:
        print_json({"world": str(target), **as_dict(world)})
        return
    print_imported(world)
    for note in world.found.notes:
        typer.echo(f"  {note}")
    typer.echo(f"Written: {target}. Names shared with other worlds need not mean the same. Next: "
               f"emulator worlds {target}")  # fmt: skip


def _check_replaced(target: Path) -> None:
    """Refuse to write over what is there unless it is a world file."""
    from emulator.worlds.dynare.files import is_world_file

    if target.exists() and not is_world_file(target):
        raise InputError(f"--output: {target} is there and no world file; name another")


def _expressions(observables: tuple[str, str, str]) -> dict[str, str]:
    out: dict[str, str] = {}
    for text in observables:
        name, separator, expression = text.partition("=")
        if not separator or name.strip() in out:
            raise InputError(f"--observables: expected output=..., inflation=..., rate=..., "
                             f"got {text!r}")  # fmt: skip
        out[name.strip()] = expression.strip()
    return out


def _pairs(texts: list[str]) -> dict[str, str]:
    out: dict[str, str] = {}
    for text in texts:
        old, separator, new = (part.strip() for part in text.partition("="))
        if not (old and separator and new) or old in out:
            raise InputError(f"--rename: expected OLD=NEW, each once, got {text!r}")
        out[old] = new
    return out


def _bounds(path: Path) -> dict[str, tuple[float, float] | float]:
    from emulator.strict_yaml import read_yaml

    out: dict[str, tuple[float, float] | float] = {}
    for name, value in read_yaml(path).items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if number:
            out[str(name)] = float(value)
        elif isinstance(value, list) and len(value) == 2:
            out[str(name)] = (value[0], value[1])
        else:
            raise ConfigError(f"{path}: {name}: expected [lower, upper] or a number, got {value!r}")
    return out


def _values(path: Path) -> dict[str, float]:
    """Numbers by name from YAML, or from the first two columns of a CSV file."""
    if path.suffix.lower() == ".csv":
        try:
            lines = read_bytes(path).decode("utf-8-sig").splitlines()
            rows: dict[str, Any] = {r[0].strip(): r[1] for r in csv.reader(lines) if len(r) > 1}
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ConfigError(f"{path}: cannot be read as CSV ({error})") from None
        rows.pop("name", None)
    else:
        from emulator.strict_yaml import read_yaml

        rows = read_yaml(path)
    out = {}
    for name, value in rows.items():
        try:
            out[str(name)] = read_number(value) if isinstance(value, str) else float(value)
        except (TypeError, ValueError):
            raise ConfigError(f"{path}: {name}: expected a number, got {value!r}") from None
    return out
