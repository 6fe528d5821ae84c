"""Scoring a trained run: which cases, which samples, what is stored, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emulator.config import load_config
from emulator.data import Dataset
from emulator.evaluation import evaluate
from emulator.evaluation.metrics.nrmse import nrmse_per_sample
from emulator.evaluation.stored.statistics_files import read_statistics
from emulator.limits import AHEAD
from emulator.plans.perform import is_evaluated
from emulator.training.config import RunConfig
from emulator.training.trainer import train
from tests.conftest import run_config
from tests.evaluation.toys import killed_at, metrics_of


@pytest.mark.slow
def test_metrics_follow_from_the_stored_statistics(evaluated_run: Path) -> None:
    metrics = metrics_of(evaluated_run)
    for world in metrics["worlds"]:
        for split in ("prior", "test", "val", "slice", "corner"):
            entry = metrics["worlds"][world]["A"][split]
            part = read_statistics(evaluated_run, world, "A", split, "steady_state")
            assert entry["nrmse"] == nrmse_per_sample(part).mean()
            assert entry["coverage_90"] == pytest.approx(part["coverage_90"].mean())
            null = metrics["training_mean"][world]["A"][split]
            assert null["nrmse"] == nrmse_per_sample(part, mse="null_mse").mean()
            low, high = entry["ci95"]
            assert low < entry["nrmse"] < high
            assert len(entry["by_horizon"]) == 13
            paths = read_statistics(evaluated_run, world, "A", split, "trajectory")
            assert entry["trajectory"]["nrmse"] == nrmse_per_sample(paths).mean()
            assert len(entry["trajectory"]["by_horizon"]) == AHEAD
        _is_made_of_its_parts(metrics["worlds"][world]["A"])
        _is_made_of_its_parts(
            {k: v["trajectory"] for k, v in metrics["worlds"][world]["A"].items()}
        )


def _is_made_of_its_parts(entries: dict[str, Any]) -> None:
    """The prior's numbers are those of its parts together, each sample with the same weight."""
    prior, *parts = (entries[split] for split in ("prior", "test", "slice", "corner"))
    shares = np.array([part["samples"] for part in parts]) / prior["samples"]
    assert shares.sum() == 1.0
    assert prior["nrmse"] == pytest.approx(shares @ [part["nrmse"] for part in parts])
    squares = shares @ np.square([part["by_horizon"] for part in parts])
    assert np.square(prior["by_horizon"]) == pytest.approx(squares)


@pytest.mark.slow
def test_a_run_is_scored_wherever_its_model_reads_the_same(
    dataset_path: Path, tmp_path: Path
) -> None:
    """A linear map of the parameters has no use for the history that C gives besides."""
    train(run_config(dataset_path, model={"type": "baseline_linear"}), tmp_path / "run")
    metrics = evaluate(tmp_path / "run").metrics
    assert metrics["regimes"] == ["A", "C"]
    assert metrics["samples_seen"]["A"] == metrics["samples_seen"]["C"]
    for world in metrics["worlds"].values():
        assert world["A"] == world["C"]


@pytest.mark.slow
def test_every_sample_of_every_split_is_scored_once(evaluated_run: Path, dataset: Dataset) -> None:
    table = pd.read_parquet(evaluated_run / "statistics.parquet")
    keys = ["world", "regime", "task", "split", "sample", "shock", "observable"]
    assert not table.duplicated(keys).any()
    for world in dataset.worlds:
        scored = {}
        for split in ("test", "val", "slice", "corner"):
            part = table[(table["world"] == world) & (table["split"] == split)]
            assert set(part["sample"]) == set(dataset.scored(world, split))
            scored[split] = set(part["sample"])
        assert len(scored["slice"]) < len(dataset.rows(world, "slice"))
        prior = scored["test"] | scored["slice"] | scored["corner"]
        assert prior == set(dataset.scored(world, "prior"))
    assert "train" not in set(table["split"])


@pytest.mark.slow
def test_samples_seen_are_the_steps_of_the_log_times_the_batch(
    evaluated_run: Path, dataset: Dataset
) -> None:
    largest = max(len(dataset.rows(w, "train")) for w in dataset.worlds)
    expected = 3 * -(-largest // 64) * 64  # three epochs of whole batches
    assert metrics_of(evaluated_run)["samples_seen"] == {
        regime: {"var": expected, "nk": expected} for regime in metrics_of(evaluated_run)["regimes"]
    }


@pytest.mark.slow
def test_metrics_come_last_and_name_the_statistics(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scoring killed before its end is not taken for one: each moment by an error there."""
    data = load_config(run / "config.yaml", RunConfig).data.dataset_path
    assert is_evaluated(run, data)
    before = metrics_of(run)
    for step in ("mean_spectrum", "checksums", "write_panels"):
        (run / "metrics.json").unlink(missing_ok=True)
        killed_at(monkeypatch, f"scoring.score.{step}", run)
        assert not is_evaluated(run, data)
    evaluate(run, ablations=True)
    assert is_evaluated(run, data)
    after = metrics_of(run)
    assert after["worlds"] == before["worlds"]
    file = run / "statistics.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    assert not is_evaluated(run, data)


@pytest.mark.fast
@pytest.mark.parametrize("text", ["[]", "{", "{}", ""])
def test_what_is_no_metrics_is_no_evaluation(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.json").write_text(text)
    assert not is_evaluated(tmp_path, "nowhere")
