"""The benchmark of US series: its processes are the paper's, its errors are errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emulator.cli.app import run
from emulator.foreign import lpw, rivals
from emulator.foreign.factor_model import ACTIVITY, FUNDS_RATE, PRICES, FactorModel
from emulator.storage import is_sealed, read_json

pytestmark = pytest.mark.fast


def test_processes_are_as_in_the_paper() -> None:
    both = [*lpw.processes("open"), *lpw.processes("sealed")]
    assert sorted(process.number for process in both) == list(range(lpw.PROCESSES))
    for process in both:
        assert len(set(process.series)) == 5
        assert process.series[-1] == FUNDS_RATE
        assert set(process.series) & set(ACTIVITY)
        assert set(process.series) & set(PRICES)
        assert process.asked < 4


def test_the_shock_moves_the_funds_rate_most() -> None:
    model = FactorModel.read(lpw.DATA)
    process = lpw.processes("open")[0]
    economy = model.economy(process.series)
    impact = economy.c @ economy.b  # of every innovation on every series
    assert impact[-1, 0] > 0
    np.testing.assert_allclose(impact[-1, 1:6], 0.0, atol=1e-12)
    own = impact @ impact.T - np.diag(model.sigma_v[process.series] ** 2)
    loadings = model.loadings[process.series]
    np.testing.assert_allclose(own, loadings @ model.sigma_eta @ loadings.T, atol=1e-10)


def test_population_figures_are_the_published_ones() -> None:
    """Table 1 of the paper, deciles over processes. Both are draws of series, so they differ: the
    sealed half's from the open one's by up to a third."""
    found = lpw.described("open", 250)
    published = {
        "long_run": [0.27, 1.02, 3.54],
        "late_lags": [0.14, 0.23, 0.37],
        "invertible": [0.30, 0.39, 0.49],
    }
    for name, values in published.items():
        for quantile, value in zip((0.1, 0.5, 0.9), values, strict=True):
            assert found.loc[quantile, name] == pytest.approx(value, rel=0.15), (name, quantile)


def test_errors_are_small_where_samples_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    process = lpw.processes("open")[1]
    short = lpw.score_process(process, 4)
    monkeypatch.setattr(lpw, "QUARTERS", 4000)
    long = lpw.score_process(process, 4)
    keys = ["question", "estimator"]
    error = [table.set_index(keys).filter(like="h").mean(axis=1) for table in (short, long)]
    for question in lpw.QUESTIONS:  # a VAR of four lags stays off: the truth has more
        assert error[1][question, "lp"] < 0.3 * error[0][question, "lp"]
        assert error[1][question, "zero"] == error[0][question, "zero"]


def test_a_stopped_run_goes_on_and_damage_is_made_again(tmp_path: Path) -> None:
    whole = lpw.bench(tmp_path / "whole", count=11, samples_each=2)
    lpw.bench(tmp_path / "parts", count=10, samples_each=2)
    first = next((tmp_path / "parts").glob("parts/*.csv"))
    first.write_text(first.read_text()[:500])
    pd.testing.assert_frame_equal(lpw.bench(tmp_path / "parts", count=11, samples_each=2), whole)
    summary = lpw.summary(whole)
    assert set(summary["estimator"]) == set(rivals.NAMES)
    assert (summary[summary["estimator"] == "var"][["mean", "median"]] == 1.0).all(axis=None)


def test_the_command_prints_what_it_writes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["bench", "lpw", "--processes", "2", "--samples", "2", "--output", str(tmp_path)]
    assert run(arguments) == 0
    assert "observed: squared error over the VAR's, 2 processes of 2" in capsys.readouterr().out
    found = read_json(tmp_path / "bench.json")
    assert is_sealed(found)
    assert found["processes"] == 2
    assert run(["bench", "lp"]) == 2
    assert "lpw" in capsys.readouterr().err
