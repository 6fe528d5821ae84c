"""The public object: names, units, shapes, and what it refuses."""

from __future__ import annotations

import inspect
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import emulator
from emulator.errors import EmulatorError, InputError, UnknownNameError, WeightsError
from emulator.inference.histories import read_history
from emulator.models.baselines.mlp import MLPConfig
from emulator.models.universal import UniversalConfig
from tests.conftest import TINY_MODEL

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(run_path: Path) -> emulator.Emulator:
    return emulator.load(run_path)


@pytest.fixture(scope="module")
def state_dependent_weights() -> emulator.Emulator:
    """Weights of a linear and a nonlinear world, never trained, none of them zero."""
    specs = [emulator.get_world(name).spec for name in ("nk", "zlb")]
    made = UniversalConfig.model_validate(TINY_MODEL).build(specs, 12)
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for part in made.parameters():
            part.add_(0.05 * torch.randn(part.shape, generator=rng))
    return emulator.Emulator(made, {"regime": "all"})


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
    # A batch of another size may round differently: float32 products.
    np.testing.assert_allclose(batch[0], one, rtol=1e-4, atol=1e-6)
    assert model.irf("nk", theta[None]).dims == batch.dims


def test_the_response_is_to_the_whole_shock(model: emulator.Emulator) -> None:
    one, minus_two = (model.irf("nk", shock="demand", size=s) for s in (1.0, -2.0))
    np.testing.assert_allclose(minus_two, -2.0 * one, rtol=1e-6)
    assert minus_two.attrs["size"] == -2.0


