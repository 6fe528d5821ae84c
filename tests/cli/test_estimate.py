"""`emulator estimate` from a file of data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import emulator
from emulator.cli.app import run

pytestmark = pytest.mark.integration

FIGURES = (
    "parameters", "autocovariances", "responses", "contributions", "shares", "forecasts"
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated economy with a gap."""
    world = emulator.get_world("nk")
    eps = np.random.default_rng(5).normal(size=(1, 90, 3))
    rows = world.simulate(world.pack(), eps).observables[0, -50:]
    lines = [",".join(f"{x:.6f}" for x in row) for row in rows]
    lines[7] = lines[7].rsplit(",", 1)[0] + ","
    path = tmp_path_factory.mktemp("data") / "us.csv"
    path.write_text("\n".join(["output,inflation,rate", *lines]) + "\n")
    return path


@pytest.mark.figures
def test_worlds_are_estimated_and_compared(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ["--draws", "100", "--runs", "2", "--workers", "1", "--horizon", "8"]
    common = ["estimate", "nk", "--history", str(data), *small]
    kept = [*common, "--worlds", "nk,rbc", "--output", str(tmp_path / "us")]
    shown = ["--shock", "monetary", "--plot", str(tmp_path / "irf.png")]
    shown += ["--decompose", "--forecast", "2"]
    assert run([*kept, *shown]) == 0
    out, _ = capsys.readouterr()
    assert "50 quarters" in out
    for words in (
        "phi_pi",
        "log evidence",
        "average output",
        "written: ",
        "drawn: ",
        "nk: shares in the variance",
        "rbc: the history by shocks",
        "nk: forecasts",
    ):
        assert words in out
    assert (tmp_path / "irf.png").exists()
    of_both = {f"{figure}-{world}.png" for figure in FIGURES for world in ("nk", "rbc")}
    assert {path.name for path in (tmp_path / "us").glob("*.png")} == of_both
    for figure in FIGURES:
        assert (tmp_path / "us" / f"{figure}-nk.png").stat().st_size > 10_000
    drawn: list[Path] = []
    monkeypatch.setattr("emulator.cli.estimates.draw_estimates", lambda _, to: drawn.append(to))
    assert run([*kept, "--resume", "--format", "json"]) == 0
    assert drawn == [tmp_path / "us"]
    found = json.loads(capsys.readouterr().out)
    alone = emulator.estimate(["nk"], data, draws=100, runs=2, horizon=8, forecast=2)
    assert found["worlds"]["nk"]["log_evidence"] == alone["nk"].log_evidence
    assert list(found["averaged"]) == ["monetary"]


def test_weights_say_how_far_they_are_from_a_world_that_is_dear_to_solve(
    data: Path,
    run_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """These have learned next to nothing, which much noise makes bearable."""
    small = ["--draws", "50", "--runs", "1", "--workers", "1", "--horizon", "4"]
    noise = ["--noise", "output=4,inflation=4,rate=4"]
    ask = ["estimate", "nk", "--history", str(data), *small, *noise, "--weights", str(run_path)]
    assert run(ask) == 2
    assert "none of nk is dear to solve" in capsys.readouterr().err
    monkeypatch.setattr(type(emulator.get_world("nk")), "dear", ("kappa",))
    assert run([*ask, "--output", str(tmp_path / "found")]) == 0
    out, err = capsys.readouterr()
    assert "nk: drawn through the network, log evidence" in out
    assert "nk: the network is not good enough for this history: 50 exact solutions" in err
    found = json.loads((tmp_path / "found" / "estimate.json").read_text())["worlds"]["nk"]
    assert found["correction"]["solutions"] == 50
    assert 1.0 <= found["correction"]["effective"] < 5.0


def test_measurement_noise_is_given_by_observable(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--draws", "50", "--runs", "1", "--workers", "1", "--format", "json"]
    common = ["estimate", "nk", "--history", str(data), *small]
    assert run([*common, "--noise", "output=0.2,rate=0.1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["noise"] == {"output": 0.2, "rate": 0.1}
    assert found["worlds"]["nk"]["log_evidence_error"] is None  # of one run


def test_responses_of_draws_are_scaled_to_an_impact_and_summed(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--draws", "50", "--runs", "1", "--workers", "1", "--format", "json"]
    ask = ["estimate", "nk", "--history", str(data), *small, "--horizon", "4"]
    assert run([*ask, "--normalize", "rate=1", "--cumulate", "output"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["normalize"] == {"rate": 1.0}
    responses = found["worlds"]["nk"]["responses"]["demand"]
    assert [q[0] for q in responses["rate"]["quantiles"]] == pytest.approx([1.0] * 5)
    assert np.diff(responses["output"]["mean"]).min() > 0.0  # of sums of what is positive


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nk", "--resume"], "--resume: needs the --output"),
        (["nk", "--shock", "monetry"], "did you mean 'monetary'"),
        (["nk", "--worlds", "rbc", "--plot", "x.png"], "--plot: name the --shock"),
        (["nk", "--noise", "output"], "--noise: expected NAME=VALUE"),
        (["zlb"], "no exact likelihood"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    data: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["estimate", *arguments, "--history", str(data)]) == 2
    assert message in capsys.readouterr().err
