"""Answers from histories, and bands."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
import xarray as xr

import emulator
from emulator.errors import InputError
from emulator.inference.histories import observe, read_history
from emulator.models.baselines.mlp import MLPConfig
from emulator.models.universal import Universal
from tests.inference.histories import random_walk

pytestmark = pytest.mark.slow


def test_what_is_given_decides_the_regime(every_regime: emulator.Emulator) -> None:
    ask, history = every_regime.irf, random_walk()
    assert ask("nk").attrs["regime"] == "A"
    assert ask("nk", {"phi_pi": 2.0}).attrs["regime"] == "A"
    assert ask("nk", {}, history=history).attrs["regime"] == "C"
    assert ask("nk", history=history).attrs["regime"] == "B1"
    assert ask(history=history, shock="monetary").attrs["regime"] == "B2"


def test_frames_and_arrays_of_a_history_say_the_same(every_regime: emulator.Emulator) -> None:
    history = random_walk()
    frame = pd.DataFrame(history, columns=["output", "inflation", "rate"])
    shuffled = frame[["rate", "output", "inflation"]].assign(quarter=range(60))
    a = every_regime.irf("nk", history=history)
    assert a.equals(every_regime.irf("nk", history=shuffled))


def test_one_history_stands_for_all_draws_and_one_theta_for_all_histories(
    every_regime: emulator.Emulator,
) -> None:
    histories = random_walk(draws=3)
    many = every_regime.irf("nk", {}, history=histories)
    assert many.sizes["draw"] == 3
    one = every_regime.irf("nk", {}, history=histories[1])
    np.testing.assert_allclose(many.sel(draw=1), one, rtol=1e-4, atol=1e-5)
    theta = emulator.get_world("nk").sample_parameters(3, np.random.default_rng(0))
    assert every_regime.irf("nk", theta, history=histories[0]).sizes["draw"] == 3
    with pytest.raises(InputError, match="2 draws and history 3"):
        every_regime.irf("nk", theta[:2], history=histories)


def test_only_the_last_200_quarters_are_used(every_regime: emulator.Emulator) -> None:
    long = random_walk(260)
    assert every_regime.irf("nk", history=long).equals(every_regime.irf("nk", history=long[60:]))


def test_bands_rise_and_hold_for_the_whole_shock_of_either_sign(
    every_regime: emulator.Emulator,
) -> None:
    bands = every_regime.irf("nk", shock="monetary", bands=True, size=2.0)
    assert bands.dims == ("horizon", "observable", "quantile")
    assert bands["quantile"].to_numpy().tolist() == [0.05, 0.25, 0.5, 0.75, 0.95]
    assert (bands.diff("quantile") > 0).all()
    negative = every_regime.irf("nk", shock="monetary", bands=True, size=-2.0)
    assert (negative.diff("quantile") > 0).all()
    # nk is linear: the bands of the opposite shock are the mirror image.
    np.testing.assert_allclose(negative.to_numpy(), -bands.to_numpy()[..., ::-1], rtol=1e-5)


def test_simultaneous_bands_are_those_of_points_stretched_about_the_median(
    every_regime: emulator.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = every_regime.model
    assert isinstance(model, Universal)
    stretched = torch.full_like(model.widths.curves, 2.0)
    monkeypatch.setitem(model.widths._buffers, "curves", stretched)
    for asked in ({"theta": {"phi_pi": 2.0}}, {"history": random_walk(100)}):
        points = every_regime.irf("nk", bands=True, size=-2.0, **asked)
        curves = every_regime.irf("nk", simultaneous=True, size=-2.0, **asked)
        assert curves.dims == points.dims
        held = f"whole curves up to quarter {model.horizon}"
        assert (points.attrs["bands_of"], curves.attrs["bands_of"]) == ("quarters", held)
        median = points.sel(quantile=0.5)
        np.testing.assert_allclose(curves - median, 2.0 * (points - median), atol=1e-6, rtol=1e-4)


def test_bands_of_whole_curves_that_nobody_measured_are_refused(
    every_regime: emulator.Emulator,
) -> None:
    """The fixture's data set has too few validation rows."""
    with pytest.raises(InputError, match="not measured for this question"):
        every_regime.irf("nk", simultaneous=True)