def test_many_draws_are_answered_in_chunks(
    model: emulator.Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    theta = emulator.get_world("var").sample_parameters(50, np.random.default_rng(0))
    whole = model.irf("var", theta)
    monkeypatch.setattr("emulator.inference.emulator.CHUNK", 7)
    np.testing.assert_allclose(model.irf("var", theta), whole, rtol=1e-4, atol=1e-6)


def test_many_draws_need_little_memory_beside_the_answer(every_regime: emulator.Emulator) -> None:
    theta = emulator.get_world("nk").sample_parameters(20_000, np.random.default_rng(0))
    history = _history(200)  # one for all: 96 MB if it were copied for every draw
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


@pytest.mark.parametrize("world", ["nk", "zlb"])
@pytest.mark.parametrize(
    ("theta", "history", "state_dependent"),
    [(True, False, False), (True, True, True), (False, True, False), (False, True, True)],
)
def test_one_shock_alone_is_that_shock_among_all(
    state_dependent_weights: emulator.Emulator, world: str, theta: bool, history: bool,
    state_dependent: bool,
) -> None:  # fmt: skip
    economy = emulator.get_world(world)
    given: dict[str, Any] = {
        "theta": economy.sample_parameters(20, np.random.default_rng(0)) if theta else None,
        "history": _history(60, 20) if history else None,
        "state_dependent": state_dependent, "size": -1.5, "horizon": 20,
    }  # fmt: skip
    model = state_dependent_weights
    for bands in (False, True):
        every = model.respond(world, **given, bands=bands).values
        for k, shock in enumerate(economy.shock_names):
            alone = model.respond(world, **given, bands=bands, shock=shock).values
            # A batch of another size may round differently: float32 products.
            np.testing.assert_allclose(alone[:, 0], every[:, k], rtol=1e-6, atol=1e-6)


def test_one_shock_of_a_model_that_mixes_sizes_is_answered_among_all(
    state_dependent_weights: emulator.Emulator,
) -> None:
    specs = list(state_dependent_weights.model.specs.values())
    torch.manual_seed(0)
    mixing = MLPConfig(hidden_dim=8).build(specs, 12)
    plain = emulator.Emulator(mixing, state_dependent_weights.provenance)
    every = plain.respond("zlb", size=2.0, horizon=12).values
    alone = plain.respond("zlb", size=2.0, horizon=12, shock="demand").values
    np.testing.assert_array_equal(alone[:, 0], every[:, 1])


def test_draws_out_of_bounds_are_flagged(model: emulator.Emulator) -> None:
    assert model.irf("nk").attrs["out_of_bounds"] == ""
    outside = {"phi_pi": 9.0, "sigma": 3.0}
    assert model.irf("nk", outside).attrs["out_of_bounds"] == "sigma; phi_pi"
    assert model.respond("nk", outside).attrs["out_of_bounds"] == ["sigma", "phi_pi"]


def test_an_answer_can_be_written_to_a_file_and_read_back(
    every_regime: emulator.Emulator, tmp_path: Path
) -> None:
    odd = {**every_regime.provenance, "seed": 2**40, "resumed": True, "parent": None}
    model = emulator.Emulator(every_regime.model, odd)
    theta = pd.DataFrame({"phi_pi": [1.5, 9.0]})
    history = _history(80)
    history[:, 0] *= 50.0
    answer = model.irf("nk", theta, history=history, bands=True, horizon=8)
    assert answer.attrs["unusual"]
    answer.to_netcdf(tmp_path / "answer.nc")
    with xr.open_dataarray(tmp_path / "answer.nc") as read:
        xr.testing.assert_equal(read, answer)
        assert read.attrs == answer.attrs
    answer.sel(shock="monetary").to_netcdf(tmp_path / "one.nc")


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        (("nkk",), UnknownNameError, "did you mean 'nk'"),
        (("nk", {"phi_p": 2.0}), UnknownNameError, "did you mean 'phi_pi'"),
        (("nk", {"phi_pi": "two"}), InputError, "expected a number"),
        (("nk", {"phi_pi": None}), InputError, "expected a number"),
        (("nk", {"phi_pi": float("nan")}), InputError, "phi_pi is nan"),
        (("nk", np.zeros(5)), InputError, "12 parameters"),
        (("nk", np.zeros((2, 3, 4))), InputError, "12 parameters"),
        (("nk", pd.DataFrame({"phi": [1.0]})), UnknownNameError, "phi_pi"),
        (("nk", pd.DataFrame({"phi_pi": ["x"]})), InputError, "column of numbers"),
        (("nk", "phi_pi=2"), InputError, "mapping"),
        (("nk", [[1.0, None]]), InputError, "theta"),
    ],
)
def test_bad_parameters_are_refused(
    model: emulator.Emulator, arguments: tuple, error: type[EmulatorError], expected: str
) -> None:
    with pytest.raises(error, match=expected):
        model.irf(*arguments)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"shock": "monetry"}, "did you mean 'monetary'"),
        ({"horizon": -1}, "0 to 80"),
        ({"horizon": 81}, "0 to 80"),
        ({"horizon": 2.5}, "0 to 80"),
        ({"size": 0.0}, "other than zero"),
        ({"size": float("inf")}, "size"),
        ({"size": 1e300}, "size"),
    ],
)
def test_bad_options_are_refused(model: emulator.Emulator, options: dict, expected: str) -> None:
    with pytest.raises(EmulatorError, match=expected):
        model.irf("nk", **options)


@pytest.mark.parametrize("regime", ["C", "B1"])
def test_weights_of_another_regime_do_not_answer_from_parameters_alone(
    model: emulator.Emulator, regime: str
) -> None:
    other = emulator.Emulator(model.model, {**model.provenance, "regime": regime})
    with pytest.raises(InputError, match=f"trained in regime {regime}"):
        other.irf("nk")
    mixed = emulator.Emulator(model.model, {**model.provenance, "regime": "all"})
    assert mixed.irf("nk").attrs["regime"] == "A"


def test_without_weights_load_says_how_to_get_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.inference.emulator.PRETRAINED", tmp_path)
    with pytest.raises(WeightsError, match="emulator train CONFIG"):
        emulator.load()


# --------------------------------------------------------------------- histories and bands


@pytest.fixture
def every_regime(model: emulator.Emulator) -> emulator.Emulator:
    """The same weights as if trained in every regime: what is asked here holds for any weights."""
    return emulator.Emulator(model.model, {**model.provenance, "regime": "all"})


def _history(quarters: int = 60, draws: int | None = None) -> np.ndarray:
    shape = (quarters, 3) if draws is None else (draws, quarters, 3)
    return np.random.default_rng(0).normal(size=shape).cumsum(axis=-2) * 0.2


