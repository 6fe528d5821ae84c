"""The learning rate is chosen by validation, and every candidate is recorded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from emulator.errors import TrainingError
from emulator.models.weights import load_weights
from emulator.plans.jobs import Job
from emulator.plans.tuning import choose_rate
from tests.conftest import run_config
from tests.plans.plans import MLP


def _candidate(folder: Path, trained: Path, **validation: float) -> Path:
    """A finished run whose log says these errors at the step of its weights."""
    shutil.copytree(trained, folder)
    steps = load_weights(trained).provenance["steps"]
    rows = [
        {"step": 1, "val": 9.0, "val_nk": 9.0, "val_var": 9.0},
        {"step": steps, **{f"val_{world}": value for world, value in validation.items()}},
        {"step": steps + 1, "val": 0.0, "val_nk": 0.0, "val_var": 0.0},
    ]
    (folder / "train_log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def _tuned(
    tmp_path: Path, run_path: Path, dataset_path: Path, scores: dict[float, tuple[float, float]]
) -> Job:
    candidates = {
        lr: (_candidate(tmp_path / f"lr_{lr}", run_path, nk=nk, var=var),)
        for lr, (nk, var) in scores.items()
    }
    config = run_config(dataset_path, model=MLP)
    return Job("run", "specialist", tmp_path / "run", config, "data", candidates)


@pytest.mark.slow
def test_the_rate_with_the_lowest_mean_validation_is_chosen_and_all_are_recorded(
    tmp_path: Path, run_path: Path, dataset_path: Path
) -> None:
    scores = {4e-3: (0.1, 0.4), 1e-3: (0.2, 0.5), 2e-3: (0.2, 0.2)}
    job = _tuned(tmp_path, run_path, dataset_path, scores)
    assert choose_rate(job) == 2e-3
    record = json.loads((tmp_path / "run" / "tuning.json").read_text())
    assert record["chosen"] == 2e-3
    assert not record["at_edge"]
    seen = {entry["lr"]: entry["validation"] for entry in record["candidates"]}
    assert seen == pytest.approx({1e-3: 0.35, 2e-3: 0.2, 4e-3: 0.25})


@pytest.mark.slow
def test_a_rate_that_diverged_is_never_chosen(
    tmp_path: Path, run_path: Path, dataset_path: Path
) -> None:
    job = _tuned(tmp_path, run_path, dataset_path, {1e-3: (0.2, 0.2), 4e-3: (0.1, 0.1)})
    (tmp_path / "lr_0.004" / "diverged.txt").write_text("at step 2")
    assert choose_rate(job) == 1e-3
    record = json.loads((tmp_path / "run" / "tuning.json").read_text())
    assert record["at_edge"]
    assert [entry["validation"] for entry in record["candidates"]] == [0.2, None]
    (tmp_path / "lr_0.001" / "diverged.txt").write_text("at step 2")
    with pytest.raises(TrainingError, match="every learning rate"):
        choose_rate(job)
