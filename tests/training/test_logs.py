"""Every step is logged, to files always, to W&B and TensorBoard when asked, without a network."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from emulator.errors import ConfigError
from emulator.training.logs import read_rows, training_log
from emulator.training.trainer import train
from tests.conftest import run_config
from tests.training.runs import Stop, log_rows, weights_hash

pytestmark = pytest.mark.slow


def test_csv_and_jsonl_say_the_same(run_path: Path) -> None:
    with (run_path / "train_log.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    rows = log_rows(run_path)
    assert len(table) == len(rows)
    for text, row in zip(table, rows, strict=True):
        given = {name: float(value) for name, value in text.items() if value}
        given.pop("samples_per_second")
        assert given == row  # no column of one is missing in the other


def test_a_step_says_each_worlds_loss_the_gradient_and_the_speed(run_path: Path) -> None:
    with (run_path / "train_log.csv").open(newline="") as file:
        first, *_, last = csv.DictReader(file)
    every_step = ("loss_nk", "loss_var", "gradient_norm", "lr", "samples_per_second")
    assert all(float(first[name]) > 0 for name in every_step)
    assert math.isfinite(float(first["loss"]))  # of logarithms: of either sign
    at_validation = ("val", "val_nk", "val_var", "gradient_norm_nk", "gradient_norm_var")
    assert all(float(last[name]) > 0 for name in at_validation)
    assert float(last["val"]) == pytest.approx((float(last["val_nk"]) + float(last["val_var"])) / 2)


def test_a_worlds_gradient_norms_bound_the_whole(run_path: Path) -> None:
    """The loss is the mean over worlds, so its gradient is at most the mean of their norms; the
    norms are taken one step later, at weights little changed (a tenth)."""
    for row in log_rows(run_path):
        if "val" in row and "trajectory_nk" not in row and "trajectory_var" not in row:
            mean = (row["gradient_norm_nk"] + row["gradient_norm_var"]) / 2
            assert row["gradient_norm"] < 1.1 * mean


def _events(folder: Path) -> dict[tuple[str, int], float]:
    """What TensorBoard shows: the last value written for a name and step, after purges."""
    shown: dict[tuple[str, int], float] = {}
    for file in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns):
        for event in EventFileLoader(str(file)).Load():
            if event.HasField("session_log"):
                shown = {key: value for key, value in shown.items() if key[1] < event.step}
            for value in event.summary.value:
                shown[value.tag, event.step] = value.tensor.float_val[0]
    return shown


def test_tensorboard_shows_the_log_also_after_a_kill_and_a_resume(
    dataset_path: Path, run_path: Path, tmp_path: Path
) -> None:
    config = run_config(dataset_path, training={"logger": "tensorboard"})
    train(config, tmp_path, progress=Stop(4))
    # What a killed run leaves: rows that its last checkpoint does not know.
    with training_log(tmp_path, ["step", "loss"], 4, config) as write:
        write({"step": 5, "loss": 123.0})
    train(config, tmp_path, resume=True)
    shown, rows = _events(tmp_path / "tensorboard"), log_rows(tmp_path)
    expected = {(k, row["step"]): v for row in rows for k, v in row.items() if k != "step"}
    measured = {key: value for key, value in shown.items() if key[0] != "samples_per_second"}
    assert measured == pytest.approx(expected, rel=1e-6)  # event files hold float32
    assert weights_hash(tmp_path) == weights_hash(run_path)  # looking changes nothing


@pytest.mark.integration
def test_wandb_works_offline_and_keeps_every_row(dataset_path: Path, tmp_path: Path) -> None:
    # In a process of its own: W&B starts a service beside the one that uses it.
    config = run_config(dataset_path, training={"logger": "wandb", "epochs": 1})
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    subprocess.run(
        [sys.executable, "-m", "emulator.training.trainer", "--config", str(tmp_path / "c.yaml"),
         "--output", str(tmp_path / "run")],
        env={**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}, check=True,
        timeout=120, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    (file,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    history = _wandb_history(file)
    rows = log_rows(tmp_path / "run")
    assert [row["_step"] for row in history] == [row["step"] for row in rows]
    for shown, row in zip(history, rows, strict=True):
        assert {k: shown[k] for k in row if k != "step"} == {k: row[k] for k in row if k != "step"}


def _wandb_history(file: Path) -> list[dict]:
    """The rows in W&B's own offline file."""
    # Imported here, where W&B is looked at: it takes a second.
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    store, rows = DataStore(), []
    store.open_for_scan(str(file))
    while (data := store.scan_data()) is not None:
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.HasField("history"):
            items = record.history.item
            rows.append({i.key or ".".join(i.nested_key): json.loads(i.value_json) for i in items})
    store.close()
    return rows


def test_a_logger_can_be_added_when_a_run_goes_on(
    dataset_path: Path, run_path: Path, tmp_path: Path
) -> None:
    train(run_config(dataset_path), tmp_path, progress=Stop(3))
    train(run_config(dataset_path, training={"logger": "tensorboard"}), tmp_path, resume=True)
    assert min(step for _, step in _events(tmp_path / "tensorboard")) == 4
    assert weights_hash(tmp_path) == weights_hash(run_path)


@pytest.mark.parametrize("name", ["wandb", "tensorboard"])
def test_a_missing_logger_is_named_before_anything_is_written(
    dataset_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked: None)
    with pytest.raises(ConfigError, match=rf"pip install 'universal-macro-emulator\[{name}\]'"):
        train(run_config(dataset_path, training={"logger": name}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "line",
    [
        b"{bad}", b'{"no": 1}', b"\xff", b'{"step": 4, "lo', b"[1]", b'{"step": true}', b"NaN",
        b'{"step": 4, "loss": NaN}', b'{"step": 4, "loss": 1e999}', b'{"step": 4, "loss": [1]}',
        b'{"step": 4, "loss": "x"}', b'{"step": "4"}', b"[" * 100_000,
    ],
)  # fmt: skip
@pytest.mark.fast
def test_what_is_no_row_is_left_out(tmp_path: Path, line: bytes) -> None:
    good = b'{"step": 3, "loss": 0.5, "lr": 1, "val": "nan"}'
    (tmp_path / "train_log.jsonl").write_bytes(line + b"\n" + good + b"\n" + line)
    assert read_rows(tmp_path) == [{"step": 3, "loss": 0.5, "lr": 1, "val": "nan"}]
