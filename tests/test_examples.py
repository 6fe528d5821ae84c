"""Examples run, and find what they say they find."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import emulator
from emulator.inference.histories import read_history
from tests.conftest import ROOT
from tests.scripts import script
from tests.weights import in_every_regime

pytestmark = pytest.mark.slow


def _example(name: str) -> ModuleType:
    return script(ROOT / "examples" / f"{name}.py")


@pytest.fixture
def weights(run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights that answer in every regime, in a working directory of their own."""
    monkeypatch.chdir(tmp_path)
    return in_every_regime(run_path, tmp_path / "weights")


def test_the_example_on_us_data_runs(
    every_world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["us_data.py", "--weights", str(every_world)])
    _example("us_data").main()
    out = capsys.readouterr().out
    for label in ("emulator, nk", "VAR", "local projections"):
        assert f"{label} (output, inflation, rate)" in out
    assert Path("us.png").read_bytes()[:4] == b"\x89PNG"


def test_us_data_are_in_the_units_of_the_worlds(tmp_path: Path) -> None:
    frame = _example("us_data").us_history()
    assert frame["date"].iloc[0] == "1959Q2"
    assert frame["date"].iloc[-1] == "2008Q3"
    # 1980: double-digit inflation and bill rates above 14 percent; 1982: a deep recession.
    by_date = frame.set_index("date")
    assert by_date.loc["1980Q1", "inflation"] > 10.0
    assert by_date.loc["1981Q2", "rate"] > 8.0
    assert -6.0 < by_date.loc["1982Q4", "output"] < -2.0
    assert frame[["inflation", "rate"]].mean().abs().max() < 1e-12
    frame.to_csv(tmp_path / "us.csv", index=False)
    np.testing.assert_allclose(
        read_history(tmp_path / "us.csv")[0], frame.drop(columns="date"), rtol=1e-12
    )


def test_the_recursive_var_is_statsmodels(tmp_path: Path) -> None:
    from statsmodels.tsa.api import VAR

    example = _example("us_data")
    history = example.us_history()[["output", "inflation", "rate"]].to_numpy()
    responses = example.recursive_responses(history, 12)
    np.testing.assert_array_equal(responses["VAR"][0], responses["local projections"][0])
    np.testing.assert_array_equal(responses["VAR"][0, :2], 0.0)  # the rate comes last
    fits = [VAR(history).fit(lags) for lags in range(1, 9)]
    matches = [
        np.allclose(responses["VAR"] / responses["VAR"][0, 2], o[:, :, 2] / o[0, 2, 2], atol=1e-6)
        for o in (fit.irf(12).orth_irfs for fit in fits)
    ]
    assert sum(matches) == 1


def test_matching_finds_the_parameters_behind_emulated_responses(weights: Path) -> None:
    """The target is the emulator's own, so that its error has no part in it."""
    example = _example("match_responses")
    model = emulator.load(weights)
    truth = {"kappa": 0.06, "rho_m": 0.3}
    target = model.irf("nk", truth, horizon=12).to_numpy()
    found = example.match(model, "nk", target, list(truth))
    for name, value in truth.items():
        assert found[name] == pytest.approx(value, abs=0.01), name


def test_exact_matching_finds_the_parameters_behind_exact_responses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    example = _example("match_responses")
    monkeypatch.setattr(example, "STARTS", 4)
    world = emulator.get_world("nk")
    truth = {"kappa": 0.06, "phi_pi": 2.0, "rho_i": 0.7}
    target = world.irf(world.pack(truth), horizon=12).values[0]
    found = example.match_exactly("nk", target, list(truth))
    for name, value in truth.items():
        assert found[name] == pytest.approx(value, rel=1e-4), name
