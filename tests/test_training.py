"""Training: deterministic, resumable bit for bit, and never silently wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from emulator.data import DataConfig, Dataset
from emulator.errors import ConfigError, UnknownNameError, WeightsError
from emulator.limits import RUN_IN
from emulator.models.weights import CARD_FILE, load_weights
from emulator.regimes import Regime
from emulator.training.batches import Batches, Shown
from emulator.training.checkpoint import load_checkpoint, save_checkpoint
from emulator.training.trainer import train
from tests.conftest import TINY_MODEL, run_config
from tests.shared import once
from tests.training.runs import Stop, log_rows, weights_hash

pytestmark = pytest.mark.slow


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.fixture(scope="session")
def stopped(dataset_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of `run_path`, stopped after its third step."""
    config = run_config(dataset_path)
    return once(tmp_path_factory, "stopped", lambda path: train(config, path, progress=Stop(3)))


@pytest.fixture
def half(stopped: Path, tmp_path: Path) -> Path:
    """A copy of the stopped run, to damage or to go on with."""
    return Path(shutil.copytree(stopped, tmp_path / "half"))


def test_the_same_config_and_seed_give_the_same_weights(
    dataset_path: Path, run_path: Path, tmp_path: Path
) -> None:
    train(run_config(dataset_path), tmp_path / "again")
    assert weights_hash(tmp_path / "again") == weights_hash(run_path)
    for seed in (1, 2):
        train(run_config(dataset_path, training={"seed": seed, "steps": 1}), tmp_path / f"{seed}")
    assert weights_hash(tmp_path / "1") != weights_hash(tmp_path / "2")


@pytest.mark.parametrize(
    ("after", "number"), [(2, signal.SIGTERM), (5, signal.SIGINT)]
)  # within the first epoch, and across its boundary
def test_stop_and_resume_equals_one_run_bit_for_bit(
    dataset_path: Path, run_path: Path, tmp_path: Path, after: int, number: int
) -> None:
    run = tmp_path / "run"
    config = run_config(dataset_path)
    if number == signal.SIGINT:
        with pytest.raises(KeyboardInterrupt):
            train(config, run, progress=Stop(after, number))
    else:
        assert not train(config, run, progress=Stop(after, number))
    assert len(log_rows(run)) == after
    assert not (run / "weights.safetensors").exists()
    assert train(config, run, resume=True)
    assert weights_hash(run) == weights_hash(run_path)
    assert log_rows(run) == log_rows(run_path)


def test_resume_is_exact_with_histories_and_mixed_regimes(
    dataset_path: Path, tmp_path: Path
) -> None:
    config = run_config(dataset_path, data={"regime": "all"}, training={"steps": 5})
    train(config, tmp_path / "whole")
    train(config, tmp_path / "parts", progress=Stop(3))
    train(config, tmp_path / "parts", resume=True)
    assert weights_hash(tmp_path / "whole") == weights_hash(tmp_path / "parts")


@pytest.mark.parametrize("source", ["stream", "fresh"])
def test_resume_is_exact_from_disk_and_with_fresh_samples(
    dataset_path: Path, run_path: Path, tmp_path: Path, source: str
) -> None:
    """Stopped within the second epoch."""
    config = run_config(dataset_path, data={"source": source}, training={"steps": 5})
    train(config, tmp_path / "whole")
    train(config, tmp_path / "parts", progress=Stop(4))
    train(config, tmp_path / "parts", resume=True)
    assert weights_hash(tmp_path / "whole") == weights_hash(tmp_path / "parts")
    first, before = (log_rows(run)[0]["loss"] for run in (tmp_path / "whole", run_path))
    assert first != before  # the same weights, before the first step, saw other rows