def test_a_model_without_bands_says_so(every_regime: emulator.Emulator) -> None:
    specs = list(every_regime.model.specs.values())
    plain = emulator.Emulator(MLPConfig(hidden_dim=8).build(specs, 12), every_regime.provenance)
    with pytest.raises(InputError, match="gives none"):
        plain.irf("nk", horizon=12, bands=True)


def test_what_sets_a_history_apart_is_said(every_regime: emulator.Emulator) -> None:
    scale = every_regime.model.scales("nk").path.numpy()
    usual = np.random.default_rng(0).normal(size=(80, 3)) * scale
    history = usual.copy()
    history[:, 0] *= 8.0
    history[:, 2] += 4.0 * scale[2]  # the level, not the deviation from its mean
    said = [str(found) for found in every_regime.respond("nk", history=history).attrs["caveats"]]
    assert all(text.startswith("unusual: unlike the histories trained on: ") for text in said)
    assert [text.split(": ")[2].split()[0] for text in said] == ["output", "rate", "rate"]
    assert "one side of zero in 100 %" in said[2]
    history = usual / [1.0, 1.0, 400.0]  # the quarterly fraction instead of annualised points
    (units,) = every_regime.respond("nk", history=history).attrs["caveats"]
    assert str(units).startswith("other_units: history: the s.d. of rate is far")


def test_a_csv_file_is_a_history(every_regime: emulator.Emulator, tmp_path: Path) -> None:
    history = random_walk().round(4)
    frame = pd.DataFrame(history, columns=["output", "inflation", "rate"])
    frame.insert(0, "date", pd.period_range("1990Q2", periods=60, freq="Q").astype(str))
    frame["unemployment"] = "n.a."
    frame.to_csv(tmp_path / "us.csv", index=False)
    asked = every_regime.irf("nk", history=tmp_path / "us.csv")
    assert asked.equals(every_regime.irf("nk", history=history))
    assert asked.equals(every_regime.irf("nk", history=str(tmp_path / "us.csv")))


def test_dates_of_a_frame_are_checked_like_those_of_a_file(every_regime: emulator.Emulator) -> None:
    frame = pd.DataFrame(random_walk(), columns=["output", "inflation", "rate"])
    quarters = pd.period_range("1990Q2", periods=60, freq="Q")
    expected = every_regime.irf("nk", history=frame)
    for dated in (
        frame.assign(date=quarters),
        frame.assign(date=quarters.astype(str)),
        frame.assign(date=quarters.to_timestamp()),
        frame.set_index(quarters),
        frame.set_index(quarters.to_timestamp()),
    ):
        assert every_regime.irf("nk", history=dated).equals(expected)
        for wrong in (dated[::-1], dated.drop(index=dated.index[7])):
            with pytest.raises(InputError, match=r"after .* without gaps"):
                every_regime.irf("nk", history=wrong)


SPELLINGS = [
    "1990Q1", "1990-Q1", "1990q1", "Q1 1990", "1990:1", "1990-01-01", "1990-03-31", "1990/01/01",
    "1990-03", "1990M3", "1990.0", "199001", "19900101", "1990-01-01 00:00:00",
]  # fmt: skip


@pytest.mark.parametrize("first", SPELLINGS)
def test_quarters_are_read_in_several_spellings(tmp_path: Path, first: str) -> None:
    file = tmp_path / "us.csv"
    file.write_text(f"DATE,output,inflation,rate\n{first},1,2,3\n1990Q2,4,5,6\n")
    values, dates = read_history(file)
    assert values.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert dates == (4 * 1990, 4 * 1990 + 1)


