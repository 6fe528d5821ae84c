"""A run's folder: one training at a time, of one configuration, on one number of threads, and made
whole again where that gives the same bits."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from emulator.claim import LOCK, ClaimError, alone
from emulator.cli.app import run as command_line
from emulator.cli.commands import train as command
from emulator.errors import ConfigError, WeightsError
from emulator.evaluation.scoring.opened import open_run
from emulator.plans.perform import threads_of
from emulator.progress import Progress
from emulator.training import trainer
from emulator.training.checkpoint import load_checkpoint, save_checkpoint
from emulator.training.interruption import TERMINATED
from emulator.training.run_folder import processor_seconds
from emulator.training.trainer import train
from tests.conftest import run_config
from tests.shared import once
from tests.training.runs import Stop, log_rows, weights_hash

pytestmark = pytest.mark.slow


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def alter(run: Path, section: str, **values: Any) -> None:
    """Change the configuration in a run's folder by hand."""
    file = run / "config.yaml"
    config = yaml.safe_load(file.read_text())
    config[section] |= values
    file.write_text(yaml.safe_dump(config))


@pytest.fixture(scope="session")
def at_seven(dataset_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = run_config(dataset_path)
    return once(tmp_path_factory, "seven", lambda path: train(config, path, progress=Stop(7)))


@pytest.fixture
def stopped(at_seven: Path, tmp_path: Path) -> Path:
    """A run asked to stop after 7 of 9 steps: checkpoints of steps 6 and 7."""
    return Path(shutil.copytree(at_seven, tmp_path / "run"))


@pytest.fixture
def finished(run_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run_path, tmp_path / "run"))


# --------------------------------------------------------------------- another configuration


def test_a_configuration_altered_between_stop_and_resume_is_refused(
    dataset_path: Path, stopped: Path
) -> None:
    alter(stopped, "training", lr=0.1)
    before = files(stopped)
    with pytest.raises(ConfigError, match=r"training\.lr: 0\.003, now 0\.1"):
        train(run_config(dataset_path, training={"lr": 0.1}), stopped, resume=True)
    assert files(stopped) == before


def test_the_altered_configuration_of_a_finished_run_is_refused(
    dataset_path: Path, finished: Path
) -> None:
    alter(finished, "training", lr=0.1)
    with pytest.raises(WeightsError, match="not the configuration these weights were trained with"):
        train(run_config(dataset_path, training={"lr": 0.1}), finished, resume=True)


