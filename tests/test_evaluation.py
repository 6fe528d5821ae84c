"""Evaluation: metrics with known answers, and cheats that are caught."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emulator.data import Dataset
from emulator.errors import DatasetError, InputError, WeightsError
from emulator.evaluation.bootstrap import mean_interval
from emulator.evaluation.evaluate import evaluate
from emulator.evaluation.leaderboard import collect, find_runs, ranked, write_leaderboard
from emulator.evaluation.metrics import nrmse_per_sample, summarise
from emulator.evaluation.statistics import (
    Scored,
    error_by_horizon,
    score_training_mean,
    statistics,
)
from emulator.regimes import Regime, Task

SIGMA = np.array([[1.0, 2.0, 0.0], [0.5, 1.0, 4.0]])


def _scored(error: np.ndarray, **changes: object) -> Scored:
    """A toy case whose predictions are off by `error` (N, S, H+1, 3)."""
    truth = np.random.default_rng(0).normal(size=error.shape)
    values: dict = {
        "world": "toy", "regime": Regime.A, "task": Task.steady_state,
        "split": "test", "rows": np.arange(len(error)),
        "prediction": truth + error, "truth": truth, "sigma": SIGMA,
        "sigma_pooled": np.array([1.0, 2.0, 4.0]), "shocks": ("first", "second"),
    }  # fmt: skip
    return Scored(**{**values, **changes})


@pytest.mark.fast
def test_nrmse_of_a_known_error() -> None:
    """Off by 0.3 everywhere: 0.3 / sigma, averaged over the five responses that are not zero."""
    scored = _scored(np.full((4, 2, 7, 3), 0.3))
    expected = 0.3 * np.mean([1 / 1, 1 / 2, 1 / 0.5, 1 / 1, 1 / 4])
    summary = summarise(statistics(scored))
    assert summary["nrmse"] == pytest.approx(expected, rel=1e-12)
    assert summary["samples"] == 4
    assert summary["ci95"] == pytest.approx([expected, expected], rel=1e-12)
    pooled = 0.3 * np.mean([1 / 1, 1 / 2, 1 / 1, 1 / 2, 1 / 4])
    assert summary["nrmse_pooled"] == pytest.approx(pooled, rel=1e-12)
    assert summary["by_observable"]["rate"] == pytest.approx(0.3 / 4, rel=1e-12)
    assert summary["by_shock"]["first"] == pytest.approx(0.3 * (1 / 1 + 1 / 2) / 2, rel=1e-12)


@pytest.mark.fast
def test_nrmse_is_the_mean_over_responses_of_the_root_over_horizons() -> None:
    """One horizon of seven off by 0.7: the root mean square over horizons is 0.7 / sqrt(7)."""
    error = np.zeros((3, 2, 7, 3))
    error[1, 0, 4, 0] = 0.7
    frame = statistics(_scored(error))
    per_sample = nrmse_per_sample(frame)
    assert per_sample[0] == 0
    assert per_sample[1] == pytest.approx(0.7 / np.sqrt(7) / 5, rel=1e-12)
    by_horizon = error_by_horizon(_scored(error))
    assert by_horizon[4] == pytest.approx(np.sqrt(0.7**2 / (3 * 5)), rel=1e-12)
    assert (np.delete(by_horizon, 4) == 0).all()


@pytest.mark.fast
def test_mean_square_by_response_and_by_horizon_agree() -> None:
    """An identity between two metrics: both average the same squares, (error / sigma)^2."""
    scored = _scored(np.random.default_rng(1).normal(size=(5, 2, 7, 3)))
    frame = statistics(scored)
    by_response = (frame["mse"] / frame["sigma"] ** 2).mean()
    assert np.square(error_by_horizon(scored)).mean() == pytest.approx(by_response, rel=1e-12)


@pytest.mark.fast
def test_responses_that_are_identically_zero_are_not_scored() -> None:
    error = np.zeros((4, 2, 7, 3))
    error[:, 0, :, 2] = 100.0  # sigma is zero here
    frame = statistics(_scored(error))
    assert len(frame) == 4 * 5
    assert (frame["mse"] == 0).all()


@pytest.mark.fast
def test_an_evaluator_handed_the_truth_refuses() -> None:
    truth = np.ones((3, 2, 7, 3))
    for cheat in (truth, truth.copy(), truth.astype(np.float32)):
        with pytest.raises(InputError, match="the truth itself"):
            _scored(np.zeros((3, 2, 7, 3)), prediction=cheat, truth=truth)


@pytest.mark.fast
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_predictions_that_are_not_finite_refuse(bad: float) -> None:
    error = np.zeros((3, 2, 7, 3))
    error[1, 0, 0, 0] = bad
    with pytest.raises(InputError, match="not finite in 1 of 3"):
        _scored(error)


@pytest.mark.fast
def test_a_missing_prediction_refuses() -> None:
    with pytest.raises(InputError, match="shape"):
        _scored(np.zeros((3, 2, 7, 3)), prediction=np.zeros((2, 2, 7, 3)))
    with pytest.raises(InputError, match="no samples"):
        _scored(np.zeros((0, 2, 7, 3)))


@pytest.mark.fast
def test_bootstrap_intervals_have_their_coverage() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        low, high = mean_interval(rng.normal(size=60))
        hits += low < 0 < high
    # 95 % less a little for percentile intervals at n = 60; four binomial s.e. below 0.94.
    assert hits / 200 > 0.94 - 4 * np.sqrt(0.94 * 0.06 / 200)


@pytest.mark.slow
def test_sigma_is_that_of_the_training_split(dataset: Dataset) -> None:
    for world in dataset.worlds:
        scored = score_training_mean(dataset, world, "test", Regime.A, Task.steady_state)
        train = dataset.read(world, dataset.rows(world, "train"), ["irfs"])["irfs"]
        expected = train.astype(np.float64).std(axis=(0, 2))
        np.testing.assert_allclose(scored.sigma, expected, rtol=1e-6)
        test = scored.truth.std(axis=(0, 2))
        assert not np.allclose(scored.sigma, test, rtol=1e-3)


@pytest.fixture
def run(run_path: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, free to write to."""
    copy = tmp_path / "universal"
    shutil.copytree(run_path, copy)
    return copy


