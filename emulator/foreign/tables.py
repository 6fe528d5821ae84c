"""A user's table of quarterly series: read from CSV or a DataFrame, checked, gaps named.

One row a quarter, oldest first. Columns called as dates are (`quarters` says how), and those
without a number, are no series; what of the latter is no date is named. Rows in which a series is
missing at the beginning or the end are left out; gaps between stay, NaN, if a series has few.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.econometrics.question import FloatArray
from emulator.errors import InputError, short, unknown_name
from emulator.inference.histories import csv_number, csv_rows
from emulator.inference.quarters import DATES, MONTHS, QUARTERS, YEARS, Span, name_of, span

if TYPE_CHECKING:
    import pandas as pd

NO_SERIES = {*DATES, *YEARS, *QUARTERS, *MONTHS}
MISSING = {"", ".", "na", "n/a", "nan", "#n/a"}  # a cell, in any case
MOST_MISSING = 0.1  # of a series' quarters
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Table:
    """values (T, n) of the series `names`, NaN where one is missing, not in the first and last row.
    dates: of these two, where they are known. left_out: what of the table is not used, a sentence
    each."""

    names: tuple[str, ...]
    values: FloatArray
    dates: Span | None
    left_out: tuple[str, ...]

    def describe(self) -> str:
        """`198 quarters, 1959Q2 to 2008Q3`."""
        text = f"{len(self.values)} quarters"
        if self.dates is None:
            return text
        return f"{text}, {name_of(self.dates.first)} to {name_of(self.dates.last)}"


def read_table(
    data: str | os.PathLike[str] | pd.DataFrame, columns: Sequence[str] | None, asked: Iterable[str]
) -> Table:
    """The series `columns` of a CSV file or a DataFrame, all of them unless given; `asked` must be
    among them.

    Raises InputError, with file and line, for what is no number, gaps and dates that do not follow,
    and UnknownNameError for a name that is not there.
    """
    names, cells, where, labels, number = _of_file(data) if _is_path(data) else _of_frame(data)
    for name, times in Counter(names).items():
        if times > 1:
            raise InputError(f"{where(-1)}: column {name!r} is given twice")
    wanted = list(columns or ())
    for name in [*wanted, *asked]:
        if name not in names:
            raise unknown_name("column", name, names)
    if columns is None:
        wanted = [
            name
            for name, column in zip(names, cells, strict=True)
            if name in asked or (name.casefold() not in NO_SERIES and _has_number(column, number))
        ]
    for name in asked:
        if name not in wanted:
            raise InputError(f"columns: expected {name!r} among them, got {', '.join(wanted)}")
    read = [
        [_value(where(row), name, cell, number) for row, cell in enumerate(column)]
        for name, column in ((name, cells[names.index(name)]) for name in wanted)
    ]
    values = np.array(read, dtype=float).reshape(len(wanted), -1).T
    others = [(n, list(c)) for n, c in zip(names, cells, strict=True) if n not in wanted]
    dates = span(where, others, labels)
    unread = [] if columns is not None else [each for each in others if not _dates(*each)]
    told = tuple(_why_left_out(*each) for each in unread)
    return _without_ends(tuple(wanted), values, dates, where, told)


Number = Callable[[str, str, Any], float]
Parts = tuple[
    list[str], list[Sequence[Any]], Callable[[int], str], Iterable[Any] | None, Number
]  # names, cells by column, what a row is called, labels of rows, how a cell is read


def _is_path(data: Any) -> bool:
    return isinstance(data, (str, os.PathLike))


def _of_file(path: Any) -> Parts:
    separator, rows = csv_rows(path)
    if not rows:
        raise InputError(f"{path}: empty; expected a row of names and a row a quarter")
    names = [cell.strip() for cell in rows[0][1]]
    for line, row in rows[1:]:
        if len(row) != len(names):
            raise InputError(f"{path}, line {line}: expected {len(names)} cells, got {len(row)}")
    return (
        names,
        [[row[j].strip() for _, row in rows[1:]] for j in range(len(names))],
        lambda row: f"{path}, line {rows[row + 1][0]}",
        None,
        lambda where, name, cell: csv_number(where, name, cell, separator),
    )


def _of_frame(data: Any) -> Parts:
    import pandas as pd

    if not isinstance(data, pd.DataFrame):
        raise InputError(
            f"data: expected the name of a CSV file or a DataFrame, got {type(data).__name__}"
        )

    def number(where: str, name: str, cell: Any) -> float:
        try:
            value = float(cell)
        except (TypeError, ValueError):
            value = np.nan
        if not np.isfinite(value) or isinstance(cell, str):
            remedy = "; read the column with pandas.to_numeric" if isinstance(cell, str) else ""
            raise InputError(f"{where}: {name}: expected a number, got {short(cell)}{remedy}")
        return value

    names = [str(name) for name in data.columns]
    cells: list[Sequence[Any]] = [data.iloc[:, j].tolist() for j in range(len(names))]
    return names, cells, lambda row: f"data, row {row}", list(data.index), number


def _is_missing(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell.strip().casefold() in MISSING
    if cell is None:
        return True
    differs = cell != cell  # of pandas' NA neither true nor false
    return bool(differs) if isinstance(differs, (bool, np.bool_)) else True


def _has_number(cells: Sequence[Any], number: Number) -> bool:
    """Whether a column is one of numbers, or was meant to be."""
    for cell in cells:
        try:
            number("", "", cell)
        except InputError:
            continue
        return True
    return False


def _dates(name: str, cells: Sequence[Any]) -> bool:
    """Whether a column without numbers is one of dates, or has no name."""
    if name.casefold() in NO_SERIES:
        return True
    try:
        return span(lambda _: "", [(name, cells)]) is not None
    except InputError:  # dates of something else
        return True


def _why_left_out(name: str, cells: Sequence[Any]) -> str:
    """What is said of a column without numbers: that they are text, `5,000.00` or `7 %`, if so."""
    there = [str(cell) for cell in cells if not _is_missing(cell)]
    plain = [text.replace(",", "").replace(" ", "").strip("%$") for text in there]
    if plain and all(_NUMBER.fullmatch(text) for text in plain):
        return f"{name} is left out: its numbers are text; give numbers, with a decimal point alone"
    return f"{name} is left out: it has no numbers"


def _value(where: str, name: str, cell: Any, number: Number) -> float:
    return np.nan if _is_missing(cell) else number(where, name, cell)


def _without_ends(
    names: tuple[str, ...],
    values: FloatArray,
    dates: Span | None,
    where: Callable[[int], str],
    told: tuple[str, ...],
) -> Table:
    """The rows from the first to the last in which nothing is missing. told: what else is left
    out."""
    whole = np.flatnonzero(np.isfinite(values).all(axis=1))
    if not len(whole):
        raise InputError(f"{where(-1)}: no row has all of {', '.join(names)}")
    first, last = int(whole[0]), int(whole[-1])
    gaps = np.isnan(values[first : last + 1])
    share = gaps.mean(axis=0)
    if share.max() > MOST_MISSING:
        column = int(share.argmax())
        row = int(gaps[:, column].argmax()) + first
        at = "" if dates is None else f" ({name_of(dates.first + row)})"
        raise InputError(
            f"{where(row)}{at}: {names[column]} is missing, as in {share[column]:.0%} of the rows "
            f"between the first and the last that have every series; expected at most "
            f"{MOST_MISSING:.0%}: start after the gap, or leave the series out"
        )
    left_out = list(told)
    for what, count in (("first", first), ("last", len(values) - 1 - last)):
        if count:
            rows = "row is" if count == 1 else f"{count} rows are"
            ends = values[:first] if what == "first" else values[last + 1 :]
            lacking = [names[j] for j in np.flatnonzero(np.isnan(ends).any(axis=0))]
            left_out.append(f"the {what} {rows} left out, where {', '.join(lacking)} is missing")
    kept = None if dates is None else Span(dates.first + first, dates.first + last)
    return Table(names, values[first : last + 1], kept, tuple(left_out))
