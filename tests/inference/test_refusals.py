"""What cannot be answered is refused by name, with what was expected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import emulator
from emulator.errors import EmulatorError, InputError, UnknownNameError, WeightsError
from tests.inference.histories import random_walk

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("arguments", "error", "expected"),
    [
        (("nkk",), UnknownNameError, "did you mean 'nk'"),
        (("hank",), UnknownNameError, r"these weights know .*load\('hank'\) has those"),
        (("nk", {"phi_p": 2.0}), UnknownNameError, "did you mean 'phi_pi'"),
        (("nk", {"phi_pi": "two"}), InputError, "expected a number"),
        (("nk", {"phi_pi": None}), InputError, "expected a number"),
        (("nk", {"phi_pi": float("nan")}), InputError, "phi_pi is nan"),
        (("nk", np.zeros(5)), InputError, "12 parameters"),
        (("nk", np.zeros((2, 3, 4))), InputError, "12 parameters"),
        (("nk", pd.DataFrame({"phi": [1.0]})), UnknownNameError, "phi_pi"),
        (("nk", pd.DataFrame({"phi_pi": ["x"]})), InputError, "column of numbers"),
        (("nk", "phi_pi=2"), InputError, "mapping"),
        (("nk", pd.Series([1.5, 2.0], ["phi_pi", "phi_pi"])), InputError, "given twice"),
        (("nk", pd.DataFrame({"phi_pi": [pd.NaT]})), InputError, "column of numbers"),
        (("nk", pd.DataFrame({"phi_pi": [True]})), InputError, "column of numbers"),
        (("nk", {"phi_pi": True}), InputError, "expected a number, got True"),
        (("nk", np.ones(12, bool)), InputError, "theta: expected"),
        (("nk", np.ma.masked_less(np.ones((2, 12)), 2.0)), InputError, "beta is nan in draw 0"),
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
    monkeypatch.setattr("emulator.models.weights.PRETRAINED", tmp_path)
    with pytest.raises(WeightsError, match="emulator train CONFIG"):
        emulator.load()


def _gap() -> np.ndarray:
    history = random_walk()
    history[17, 1] = np.nan
    return history


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"history": random_walk(39)}, "39 quarters are too few, 40"),
        ({"history": random_walk()[:, :2]}, r"got \(60, 2\)"),
        ({"history": _gap()}, "inflation is nan in quarter 18"),
        ({"history": np.ones((50, 3))}, "output never changes"),
        ({"history": pd.DataFrame(random_walk(), columns=["output", "inflaton", "rate"])},
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
        every_regime.irf(history=random_walk())
    with pytest.raises(EmulatorError, match="did you mean 'monetary'"):
        every_regime.irf(history=random_walk(), shock="monetry")
    with pytest.raises(InputError, match="without a world"):
        every_regime.irf(theta={"phi_pi": 2.0}, history=random_walk())