def test_what_is_given_decides_the_regime(every_regime: emulator.Emulator) -> None:
    ask, history = every_regime.irf, _history()
    assert ask("nk").attrs["regime"] == "A"
    assert ask("nk", {"phi_pi": 2.0}).attrs["regime"] == "A"
    assert ask("nk", {}, history=history).attrs["regime"] == "C"
    assert ask("nk", history=history).attrs["regime"] == "B1"
    assert ask(history=history, shock="monetary").attrs["regime"] == "B2"


def test_frames_and_arrays_of_a_history_say_the_same(every_regime: emulator.Emulator) -> None:
    history = _history()
    frame = pd.DataFrame(history, columns=["output", "inflation", "rate"])
    shuffled = frame[["rate", "output", "inflation"]].assign(quarter=range(60))
    a = every_regime.irf("nk", history=history)
    assert a.equals(every_regime.irf("nk", history=shuffled))


def test_one_history_stands_for_all_draws_and_one_theta_for_all_histories(
    every_regime: emulator.Emulator,
) -> None:
    histories = _history(draws=3)
    many = every_regime.irf("nk", {}, history=histories)
    assert many.sizes["draw"] == 3
    one = every_regime.irf("nk", {}, history=histories[1])
    np.testing.assert_allclose(many.sel(draw=1), one, rtol=1e-4, atol=1e-5)
    theta = emulator.get_world("nk").sample_parameters(3, np.random.default_rng(0))
    assert every_regime.irf("nk", theta, history=histories[0]).sizes["draw"] == 3
    with pytest.raises(InputError, match="2 draws and history 3"):
        every_regime.irf("nk", theta[:2], history=histories)


def test_only_the_last_200_quarters_are_used(every_regime: emulator.Emulator) -> None:
    long = _history(260)
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


def test_a_history_in_other_units_is_flagged(every_regime: emulator.Emulator) -> None:
    scale = every_regime.model.scales("nk").path.numpy()
    history = np.random.default_rng(0).normal(size=(80, 3)) * scale
    assert every_regime.irf("nk", history=history).attrs["other_units"] == ""
    history[:, 2] /= 400.0  # the quarterly fraction instead of annualised points
    assert every_regime.irf("nk", history=history).attrs["other_units"] == "rate"


def test_what_sets_a_history_apart_is_said(every_regime: emulator.Emulator) -> None:
    scale = every_regime.model.scales("nk").path.numpy()
    history = np.random.default_rng(0).normal(size=(80, 3)) * scale
    assert every_regime.irf("nk", history=history).attrs["unusual"] == ""
    history[:, 0] *= 8.0
    history[:, 2] += 4.0 * scale[2]  # the level, not the deviation from its mean
    said = every_regime.respond("nk", history=history).attrs["unusual"]
    assert [sentence.split()[0] for sentence in said] == ["output", "rate", "rate"]
    assert "one side of zero in 100 %" in said[2]
    assert every_regime.irf("nk", history=history).attrs["other_units"] == ""


def test_a_csv_file_is_a_history(every_regime: emulator.Emulator, tmp_path: Path) -> None:
    history = _history().round(4)
    frame = pd.DataFrame(history, columns=["output", "inflation", "rate"])
    frame.insert(0, "date", pd.period_range("1990Q2", periods=60, freq="Q").astype(str))
    frame["unemployment"] = "n.a."
    frame.to_csv(tmp_path / "us.csv", index=False)
    asked = every_regime.irf("nk", history=tmp_path / "us.csv")
    assert asked.equals(every_regime.irf("nk", history=history))
    assert asked.equals(every_regime.irf("nk", history=str(tmp_path / "us.csv")))


def test_dates_of_a_frame_are_checked_like_those_of_a_file(every_regime: emulator.Emulator) -> None:
    frame = pd.DataFrame(_history(), columns=["output", "inflation", "rate"])
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


# --------------------------------------------------------------------- tensors


