"""Which quarters the rows of a table are, wherever it says so, and that they follow each other.

Dates stand in a column of a usual name, else in the labels of the rows, else in any other column
all of dates. Rows that are only counted must be counted up by one: what is left out or turned over
is no history.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from emulator.errors import InputError

# How columns of dates are called, in any case: FRED's is observation_date; "" is what pandas
# writes for an index without a name, and reads as the second.
DATES = (
    "date",
    "dates",
    "observation_date",
    "time",
    "period",
    "quarter",
    "index",
    "",
    "unnamed: 0",
)
YEARS, QUARTERS, MONTHS = ("year", "yr"), ("quarter", "qtr"), ("month", "mon")
FIRST_YEAR, LAST_YEAR = 1000, 3000  # smaller numbers count rows

_TEXTS = (  # 1959Q2, Q2 1959, 1959:2
    re.compile(r"(?P<year>\d{4})[-:/. ]?[Qq](?P<quarter>[1-4])", re.ASCII),
    re.compile(r"[Qq](?P<quarter>[1-4])[-:/. ]?(?P<year>\d{4})", re.ASCII),
    re.compile(r"(?P<year>\d{4}):(?P<quarter>[1-4])", re.ASCII),
    # 1959-04, 1959M4, 1959/04/01
    re.compile(r"(?P<year>\d{4})[-:/.](?P<month>\d{2})", re.ASCII),
    re.compile(r"(?P<year>\d{4})[-:/. ]?[Mm](?P<month>\d{1,2})", re.ASCII),
    re.compile(r"(?P<year>\d{4})[/.](?P<month>\d{1,2})[/.]\d{1,2}", re.ASCII),
)
# What is a date for people, read here or not.
_DATED = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|(?<!\d)(1[89]|20)\d\d(?!\d)"
    r"|\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*.?\d\d",
    re.ASCII | re.IGNORECASE,
)

Where = Callable[[int], str]


class Span(NamedTuple):
    """The first and the last quarter of a table, in quarters since year 0."""

    first: int
    last: int


def name_of(quarter: int) -> str:
    """1959Q2."""
    return f"{quarter // 4:04d}Q{quarter % 4 + 1}"


def span(
    where: Where,
    columns: Sequence[tuple[Hashable, Sequence[Any]]],
    labels: Iterable[Hashable] | None = None,
) -> Span | None:
    """The quarters of a table's rows; None where nothing tells.

    where: what a row is called in errors. columns: names and cells of those that are not
    observables. labels: of the rows. Raises InputError for dates that cannot be read, and for rows
    that are not one quarter after the other.
    """
    usual = [(name, cells) for name, cells in _usual(columns) if not _is_blank(name, cells)]
    known = [_follow(where, str(name), cells) for name, cells in usual]
    if known:
        return next((found for found in known if found is not None), None)
    rows = None if labels is None else list(labels)
    if rows and not _counted(rows):
        return _follow(where, "label", rows)
    dated = [
        (name, cells)
        for name, cells in columns
        if cells and (all(map(_looks_dated, cells)) or _days(cells) or _steps(cells))
    ]
    errors = []
    for name, cells in dated:
        try:
            return _follow(where, str(name), cells)
        except InputError as error:  # when it was published, perhaps
            errors.append(error)
    if errors:
        raise errors[0]
    return None if rows is None else _follow(where, "label", rows)


def _usual(
    columns: Sequence[tuple[Hashable, Sequence[Any]]],
) -> list[tuple[Hashable, Sequence[Any]]]:
    """The columns called as dates are; year and quarter, or year and month, together."""
    called = {str(name).strip().casefold(): cells for name, cells in columns}
    usual = [(name, cells) for name, cells in columns if str(name).strip().casefold() in DATES]
    years = next((name for name in YEARS if name in called), None)
    if years is None:
        return usual
    for part, of_a_year in (*((q, 4) for q in QUARTERS), *((m, 12) for m in MONTHS)):
        if part in called and all(_in_year(cell, of_a_year) for cell in called[part]):
            letter = "Q" if of_a_year == 4 else "M"
            both = [
                f"{_plain(year)}{letter}{_plain(_bare(cell))}"
                for year, cell in zip(called[years], called[part], strict=True)
            ]
            others = [(n, cells) for n, cells in usual if str(n).strip().casefold() != part]
            return [(f"{years} and {part}", both), *others]
    return [*usual, (years, called[years])]


def _in_year(cell: Any, of_a_year: int) -> bool:
    number = _number(_bare(cell))
    return number is not None and number in range(1, of_a_year + 1)


def _bare(cell: Any) -> Any:
    """The number in Q3 or M11; other cells as they are."""
    return cell.strip().lstrip("QqMm") if isinstance(cell, str) else cell


def _plain(cell: Any) -> str:
    """A cell as text, whole numbers without a point."""
    number = _number(cell)
    return f"{number:.0f}" if number is not None and number.is_integer() else str(cell)


def _is_blank(name: Hashable, cells: Sequence[Any]) -> bool:
    """A column without name and cells: a comma at the end of every line."""
    return not str(name).strip() and not any(str(cell).strip() for cell in cells)


def _counted(cells: Sequence[Any]) -> bool:
    """Whether cells count rows: whole numbers that are no years."""
    numbers = [_number(cell) for cell in cells]
    return all(n is not None and n.is_integer() and abs(n) < FIRST_YEAR for n in numbers)


def _days(cells: Sequence[Any]) -> bool:
    """Whether cells are days in eight digits, such as 19590401."""
    return all(
        n is not None and 1e7 < n < 1e8 and _of_number(n) is not None for n in map(_number, cells)
    )


def _steps(cells: Sequence[Any]) -> bool:
    """Whether cells of any column count rows, up or down or some of them."""
    if len(cells) < 3 or not _counted(cells):
        return False
    steps = {int(_number(b) or 0) - int(_number(a) or 0) for a, b in pairwise(cells)}
    return len(steps) == 1 and steps != {0}


def _follow(where: Where, name: str, cells: Sequence[Any]) -> Span | None:
    """What cells span, None where they only count; InputError where one does not follow."""
    counted = _counted(cells)
    first = last = None
    for row, cell in enumerate(cells):
        at = _quarter(cell) if not counted else int(_number(cell) or 0)
        if at is None:
            shown = str(cell).strip()[:40]
            raise InputError(
                f"{where(row)}: {name}: expected a quarter such as 1959Q2 or 1959-04-01, got "
                f"{shown!r}"
            )
        if last is not None and at != last + 1:
            now, before = (
                (f"{name or 'number'} {at}", last) if counted else (name_of(at), name_of(last))
            )
            raise InputError(
                f"{where(row)}: {now} after {before}; expected one row a quarter, oldest first, "
                "without gaps"
                + ("; if so it is, drop these numbers (reset_index, for labels)" if counted else "")
            )
        first, last = at if first is None else first, at
    return None if counted or first is None or last is None else Span(first, last)


def _looks_dated(cell: Any) -> bool:
    """Whether a cell of any column is a date: a text or an object that is one, never a number."""
    if isinstance(cell, str):
        return _number(cell) is None and bool(_quarter(cell) or _DATED.search(cell))
    return _number(cell) is None and _quarter(cell) is not None


def _number(cell: Any) -> float | None:
    """A finite number, given as such or in plain digits."""
    if isinstance(cell, str) and not re.fullmatch(r"\s*[-+]?\d+(\.\d*)?\s*", cell, re.ASCII):
        return None
    if not isinstance(cell, (str, int, float, np.number)) or isinstance(
        cell, (bool, np.timedelta64)
    ):
        return None
    try:
        value = float(cell)
    except (OverflowError, TypeError):  # an integer beyond floats, a complex number
        return None
    return value if math.isfinite(value) else None


def _quarter(cell: Any) -> int | None:
    """A date as quarters since year 0; None for what is none."""
    number = _number(cell)
    if number is not None:
        return _of_number(number)
    if isinstance(cell, np.datetime64):
        return None if np.isnat(cell) else 4 * 1970 + int(cell.astype("M8[M]").astype(int)) // 3
    if isinstance(cell, str):
        return _of_text(cell.strip())
    year, month = getattr(cell, "year", None), getattr(cell, "month", None)
    if year is None or month is None or year != year:  # NaT has no year, which is NaN
        return None
    return _at(int(year), int(month))


def _of_number(number: float) -> int | None:
    """1959.25, 195904 or 19590401."""
    if FIRST_YEAR <= number < LAST_YEAR and (4.0 * number).is_integer():
        return int(4.0 * number)
    if not number.is_integer():
        return None
    digits = str(int(number))
    month = digits[4:6] if len(digits) in (6, 8) else ""
    return _at(int(digits[:4]), int(month)) if month else None


def _of_text(text: str) -> int | None:
    for form in _TEXTS:
        found = form.fullmatch(text)
        if found:
            parts = found.groupdict()
            year = int(parts["year"])
            if "quarter" in parts:
                return 4 * year + int(parts["quarter"]) - 1
            return _at(year, int(parts["month"]))
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        return None
    return _at(day.year, day.month)


def _at(year: int, month: int) -> int | None:
    return 4 * year + (month - 1) // 3 if 1 <= month <= 12 else None
