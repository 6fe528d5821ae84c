"""The leaderboard: ranking, the null model, files, damage."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from emulator.errors import DatasetError
from emulator.evaluation.leaderboard import collect, ranked, write_leaderboard
from emulator.evaluation.runs import find_runs, write_metrics
from tests.evaluation.toys import evaluated

pytestmark = pytest.mark.fast


def test_runs_are_ranked_by_their_mean_beside_the_null_model(tmp_path: Path) -> None:
    evaluated(tmp_path / "good", 0.1)
    evaluated(tmp_path / "better", 0.05, model="baseline_mlp")
    table = write_leaderboard(tmp_path, tmp_path)
    wide = ranked(table, "test")
    assert list(wide["run"]) == ["better", "good", "training_mean"]
    assert wide["mean"].is_monotonic_increasing
    assert wide["mean"].to_numpy() == pytest.approx(wide[["one", "two"]].mean(axis=1).to_numpy())


def test_the_null_model_comes_once_a_data_set(tmp_path: Path) -> None:
    evaluated(tmp_path / "a", 0.1)
    evaluated(tmp_path / "b", 0.2)
    table = collect(find_runs(tmp_path))
    assert not table.duplicated(["regime", "split", "world", "task", "run", "data_sha"]).any()
    null = table[table["model"] == "training_mean"]
    assert len(null) == 2 * 3  # worlds by the splits that rank


def test_a_run_on_one_world_is_listed_but_not_ranked(tmp_path: Path) -> None:
    evaluated(tmp_path / "all", 0.1)
    evaluated(tmp_path / "one", 0.01, worlds=("one",))
    wide = ranked(collect(find_runs(tmp_path)), "test")
    assert wide["run"].iloc[-1] == "one"
    assert pd.isna(wide["mean"].iloc[-1])


def test_validation_ranks_nobody(tmp_path: Path) -> None:
    evaluated(tmp_path / "a", 0.1)
    assert set(collect(find_runs(tmp_path))["split"]) == {"test", "slice", "corner"}


def test_the_files_hold_every_score_by_regime_with_origins(tmp_path: Path) -> None:
    evaluated(tmp_path / "a", 0.1)
    evaluated(tmp_path / "c", 0.1, regime="C")
    table = write_leaderboard(tmp_path, tmp_path)
    assert len(pd.read_csv(tmp_path / "leaderboard.csv")) == len(table)
    text = (tmp_path / "leaderboard.md").read_text()
    for line in ("## test, regime A", "## slice, regime C", "| a | c | f | d |"):
        assert line in text


def test_trajectories_have_columns_of_their_own_outside_the_mean(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "a", 0.1)
    for tree in (run.metrics["worlds"], run.metrics["training_mean"]):
        entry = {"nrmse": 50.0, "ci95": [49.0, 51.0], "by_observable": {}, "samples": 3}
        tree["one"]["A"]["test"]["trajectory"] = entry
    run.save()
    wide = ranked(collect(find_runs(tmp_path)), "test")
    assert (wide["one†"] == 50.0).all()
    assert (wide["mean"] < 5.0).all()


@pytest.mark.parametrize("text", ["{", "[]", '{"model": "universal"}', '{"worlds": {"one": 3}}'])
def test_damaged_metrics_are_named_with_the_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(DatasetError, match=r"metrics\.json: damaged.*emulator evaluate"):
        find_runs(tmp_path)


def test_scores_that_are_missing_are_damage(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "a", 0.1)
    del run.metrics["training_mean"]["one"]["A"]
    write_metrics(run.folder, run.metrics)
    with pytest.raises(DatasetError, match="damaged"):
        collect(find_runs(tmp_path))


def test_a_folder_without_runs_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="emulator evaluate"):
        find_runs(tmp_path)
