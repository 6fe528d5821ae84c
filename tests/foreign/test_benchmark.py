"""Benchmarks of US series: their processes are the paper's, errors are errors, standings add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emulator.cli.app import run
from emulator.foreign import benchmark, rivals, standings
from emulator.foreign.benchmark import BENCHMARKS, described, score_process, scored
from emulator.foreign.factor_model import FactorModel
from emulator.storage import is_sealed, read_json
from studies import macrodata_model

pytestmark = pytest.mark.fast

LPW = BENCHMARKS["lpw"]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_processes_are_as_in_the_paper(name: str) -> None:
    chosen = BENCHMARKS[name]
    both = [*chosen.processes("open"), *chosen.processes("sealed")]
    assert sorted(process.number for process in both) == list(range(chosen.count))
    for process in both:
        assert len(set(process.series)) == 5
        assert process.series[-1] == chosen.policy
        assert set(process.series) & set(chosen.activity)
        assert set(process.series) & set(chosen.prices)
        assert process.asked < 4


def test_series_are_the_ones_that_their_names_say() -> None:
    """Of macrodata; those of lpw have their names in the file."""
    names = np.array(macrodata_model.NAMES)
    chosen = BENCHMARKS["macrodata"]
    assert list(names[chosen.activity]) == ["realgdp", "realcons", "realinv", "realdpi"]
    assert list(names[chosen.prices]) == ["cpi"]
    assert names[chosen.policy] == "tbilrate"
    with np.load(LPW.file) as file:
        assert file["label"][LPW.policy] == "FedFunds"


def test_macrodatas_model_is_what_its_study_estimates() -> None:
    model = FactorModel.read(BENCHMARKS["macrodata"].file)
    k = len(model.phi)
    companion = np.vstack([model.phi, np.eye(k * 3, k * 4)])
    roots = np.sort(np.abs(np.linalg.eigvals(companion)))
    np.testing.assert_allclose(roots[-3:], 1.0, atol=1e-6)  # rank one: k - 1 trends
    assert roots[-4] < 0.97
    found = macrodata_model.estimated(macrodata_model.levels())
    np.testing.assert_allclose(found["Phi"], model.phi, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(found["delta"], model.delta, rtol=1e-5, atol=1e-8)


def test_the_shock_moves_the_funds_rate_most() -> None:
    model = FactorModel.read(LPW.file)
    process = LPW.processes("open")[0]
    economy = LPW.economy(process)
    impact = economy.c @ economy.b  # of every innovation on every series
    assert impact[-1, 0] > 0
    np.testing.assert_allclose(impact[-1, 1:6], 0.0, atol=1e-12)
    own = impact @ impact.T - np.diag(model.sigma_v[process.series] ** 2)
    loadings = model.loadings[process.series]
    np.testing.assert_allclose(own, loadings @ model.sigma_eta @ loadings.T, atol=1e-10)


def test_population_figures_are_the_published_ones() -> None:
    """Table 1 of the paper, deciles over processes. Both are draws of series, so they differ: the
    sealed half's from the open one's by up to a third."""
    found = described(LPW, "open", 250)
    published = {
        "long_run": [0.27, 1.02, 3.54],
        "late_lags": [0.14, 0.23, 0.37],
        "invertible": [0.30, 0.39, 0.49],
    }
    for name, values in published.items():
        for quantile, value in zip((0.1, 0.5, 0.9), values, strict=True):
            assert found.loc[quantile, name] == pytest.approx(value, rel=0.15), (name, quantile)


def test_errors_are_small_where_samples_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    process = LPW.processes("open")[1]
    short = score_process(LPW, process, 4)
    monkeypatch.setattr(benchmark, "QUARTERS", 4000)
    long = score_process(LPW, process, 4)
    keys = ["question", "estimator"]
    error = [table.set_index(keys)[list(benchmark.ERRORS)].mean(axis=1) for table in (short, long)]
    for question in benchmark.QUESTIONS:  # a VAR of four lags stays off: the truth has more
        assert error[1][question, "lp"] < 0.3 * error[0][question, "lp"]
        assert error[1][question, "zero"] == error[0][question, "zero"]
    width = [table.set_index(keys)["width"] for table in (short, long)]
    assert 0.15 < width[1]["observed", "lp"] / width[0]["observed", "lp"] < 0.35


def test_a_stopped_run_goes_on_and_damage_is_made_again(tmp_path: Path) -> None:
    whole = scored(LPW, tmp_path / "whole", "open", 11, 2)
    scored(LPW, tmp_path / "parts", "open", 10, 2)
    first = next((tmp_path / "parts").glob("parts/*.csv"))
    first.write_text(first.read_text()[:500])
    pd.testing.assert_frame_equal(scored(LPW, tmp_path / "parts", "open", 11, 2), whole)
    for row in standings.summary(whole):
        if row["estimator"] == "var":
            assert row["mean"] == row["median"] == 1.0
    assert {row["estimator"] for row in standings.bands(whole)} == {"lp", "network"}


def made_up() -> pd.DataFrame:
    """Two processes of one question: every estimator's error is its place in NAMES plus one, that
    of the network half and twice the VAR's."""
    rows = []
    for process, size in ((0, 0.5), (1, 2.0)):
        for place, name in enumerate(rivals.NAMES):
            error = size if name == "network" else place + 1.0
            row = {"process": process, "question": "observed", "estimator": name, "held": np.nan}
            rows.append(row | dict.fromkeys(benchmark.ERRORS, error) | {"width": np.nan})
    table = pd.DataFrame(rows)
    lp, network = table["estimator"] == "lp", table["estimator"] == "network"
    table.loc[lp, ["held", "width"]] = 0.8, 4.0
    table.loc[network, ["held", "width"]] = [[0.9, 1.0], [0.7, 3.0]]
    return table


