"""The public object: names, units, shapes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import emulator
from emulator.errors import EmulatorError, InputError, UnknownNameError, WeightsError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(run_path: Path) -> emulator.Emulator:
    return emulator.load(run_path)


def test_one_draw_and_one_shock_drop_their_dims(model: emulator.Emulator) -> None:
    data = model.irf("nk", {"phi_pi": 2.0}, shock="monetary", horizon=8)
    assert data.dims == ("horizon", "observable")
    assert data.attrs["shock"] == "monetary"
    assert data.attrs["units"]["inflation"] == "annualised percentage points"
    assert {"commit", "config_sha", "data_sha", "weights_sha256"} <= data.attrs.keys()
    every = model.irf("nk", {"phi_pi": 2.0}, horizon=8)
    assert every.dims == ("shock", "horizon", "observable")
    np.testing.assert_array_equal(every.sel(shock="monetary"), data)


def test_mappings_arrays_and_frames_say_the_same(model: emulator.Emulator) -> None:
    world = emulator.get_world("nk")
    theta = world.pack({"phi_pi": 2.0, "kappa": 0.05})
    one = model.irf("nk", {"phi_pi": 2.0, "kappa": 0.05})
    np.testing.assert_array_equal(model.irf("nk", theta), one)
    batch = model.irf("nk", np.stack([theta, world.pack()]))
    assert batch.dims == ("draw", "shock", "horizon", "observable")
    frame = pd.DataFrame({"kappa": [0.05, 0.1], "phi_pi": [2.0, 1.5]})
    np.testing.assert_array_equal(model.irf("nk", frame), batch)
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
    monkeypatch.setattr("emulator.inference.CHUNK", 7)
    np.testing.assert_allclose(model.irf("var", theta), whole, rtol=1e-4, atol=1e-6)


def test_draws_out_of_bounds_are_flagged(model: emulator.Emulator) -> None:
    assert model.irf("nk").attrs["out_of_bounds"] == []
    assert model.irf("nk", {"phi_pi": 9.0, "sigma": 3.0}).attrs["out_of_bounds"] == [
        "sigma",
        "phi_pi",
    ]


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


def test_beyond_the_trained_horizon_there_is_no_jump(model: emulator.Emulator) -> None:
    """The trained horizon is 12: the step after it is like the steps before it."""
    data = abs(model.irf("nk", horizon=30).diff("horizon"))
    before = data.sel(horizon=slice(8, 12)).max("horizon")
    assert bool((data.sel(horizon=13) <= 3 * before + 1e-3).all())


def test_without_weights_load_says_how_to_get_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.inference.PRETRAINED", tmp_path)
    with pytest.raises(WeightsError, match="emulator train CONFIG"):
        emulator.load()
