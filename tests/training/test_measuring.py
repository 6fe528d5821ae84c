"""What is measured when a run ends: how far training rows reach, how wide bands have to be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from emulator import questions
from emulator.data import Dataset
from emulator.models import bands
from emulator.models.gated import Reach
from emulator.models.universal import Universal
from emulator.models.weights import load_weights
from emulator.regimes import Regime, Task
from emulator.training import batches
from emulator.training.batches import Shown
from emulator.training.trainer import train
from tests.conftest import run_config

pytestmark = pytest.mark.integration


def _finite(run: Path) -> set[bool]:
    """Whether the ranges of a run's weights are finite: all, none, or both."""
    reaches = [m for m in load_weights(run).model.modules() if isinstance(m, Reach)]
    return {bool(torch.isfinite(r.lowest).all()) for r in reaches}


def test_a_run_with_rows_enough_ends_with_ranges(
    dataset_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(run_config(dataset_path, training={"steps": 2}), tmp_path / "few")
    assert _finite(tmp_path / "few") == {False}
    monkeypatch.setattr(batches, "FEWEST_MEASURED", 50)
    train(run_config(dataset_path, training={"steps": 2}), tmp_path / "enough")
    assert _finite(tmp_path / "enough") == {True}


def test_rows_are_measured_in_regimes_that_give_parameters(
    dataset_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset.open(dataset_path)
    regimes = (Regime.A, Regime.B1, Regime.C)
    monkeypatch.setattr(batches, "FEWEST_MEASURED", 50)
    monkeypatch.setattr(questions, "ROWS_AT_ONCE", 64)
    shown = list(Shown(dataset, ("nk",), regimes).measured())
    rows = len(dataset.rows("nk", "train"))
    assert all(inputs.theta is not None for inputs in shown)
    assert sum(len(inputs) for inputs in shown) == 2 * rows  # one task in A, one in C
    assert not list(Shown(dataset, ("nk",), (Regime.B1,)).measured())


def test_a_run_with_validation_rows_enough_ends_with_calibrated_bands(
    dataset_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(run: Path) -> bool:
        model = load_weights(run).model
        assert isinstance(model, Universal)
        return bool((model.widths.factors != 1).any())

    train(run_config(dataset_path, training={"steps": 2}), tmp_path / "few")
    assert not measured(tmp_path / "few")
    monkeypatch.setattr(bands, "FEWEST", 20)
    train(run_config(dataset_path, training={"steps": 2}), tmp_path / "enough")
    assert measured(tmp_path / "enough")


def test_bands_are_measured_on_validation_rows_at_each_length(
    dataset_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset.open(dataset_path)
    monkeypatch.setattr(bands, "FEWEST", 1)
    regimes = (Regime.A, Regime.B1)
    shown = Shown(dataset, ("nk",), regimes)
    lengths = [bands.LENGTHS[0], shown.longest]
    monkeypatch.setattr(bands, "LENGTHS", (*lengths, 1 + shown.longest))  # the last is not there
    batches_shown = list(shown.validated())
    rows = dataset.rows("nk", "val")
    histories = [b.inputs.history for b in batches_shown if b.inputs.history is not None]
    assert [history.shape[1] for history in histories] == lengths
    assert len(batches_shown) == 1 + len(lengths)  # A once
    truth = torch.as_tensor(dataset.read("nk", rows, ["irfs"])["irfs"], dtype=torch.float32)
    beyond = Shown(dataset, ("nk",), (Regime.A,), frozenset({"history"}))
    seen = [batch.inputs.history for batch in beyond.validated()]
    assert [history.shape[1] for history in seen if history is not None] == lengths
    for batch in batches_shown:
        assert torch.equal(batch.target, truth)
        assert batch.inputs.task is Task.steady_state