def test_data_that_have_moved_may_be_named_in_the_folders_configuration(
    dataset_path: Path, run_path: Path, stopped: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    moved.symlink_to(dataset_path)
    alter(stopped, "data", dataset_path=str(moved))
    checkpoint = load_checkpoint(stopped, "cpu")
    assert checkpoint is not None
    train(run_config(moved), stopped, resume=True)
    assert weights_hash(stopped) == weights_hash(run_path)
    whole = processor_seconds(stopped)
    assert whole is not None
    assert 0 < checkpoint["provenance"]["processor_seconds"] < whole  # those of both parts
    assert open_run(stopped).dataset.path == moved  # what evaluates it finds the data there


def test_another_number_of_threads_is_refused_before_work(
    dataset_path: Path, stopped: Path
) -> None:
    """Sums over threads are of another order: it would be a third set of weights."""
    before = files(stopped)
    with threads_of(2), pytest.raises(ConfigError, match="begun with threads 1, now 2"):
        train(run_config(dataset_path), stopped, resume=True)
    assert files(stopped) == before


# --------------------------------------------------------------------- one at a time


@pytest.mark.parametrize("resume", [False, True])
def test_two_trainings_in_one_folder_are_refused(
    dataset_path: Path, stopped: Path, resume: bool
) -> None:
    other = stopped if resume else stopped.with_name("new")
    config = run_config(dataset_path)
    with alone(other / LOCK, other, "emulator train"):
        before = files(other)
        with pytest.raises(ClaimError, match=r"another `emulator train` is at work here, pid \d+"):
            train(config, other, resume=resume)
        assert files(other) == before
    assert train(config, other, resume=resume)
    assert not (other / LOCK).exists()


def test_what_a_killed_program_leaves_is_no_obstacle_and_goes(
    dataset_path: Path, run_path: Path, stopped: Path
) -> None:
    (stopped / LOCK).write_text("1\n")
    (stopped / ".checkpoint.pt.1.tmp").write_bytes(b"half of it")
    train(run_config(dataset_path), stopped, resume=True)
    assert files(stopped).keys() - files(run_path).keys() == set()


def test_a_refused_training_leaves_no_folder(dataset_path: Path, tmp_path: Path) -> None:
    config = run_config(dataset_path, training={"start_from": str(tmp_path / "none")})
    with pytest.raises(WeightsError, match="start_from"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


# --------------------------------------------------------------------- damage


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
def test_the_checkpoint_before_is_gone_on_from(
    dataset_path: Path, run_path: Path, stopped: Path, damage: Callable[[Path], None]
) -> None:
    """Unlinked: a kill between the two renames of a save."""
    damage(stopped / "checkpoint.pt")
    if damage is Path.unlink:
        train(run_config(dataset_path), stopped, resume=True)
    else:
        with pytest.warns(UserWarning, match=r"checkpoint\.pt: damaged; going on from the one b"):
            train(run_config(dataset_path), stopped, resume=True)
    assert weights_hash(stopped) == weights_hash(run_path)
    assert log_rows(stopped) == log_rows(run_path)


def test_a_damaged_checkpoint_never_takes_the_place_of_a_whole_one(tmp_path: Path) -> None:
    for step in (1, 2):
        save_checkpoint(tmp_path, {"step": step}, "cpu")
    flip(tmp_path / "checkpoint.pt")
    save_checkpoint(tmp_path, {"step": 3}, "cpu")
    flip(tmp_path / "checkpoint.pt")
    with pytest.warns(UserWarning, match="damaged"):
        assert load_checkpoint(tmp_path, "cpu") == {"step": 1}
    flip(tmp_path / "checkpoint-before.pt")
    with pytest.raises(WeightsError, match=r"delete .*checkpoint\.pt and .*checkpoint-before\.pt"):
        load_checkpoint(tmp_path, "cpu")


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
@pytest.mark.parametrize("damage", [cut, flip])
def test_damaged_weights_are_made_again_from_the_checkpoint(
    dataset_path: Path, run_path: Path, finished: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(finished / name)
    assert train(run_config(dataset_path), finished, resume=True)
    for file in (name, "weights.safetensors", "model.json"):
        assert (finished / file).read_bytes() == (run_path / file).read_bytes()
    assert log_rows(finished) == log_rows(run_path)


def test_damaged_weights_of_a_closed_form_are_fitted_again(
    dataset_path: Path, tmp_path: Path
) -> None:
    config = run_config(dataset_path, model={"type": "baseline_linear"})
    train(config, tmp_path)
    before = weights_hash(tmp_path)
    flip(tmp_path / "weights.safetensors")
    assert train(config, tmp_path, resume=True)
    assert weights_hash(tmp_path) == before


def test_damaged_weights_without_a_checkpoint_are_said(dataset_path: Path, finished: Path) -> None:
    flip(finished / "weights.safetensors")
    for name in ("checkpoint.pt", "checkpoint-before.pt"):
        (finished / name).unlink()
    with pytest.raises(WeightsError, match=r"weights\.safetensors: altered"):
        train(run_config(dataset_path), finished, resume=True)


@pytest.mark.parametrize(
    "change",
    [
        {"step": 10}, {"step": -1}, {"step": 7.0}, {"step": True}, {"step": 3}, {"step": None},
        {"best": {"error": 0.1, "step": 5, "since": 0, "weights": None}},
        {"best": {"error": float("nan"), "step": 0, "since": 0, "weights": None}},
        {"config": 3}, {"provenance": {}}, {"model": {}}, {"optimiser": {}},
    ],
)  # fmt: skip
def test_a_whole_checkpoint_of_something_else_is_refused(
    dataset_path: Path, stopped: Path, change: dict[str, Any]
) -> None:
    """One whose step is past the end would never end."""
    state = load_checkpoint(stopped, "cpu")
    assert state is not None
    save_checkpoint(stopped, {**state, **change}, "cpu")
    with pytest.raises(WeightsError, match="does not fit this run"):
        train(run_config(dataset_path), stopped, resume=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["optimiser"]["param_groups"][0].update(lr=9.0),
        lambda s: s["optimiser"]["param_groups"][0].update(weight_decay=9.0),
        lambda s: s["optimiser"]["param_groups"][0].update(lr=None),
        lambda s: s["optimiser"]["param_groups"][0]["params"].reverse(),
        lambda s: s["optimiser"]["state"].update({0: 3}),
        lambda s: next(iter(s["optimiser"]["state"].values())).clear(),
        lambda s: next(iter(s["optimiser"]["state"].values())).update(mean=[]),
        lambda s: s["provenance"].update(samples_before={"A": 3}),
    ],
)
def test_a_checkpoint_with_other_settings_than_its_configuration_is_refused(
    dataset_path: Path, stopped: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    state = load_checkpoint(stopped, "cpu")
    assert state is not None
    change(state)
    save_checkpoint(stopped, state, "cpu")
    with pytest.raises(WeightsError, match="does not fit this run"):
        train(run_config(dataset_path), stopped, resume=True)


# --------------------------------------------------------------------- exit codes


def test_sigterm_is_no_success(
    dataset_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that `train && evaluate` stops; a shell says 143 of what SIGTERM ended."""

    @contextmanager
    def stop_after_two(title: str) -> Iterator[Progress]:
        yield Stop(2)

    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump(run_config(dataset_path).model_dump(mode="json")))
    arguments = ["train", str(file), "--output", str(tmp_path / "run")]
    with monkeypatch.context() as patch:
        patch.setattr(command, "progress_bar", stop_after_two)
        assert command_line(arguments) == TERMINATED == 143
    assert command_line([*arguments, "--resume"]) == 0
    monkeypatch.setattr(trainer, "train", lambda *_, **__: False)
    monkeypatch.setattr("sys.argv", ["trainer", "--config", str(file)])
    with pytest.raises(SystemExit) as caught:
        trainer.main()
    assert caught.value.code == 128 + signal.SIGTERM


def test_the_threads_are_recorded(run_path: Path) -> None:
    state = load_checkpoint(run_path, "cpu")
    assert state is not None
    assert state["provenance"]["threads"] == torch.get_num_threads() == 1
