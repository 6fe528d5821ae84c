"""Whatever stands in a table, it is dates, or none, or refused in a sentence."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import InputError
from emulator.inference.quarters import Span, name_of, span

pytestmark = pytest.mark.fast

CELL = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.dates(),
    st.datetimes(), st.times(), st.timedeltas(), st.tuples(st.text(max_size=2), st.integers()),
    st.integers(-(10**3), 10**9).map(str),
    st.sampled_from([
        10**400, "9" * 400, pd.NaT, pd.NA, np.datetime64("NaT", "D"), np.datetime64("1990-01", "M"),
        np.timedelta64(1, "D"), np.float32(1990.25), pd.Period("1990Q1"), pd.Timestamp("1990"),
        "1990Q5", "0000-01-01", "1990-13", "٣", "1_0", "inf", b"1990Q1", Decimal("1990.5"),
    ]),
)  # fmt: skip
NAME = st.one_of(st.sampled_from(["date", "Year", "quarter", "month", "", "note"]), st.integers())


@given(
    columns=st.lists(st.tuples(NAME, st.lists(CELL, min_size=3, max_size=3)), max_size=3),
    labels=st.none() | st.lists(CELL, min_size=3, max_size=3),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_table_is_dated_or_refused(columns: list[tuple[Any, list[Any]]], labels: Any) -> None:
    try:
        found = span(lambda row: f"row {row}", columns, labels)
    except InputError:
        return
    assert found is None or found.last - found.first == 2


def test_dates_of_every_kind_are_the_same_quarters() -> None:
    days = [datetime.date(1990, 3, 31), datetime.date(1990, 4, 1), datetime.date(1990, 9, 30)]
    index = pd.to_datetime(days)
    quarters = index.to_period("Q")
    expected = Span(4 * 1990, 4 * 1990 + 2)
    for cells in (
        days, list(index), list(index.tz_localize("UTC")), list(index.to_numpy()), list(quarters),
        list(index.to_period("M")), list(quarters.astype(str)), [1990.0, 1990.25, 1990.5],
        ["1990.0", "1990.25", "1990.5"], [199003, 199004, 199009], ["1990:1", "1990:2", "1990:3"],
    ):  # fmt: skip
        assert span(str, [("DATE", cells)]) == expected
        assert span(str, [], cells) == expected
    years = [("Year", [1990.0] * 3), ("QTR", ["Q1", "q2", "3"])]
    assert span(str, years) == span(str, [years[0], ("month", ["3", "4", "9"])]) == expected
    assert [name_of(q) for q in expected] == ["1990Q1", "1990Q3"]


@pytest.mark.parametrize(
    "columns",
    [
        [("yr", [1990] * 3), ("qtr", [3, 2, 1])],
        [("when", ["19900930", "19900630", "19900331"])],
        [("n", [3, 2, 1])],
        [("row", [0, 2, 4])],
        [("t", ["60", "59", "58"])],
    ],
    ids=str,
)
def test_rows_in_another_order_are_refused_whatever_the_column_is_called(columns: Any) -> None:
    with pytest.raises(InputError, match="oldest first"):
        span(str, columns)


def test_numbers_that_count_no_rows_are_no_dates() -> None:
    for cells in ([1, 2, 3], [5, 5, 5], [4.0, 2.0, 3.0], ["12345678", "87654321", "1"]):
        assert span(str, [("vintage", cells)]) is None
