"""Observed histories: read from CSV or taken from memory, and checked.

    date,output,inflation,rate        one row a quarter, oldest first; `date` may be left out,
    1959Q2,1.31,-1.63,-2.23           1959-Q2, 1959-04-01 and any other day of the quarter do too

Output in percent, inflation and the rate in annualised percentage points, each as a deviation from
its mean or trend. Other columns are left alone.
"""

from __future__ import annotations

import csv
import math
import os
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.errors import InputError, nearest
from emulator.inference.arguments import frame_numbers, is_frame
from emulator.limits import MAX_HISTORY, MIN_HISTORY
from emulator.specs import OBSERVABLE_NAMES
from emulator.worlds.arguments import NOT_NUMBERS, real

if TYPE_CHECKING:
    import pandas as pd

DATE = "date"

History: TypeAlias = "pd.DataFrame | ArrayLike | str | os.PathLike[str]"


def history_array(history: History) -> tuple[NDArray[np.float64], bool]:
    """A history as finite (B, L, 3), its last 200 quarters, and whether it was a single one.

    history: the name of a CSV file, a DataFrame with the columns output, inflation, rate, or an
    array (L, 3) or (B, L, 3), in the units of the worlds' observables, one row a quarter, oldest
    first. Raises InputError.
    """
    if isinstance(history, (str, os.PathLike)):
        array = read_history(history)
    elif is_frame(history):
        _check_columns("history", [str(column) for column in history.columns])
        _check_dates(history)
        try:
            array = frame_numbers(history[list(OBSERVABLE_NAMES)])
        except NOT_NUMBERS:
            raise InputError("history: expected columns of numbers") from None
    else:
        try:
            array = real(history)
        except NOT_NUMBERS:
            raise InputError(
                "history: expected a CSV file, a DataFrame or an array of numbers"
            ) from None
    single = array.ndim == 2
    table = array[None] if single else array
    if table.ndim != 3 or table.shape[2] != 3 or not len(table):
        raise InputError(
            "history: expected quarters by output, inflation, rate, shape (L, 3) or (B, L, 3), "
            f"got {array.shape}"
        )
    if table.shape[1] < MIN_HISTORY:
        raise InputError(
            f"history: {table.shape[1]} quarters are too few, {MIN_HISTORY} or more are needed"
        )
    table = table[:, -MAX_HISTORY:]
    # Beyond float32 nothing is an economy's.
    bad = np.argwhere(~(np.abs(table) <= np.finfo(np.float32).max))
    if len(bad):
        row, quarter, column = bad[0]
        raise InputError(
            f"history: {OBSERVABLE_NAMES[column]} is {table[row, quarter, column]} in quarter "
            f"{quarter + 1} of the last {table.shape[1]}; fill gaps or start after them"
        )
    still = np.argwhere(np.ptp(table, axis=1) == 0.0)
    if len(still):
        raise InputError(f"history: {OBSERVABLE_NAMES[still[0, 1]]} never changes")
    # One layout, so that sums, and answers, do not depend on where the numbers came from.
    return np.ascontiguousarray(table), single


def read_history(path: str | os.PathLike[str]) -> NDArray[np.float64]:
    """The columns output, inflation, rate of a CSV file, (L, 3); see the module docstring.

    Raises InputError, with file and line, for a column that is missing or given twice, a cell that
    is no number, an empty one, and dates that are not one quarter after the other.
    """
    rows = _rows(path)
    if not rows:
        raise InputError(f"{path}: empty; expected the columns output, inflation, rate")
    names = [cell.strip() for cell in rows[0][1]]
    _check_columns(str(path), names)
    columns = {name: names.index(name) for name in OBSERVABLE_NAMES}
    values, last = [], None
    for line, cells in rows[1:]:
        where = f"{path}, line {line}"
        if len(cells) != len(names):
            raise InputError(f"{where}: expected {len(names)} cells, got {len(cells)}")
        values.append([_number(where, name, cells[j]) for name, j in columns.items()])
        if DATE in names:
            last = _next_quarter(where, cells[names.index(DATE)].strip(), last)
    return np.array(values, dtype=np.float64).reshape(-1, len(OBSERVABLE_NAMES))


def _check_columns(origin: str, names: list[str]) -> None:
    for name in OBSERVABLE_NAMES:
        if name not in names:
            close = nearest(name, names)
            hint = f" (is it {close!r}?)" if close else ""
            raise InputError(
                f"{origin}: column {name!r} is missing{hint}; expected output, inflation, rate"
            )
    for name in (*OBSERVABLE_NAMES, DATE):
        if names.count(name) > 1:
            raise InputError(f"{origin}: column {name!r} is given twice")


def _check_dates(frame: pd.DataFrame) -> None:
    """Refuse dates, in a column `date` or else the index, that are not quarter after quarter."""
    dates = frame[DATE] if DATE in frame.columns else frame.index
    if DATE not in frame.columns and not hasattr(dates, "quarter"):
        return  # an index that is no date
    last = None
    for row, day in enumerate(dates):
        text = day.strftime("%Y-%m-%d") if hasattr(day, "strftime") else str(day).strip()
        last = _next_quarter(f"history, row {row}", text, last)


def _next_quarter(where: str, text: str, last: int | None) -> int:
    """A date as quarters since year 0, or InputError where it is not the quarter after `last`."""
    quarter = _quarter(where, text)
    if last is not None and quarter != last + 1:
        raise InputError(
            f"{where}: {_name(quarter)} after {_name(last)}; expected one row a quarter, oldest "
            "first, without gaps"
        )
    return quarter


def _rows(path: str | os.PathLike[str]) -> list[tuple[int, list[str]]]:
    """The non-empty rows of a CSV file and their line numbers."""
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            return [(reader.line_num, row) for row in reader if any(c.strip() for c in row)]
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a CSV file (not UTF-8 text)") from None
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file ({error})") from None
    except ValueError:  # a NUL in the name
        raise InputError(f"history: expected the name of a CSV file, got {path!r}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a CSV file") from None


def _number(where: str, name: str, cell: str) -> float:
    text = cell.strip()
    try:
        # float also reads 1_000 and digits of other scripts, which a spreadsheet never writes.
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        what = f"expected a number, got {text[:40]!r}" if text else "empty; fill gaps first"
        raise InputError(f"{where}: {name}: {what}")
    return value


def _quarter(where: str, text: str) -> int:
    """A date as quarters since year 0."""
    named = re.fullmatch(r"(\d{4})[-: ]?[Qq]([1-4])", text, flags=re.ASCII)
    if named:
        return 4 * int(named[1]) + int(named[2]) - 1
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{where}: date: expected a quarter such as 1959Q2 or 1959-04-01, got {text[:40]!r}"
        ) from None
    return 4 * day.year + (day.month - 1) // 3


def _name(quarter: int) -> str:
    return f"{quarter // 4:04d}Q{quarter % 4 + 1}"
