"""A user's table: numbers in text, pandas' missing values, and what is said of columns left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emulator.errors import InputError
from emulator.foreign.answers import estimate_responses
from emulator.foreign.tables import read_table

pytestmark = pytest.mark.fast


def frame(quarters: int = 100) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.standard_normal((quarters, 3)), axis=0).round(2)
    data = pd.DataFrame(values, columns=["a", "b", "c"])
    data.insert(0, "date", pd.period_range("1990Q1", periods=quarters, freq="Q").astype(str))
    return data


def test_numbers_of_a_frame_that_are_text_are_told_or_refused() -> None:
    data = frame()
    data["b"] = data["b"].astype(str)
    found = read_table(data, None, ["a"])
    assert found.names == ("a", "c")
    assert found.left_out == (
        "b is left out: its numbers are text; give numbers, with a decimal point alone",
    )
    with pytest.raises(
        InputError, match=r"b: expected a number, got .*; read the column with pandas"
    ):
        read_table(data, None, ["b"])


def test_missing_values_of_pandas_are_missing() -> None:
    data = frame()
    data["b"] = (100.0 * data["b"]).round().astype("Int64")
    data.loc[5, "b"] = pd.NA
    data.loc[6, "c"] = np.nan
    for each in (data, data.convert_dtypes()):
        found = read_table(each, None, ["a"]).values
        assert np.argwhere(np.isnan(found)).tolist() == [[5, 1], [6, 2]]


@pytest.mark.parametrize("as_file", [True, False])
def test_every_column_left_out_is_named_but_dates(as_file: bool, tmp_path: Path) -> None:
    data = frame()
    data["money"] = [f"{5000.0 + k:,.2f}" for k in range(len(data))]
    data["country"] = "US"
    data["published"] = data["date"]
    data["empty"] = ""
    table: pd.DataFrame | Path = data
    if as_file:
        table = tmp_path / "data.csv"
        data.to_csv(table, index=False)
    found = read_table(table, None, ["a"])
    assert found.names == ("a", "b", "c")
    assert found.left_out == (
        "money is left out: its numbers are text; give numbers, with a decimal point alone",
        "country is left out: it has no numbers",
        "empty is left out: it has no numbers",
    )
    assert read_table(table, ["a", "b"], ["a"]).left_out == ()


def test_a_level_and_its_change_are_told_by_name_where_there_are_gaps() -> None:
    data = frame()
    data["change"] = data["a"].diff()
    data.loc[40:43, "a"] = np.nan
    with pytest.raises(InputError, match="change: given 4 quarters before, it follows from a, b"):
        estimate_responses(data, to="change", after=["a", "b"], horizon=8)
    data["change"] = data["b"].shift(1)
    with pytest.raises(InputError, match="change: it follows from 4 quarters before"):
        estimate_responses(data, to="change", after=["a", "b"], horizon=8)