@pytest.mark.parametrize("name", ["observation_date", "Time", "period", "", "Datum"])
def test_dates_are_found_whatever_they_are_called(tmp_path: Path, name: str) -> None:
    file = tmp_path / "us.csv"
    text = "{},realtime_start,output,inflation,rate\n{},2020-01-15,1,2,3\n{},2020-01-15,4,5,6\n"
    file.write_text(text.format(name, "1990Q1", "1990Q2"))
    assert read_history(file)[1] == (4 * 1990, 4 * 1990 + 1)
    file.write_text(text.format(name, "1990Q2", "1990Q1"))
    with pytest.raises(InputError, match="1990Q1 after 1990Q2"):
        read_history(file)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_cells_may_stand_between_other_separators(tmp_path: Path, separator: str) -> None:
    file = tmp_path / "us.csv"
    text = "\ufeffdate,output,inflation,rate\n1990Q1,1.5,-2,3e-1\n1990Q2,4,5,6\n"
    text = text.replace(",", separator)
    if separator == ";":  # as spreadsheets write where the comma is decimal
        text = text.replace(".", ",")
    file.write_text(text)
    assert read_history(file)[0].tolist() == [[1.5, -2, 0.3], [4, 5, 6]]


def _frame(quarters: int = 60) -> pd.DataFrame:
    dates = pd.period_range("1990Q2", periods=quarters, freq="Q", name="when")
    return pd.DataFrame(random_walk(quarters), dates, columns=["output", "inflation", "rate"])


def _array(frame: pd.DataFrame) -> xr.DataArray:
    frame = frame.set_axis(frame.index.to_timestamp())
    return xr.DataArray(frame, dims=("when", "series"))


NAMED: dict[str, Callable[[pd.DataFrame], object]] = {
    "mapping": lambda frame: {name: frame[name].tolist() for name in frame},
    "mapping of series": lambda frame: {name: frame[name] for name in frame},
    "list of series": lambda frame: [frame[name] for name in frame],
    "list of mappings": lambda frame: [frame],
    "labels in text": lambda frame: frame.set_axis(frame.index.astype(str)),
    "timestamps": lambda frame: frame.set_axis(frame.index.to_timestamp()),
    "decimal years": lambda frame: frame.set_axis(1990.25 + np.arange(len(frame)) / 4),
    "column of dates": lambda frame: frame.reset_index(names="DATE"),
    "year and quarter": lambda frame: frame.reset_index(drop=True).assign(
        year=[float(q.year) for q in frame.index], quarter=[q.quarter for q in frame.index]
    ),
    "array": _array,
    "array on its side": lambda frame: _array(frame).T,
    "set of arrays": lambda frame: _array(frame).to_dataset("series"),
    "table": lambda frame: pa.table(frame.set_axis(frame.index.astype(str)).reset_index()),
    "records": lambda frame: frame.to_records(index=False),
    "nullable": lambda frame: frame.astype("Float64"),
}


@pytest.mark.parametrize("kind", NAMED)
def test_columns_go_by_their_names_wherever_there_are_names(kind: str) -> None:
    frame = _frame()
    found = observe(NAMED[kind](frame[["rate", "output", "inflation"]]))
    np.testing.assert_array_equal(found.values[0], frame)
    known = kind not in ("mapping", "records")
    assert (found.first, found.last) == (("1990Q2", "2005Q1") if known else (None, None))


# Here "decimal years" counts rows anew.
@pytest.mark.parametrize("kind", sorted(NAMED.keys() - {"mapping", "records", "decimal years"}))
def test_dates_are_checked_wherever_there_are_dates(kind: str) -> None:
    for wrong in (_frame()[::-1], _frame().drop(index=_frame().index[7])):
        with pytest.raises(InputError, match=r"after .* without gaps"):
            observe(NAMED[kind](wrong))


