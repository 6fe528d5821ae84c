"""`emulator irf` from data and with bands; `emulator compare`."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import emulator
import emulator.worlds
from emulator.cli.app import run
from emulator.worlds import from_dynare
from emulator.worlds.dynare import write_world

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated economy as a user would hand it over."""
    world = emulator.get_world("nk")
    eps = np.random.default_rng(3).normal(size=(1, 160, 3))
    frame = pd.DataFrame(
        world.simulate(world.pack(), eps).observables[0], columns=["output", "inflation", "rate"]
    )
    frame.insert(0, "date", pd.period_range("1980Q1", periods=160, freq="Q").astype(str))
    path = tmp_path_factory.mktemp("history") / "us.csv"
    frame.to_csv(path, index=False)
    return path


def test_responses_from_data_match_the_api(
    every_regime: Path, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = emulator.load(every_regime)
    base = ["--history", str(history), "--weights", str(every_regime), "--format", "json"]
    base += ["--horizon", "12"]
    for arguments, regime, expected in (
        (["nk"], "B1", model.irf("nk", history=history, shock="monetary", horizon=12)),
        (["nk", "--set", "phi_pi=2"], "C",
         model.irf("nk", {"phi_pi": 2.0}, history=history, shock="monetary", horizon=12)),
        ([], "B2", model.irf(history=history, shock="monetary", horizon=12)),
    ):  # fmt: skip
        assert run(["irf", *arguments, "--shock", "monetary", *base]) == 0
        captured = capsys.readouterr()
        answer = json.loads(captured.out)
        assert answer["regime"] == regime
        np.testing.assert_array_equal(
            answer["emulator"]["rate"], expected.sel(observable="rate"), regime
        )
        assert captured.err == ""


@pytest.mark.figures
def test_bands_are_printed_written_and_drawn(
    every_regime: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["irf", "nk", "--bands", "--weights", str(every_regime), "--horizon", "8"]
    expected = emulator.load(every_regime).irf("nk", bands=True, horizon=8)
    assert run([*ask, "--format", "json"]) == 0
    bands = json.loads(capsys.readouterr().out)["bands"]["emulator"]
    demand = expected.sel(shock="demand", observable="rate", quantile=0.95)
    np.testing.assert_array_equal(bands["demand"]["0.95"]["rate"], demand)
    plain, shaded = tmp_path / "plain.png", tmp_path / "shaded.png"
    assert run([*ask, "--format", "csv", "--plot", str(shaded)]) == 0
    frame = pd.read_csv(StringIO(capsys.readouterr().out))
    assert list(frame.columns[-5:]) == ["q05", "q25", "q50", "q75", "q95"]
    rows = frame[(frame["shock"] == "demand") & (frame["observable"] == "rate")]
    np.testing.assert_allclose(rows["q95"], demand, rtol=1e-12)
    assert run([*ask, "--plot", str(plain)]) == 0
    low = expected.sel(shock="demand", observable="output", quantile=0.05)[0]
    assert f"[{float(low):.3f}, " in capsys.readouterr().out
    ask.remove("--bands")
    assert run([*ask, "--plot", str(plain)]) == 0
    assert plain.read_bytes() != shaded.read_bytes()


def test_bands_of_whole_curves_are_asked_for_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["irf", "nk", "--shock", "demand", "--horizon", "8", "--format", "json"]
    assert run([*ask, "--simultaneous"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert run([*ask, "--bands"]) == 0
    points = json.loads(capsys.readouterr().out)
    held = ("whole curves up to quarter 40", "quarters")  # the last trained on, not the 8 asked for
    assert (whole["bands_of"], points["bands_of"]) == held
    tops = (found["bands"]["emulator"]["0.95"]["rate"] for found in (whole, points))
    assert np.all(np.subtract(*tops) > 0.0)


@pytest.mark.parametrize("options", [[], ["--bands"], ["--simultaneous"]])
def test_the_shipped_weights_have_seen_the_whole_prior_and_warn_of_no_part_of_it(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Of others' hold-outs tests/test_trust.py has the sentences."""
    assert run(["irf", "rbc", "--set", "rho_a=0.98", *options]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    whole = "90 % bands of whole curves up to quarter 40 in"
    brackets = {"--bands": "90 % bands in", "--simultaneous": whole}
    for option, words in brackets.items():
        assert (f"{words} brackets" in " ".join(said.out.split())) == (options == [option])


def test_a_history_can_be_where_the_response_starts(
    every_regime: Path, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["irf", "nk", "--history", str(history), "--weights", str(every_regime)]
    ask += ["--state-dependent", "--format", "json"]
    assert run(ask) == 0
    assert json.loads(capsys.readouterr().out)["from"] == "history"


def test_compare_is_irf_world_by_world(
    run_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "compare.png"
    ask = ["compare", "--worlds", "nk", "--shock", "monetary", "--set", "phi_pi=2", "--format"]
    assert run([*ask, "json", "--weights", str(run_path), "--plot", str(plot)]) == 0
    answer = json.loads(capsys.readouterr().out)
    expected = emulator.load(run_path).irf("nk", {"phi_pi": 2.0}, shock="monetary")
    np.testing.assert_array_equal(
        answer["responses"]["nk"]["output"], expected.sel(observable="output")
    )
    assert plot.read_bytes()[:4] == b"\x89PNG"


def test_compare_scales_exact_responses_to_one_impact(capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["compare", "--worlds", "nk, rbc,zlb", "--shock", "monetary", "--exact"]
    ask += ["--set", "phi_pi=2", "--set", "nu=1.5", "--normalize", "rate=1", "--format", "json"]
    assert run(ask) == 0
    answer = json.loads(capsys.readouterr().out)
    for name in ("nk", "rbc", "zlb"):
        world = emulator.get_world(name)
        values = {"phi_pi": 2.0} | ({"nu": 1.5} if name == "rbc" else {})
        exact = world.irf(world.pack(values)).values[0, world.shock_names.index("monetary")]
        rate = np.array(answer["responses"][name]["rate"])
        assert rate[0] == pytest.approx(1.0)
        np.testing.assert_allclose(rate, exact[:, 2] / exact[0, 2], rtol=1e-12)
        assert answer["scaled_by"][name] == pytest.approx(1.0 / exact[0, 2])
    # In rbc a positive monetary shock never raises the nominal rate: its response is turned over.
    assert answer["scaled_by"]["rbc"] < 0


def test_compare_does_not_pass_over_a_number_that_an_imported_model_keeps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.mod").write_text(
        "var y pi i; varexo monetary; parameters rho phi sigma; rho = 0.7; phi = 1.4; sigma = 1;\n"
        "model(linear); y = rho*y(-1) - sigma*monetary; pi = 0.5*y; i = phi*pi + monetary; end;\n"
        "shocks; var monetary; stderr 0.5; end;\n"
    )
    seen = {"output": "y", "inflation": "pi", "rate": "i"}
    write_world(from_dynare("mine.mod", observables=seen), Path("mine.yaml"))
    ask = ["compare", "--worlds", "nk,mine", "--shock", "monetary", "--exact", "--set"]
    assert run([*ask, "sigma=2"]) == 2
    assert "'mine' keeps it at its value (1 is a whole number" in capsys.readouterr().err
    assert run([*ask, "phi_pi=2"]) == 0


@pytest.mark.parametrize("output_format", ["table", "csv"])
def test_compare_prints_tables_and_csv(
    capsys: pytest.CaptureFixture[str], output_format: str
) -> None:
    ask = ["compare", "--worlds", "nk,rbc", "--shock", "monetary", "--exact"]
    assert run([*ask, "--format", output_format]) == 0
    out = capsys.readouterr().out
    assert "nk" in out
    assert "rbc" in out


def test_worlds_that_no_weights_know_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    ask = ["compare", "--worlds", "nk,hank", "--shock", "monetary", "--exact", "--set", "phi_pi=2"]
    assert run([*ask, "--format", "json"]) == 0
    world, answer = emulator.get_world("hank"), json.loads(capsys.readouterr().out)
    exact = world.irf(world.pack({"phi_pi": 2.0})).values[0, world.shock_names.index("monetary")]
    np.testing.assert_array_equal(answer["responses"]["hank"]["output"], exact[:, 0])


def test_responses_are_scaled_to_an_impact_and_summed(
    every_regime: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["irf", "nk", "--shock", "demand", "--weights", str(every_regime), "--horizon", "8"]
    base += ["--format", "json"]
    assert run([*base, "--exact", "--normalize", "rate=1", "--cumulate", "output"]) == 0
    found = json.loads(capsys.readouterr().out)
    world = emulator.get_world("nk")
    exact = world.irf(world.pack(), 8).values[0, world.shock_names.index("demand")]
    exact /= exact[0, 2]
    assert found["exact"]["rate"] == pytest.approx(exact[:, 2].tolist())
    assert found["exact"]["output"] == pytest.approx(np.cumsum(exact[:, 0]).tolist())
    assert found["emulator"]["rate"][0] == pytest.approx(1.0)
    (given,) = found["scaled_by"]["exact"]
    assert given == pytest.approx(
        1.0 / world.irf(world.pack(), 8).values[0, world.shock_names.index("demand")][0, 2]
    )
    assert run([*base[:-2], "--normalize", "rate=-1"]) == 0
    assert "turned over, of the other sign" in capsys.readouterr().out
    assert run([*base, "--bands", "--normalize", "rate=-1"]) == 2
    assert "bands of a ratio" in capsys.readouterr().err
    assert run([*base, "--bands", "--cumulate", "output"]) == 2
    assert "bands of sums" in capsys.readouterr().err
    assert run([*base, "--simultaneous", "--cumulate", "output"]) == 2
    assert "leave out --simultaneous" in capsys.readouterr().err
