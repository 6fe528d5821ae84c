"""Answers from histories, and bands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import emulator
from emulator.errors import InputError
from emulator.inference.histories import read_history
from emulator.models.baselines.mlp import MLPConfig
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


@pytest.mark.parametrize("first", ["1990Q1", "1990-Q1", "1990q1", "1990-01-01", "1990-03-31"])
def test_quarters_are_read_in_several_spellings(tmp_path: Path, first: str) -> None:
    file = tmp_path / "us.csv"
    file.write_text(f"date,output,inflation,rate\n{first},1,2,3\n1990Q2,4,5,6\n")
    assert read_history(file).tolist() == [[1, 2, 3], [4, 5, 6]]
