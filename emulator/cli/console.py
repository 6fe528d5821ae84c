"""What commands share: output formats, progress bars that know when to be silent."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import typer

from emulator.progress import Progress, silent


class Format(StrEnum):
    """How a command prints its result."""

    table = "table"
    json = "json"


FORMAT_OPTION = typer.Option(Format.table, "--format", help="Print a table or JSON.")


def print_json(data: Any) -> None:
    """Strict JSON on stdout: NaN and infinities become null."""
    typer.echo(json.dumps(_strict(data), indent=2, allow_nan=False))


def _strict(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(key): _strict(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_strict(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """A bar on stderr with rate and time left; nothing when stderr is not a terminal.

    The yielded function takes (done, total, note).
    """
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None, note="")

        def update(done: int, total: int, note: str) -> None:
            bar.update(task, completed=done, total=total, note=note)

        yield update


def print_table(
    title: str, header: list[str], rows: list[list[str]], *, prose: Collection[str] = ()
) -> None:
    """An aligned table on stdout; without a title, one that goes on from the table before.

    The first column and those named in `prose` are left-aligned, the others right. On a narrow
    terminal prose and the header are broken between words, and nothing else is: a table that is
    too wide then stays so.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 200, soft_wrap=False, markup=False)
    widths, least = [], []
    for j, name in enumerate(header):
        cells = [row[j] for row in rows]
        words = [word for text in (cells if name in prose else []) for word in text.split()]
        widths.append(max(map(cell_len, [name, *cells])))
        least.append(max(map(cell_len, [*name.split(), *(words if name in prose else cells)])))
    around = 3 * len(header) + 1  # blanks and rules
    while sum(widths) + around > console.width and widths != least:
        widths[max(range(len(widths)), key=lambda j: (widths[j] > least[j], widths[j]))] -= 1
    console.width = max(console.width, sum(widths) + around)
    table = Table(title=title or None, box=box.SIMPLE, title_justify="left")
    for j, (name, width) in enumerate(zip(header, widths, strict=True)):
        left = j == 0 or name in prose
        table.add_column(name, justify="left" if left else "right", width=width)
    for row in rows:
        table.add_row(*row)
    console.print(table)