def test_rows_without_dates_are_counted_up_by_one() -> None:
    frame = _frame().reset_index(drop=True)
    observe(frame[5:])
    for wrong in (frame[::-1], frame.drop(index=7)):
        with pytest.raises(InputError, match=r"label .* after .*; .* drop these numbers"):
            observe(wrong)
    observe(frame.drop(index=7).reset_index(drop=True))
    panel = _frame().set_axis(pd.MultiIndex.from_product([["US", "DE"], range(30)]))
    with pytest.raises(InputError, match=r"label: expected a quarter .* got \"\('US', 0\)"):
        observe(panel)


def test_dates_that_are_missing_are_named() -> None:
    frame = _frame().reset_index(names="date").astype({"date": object})
    for missing in (pd.NaT, None, float("nan")):
        frame.loc[3, "date"] = missing
        with pytest.raises(InputError, match="row 3: date: expected a quarter"):
            observe(frame)


def test_what_is_masked_is_missing() -> None:
    masked = np.ma.array(random_walk(), mask=False)
    np.testing.assert_array_equal(observe(masked).values[0], random_walk())
    masked[17, 1] = np.ma.masked
    for history in (masked, masked[None], list(masked), [masked, masked]):
        with pytest.raises(InputError, match="inflation is nan in quarter 18"):
            observe(history)


def test_names_that_are_not_there_are_refused() -> None:
    with pytest.raises(InputError, match="has labels among output, inflation, rate"):
        observe(xr.DataArray(random_walk()))
    with pytest.raises(InputError, match="'output' is missing"):
        observe(pd.DataFrame(random_walk()))
    with pytest.raises(InputError, match="'rate' is given twice"):
        observe(_frame()[["output", "inflation", "rate", "rate"]])
    with pytest.raises(InputError, match="equally many quarters, got 60, 61"):
        observe([_frame(), _frame(61)])


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path / "pipe", "a pipe"),
        ("/dev/zero", "device"),
        (tmp_path, "direct"),
    ):
        with pytest.raises(InputError, match=said):
            read_history(path)


def test_the_quarters_used_are_the_last(tmp_path: Path) -> None:
    frame = _frame(260)
    file = tmp_path / "us.csv"
    frame.to_csv(file)
    for found in (observe(frame), observe(file)):
        assert (found.given, found.values.shape) == (260, (1, 200, 3))
        assert (found.first, found.last) == ("2005Q2", "2055Q1")


def test_gaps_are_kept_where_they_are_let_be(tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    rows = [f"{t % 7},{t % 5},{t % 3}" for t in range(250)]
    rows[3] = "1,,2"
    path.write_text("\n".join(["output,inflation,rate", *rows]))
    found = observe(path, gaps=True)
    assert found.values.shape == (1, 250, 3)  # all quarters
    assert np.argwhere(np.isnan(found.values[0])).tolist() == [[3, 1]]
    with pytest.raises(InputError, match="line 5: inflation: empty"):
        observe(path)
    rows[9] = ",,"  # a quarter, where the lines around are none
    path.write_text(
        "\n".join([",,", "output,inflation,rate", "", *rows[:20], " ", *rows[20:], ",,"])
    )
    again = observe(path, gaps=True).values
    assert np.argwhere(np.isnan(again[0])).tolist() == [[3, 1], [9, 0], [9, 1], [9, 2]]
    assert np.array_equal(again[0, 10:], found.values[0, 10:])
    array = found.values[0].copy()
    array[:, 2] = np.nan
    assert np.isnan(observe(array, gaps=True).values[0, :, 2]).all()
    with pytest.raises(InputError, match="inflation is nan"):
        observe(array[:, [0, 2, 1]])
    with pytest.raises(InputError, match="no number"):
        observe(np.full((50, 3), np.nan), gaps=True)
    array[1, 0] = np.inf
    with pytest.raises(InputError, match="output is inf"):
        observe(array, gaps=True)
