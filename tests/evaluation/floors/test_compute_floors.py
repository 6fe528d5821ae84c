"""Floors of a small data set: restartable, and refused where they cannot be computed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from emulator.data import Dataset
from emulator.errors import DatasetError, InputError
from emulator.evaluation.floors.compute_floors import compute_floors
from emulator.evaluation.floors.floor_summary import summarise
from emulator.evaluation.floors.floors_on_disk import (
    Floors,
    floor_file,
    read_floors,
    write_floors,
)
from tests.evaluation.floors.toys import CASE, TINY


def _numbers(floors: Floors) -> dict[str, np.ndarray]:
    names = ("truth", "mean", "apart", "coverage", "rank")
    return {name: floors.arrays(CASE, name) for name in names}


@pytest.mark.slow
def test_floors_stopped_and_gone_on_with_are_the_same_numbers(
    dataset: Dataset, computed: Floors, tmp_path: Path
) -> None:
    def stop(done: int, total: int, note: str) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute_floors(dataset, "nk", tmp_path, histories=3, **TINY, progress=stop)
    assert len(read_floors(floor_file(tmp_path, "nk", 40)).samples) == 1
    again = compute_floors(dataset, "nk", tmp_path, histories=3, **TINY, resume=True)
    assert again.samples == computed.samples
    for name, values in _numbers(again).items():
        assert np.array_equal(values, _numbers(computed)[name]), name
    assert floor_file(tmp_path, "nk", 40).with_suffix(".json").is_file()


@pytest.mark.integration
def test_the_number_of_workers_does_not_change_the_numbers(
    dataset: Dataset, computed: Floors, tmp_path: Path
) -> None:
    again = compute_floors(dataset, "nk", tmp_path, histories=3, **TINY, workers=2)
    for name, values in _numbers(again).items():
        assert np.array_equal(values, _numbers(computed)[name]), name


@pytest.mark.slow
def test_a_file_of_other_settings_is_never_joined(
    dataset: Dataset, computed: Floors, tmp_path: Path
) -> None:
    write_floors(floor_file(tmp_path, "nk", 40), computed)
    with pytest.raises(DatasetError, match="--resume"):
        compute_floors(dataset, "nk", tmp_path, histories=3, **TINY)
    with pytest.raises(DatasetError, match="another particles"):
        compute_floors(dataset, "nk", tmp_path, histories=3, length=40, particles=80, resume=True)


@pytest.mark.fast
def test_what_cannot_be_met_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    for changes, message in (
        ({"histories": 9999}, "histories: expected 1 to"),
        ({"length": 90}, "length: expected 2 to 80"),
    ):
        with pytest.raises(InputError, match=message):
            compute_floors(dataset, "nk", tmp_path, **{"histories": 1, **TINY, **changes})


@pytest.mark.slow
def test_the_posterior_mean_beats_the_training_mean(computed: Floors) -> None:
    (case,) = summarise(computed)["cases"]
    assert case["rmse"] < 0.7 * case["training_mean_rmse"]
    assert case["monte_carlo_rmse"] < 0.5 * case["rmse"]


@pytest.mark.integration
def test_the_command_prints_floors_and_refuses_worlds_it_cannot_answer(
    dataset_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from emulator.cli.app import run

    options = ["--data", str(dataset_path), "--output", str(tmp_path)]
    size = ["--histories", "1", "--length", "40", "--particles", "50", "--format", "json"]
    assert run(["floors", "nk", *size, *options]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["world"], summary["histories"]) == ("nk", 1)
    assert summary["draws_sha"] == Dataset.open(dataset_path).draws_of("nk")
    assert (tmp_path / "nk-40.png").is_file()
    assert run(["floors", "nkk", *options]) == 2
    assert "did you mean 'nk'" in capsys.readouterr().err
