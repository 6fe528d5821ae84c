"""A run that diverges stops at once, says which world, and leaves its last checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emulator.errors import TrainingError
from emulator.training.trainer import train
from tests.conftest import run_config
from tests.training.runs import Stop, log_rows, poison, weights_hash

pytestmark = pytest.mark.slow


def test_the_error_names_the_world_the_step_and_the_gradient_norms(
    dataset_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, "nk", 2)
    with pytest.raises(TrainingError) as caught:
        train(run_config(dataset_path), tmp_path)
    message = str(caught.value)
    assert "at step 2: worlds with a non-finite loss or gradient: nk;" in message
    last = log_rows(tmp_path)[-1]
    assert f"(var {last['gradient_norm_var']:g}, nk nan)" in message
    assert last["loss_nk"] == "inf"


def test_the_last_good_checkpoint_stays_and_can_be_gone_on_from(
    dataset_path: Path, run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = run_config(dataset_path)
    train(config, tmp_path, progress=Stop(4))
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with monkeypatch.context() as spoiled:
        poison(spoiled, "var", 6)
        with pytest.raises(TrainingError, match="step 6"):
            train(config, tmp_path, resume=True)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert not (tmp_path / "weights.safetensors").exists()
    train(config, tmp_path, resume=True)
    assert weights_hash(tmp_path) == weights_hash(run_path)


def test_too_high_a_rate_is_caught_and_the_log_stays_valid_json(
    dataset_path: Path, tmp_path: Path
) -> None:
    config = run_config(dataset_path, training={"lr": 100.0, "warmup": 0.0})
    with pytest.raises(TrainingError, match="lower lr"):
        train(config, tmp_path)

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    for line in (tmp_path / "train_log.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=refuse)
