"""Early stopping: the best weights by validation are kept, and the count survives a resume."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from emulator.models.weights import load_weights
from emulator.training.early_stopping import Best
from emulator.training.trainer import train
from tests.conftest import run_config
from tests.training.runs import Stop, log_rows, weights_hash

# A rate at which 300 samples a world are soon learned by heart or lost, so that validation stalls.
HASTY = {"epochs": 30, "lr": 0.1, "patience": 2}


class _Weight(torch.nn.Module):
    """One number, standing in for a model."""

    def __init__(self) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.zeros(()))

    def now(self, value: float) -> _Weight:
        self.value.data.fill_(value)
        return self


def _best_after(errors: list[float], patience: int | None) -> Best:
    best, model = Best(patience), _Weight()
    for step, error in enumerate(errors, start=1):
        best.see(step, error, model.now(error))
    return best


@pytest.mark.fast
@pytest.mark.parametrize(
    ("errors", "step", "stalled"),
    [
        ([3.0, 2.0, 1.0], 3, False),
        ([1.0, 2.0], 1, False),
        ([1.0, 2.0, 3.0], 1, True),
        ([1.0, 1.0, 1.0], 1, True),  # equal is no improvement
        ([2.0, 3.0, 1.0, 4.0], 3, False),  # an improvement starts the count again
    ],
)
def test_stalls_after_patience_validations_without_a_lower_error(
    errors: list[float], step: int, stalled: bool
) -> None:
    best = _best_after(errors, patience=2)
    assert (best.step, best.stalled) == (step, stalled)
    model = _Weight().now(math.nan)
    best.restore_into(model)
    assert model.value.item() == errors[step - 1]


@pytest.mark.fast
def test_without_patience_nothing_is_kept_and_nothing_stalls() -> None:
    best, model = _best_after([1.0, 2.0, 3.0, 4.0], patience=None), _Weight().now(7.0)
    best.restore_into(model)
    assert not best.stalled
    assert model.value.item() == 7.0


@pytest.fixture(scope="module")
def stalled_run(dataset_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("stalled") / "run"
    assert train(run_config(dataset_path, training=HASTY), run)
    return run


@pytest.mark.slow
def test_training_ends_when_validation_stalls_and_keeps_the_best_weights(
    dataset_path: Path, stalled_run: Path
) -> None:
    rows = log_rows(stalled_run)
    seen = [(row["val"], row["step"]) for row in rows if "val" in row]
    best = min(seen)[1]
    assert rows[-1]["epoch"] < HASTY["epochs"]
    assert [step for _, step in seen][-3] == best  # patience 2
    loaded = load_weights(stalled_run)
    assert loaded.provenance["steps"] == best
    # The same run without patience, stopped there, has the very weights that were kept.
    torch.testing.assert_close(
        loaded.model.state_dict(),
        _weights_at(dataset_path, stalled_run.parent / "until", best),
        rtol=0,
        atol=0,
    )


def _weights_at(dataset_path: Path, folder: Path, step: int) -> dict[str, torch.Tensor]:
    config = run_config(dataset_path, training={**HASTY, "patience": None})
    train(config, folder, progress=Stop(step))
    content = (folder / "checkpoint.pt").read_bytes()[:-32]
    (folder / "bare.pt").write_bytes(content)
    state: dict = torch.load(folder / "bare.pt", weights_only=True)["model"]
    return state


@pytest.mark.slow
@pytest.mark.parametrize("before_the_end", [1, 4])
def test_a_resumed_run_stops_at_the_same_step_with_the_same_weights(
    dataset_path: Path, stalled_run: Path, tmp_path: Path, before_the_end: int
) -> None:
    config = run_config(dataset_path, training=HASTY)
    last = log_rows(stalled_run)[-1]["step"]
    assert not train(config, tmp_path, progress=Stop(last - before_the_end))
    assert train(config, tmp_path, resume=True)
    assert weights_hash(tmp_path) == weights_hash(stalled_run)
    assert log_rows(tmp_path) == log_rows(stalled_run)


@pytest.mark.slow
def test_validation_may_come_more_often_than_checkpoints(
    dataset_path: Path, tmp_path: Path
) -> None:
    config = run_config(
        dataset_path, training={"epochs": 4, "checkpoint_every": 4, "validate_every": 2}
    )
    train(config, tmp_path)
    validated = [row["epoch"] for row in log_rows(tmp_path) if "val_nk" in row]
    assert validated == [2, 4]
