"""`emulator respond` and `emulator.estimate_responses`: any data, three questions, refusals."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.image import imread

import emulator
from emulator.cli.app import run
from emulator.econometrics.autoregressions import unit_impact
from emulator.errors import InputError, UnknownNameError
from emulator.foreign.grammar import draws
from tests.cli.refusals import refused
from tests.econometrics import estimators

pytestmark = pytest.mark.fast

NAMES = ["output", "inflation", "rate"]


def frame(quarters: int = 120) -> pd.DataFrame:
    """A VAR(1) of three series, a shock of its third equation, and an instrument for that."""
    rng = np.random.default_rng(0)
    a = np.array([[0.8, 0.0, -0.2], [0.1, 0.5, -0.1], [0.1, 0.2, 0.7]])
    e = rng.standard_normal((quarters + 50, 3))
    y = np.zeros_like(e)
    for t in range(1, len(e)):
        y[t] = a @ y[t - 1] + e[t]
    out = pd.DataFrame(y[50:], columns=NAMES)
    out["surprise"] = e[50:, 2] + 0.05 * rng.standard_normal(quarters)
    out["ff4"] = 0.5 * e[50:, 2] + 0.3 * rng.standard_normal(quarters)
    out.insert(0, "date", pd.period_range("1980Q1", periods=quarters, freq="Q").astype(str))
    return out


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("respond") / "us.csv"
    frame().to_csv(path, index=False)
    return path


def test_the_command_gives_what_the_function_does(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["respond", str(file), "--to", "rate", "--after", "output,inflation", "--columns"]
    ask += [",".join(NAMES), "--bands", "--beside", "var,penalised", "--horizon", "8"]
    wanted = emulator.estimate_responses(
        file, to="rate", after=["output", "inflation"], columns=NAMES, horizon=8,
        beside=["var", "penalised"],
    )  # fmt: skip
    plot, output = tmp_path / "a.png", tmp_path / "a.nc"
    assert run([*ask, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bands"]["network"]["0.95"]["output"] == pytest.approx(
        wanted["response"].sel(series="output", quantile=0.95).to_numpy().tolist()
    )
    assert found["question"] == "recursive"
    assert run([*ask, "--format", "csv", "--plot", str(plot), "--output", str(output)]) == 0
    table = pd.read_csv(StringIO(capsys.readouterr().out))
    assert set(table["source"]) == {"network", "var", "penalised"}
    assert list(table.columns[-5:]) == ["q05", "q16", "q50", "q84", "q95"]
    assert plot.read_bytes()[:4] == b"\x89PNG"
    with xr.open_dataset(output, engine="scipy") as written:
        np.testing.assert_array_equal(written["response"], wanted["response"])
        assert written.attrs["held_fixed"] == "output, inflation"
    assert run(ask) == 0
    table = capsys.readouterr().out
    assert "us.csv, 120 quarters, 1980Q1 to 2009Q4: rate shock, 90 %" in table
    assert "it raises rate by 1 at once; each series is in the unit of its column" in table
    assert "held fixed at once: output, inflation\n" in table
    assert run(["respond", str(file), "--to", "rate", "--horizon", "2"]) == 0
    assert "nothing is held fixed at once, as rate comes first" in capsys.readouterr().out
    assert max(map(len, table.splitlines())) < 160, "goes on below instead of to the right"
    assert [
        table.count(f"{source} {name}") for source in ("var", "penalised") for name in NAMES
    ] == [1] * 6


@pytest.mark.figures
def test_many_series_are_drawn_in_rows(file: Path, tmp_path: Path) -> None:
    plot = tmp_path / "all.png"
    assert run(["respond", str(file), "--to", "rate", "--horizon", "2", "--plot", str(plot)]) == 0
    height, width, _ = imread(plot).shape
    assert (width, height) == (1800, 810)  # four panels of 3 inches, and one below


def test_the_three_questions_are_answered_near_the_truth() -> None:
    """The third shock moves the rate alone on impact, so that all three have one answer."""
    data = frame(240)
    a = np.array([[0.8, 0.0, -0.2], [0.1, 0.5, -0.1], [0.1, 0.2, 0.7]])
    truth = np.stack([np.linalg.matrix_power(a, h)[:, 2] for h in range(13)])
    ask: dict[str, dict[str, Any]] = {
        "recursive": {"to": "rate", "after": NAMES[:2], "columns": NAMES},
        "observed": {"shock": "surprise", "columns": [*NAMES, "surprise"]},
        "proxy": {"instrument": "ff4", "to": "rate", "columns": ["ff4", *NAMES]},
    }
    for kind, asked in ask.items():
        found = emulator.estimate_responses(data, horizon=12, **asked)
        assert found.attrs["question"] == kind
        response = found["response"].sel(series=NAMES)
        assert response.dims == ("horizon", "series", "quantile")
        middle = response.sel(quantile=0.5).to_numpy()
        assert np.abs(middle - truth).max() < 0.4, kind
        low, high = (response.sel(quantile=q).to_numpy() for q in (0.05, 0.95))
        assert ((low <= truth + 1e-9) & (truth <= high + 1e-9)).mean() > 0.7, kind
        assert "ff4" not in found["series"]


def test_units_order_and_missing_ends_change_what_they_should() -> None:
    data = frame()
    ask = {"to": "rate", "after": NAMES[:2], "columns": NAMES, "horizon": 6}
    plain = emulator.estimate_responses(data, **ask)["response"]
    half = emulator.estimate_responses(data, unit=-0.5, **ask)["response"]
    np.testing.assert_allclose(half, -0.5 * plain.to_numpy()[..., ::-1], atol=1e-12)
    turned = emulator.estimate_responses(data, **{**ask, "after": NAMES[1::-1]})["response"]
    np.testing.assert_allclose(turned.sel(series=NAMES), plain, rtol=1e-6, atol=1e-8)
    longer = pd.concat([data.iloc[:2].assign(output=np.nan), data.assign(date=data["date"])])
    longer["date"] = pd.period_range("1979Q3", periods=len(longer), freq="Q").astype(str)
    trimmed = emulator.estimate_responses(longer, **ask)
    np.testing.assert_array_equal(trimmed["response"], plain)
    assert trimmed.attrs["caveats"] == "the first 2 rows are left out, where output is missing"
    assert trimmed.attrs["data"] == "120 quarters, 1980Q1 to 2009Q4"


def test_a_few_missing_numbers_are_filled_in_and_said() -> None:
    data = frame()
    ask = {"to": "rate", "after": NAMES[:2], "columns": NAMES, "horizon": 6}
    plain = emulator.estimate_responses(data, **ask)["response"]
    gaps = data.copy()
    gaps.loc[[30, 31, 77], "inflation"] = np.nan
    found = emulator.estimate_responses(gaps, **ask)
    assert found.attrs["data"] == "120 quarters, 1980Q1 to 2009Q4"
    said = "missing in inflation: 3 of 120, filled in by what all others say of them"
    assert found.attrs["caveats"] == said
    assert 0.0 < abs(found["response"] - plain).max() < 0.2


def test_a_series_that_wants_a_logarithm_is_named() -> None:
    data = frame()
    growth = 0.01 + 0.002 * data["output"]
    data["output"] = 100.0 * np.exp(growth.cumsum())
    data["prices"] = 30.0 * np.exp(0.008 * np.arange(len(data)) + 0.001 * data["inflation"])
    ask = {"to": "rate", "columns": ["output", "prices", "rate"], "horizon": 6}
    said = emulator.estimate_responses(data, **ask).attrs["caveats"]
    assert said.startswith("output, prices: growing as amounts and price indices do")
    data[["output", "prices"]] = 100.0 * np.log(data[["output", "prices"]])
    assert "growing" not in emulator.estimate_responses(data, **ask).attrs["caveats"]
    data["level"] = np.exp(0.01 * data["output"])
    told = ask | {"columns": ["level", "prices", "rate"], "differences": ["level"]}
    assert "growing" not in emulator.estimate_responses(data, **told).attrs["caveats"]


def test_differences_are_told_from_levels() -> None:
    data = frame()
    ask = {"to": "rate", "columns": NAMES, "horizon": 6}
    levels, changes = (
        emulator.estimate_responses(data, differences=names, **ask)["response"]
        for names in ((), NAMES)
    )
    own = [found.sel(series="rate", horizon=3, quantile=0.5).item() for found in (levels, changes)]
    assert 0.0 < own[1] < own[0]  # changes are thought to be forgotten sooner


@pytest.mark.parametrize("horizon", [0, 1, 12, 33])
@pytest.mark.parametrize("asked", [{"to": "rate", "after": NAMES[:2]}, {"shock": "surprise"}])
def test_the_first_quarters_are_those_of_an_answer_that_was_learned(
    horizon: int, asked: dict[str, Any]
) -> None:
    """The network learned answers up to 20 quarters and up to 40."""
    data, ask = frame(160), {"beside": ["lp", "penalised"], **asked}
    found = emulator.estimate_responses(data, horizon=horizon, **ask)
    whole = emulator.estimate_responses(data, horizon=20 if horizon <= 20 else 40, **ask)
    assert found.sizes["horizon"] == horizon + 1
    assert np.isfinite(found.response).all()
    assert np.isfinite(found.beside).all()
    xr.testing.assert_identical(found, whole.isel(horizon=slice(horizon + 1)))
    assert not found.attrs["caveats"]


@pytest.mark.parametrize("horizon", [0, 2, 8])
def test_data_too_short_for_what_was_learned_are_answered_as_far_as_asked(horizon: int) -> None:
    found = emulator.estimate_responses(frame(22), to="rate", horizon=horizon)
    assert found.sizes["horizon"] == horizon + 1
    assert np.isfinite(found.response).all()
    assert "22 quarters: the network learned from 80 to 250" in found.attrs["caveats"]
    with pytest.raises(InputError, match="22 quarters are too few"):
        emulator.estimate_responses(frame(22), to="rate", horizon=20)


def test_far_quarters_of_short_data_have_a_caveat() -> None:
    data = frame(100)
    found = emulator.estimate_responses(data, to="rate", horizon=21)
    assert found.sizes["horizon"] == 22
    assert "fewer than 121 quarters" in found.attrs["caveats"]
    assert not emulator.estimate_responses(data, to="rate", horizon=20).attrs["caveats"]


def test_other_estimators_stand_beside() -> None:
    data = frame()
    found = emulator.estimate_responses(
        data, shock="surprise", columns=["surprise", *NAMES], beside=["var"], horizon=5, unit=2.0
    )
    y = data[["surprise", *NAMES]].to_numpy()[None]
    expected = 2.0 * estimators.least_squares(y, 0, 4, 5)[0, :, 1:]
    np.testing.assert_allclose(found["beside"].sel(estimator="var"), expected)


def test_weak_instruments_and_short_samples_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = frame(60)
    data["ff4"] = np.random.default_rng(5).standard_normal(60)
    data.to_csv(tmp_path / "short.csv", index=False)
    ask = ["respond", str(tmp_path / "short.csv"), "--instrument", "ff4", "--to", "rate"]
    assert run([*ask, "--columns", "ff4,output,inflation,rate", "--horizon", "4"]) == 0
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "60 quarters: the network learned from 80 to 250" in line
    assert "the instrument is weak: F " in line


REFUSED: dict[str, tuple[list[str], str]] = {
    "no question": ([], "expected a question: `to` a series"),
    "two questions": (["--shock", "surprise", "--to", "rate"], "expected neither to, after nor"),
    "instrument alone": (["--instrument", "ff4"], "expected a question"),
    "instrument after": (["--instrument", "ff4", "--to", "rate", "--after", "output"], "no order"),
    "twice": (
        ["--to", "rate", "--after", "rate"],
        "different series in the question, got rate, rate",
    ),
    "unknown": (["--to", "rat"], "unknown column 'rat': did you mean 'rate'?"),
    "unknown difference": (
        ["--to", "rate", "--differences", "gdp"],
        "unknown series in differences",
    ),
    "unknown estimator": (["--to", "rate", "--beside", "arima"], "valid: var, bvar, lp, penalised"),
    "not among columns": (["--to", "rate", "--columns", "output,inflation"], "'rate' among them"),
    "one series": (["--to", "rate", "--columns", "rate"], "expected 2 to 8 series, got 1: rate"),
    "zero": (["--to", "rate", "--unit", "0"], "unit: expected a number other than 0, got 0.0"),
    "far": (["--to", "rate", "--horizon", "41"], "less than or equal to 40"),
    "plot": (["--to", "rate", "--plot", "x.pdf"], "--plot: expected a file name ending in .png"),
    "output": (
        ["--to", "rate", "--output", "x.csv"],
        "--output: expected a file name ending in .nc",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_questions_that_cannot_be_asked_are_refused(
    file: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    options, expected = REFUSED[name]
    refused(capsys, ["respond", str(file), *options], expected)


def changed(row: int | slice, column: str, cell: str) -> str:
    data = frame().astype(object)
    data.loc[row, column] = cell
    return data.to_csv(index=False)


FILES: dict[str, tuple[str, str]] = {
    "empty": ("", "empty; expected a row of names"),
    "gap": (changed(slice(40, 60), "inflation", ""), "line 42 (1990Q1): inflation is missing, as"),
    "text": (changed(40, "inflation", "high"), "line 42: inflation: expected a number, got"),
    "infinite": (changed(40, "inflation", "inf"), "inflation: expected a number, got 'inf'"),
    "date": (changed(40, "date", "1991Q1"), "line 42: 1991Q1 after 1989Q4; expected"),
    "cells": (frame().to_csv(index=False) + "1,2\n", "line 122: expected 6 cells, got 2"),
    "twice": (frame().to_csv(index=False).replace("surprise", "rate"), "'rate' is given twice"),
    "constant": (frame().assign(ff4=3.0).to_csv(index=False), "ff4: expected a series that moves"),
    "copy": (
        frame().assign(ff4=2.0 * frame()["rate"]).to_csv(index=False),
        "are collinear; leave one",
    ),
    "many": (
        frame().assign(**{f"x{k}": range(120) for k in range(5)}).to_csv(index=False),
        "expected 2 to 8 series, got 10",
    ),
    "short": (frame(24).to_csv(index=False), "24 quarters are too few"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_cannot_be_read_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    text, expected = FILES[name]
    (tmp_path / "a.csv").write_text(text)
    refused(capsys, ["respond", str(tmp_path / "a.csv"), "--to", "rate"], expected)


def test_objects_that_are_no_table_are_refused() -> None:
    data: Any = frame()
    for wrong, expected in (
        ({"data": data.to_numpy()}, "expected the name of a CSV file or a DataFrame"),
        ({"after": "output"}, "expected a list of names, got 'output'"),
        ({"horizon": 2.5}, "horizon: expected a whole number of quarters, got 2.5"),
        ({"data": data.astype({"rate": str})}, "rate: expected a number, got"),
    ):
        with pytest.raises(InputError, match=expected):
            emulator.estimate_responses(**{"data": data, "to": "rate", **wrong})
    with pytest.raises(UnknownNameError, match="'Rate': did you mean 'rate'"):
        emulator.estimate_responses(data, to="Rate")


def test_years_and_quarters_text_and_empty_columns_are_no_series() -> None:
    data = frame()
    dates = pd.PeriodIndex(data.pop("date"), freq="Q")
    data.insert(0, "quarter", dates.quarter)
    data.insert(0, "year", dates.year)
    data["country"], data["note"] = "US", np.nan
    found = emulator.estimate_responses(data, to="rate", horizon=4)
    assert list(found["series"].to_numpy()) == ["rate", "output", "inflation", "surprise", "ff4"]
    assert found.attrs["data"] == "120 quarters, 1980Q1 to 2009Q4"


@pytest.mark.parametrize("index", range(6))
def test_any_draw_of_the_grammar_is_answered(index: int) -> None:
    sets = draws.sets(9, index, 1)
    data = pd.DataFrame(sets.data[0], columns=[f"x{k}" for k in range(sets.data.shape[2])])
    ask: dict[str, Any] = {
        "observed": {"shock": "x0"},
        "recursive": {"to": f"x{sets.to}", "after": [f"x{k}" for k in range(sets.before)]},
        "proxy": {"instrument": "x0", "to": f"x{sets.to}"},
    }[sets.kind]
    found = emulator.estimate_responses(data, horizon=len(sets.truth) - 1, **ask)
    assert np.isfinite(found["response"]).all()
    assert (np.diff(found["response"], axis=-1) >= 0.0).all()


def test_a_level_beside_its_own_change_is_refused() -> None:
    data = frame().drop(columns=["surprise", "ff4"])
    data["change"] = data["inflation"].diff()
    expected = "change: given . quarters before, it follows from output, inflation"
    for question in ({"to": "change", "after": ["output", "inflation"]}, {"to": "rate"}):
        with pytest.raises(InputError, match="leave one out"):
            emulator.estimate_responses(data, horizon=4, **question)
    with pytest.raises(InputError, match=expected):
        emulator.estimate_responses(data, to="change", after=["output", "inflation"], horizon=4)
    with pytest.raises(InputError, match="follows from the others"):
        unit_impact(np.array([[[1.0, 1.0], [1.0, 1.0 + 1e-12]]]), 0)
    unit_impact(np.array([[[1.0, 0.9999], [0.9999, 1.0]]]), 1)  # alike, and two series


def test_missing_values_of_pandas_and_numbers_that_are_text() -> None:
    data = frame()[["date", *NAMES]].round(3)
    data.loc[60, "rate"] = np.nan
    asked = {"to": "rate", "horizon": 4}
    wanted = emulator.estimate_responses(data, **asked)
    found = emulator.estimate_responses(data.convert_dtypes(), **asked)
    np.testing.assert_array_equal(found["response"], wanted["response"])
    data["wealth"] = [f"{5000.0 + k**1.5:,.2f}" for k in range(len(data))]
    told = emulator.estimate_responses(data, **asked)
    np.testing.assert_array_equal(told["response"], wanted["response"])
    assert "wealth is left out: its numbers are text" in told.attrs["caveats"]
    assert "date" not in told.attrs["caveats"]
