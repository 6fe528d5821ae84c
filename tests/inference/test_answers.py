"""Answers from parameters: names, units, shapes, labels, files."""

from __future__ import annotations

import inspect
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import emulator
from tests.inference.histories import random_walk

pytestmark = pytest.mark.slow


def test_one_draw_and_one_shock_drop_their_dims(model: emulator.Emulator) -> None:
    data = model.irf("nk", {"phi_pi": 2.0}, shock="monetary", horizon=8)
    assert data.dims == ("horizon", "observable")
    assert data.attrs["shock"] == "monetary"
    assert "inflation: annualised percentage points; rate: " in data.attrs["units"]
    assert {"commit", "config_sha", "data_sha", "weights_sha256"} <= data.attrs.keys()
    every = model.irf("nk", {"phi_pi": 2.0}, horizon=8)
    assert every.dims == ("shock", "horizon", "observable")
    np.testing.assert_allclose(every.sel(shock="monetary"), data, rtol=1e-6, atol=1e-6)


def test_mappings_arrays_and_frames_say_the_same(model: emulator.Emulator) -> None:
    world = emulator.get_world("nk")
    theta = world.pack({"phi_pi": 2.0, "kappa": 0.05})
    one = model.irf("nk", {"phi_pi": 2.0, "kappa": 0.05})
    np.testing.assert_array_equal(model.irf("nk", theta), one)
    batch = model.irf("nk", np.stack([theta, world.pack()]))
    assert batch.dims == ("draw", "shock", "horizon", "observable")
    frame = pd.DataFrame({"kappa": [0.05, 0.1], "phi_pi": [2.0, 1.5]})
    np.testing.assert_array_equal(model.irf("nk", frame), batch)
    # A Series goes by its labels, not by the order they come in.
    series = pd.Series(theta, index=world.parameter_names)[::-1]
    np.testing.assert_array_equal(model.irf("nk", series), one)
    labelled = xr.DataArray([series, series[::-1][series.index]], dims=("draw", "parameter"),
                            coords={"parameter": list(series.index)})  # fmt: skip
    two = model.irf("nk", np.stack([theta, theta]))
    for rows in (labelled, labelled.T, [series, series[::-1]], pd.DataFrame([series, series])):
        np.testing.assert_array_equal(model.irf("nk", rows), two)
    np.testing.assert_array_equal(
        model.irf("nk", np.stack([world.pack(), theta])[::-1]),
        batch,  # strides below zero
    )
    # A batch of another size may round differently: float32 products.
    np.testing.assert_allclose(batch[0], one, rtol=1e-4, atol=1e-6)
    assert model.irf("nk", theta[None]).dims == batch.dims


def test_many_draws_are_answered_in_chunks(
    model: emulator.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    theta = emulator.get_world("var").sample_parameters(50, np.random.default_rng(0))
    whole = model.irf("var", theta)
    monkeypatch.setattr("emulator.inference.emulator.DRAWS_AT_ONCE", 7)
    np.testing.assert_allclose(model.irf("var", theta), whole, rtol=1e-4, atol=1e-6)


def test_many_draws_need_little_memory_beside_the_answer(every_regime: emulator.Emulator) -> None:
    theta = emulator.get_world("nk").sample_parameters(20_000, np.random.default_rng(0))
    history = random_walk(200)  # one for all: 96 MB if it were copied for every draw
    # tracemalloc sees NumPy's memory, not torch's, which a chunk bounds.
    tracemalloc.start()
    answer = every_regime.irf("nk", theta, horizon=12)
    alone = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    every_regime.irf("nk", theta[:2000], history=history, shock="demand", horizon=4)
    with_history = tracemalloc.get_traced_memory()[1] - answer.nbytes
    tracemalloc.stop()
    assert alone < 1.3 * answer.nbytes
    assert with_history < 8e6  # the answer and a few chunks


def test_labels_of_one_answer_are_not_those_of_the_next(model: emulator.Emulator) -> None:
    first = model.irf("nk", horizon=3)
    first["horizon"] = [10, 11, 12, 13]
    first["shock"].attrs["note"] = "mine"
    first.attrs["units"] = "furlongs"
    second = model.irf("nk", horizon=3)
    assert second["horizon"].to_numpy().tolist() == [0, 1, 2, 3]
    assert second["shock"].attrs == {}
    assert second.attrs["units"].startswith("output: percent; ")


def test_arrays_without_labels_are_those_of_irf(every_regime: emulator.Emulator) -> None:
    plain = every_regime.respond("nk", shock="demand", bands=True, horizon=8)
    labelled = every_regime.irf("nk", shock="demand", bands=True, horizon=8)
    assert plain.values.shape == (1, 1, 9, 3, 5)
    np.testing.assert_array_equal(plain.values[0, 0], labelled)
    assert plain.attrs.keys() == labelled.attrs.keys()
    assert plain.attrs["units"]["inflation"] == "annualised percentage points"


def test_irf_shows_the_arguments_of_respond() -> None:
    shown = inspect.signature(emulator.Emulator.irf)
    assert shown.parameters == inspect.signature(emulator.Emulator.respond).parameters
    assert list(shown.parameters)[:4] == ["self", "world", "theta", "shock"]
    assert shown.return_annotation == "xr.DataArray"


def test_draws_that_training_left_out_are_told(model: emulator.Emulator) -> None:
    """phi_pi above 3.25 is the slice of `nk` in the data trained on; bounds go up to 3.5."""

    def said(weights: emulator.Emulator, phi_pi: float) -> list[str]:
        return [str(found) for found in weights.respond("nk", {"phi_pi": phi_pi}).attrs["caveats"]]

    assert said(model, 3.25) == []
    assert said(model, 3.3)[0].startswith("held_out: phi_pi above 3.25 was held out")
    rules = [{"parameter": "phi_pi", "below": 1.2}, {"statistic": "largest_root", "above": 0.99}]
    below = emulator.Emulator(model.model, {**model.provenance, "held_out": {"nk": rules}})
    assert said(below, 3.3) == []
    assert said(below, 1.1)[0].startswith("held_out: phi_pi below 1.2 was held out")
    none = emulator.Emulator(model.model, {"regime": "A"})  # weights that say nothing of it
    assert said(none, 3.3) == []


def test_the_horizon_is_the_one_trained_on_unless_asked_for(model: emulator.Emulator) -> None:
    assert model.irf("nk").sizes["horizon"] == model.model.horizon + 1
    assert model.irf("nk", horizon=40).sizes["horizon"] == 41


def test_an_answer_can_be_written_to_a_file_and_read_back(
    every_regime: emulator.Emulator, tmp_path: Path
) -> None:
    odd = {**every_regime.provenance, "seed": 2**40, "resumed": True, "parent": None}
    model = emulator.Emulator(every_regime.model, odd)
    theta = pd.DataFrame({"phi_pi": [1.5, 9.0]})
    history = random_walk(80)
    history[:, 0] *= 50.0
    answer = model.irf("nk", theta, history=history, bands=True, horizon=8)
    assert answer.attrs["caveats"]
    answer.to_netcdf(tmp_path / "answer.nc")
    with xr.open_dataarray(tmp_path / "answer.nc") as read:
        xr.testing.assert_equal(read, answer)
        assert read.attrs == answer.attrs
    answer.sel(shock="monetary").to_netcdf(tmp_path / "one.nc")


def test_shipped_weights_are_found_by_name(
    run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run_path, tmp_path / "small")
    monkeypatch.setattr("emulator.models.weights.PRETRAINED", tmp_path)
    assert emulator.load("small").worlds == emulator.load(run_path).worlds
