"""Trained runs asked again, on the histories of floors."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from emulator.cli.app import run
from emulator.data import Dataset
from emulator.evaluation.floors import distances_at_any_length
from emulator.evaluation.floors.distances import ratio
from emulator.evaluation.floors.distances_at_any_length import labels, predicted_ratios
from emulator.evaluation.floors.floors_on_disk import Floors, write_floors
from emulator.training.trainer import train
from tests.conftest import run_config
from tests.evaluation.floors.toys import CASE, theirs, toy


@pytest.mark.fast
@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        (["runs/c/universal/all", "runs/c/var_chosen/B1"], ["universal/all", "var_chosen/B1"]),
        (["runs/c/universal/A", "runs/c/universal/B1"], ["A", "B1"]),
        (["runs/c/universal/all", "runs/var"], ["c/universal/all", "var"]),
        (["runs/c", "runs/c/all"], ["c", "c/all"]),
        (["runs/c/universal/all/"], ["universal/all"]),
        (["all/../all", "other/all"], ["all", "other/all"]),
    ],
)
def test_runs_are_named_by_their_path_from_the_folder_of_them_all(
    runs: list[str], expected: list[str]
) -> None:
    assert labels([Path(run) for run in runs]) == expected
    assert labels([Path.cwd() / run for run in runs]) == expected


@pytest.mark.integration
def test_a_trained_run_is_compared_on_the_same_histories(
    dataset: Dataset, dataset_path: Path, computed: Floors, run_path: Path, tmp_path: Path
) -> None:
    train(run_config(dataset_path, data={"regime": "B1"}), tmp_path / "blind")
    runs = [run_path, tmp_path / "blind"]
    (found,) = predicted_ratios(runs, [computed], dataset)
    assert found.run == labels(runs)[1]  # the run of regime A answers no floor
    assert found.compared.histories == 3
    assert found.compared.ratio > 1.0  # three epochs on 200 samples


@pytest.mark.slow
def test_the_command_writes_each_ratio_with_its_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    floors = toy()
    write_floors(tmp_path / "toy-40.parquet", floors)
    found = [ratio(name, floors, CASE, theirs(floors, k)) for name, k in (("u", 1.5), ("v", 2.0))]
    monkeypatch.setattr(distances_at_any_length, "predicted_ratios", lambda *asked: found)
    monkeypatch.setattr(Dataset, "open", lambda path: None)
    assert run(["floors-compare", "runs/u", "runs/v", "--folder", str(tmp_path)]) == 0
    assert "1.50 to 1.50" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "ratios.csv")
    assert list(table.columns[:6]) == ["run", "world", "length", "split", "regime", "task"]
    numbers = table[["ratio", "low", "high"]].to_numpy().ravel()
    assert numbers == pytest.approx([1.5] * 3 + [2.0] * 3)  # pairing leaves nothing to chance
    assert (tmp_path / "floors.png").is_file()