@pytest.mark.slow
def test_metrics_follow_from_the_stored_statistics(run: Path) -> None:
    metrics = evaluate(run)
    assert json.loads((run / "metrics.json").read_text()) == metrics
    assert {"commit", "config_sha", "data_sha"} <= metrics.keys()
    table = pd.read_parquet(run / "statistics.parquet")
    for world, regimes in metrics["worlds"].items():
        for split in ("test", "slice", "corner"):
            entry = regimes["A"][split]
            part = table[(table["world"] == world) & (table["split"] == split)]
            assert entry["nrmse"] == pytest.approx(nrmse_per_sample(part).mean(), rel=1e-12)
            low, high = entry["ci95"]
            assert low < entry["nrmse"] < high
            assert len(entry["by_horizon"]) == 13
    assert (run / "figures" / "irf_panel.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_evaluating_on_other_data_than_trained_on_is_refused(
    run: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = Dataset(dataset.path, dataset.manifest.model_copy(update={"contents": "f" * 16}))
    monkeypatch.setattr(Dataset, "open", lambda path: changed)
    with pytest.raises(WeightsError, match="may hold training samples"):
        evaluate(run)


@pytest.mark.slow
def test_the_leaderboard_ranks_runs_beside_the_null_model(run: Path) -> None:
    evaluate(run)
    root = run.parent
    table = write_leaderboard(root, root)
    wide = ranked(table, "test")
    assert set(wide["model"]) == {"universal", "training_mean"}
    assert wide["mean"].is_monotonic_increasing
    stored = pd.read_csv(root / "leaderboard.csv")
    assert len(stored) == len(collect(find_runs(root)))
    text = (root / "leaderboard.md").read_text()
    assert "training_mean" in text
    assert json.loads((run / "metrics.json").read_text())["data_sha"] in text


@pytest.mark.fast
def test_a_leaderboard_of_nothing_or_of_damage_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="emulator evaluate"):
        find_runs(tmp_path)
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(DatasetError, match=r"metrics\.json: damaged"):
        collect({"x": tmp_path})