def test_standings_are_over_processes() -> None:
    table = made_up()
    rows = {row["rival"]: row for row in standings.against(table)}
    assert rows["var"]["mean"] == 1.25
    assert rows["var"]["ahead"] == 0.5
    assert rows["zero"]["ahead"] == 1.0
    spread = 1.96 * np.std([0.5, 2.0], ddof=1) / np.sqrt(2)
    assert rows["var"]["low"] == pytest.approx(1.25 - spread)
    np.testing.assert_allclose(standings.by_horizon(table)["observed"], 1.25)
    network = standings.bands(table)[1]
    assert network["held"] == pytest.approx(0.8)
    assert network["worst_tenth"] == pytest.approx(0.72)
    assert network["width_over_lp"] == pytest.approx(0.5)


def test_the_command_prints_what_it_writes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["bench", "macrodata", "--processes", "2", "--samples", "2", "--output"]
    assert run([*arguments, str(tmp_path)]) == 0
    assert "observed: squared error over the VAR's, 2 processes of 2" in capsys.readouterr().out
    found = read_json(tmp_path / "bench.json")
    assert is_sealed(found)
    assert found["processes"] == 2
    assert len(found["against"]) == 2 * (len(rivals.NAMES) - 1)
    assert run(["bench", "lp"]) == 2
    assert "lpw" in capsys.readouterr().err
    assert run(["bench", "lpw", "--processes", "1"]) == 2  # of one there is no interval


def test_a_method_of_ones_own_is_scored_beside_the_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "def nothing(data, kind, before, horizon):\n"
        "    point = np.zeros((len(data), horizon + 1, data.shape[2]))\n"
        "    return point, np.stack([point - 1e9, point + 1e9], axis=-1)\n"
        "def wrong(data, kind, before, horizon):\n"
        "    return data\n"
        "def crossed(data, kind, before, horizon):\n"
        "    point, band = nothing(data, kind, before, horizon)\n"
        "    return [point, -band]\n"
        "def failing(data, kind, before, horizon):\n"
        "    return data @ None\n"
    )
    arguments = ["bench", "macrodata", "--processes", "2", "--samples", "2", "--output"]
    own = f"{file}:nothing"
    assert run([*arguments, str(tmp_path / "out"), "--method", own]) == 0
    found = read_json(tmp_path / "out" / "bench.json")
    means = {(r["question"], r["estimator"]): r["mean"] for r in found["summary"]}
    assert all(means[question, own] == means[question, "zero"] for question in benchmark.QUESTIONS)
    assert {row["rival"] for row in found["against"]} == set(rivals.NAMES)
    assert [r["held"] for r in found["bands"] if r["estimator"] == own] == [1.0, 1.0]
    file.write_text(file.read_text().replace("np.zeros(", "np.ones("))
    assert run([*arguments, str(tmp_path / "out"), "--method", own]) == 0  # what it is now
    changed = read_json(tmp_path / "out" / "bench.json")
    after = {(r["question"], r["estimator"]): r["mean"] for r in changed["summary"]}
    assert all(after[question, own] != means[question, own] for question in benchmark.QUESTIONS)
    assert changed["method_sha256"] != found["method_sha256"]
    capsys.readouterr()
    broken = tmp_path / "broken.py"
    broken.write_text("def (:\n")
    for method, said in (
        (f"{file}:wrong", "expected finite numbers of shape (2, 21, 6), got (2, 200, 6)"),
        (f"{file}:crossed", "lower edge is above"),
        (f"{file}:failing", "method: fails: ValueError"),
        (f"{broken}:any", "fails: SyntaxError"),
        (f"{file}:none", "has no function 'none'"),
        ("mine:nothing", "expected FILE.py:FUNCTION"),
    ):
        assert run([*arguments, str(tmp_path / "no"), "--method", method]) == 2
        assert said in capsys.readouterr().err
