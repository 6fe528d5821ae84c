"""Observed histories: read from CSV or taken from memory, by their names, and checked.

    date,output,inflation,rate        one row a quarter, oldest first; `date` may be left out, or
    1959Q2,1.31,-1.63,-2.23           called otherwise (`quarters` says what is read as a date)

Output in percent, inflation and the rate in annualised percentage points, each as a deviation from
its mean or trend. Other columns are left alone. Cells may also stand between semicolons, where
numbers may have decimal commas, or tabs.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.errors import InputError, nearest
from emulator.inference.quarters import DATES, Span, name_of, span
from emulator.limits import MAX_HISTORY, MIN_HISTORY
from emulator.specs import OBSERVABLE_NAMES
from emulator.storage import open_file
from emulator.strict_yaml import read_number
from emulator.worlds.arguments import NOT_NUMBERS, real
from emulator.worlds.labels import Named, column_numbers, named, parts_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SEPARATORS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"[-+]?\d*[.,]?\d+([eE][-+]?\d+)?", re.ASCII)
_LARGEST = 2_000_000  # bytes; a history has some 10,000

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Observed:
    """Histories as they are answered from.

    values: (B, L, 3), finite, or NaN where gaps were let be. single: one history, no batch of one.
    given: the quarters handed over, of which the last L are used. dates: of those handed over,
    where they are known.
    """

    values: Array
    single: bool
    given: int
    dates: Span | None = None

    def quarters(self, later: int = 0) -> tuple[str, ...]:
        """The quarters used and `later` ones after them, as 1959Q2; numbered from 1 where dates are
        not known."""
        count = self.values.shape[1]
        if self.dates is None:
            return tuple(str(t + 1) for t in range(count + later))
        return tuple(name_of(self.dates.last - count + 1 + t) for t in range(count + later))

    @property
    def first(self) -> str | None:
        """The first quarter used, as 1959Q2."""
        quarters = self.values.shape[1]
        return None if self.dates is None else name_of(self.dates.last - quarters + 1)

    @property
    def last(self) -> str | None:
        """The last quarter, as 2008Q3."""
        return None if self.dates is None else name_of(self.dates.last)


History: TypeAlias = "Observed | pd.DataFrame | xr.DataArray | ArrayLike | str | os.PathLike[str]"


def observe(history: History, *, gaps: bool = False) -> Observed:
    """Histories, checked: finite, their last 200 quarters.

    history: the name of a CSV file, something with the names output, inflation, rate (a
    DataFrame, a mapping of columns, ...; or a list of these, of equal lengths), or an array (L, 3)
    or (B, L, 3), in the units of the worlds' observables, one row a quarter, oldest first. gaps:
    keep all quarters, and NaN where a number is missing. Raises InputError.
    """
    if isinstance(history, Observed):
        return history
    if isinstance(history, (str, os.PathLike)):
        return _checked(*read_history(history, gaps=gaps), gaps)
    parts = parts_of(history, OBSERVABLE_NAMES)
    if parts is not None:
        return _alike([observe(part, gaps=gaps) for part in parts])
    found = named("history", history, OBSERVABLE_NAMES)
    if found is not None:
        return _checked(*_of_columns(found), gaps)
    try:
        return _checked(real(history), None, gaps)
    except NOT_NUMBERS as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            "history: expected a CSV file, a DataFrame or an array of numbers"
        ) from None


def _checked(array: Array, dates: Span | None, gaps: bool) -> Observed:
    single = array.ndim == 2
    table = array[None] if single else array
    if table.ndim != 3 or table.shape[2] != 3 or not len(table):
        raise InputError(
            "history: expected quarters by output, inflation, rate, shape (L, 3) or (B, L, 3), "
            f"got {array.shape}"
        )
    given = table.shape[1]
    if given < MIN_HISTORY:
        raise InputError(f"history: {given} quarters are too few, {MIN_HISTORY} or more are needed")
    if not gaps:
        table = table[:, -MAX_HISTORY:]
    # Beyond float32 nothing is an economy's.
    bad = np.argwhere(~(np.abs(table) <= np.finfo(np.float32).max) & ~(gaps & np.isnan(table)))
    if len(bad):
        row, quarter, column = bad[0]
        raise InputError(
            f"history: {OBSERVABLE_NAMES[column]} is {table[row, quarter, column]} in quarter "
            f"{quarter + 1} of the last {table.shape[1]}; fill gaps or start after them"
        )
    if np.isnan(table).all(axis=(1, 2)).any():
        raise InputError("history: no number in any quarter")
    still = np.argwhere(_range(table) == 0.0)
    if len(still):
        raise InputError(f"history: {OBSERVABLE_NAMES[still[0, 1]]} never changes")
    # One layout, so that sums, and answers, do not depend on where the numbers came from.
    return Observed(np.ascontiguousarray(table), single, given, dates)


def _range(table: Array) -> Array:
    """Largest less smallest (B, 3) of what is there of (B, L, 3); minus infinity without any."""
    there = ~np.isnan(table)
    highest = table.max(axis=1, initial=-np.inf, where=there)
    return np.asarray(highest - table.min(axis=1, initial=np.inf, where=there))


def _alike(parts: list[Observed]) -> Observed:
    """Histories of equal lengths as one batch; with dates where all have the same."""
    if not all(part.single and part.given == parts[0].given for part in parts):
        raise InputError(
            "history: expected a list of histories with equally many quarters, got "
            f"{', '.join(str(part.given) for part in parts[:8])}; or ask for one after the other"
        )
    dates = {part.dates for part in parts}
    values = np.concatenate([part.values for part in parts])
    return Observed(values, False, parts[0].given, dates.pop() if len(dates) == 1 else None)


def _of_columns(found: Named) -> tuple[Array, Span | None]:
    """Numbers (..., L, 3) and quarters of what has names."""
    names = found.names
    _check_columns("history", names)
    try:
        columns = [column_numbers(found.column(names.index(name))) for name in OBSERVABLE_NAMES]
        values = np.stack(columns, axis=-1)
    except NOT_NUMBERS:
        raise InputError("history: expected columns of numbers") from None
    others = [
        (name, list(found.column(j)))
        for j, name in enumerate(names)
        if name not in OBSERVABLE_NAMES and np.ndim(found.column(j)) == 1
    ]
    return values, span(lambda row: f"history, row {row}", others, found.rows)


def read_history(path: str | os.PathLike[str], *, gaps: bool = False) -> tuple[Array, Span | None]:
    """The columns output, inflation, rate of a CSV file, (L, 3), and its quarters; see the module
    docstring.

    Raises InputError, with file and line, for a column that is missing or given twice, a cell that
    is no number, an empty one (with `gaps` it is NaN), and dates that are not one quarter after the
    other.
    """
    separator, rows = csv_rows(path)
    if not rows:
        raise InputError(f"{path}: empty; expected the columns output, inflation, rate")
    names = [cell.strip() for cell in rows[0][1]]
    _check_columns(str(path), names)
    columns = {name: names.index(name) for name in OBSERVABLE_NAMES}
    values = []
    for line, cells in rows[1:]:
        where = f"{path}, line {line}"
        if len(cells) != len(names):
            raise InputError(f"{where}: expected {len(names)} cells, got {len(cells)}")
        values.append(
            [
                math.nan if gaps and not cells[j].strip()
                else csv_number(where, name, cells[j], separator)
                for name, j in columns.items()
            ]
        )  # fmt: skip
    others: list[tuple[Hashable, Sequence[Any]]] = [
        (name, [cells[j] for _, cells in rows[1:]])
        for j, name in enumerate(names)
        if name not in OBSERVABLE_NAMES
    ]
    dates = span(lambda row: f"{path}, line {rows[row + 1][0]}", others)
    return np.array(values, dtype=np.float64).reshape(-1, len(OBSERVABLE_NAMES)), dates


def _check_columns(origin: str, names: list[str]) -> None:
    for name in OBSERVABLE_NAMES:
        if name not in names:
            close = nearest(name, names)
            hint = f" (is it {close!r}?)" if close else ""
            if sum(_NUMBER.fullmatch(cell) is not None for cell in names) >= 3:
                hint = " (there are numbers where the names should be)"
            elif len(names) == 1:
                hint = " (expected commas, semicolons or tabs between cells)"
            raise InputError(
                f"{origin}: column {name!r} is missing{hint}; expected output, inflation, rate; "
                "from other series `emulator respond` answers"
            )
    for name, times in Counter(names).items():
        if times > 1 and (name in OBSERVABLE_NAMES or name.casefold() in DATES):
            raise InputError(f"{origin}: column {name!r} is given twice")


def csv_rows(path: str | os.PathLike[str]) -> tuple[str, list[tuple[int, list[str]]]]:
    """The separator, and the rows of a CSV file and their line numbers, without empty lines and
    rows of empty cells at either end."""
    try:
        with open_file(Path(path)) as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise InputError(f"{path}: too large, at most {_LARGEST:,} bytes are read")
        text = data.decode("utf-8-sig")
        first = next((line for line in text.splitlines() if line.strip(" ,;\t|")), "")
        separator = max(SEPARATORS, key=first.count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        rows = [(reader.line_num, row) for row in reader if len(row) > 1 or "".join(row).strip()]
        # Rows of empty cells are margins of a table at its ends, and a quarter within it.
        full = [k for k, (_, row) in enumerate(rows) if any(cell.strip() for cell in row)]
        rows = rows[full[0] : full[-1] + 1] if full else []
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a CSV file (not UTF-8 text)") from None
    except InputError:
        raise
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file ({error})") from None
    except ValueError:  # a NUL in the name
        raise InputError(f"history: expected the name of a CSV file, got {path!r}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a CSV file") from None
    return separator, rows


def csv_number(where: str, name: str, cell: str, separator: str) -> float:
    """A cell of a CSV file. Raises InputError, with `where` and the column's name."""
    text = cell.strip()
    if separator == ";" and text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        value = read_number(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        what = f"expected a number, got {text[:40]!r}" if text else "empty; fill gaps first"
        raise InputError(f"{where}: {name}: {what}")
    return value