@pytest.mark.integration
def test_a_run_killed_between_checkpoints_resumes_to_the_same_weights(
    dataset_path: Path, run_path: Path, tmp_path: Path
) -> None:
    config = run_config(dataset_path)
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    run = tmp_path / "run"
    # One thread, as in this process: another number of threads may sum in another order.
    process = subprocess.Popen(
        [sys.executable, "-m", "emulator.training.trainer", "--config", str(file),
         "--output", str(run)],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    log = run / "train_log.jsonl"
    deadline = time.monotonic() + 120
    while not (log.exists() and log.read_text().count("\n") >= 6):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    process.wait()
    train(config, run, resume=True)
    assert weights_hash(run) == weights_hash(run_path)
    assert log_rows(run) == log_rows(run_path)


def test_a_length_in_steps_goes_before_one_in_epochs(dataset_path: Path, tmp_path: Path) -> None:
    """Four steps are one epoch of three and a third of the next, whatever `epochs` says."""
    train(run_config(dataset_path, training={"epochs": 9, "steps": 4}), tmp_path / "run")
    rows = log_rows(tmp_path / "run")
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert "val" in rows[-1]
    assert "4 steps of 64 rows" in (tmp_path / "run" / CARD_FILE).read_text()


def test_training_beats_the_training_mean(
    dataset: Dataset, dataset_path: Path, tmp_path: Path
) -> None:
    training = {"epochs": 6, "checkpoint_every": 6, "lr": 1e-2}
    train(run_config(dataset_path, training=training), tmp_path / "run")
    last = log_rows(tmp_path / "run")[-1]
    for world in dataset.worlds:
        mean = dataset.moments(world).irf_mean
        truth = dataset.read(world, dataset.rows(world, "val"), ["irfs"])["irfs"]
        sigma = dataset.moments(world).irf_sd
        null = (np.sqrt(np.square(truth - mean).mean(axis=2)) / sigma).mean()
        # 6 epochs of 210 samples reach 0.52 of it on var; one leaves it above 0.97.
        assert last[f"val_{world}"] < 0.9 * null


def test_every_row_comes_once_before_any_comes_again(dataset: Dataset) -> None:
    batches = Batches(Shown(dataset, ("nk",), (Regime.A,)), 50, 3)
    count = len(dataset.rows("nk", "train"))
    rows = np.concatenate([batches.source.order("nk", step) for step in range(-(-2 * count // 50))])
    for turn in (rows[:count], rows[count : 2 * count]):
        assert np.array_equal(np.sort(turn), np.arange(count))
    assert not np.array_equal(rows[:count], rows[count : 2 * count])


def test_a_batch_holds_training_rows_only(dataset: Dataset) -> None:
    batches = Batches(Shown(dataset, dataset.worlds, (Regime.C,)), 32, 3)
    for world, ((inputs, target),) in batches.batch(4).responses.items():
        rows = dataset.rows(world, "train")
        fields = dataset.read(world, rows, ["theta", "irfs", "trajectories"])
        theta = fields["theta"].astype(np.float32)
        for i in range(32):
            (match,) = np.flatnonzero((theta == inputs.theta[i].numpy()).all(axis=1))
            assert np.array_equal(fields["irfs"][match], target[i].numpy())
            length = inputs.history.shape[1]
            path = fields["trajectories"][match]
            windows = np.lib.stride_tricks.sliding_window_view(path[RUN_IN:], length, axis=0)
            assert (windows.mT == inputs.history[i].numpy()).all(axis=(1, 2)).sum() == 1


def test_of_answers_without_parameters_half_are_asked_of_a_named_world_and_its_past(
    dataset: Dataset,
) -> None:
    batches = Batches(Shown(dataset, ("nk",), tuple(Regime)), 1, 3)
    asked = {Regime.B1: 0, Regime.B2: 0, Regime.D: 0}
    for step in range(400):
        known, unknown = batches.batch(step).responses["nk"]
        assert known.inputs.theta is not None
        assert unknown.inputs.theta is None
        if unknown.inputs.eps is not None:
            asked[Regime.D] += 1
        else:
            asked[Regime.B1 if unknown.inputs.world else Regime.B2] += 1
    # Three s.d.s of a binomial count are 30 and 26.
    assert abs(asked[Regime.B1] - 200) < 30
    assert abs(asked[Regime.B2] - 100) < 26


def test_samples_too_short_for_trajectories_are_refused_by_name(dataset_path: Path) -> None:
    """Also where a long run-in leaves no room for a history before the first "now"."""
    dataset = Dataset.open(dataset_path)
    settings = dataset.manifest.config.model_dump()
    for changes, expected in (
        ({"quarters": 100}, "have 100 quarters, trajectories need 120"),
        ({"run_in": 60}, "trajectories need 140"),
        ({"run_in": 170, "quarters": 400}, "trajectories leave at most 160"),
    ):
        config = DataConfig.model_validate({**settings, **changes})
        manifest = dataset.manifest.model_copy(update={"config": config})
        short = Dataset(dataset.path, manifest)
        with pytest.raises(ConfigError, match=expected):
            Shown(short, ("nk",), (Regime.A,), trajectories=True)


def test_a_run_folder_is_not_overwritten_and_not_resumed_as_something_else(
    dataset_path: Path, run_path: Path
) -> None:
    with pytest.raises(ConfigError, match="--resume"):
        train(run_config(dataset_path), run_path)
    with pytest.raises(ConfigError, match=r"training\.lr: 0\.003, now 0\.1"):
        train(run_config(dataset_path, training={"lr": 0.1}), run_path, resume=True)
    with pytest.raises(ConfigError, match=r"training\.steps: None, now 5"):
        train(run_config(dataset_path, training={"steps": 5}), run_path, resume=True)


def test_a_run_does_not_resume_without_a_part_that_it_was_begun_with(
    dataset_path: Path, tmp_path: Path
) -> None:
    train(run_config(dataset_path, training={"steps": 5}), tmp_path, progress=Stop(1))
    with pytest.raises(ConfigError, match=r"training\.steps: 5, now None"):
        train(run_config(dataset_path), tmp_path, resume=True)


def test_resuming_a_finished_run_changes_nothing(dataset_path: Path, run_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in run_path.iterdir() if path.is_file()}
    assert train(run_config(dataset_path), run_path, resume=True)
    assert {p.name: p.read_bytes() for p in run_path.iterdir() if p.is_file()} == before


def test_other_data_at_the_same_place_is_refused(
    dataset_path: Path, run_path: Path, half: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resuming on it would train on, or relabel the weights with, rows that were held out."""
    config = run_config(dataset_path)
    opened = Dataset.open(dataset_path)
    other = Dataset(opened.path, opened.manifest.model_copy(update={"contents": "f" * 16}))
    monkeypatch.setattr(Dataset, "open", lambda path: other)
    for run in (run_path, half):
        with pytest.raises(ConfigError, match="was trained on data"):
            train(config, run, resume=True)


def test_the_same_data_at_another_place_is_the_same_run(
    dataset_path: Path, run_path: Path, half: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    moved.symlink_to(dataset_path)
    train(run_config(moved), half, resume=True)
    assert weights_hash(half) == weights_hash(run_path)


def test_a_run_that_wrote_nothing_leaves_its_folder_free(
    dataset_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text("left over from a start that failed")
    train(run_config(dataset_path, model={"type": "baseline_linear"}), tmp_path)
    load_weights(tmp_path)


def test_a_checkpoint_of_another_model_is_refused(dataset_path: Path, tmp_path: Path) -> None:
    for name, model in (("a", TINY_MODEL), ("b", {**TINY_MODEL, "poles": 5})):
        train(run_config(dataset_path, model=model), tmp_path / name, progress=Stop(1))
    (tmp_path / "a" / "checkpoint.pt").write_bytes((tmp_path / "b/checkpoint.pt").read_bytes())
    with pytest.raises(ConfigError, match=r"model\.poles: 5, now 4"):
        train(run_config(dataset_path), tmp_path / "a", resume=True)


def test_a_checkpoint_that_does_not_say_what_it_is_of_is_refused_at_once(
    dataset_path: Path, half: Path
) -> None:
    state = load_checkpoint(half, "cpu")
    assert state is not None
    del state["provenance"]["samples_before"]
    save_checkpoint(half, state, "cpu")
    with pytest.raises(WeightsError, match="another version's"):
        train(run_config(dataset_path), half, resume=True)


def test_a_damaged_log_does_not_stop_a_resume(
    dataset_path: Path, run_path: Path, half: Path
) -> None:
    with (half / "train_log.jsonl").open("ab") as file:
        file.write(b'{bad}\n{"no": 1}\n\xff\n{"step": 4, "lo')
    train(run_config(dataset_path), half, resume=True)
    assert log_rows(half) == log_rows(run_path)


@pytest.mark.parametrize("damage", [lambda d: b"", lambda d: d[:1000], lambda d: d[:-1], _flip])
def test_a_damaged_checkpoint_is_refused_by_name(dataset_path: Path, half: Path, damage) -> None:
    checkpoint = half / "checkpoint.pt"
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    with pytest.raises(WeightsError, match=r"checkpoint\.pt: damaged"):
        train(run_config(dataset_path), half, resume=True)


def test_an_unknown_world_is_refused_before_anything_is_written(
    dataset_path: Path, tmp_path: Path
) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'nk'"):
        train(run_config(dataset_path, data={"worlds": ["nkk"]}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_folder_says_what_made_it(dataset_path: Path, run_path: Path) -> None:
    loaded = load_weights(run_path)
    assert loaded.provenance["data_sha"] == Dataset.open(dataset_path).hash
    assert {"commit", "config_sha", "regime"} <= loaded.provenance.keys()
    assert loaded.samples_seen.keys() == {"A"}  # it claims no regime that it was not trained in
    assert "emulator train" in (run_path / "README.md").read_text()
    header = (run_path / "train_log.csv").read_text().splitlines()[0]
    assert {"step", "lr", "loss", "loss_nk", "val_nk", "gradient_norm"} <= set(header.split(","))


@pytest.mark.parametrize("model", ["baseline_mlp", "baseline_linear"])
def test_baselines_train_through_the_same_entry(
    dataset_path: Path, tmp_path: Path, model: str
) -> None:
    config = run_config(dataset_path, model={"type": model})
    assert train(config, tmp_path / "run")
    assert load_weights(tmp_path / "run").model.config.type == model
    assert torch.isfinite(
        torch.tensor([r["val_nk"] for r in log_rows(tmp_path / "run")[-1:]])
    ).all()