def test_tensors_give_the_numbers_of_irf(every_regime: emulator.Emulator) -> None:
    world = emulator.get_world("nk")
    theta = world.sample_parameters(5, np.random.default_rng(0))
    history = _history(draws=5)
    for known in (None, history):
        expected = every_regime.irf("nk", theta, size=-2.0, horizon=20, history=known)
        given = None if known is None else torch.tensor(known)
        tensor = every_regime.irf_torch(
            "nk", torch.tensor(theta), size=-2.0, horizon=20, history=given
        )
        assert tensor.dtype == torch.float64
        # Over a history torch fuses attention where no gradients are kept: float32 rounding.
        slack = 0.0 if known is None else 1e-4
        np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=slack, atol=slack)


def test_gradients_are_the_slopes_of_irf(model: emulator.Emulator) -> None:
    theta = torch.tensor(emulator.get_world("nk").pack()[None]).requires_grad_()
    out = model.irf_torch("nk", theta, horizon=8)[0, 0, 4, 1]  # inflation after a monetary shock
    (gradient,) = torch.autograd.grad(out, theta)
    for name in ("phi_pi", "kappa", "sigma_m"):
        place = model.spec("nk").parameter_names.index(name)
        value = theta[0, place].item()
        step = 0.01 * value  # float32: smaller steps drown in rounding
        ends = []
        for sign in (1.0, -1.0):
            moved = {name: value + sign * step}
            ends.append(float(model.irf("nk", moved, horizon=8)[0, 4, 1]))
        slope = (ends[0] - ends[1]) / (2.0 * step)
        assert gradient[0, place].item() == pytest.approx(slope, rel=0.02, abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nkk", torch.zeros(1, 12)), "did you mean 'nk'"),
        (("nk", torch.zeros(12)), r"shape \(B, 12\), got \(12,\)"),
        (("nk", torch.zeros(2, 11)), r"got \(2, 11\)"),
    ],
)
def test_tensors_of_wrong_shapes_are_refused(
    model: emulator.Emulator, arguments: tuple, expected: str
) -> None:
    with pytest.raises(EmulatorError, match=expected):
        model.irf_torch(*arguments)


def test_tensors_need_weights_of_the_regime(model: emulator.Emulator) -> None:
    theta = torch.tensor(emulator.get_world("nk").pack()[None])
    history = torch.tensor(_history(draws=1))
    with pytest.raises(InputError, match="trained in regime A"):
        model.irf_torch("nk", theta, history=history)
    mixed = emulator.Emulator(model.model, {**model.provenance, "regime": "all"})
    with pytest.raises(InputError, match=r"expected shape \(1, L, 3\)"):
        mixed.irf_torch("nk", theta, history=history[0])


def _gap() -> np.ndarray:
    history = _history()
    history[17, 1] = np.nan
    return history


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"history": _history(39)}, "39 quarters are too few, 40"),
        ({"history": _history()[:, :2]}, r"got \(60, 2\)"),
        ({"history": _gap()}, "inflation is nan in quarter 18"),
        ({"history": np.ones((50, 3))}, "output never changes"),
        ({"history": pd.DataFrame(_history(), columns=["output", "inflaton", "rate"])},
         "is it 'inflaton'"),
        ({"history": pd.DataFrame({"output": ["a"], "inflation": [1], "rate": [1]})}, "numbers"),
        ({"history": "missing.csv"}, "missing.csv: No such file"),
        ({"history": 1.0}, r"got \(\)"),
        ({"state_dependent": True}, "needs the history"),
    ],
)  # fmt: skip
def test_bad_histories_are_refused(
    every_regime: emulator.Emulator, options: dict, expected: str
) -> None:
    with pytest.raises(EmulatorError, match=expected):
        every_regime.irf("nk", **options)


def test_without_a_world_a_shock_must_be_named(every_regime: emulator.Emulator) -> None:
    with pytest.raises(InputError, match="name one of"):
        every_regime.irf(history=_history())
    with pytest.raises(EmulatorError, match="did you mean 'monetary'"):
        every_regime.irf(history=_history(), shock="monetry")
    with pytest.raises(InputError, match="without a world"):
        every_regime.irf(theta={"phi_pi": 2.0}, history=_history())


def test_shipped_weights_are_found_by_name(
    run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run_path, tmp_path / "small")
    monkeypatch.setattr("emulator.inference.emulator.PRETRAINED", tmp_path)
    assert emulator.load("small").worlds == emulator.load(run_path).worlds
