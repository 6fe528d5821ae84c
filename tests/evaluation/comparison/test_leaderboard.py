"""The leaderboard: ranking, the null model, files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from emulator.errors import DatasetError
from emulator.evaluation.comparison.leaderboard import collect, ranked, write_leaderboard
from emulator.evaluation.stored.record import write_metrics
from emulator.evaluation.stored.runs import EvaluatedRun, find_runs
from tests.evaluation.toys import evaluated

pytestmark = pytest.mark.fast
CASE = ("one", "A", "prior", "steady_state")


def test_runs_are_ranked_by_their_mean_beside_the_null_model(tmp_path: Path) -> None:
    evaluated(tmp_path / "good", 0.1)
    evaluated(tmp_path / "better", 0.05, model="baseline_mlp")
    table = write_leaderboard(find_runs(tmp_path), tmp_path)
    wide = ranked(table, "prior")
    assert list(wide["run"]) == ["better", "good", "training_mean"]
    assert wide["mean"].is_monotonic_increasing
    assert wide["mean"].to_numpy() == pytest.approx(wide[["one", "two"]].mean(axis=1).to_numpy())


def test_the_null_model_comes_once_a_data_set(tmp_path: Path) -> None:
    evaluated(tmp_path / "a", 0.1)
    evaluated(tmp_path / "b", 0.2)
    table = collect(find_runs(tmp_path))
    assert not table.duplicated(["regime", "split", "world", "task", "run", "samples_sha"]).any()
    null = table[table["model"] == "training_mean"]
    assert len(null) == 2 * 4  # worlds by the splits that rank


def test_a_run_on_one_world_is_listed_but_not_ranked(tmp_path: Path) -> None:
    evaluated(tmp_path / "all", 0.1)
    evaluated(tmp_path / "one", 0.01, worlds=("one",))
    wide = ranked(collect(find_runs(tmp_path)), "prior")
    assert wide["run"].iloc[-1] == "one"
    assert pd.isna(wide["mean"].iloc[-1])


def test_runs_of_one_world_each_share_a_row_and_are_ranked(tmp_path: Path) -> None:
    evaluated(tmp_path / "all", 0.1)
    for world, error in (("one", 0.02), ("two", 0.03)):
        evaluated(tmp_path / "own" / world, error, worlds=(world,))
    wide = ranked(collect(find_runs(tmp_path)), "prior")
    assert list(wide["run"]) == ["own/*", "all", "training_mean"]
    alone = ranked(collect(find_runs(tmp_path / "own" / "one")), "prior")
    assert "one" in set(alone["run"])


def test_seeds_of_runs_of_one_world_each_have_a_row_each(tmp_path: Path) -> None:
    evaluated(tmp_path / "all", 0.1)
    for world in ("one", "two"):
        for seed in (1, 2):
            evaluated(tmp_path / "own" / world / f"seed_{seed}", 0.02 * seed, worlds=(world,))
    wide = ranked(collect(find_runs(tmp_path)), "prior")
    assert list(wide["run"]) == ["own/*/seed_1", "own/*/seed_2", "all", "training_mean"]


def test_worlds_come_in_the_order_of_the_run_that_knows_most(tmp_path: Path) -> None:
    for world in ("one", "two"):
        evaluated(tmp_path / "a" / world, 0.02, worlds=(world,))
    evaluated(tmp_path / "z", 0.1, worlds=("two", "one"))
    columns = list(ranked(collect(find_runs(tmp_path)), "prior").columns)
    assert columns.index("two") < columns.index("one")


def test_validation_ranks_nobody(tmp_path: Path) -> None:
    evaluated(tmp_path / "a", 0.1)
    assert set(collect(find_runs(tmp_path))["split"]) == {"prior", "test", "slice", "corner"}


def test_the_files_hold_every_score_by_regime_with_origins(tmp_path: Path) -> None:
    evaluated(tmp_path / "a", 0.1)
    evaluated(tmp_path / "c", 0.1, regimes=("C",))
    table = write_leaderboard(find_runs(tmp_path), tmp_path)
    assert len(pd.read_csv(tmp_path / "leaderboard.csv")) == len(table)
    text = (tmp_path / "leaderboard.md").read_text()
    for line in ("## test, regime A", "## slice, regime C", "| a | c | f | d | s |"):
        assert line in text


def test_runs_of_another_leaderboard_on_the_same_samples_are_ranked_too(tmp_path: Path) -> None:
    evaluated(tmp_path / "theirs" / "best", 0.05)
    stranger = evaluated(tmp_path / "theirs" / "stranger", 0.01)
    write_metrics(stranger.folder, stranger.metrics | {"samples_sha": "others"})
    write_leaderboard(find_runs(tmp_path / "theirs"), tmp_path / "theirs")
    evaluated(tmp_path / "ours" / "mine", 0.1)
    ours = find_runs(tmp_path / "ours")
    table = write_leaderboard(ours, tmp_path / "ours", tmp_path / "theirs")
    wide = ranked(table, "prior")
    assert list(wide["run"]) == ["published/best", "mine", "training_mean"]
    assert (
        "published/NAME are runs of another" in (tmp_path / "ours" / "leaderboard.md").read_text()
    )
    again = pd.read_csv(tmp_path / "ours" / "leaderboard.csv")
    assert len(again) == len(table)
    assert not again["run"].str.contains("stranger").any()
    # A leaderboard that has published runs itself names them once.
    (tmp_path / "third").mkdir()
    twice = write_leaderboard(ours, tmp_path / "third", tmp_path / "ours")
    assert {"published/best", "published/mine", "mine"} <= set(twice["run"])
    assert not twice["run"].str.contains("published/published").any()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "no such leaderboard"),
        ("", "no leaderboard of this version"),
        ("run,world\na,b\n", "no leaderboard of this version"),
        ("others", "none of its runs"),
    ],
)
def test_another_leaderboard_that_cannot_be_ranked_beside_is_refused(
    tmp_path: Path, text: str | None, reason: str
) -> None:
    evaluated(tmp_path / "mine", 0.1)
    runs = find_runs(tmp_path)
    path = tmp_path / "theirs.csv"
    if text == "others":
        collect(runs).assign(samples_sha="others").to_csv(path, index=False)
    elif text is not None:
        path.write_text(text)
    with pytest.raises(DatasetError, match=reason):
        write_leaderboard(runs, tmp_path, path)


def test_distances_to_the_floor_are_listed_where_there_are_some(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "a", 0.1)
    assert "distances to the floor" not in _written([run], tmp_path)
    entry = run.entry("two", "A", "prior", "steady_state")
    assert entry is not None
    entry |= {"floor_ratio": 1.234, "floor_ratio_ci95": [1.1, 1.4], "floor_rmse": 0.25,
              "floor_histories": 50}  # fmt: skip
    assert "| a | A | two | 1.23 | 1.10 to 1.40 | 0.2500 | 50 |" in _written([run], tmp_path)


def _written(runs: list[EvaluatedRun], folder: Path) -> str:
    write_leaderboard(runs, folder)
    return (folder / "leaderboard.md").read_text()


def test_trajectories_have_columns_of_their_own_outside_the_mean(tmp_path: Path) -> None:
    run = evaluated(tmp_path / "a", 0.1)
    for tree in (run.metrics["worlds"], run.metrics["training_mean"]):
        entry = {"nrmse": 50.0, "ci95": [49.0, 51.0], "by_observable": {}, "samples": 3,
                 "by_horizon": [50.0]}  # fmt: skip
        tree["one"]["A"]["prior"]["trajectory"] = entry
    run.save()
    wide = ranked(collect(find_runs(tmp_path)), "prior")
    assert (wide["one†"] == 50.0).all()
    assert (wide["mean"] < 5.0).all()


def test_errors_people_feel_stand_beside_the_training_mean_once(tmp_path: Path) -> None:
    runs = [evaluated(tmp_path / name, error) for name, error in (("a", 0.1), ("b", 0.2))]
    evaluated(tmp_path / "c", 0.3, model="baseline_mlp")
    write_leaderboard(find_runs(tmp_path), tmp_path)
    text = (tmp_path / "leaderboard.md").read_text()
    section = text.split("## errors people feel")[1].split("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| ")][2:]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert [row[:2] for row in cells] == [
        [name, world] for world in ("one", "two") for name in ("a", "b", "training_mean")
    ]
    entry, null = runs[0].entry(*CASE), runs[0].null_entry(*CASE)
    assert entry
    assert null
    for row, expected in ((cells[0], entry), (cells[2], null)):
        assert row[2:5] == [
            f"{expected['nrmse']:.4f}", f"{expected['rmse']:.4f}",
            f"{expected['relative_error_median']:.3f}",
        ]  # fmt: skip
    assert null["rmse"] > entry["rmse"]
