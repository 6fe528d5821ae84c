"""Several processes train as one: the same loss, one set of files, and they stop together.

Two gloo processes on this machine, as torchrun starts them: once by torchrun itself, then forked
from a process that has imported what they need, which takes each of them seconds.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from emulator.data import Dataset
from emulator.errors import ConfigError
from emulator.models.weights import load_weights
from emulator.questions import Batch
from emulator.regimes import Regime
from emulator.training.batches import Batches, Shown, StepBatch
from emulator.training.checkpoint import load_checkpoint, save_checkpoint
from emulator.training.config import RunConfig
from emulator.training.trainer import train
from tests.conftest import TINY_MODEL, run_config
from tests.shared import once
from tests.training.runs import Stop, log_rows

pytestmark = [pytest.mark.slow, pytest.mark.integration]

MODULE = ["-m", "emulator.training.trainer"]
# One thread each: another number of threads may sum in another order.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
LIMIT = 300  # seconds; a run takes 20 to 40 of them on two busy cores, most to import torch


def _file(config: RunConfig, path: Path) -> str:
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    return str(path)


def _torchrun(config: RunConfig, folder: Path) -> None:
    """Two processes of torchrun, to their end; the run is in folder/run."""
    folder.mkdir()
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        *MODULE, "--config", _file(config, folder / "c.yaml"), "--output", str(folder / "run"),
    ]  # fmt: skip
    done = subprocess.run(
        command, env=ENVIRONMENT, timeout=LIMIT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


# Run as text: a function would be looked for in this module, which importing has shapes checked.
PROGRAM = """
import os, sys
from emulator.training.trainer import main
os.environ.update(variables)
sys.argv = arguments
main()
"""


def _start(config: RunConfig, folder: Path, *options: str) -> list[BaseProcess]:
    """Two processes with torchrun's variables but without its agent, so that one can be signalled
    alone. They compute on one thread, as every forked process does (emulator/models/plain.py)."""
    folder.mkdir(exist_ok=True)
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    arguments = ["train", "--config", _file(config, folder / "c.yaml")]
    arguments += ["--output", str(folder / "run"), *options]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["emulator.training.trainer"])
    processes: list[BaseProcess] = []
    for rank in range(2):
        variables = {**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}
        names = {"variables": variables, "arguments": arguments}
        processes.append(context.Process(target=exec, args=(PROGRAM, names)))
        processes[-1].start()
    return processes


def _ended(processes: list[BaseProcess]) -> list[int | None]:
    """Exit code of each process."""
    for process in processes:
        process.join(timeout=LIMIT)
    return [process.exitcode for process in processes]


# float32 sums in another order differ by some 1e-7 of their size. Muon makes momenta orthogonal and
# its Adam part divides by the root of squared gradients: where a gradient is nearly zero, either
# lets the difference grow to a share of a step, so that the steps compared are short ones. Measured
# over 12 steps at this rate: 2e-7, and 3e-5 of a sum of logarithms that is nearly zero. (At ten
# times the rate one processor gave 3e-7, another 2e-4.)
CLOSE = {"rtol": 1e-4}
RATE = 3e-4


@pytest.fixture(scope="session")
def config(dataset_path: Path) -> RunConfig:
    # All regimes: some steps leave some weights without a gradient.
    return run_config(dataset_path, data={"regime": "all"}, training={"lr": RATE, "epochs": 2})


@pytest.fixture(scope="session")
def alone(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "alone", lambda run: train(config, run))


@pytest.fixture(scope="session")
def pair(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "pair", lambda folder: _torchrun(config, folder)) / "run"


def test_two_processes_give_the_losses_and_gradients_of_one(alone: Path, pair: Path) -> None:
    one, two = log_rows(alone), log_rows(pair)
    assert [row["step"] for row in one] == [row["step"] for row in two]
    for a, b in zip(one, two, strict=True):
        assert a.keys() == b.keys()
        shared = [name for name in a if not name.startswith("gradient_norm_")]
        np.testing.assert_allclose([a[n] for n in shared], [b[n] for n in shared], **CLOSE)
    # Before the first update nothing has grown: summation order alone.
    # A sum of logarithms can be near zero.
    assert one[0]["loss"] == pytest.approx(two[0]["loss"], abs=1e-6)
    assert one[0]["gradient_norm"] == pytest.approx(two[0]["gradient_norm"], rel=1e-5)


def test_two_processes_write_one_run(alone: Path, pair: Path) -> None:
    names = {path.name for path in alone.iterdir()}
    assert {path.name for path in pair.iterdir()} == names
    assert "torchrun --nproc-per-node 2" in (pair / "README.md").read_text()
    a, b = load_weights(alone), load_weights(pair)
    assert (a.provenance["processes"], b.provenance["processes"]) == (1, 2)
    assert a.model.state_dict().keys() == b.model.state_dict().keys()


def test_a_signal_to_one_process_stops_both_with_a_checkpoint_that_goes_on(
    config: RunConfig, alone: Path, tmp_path: Path
) -> None:
    long = config.model_copy(
        update={"training": config.training.model_copy(update={"epochs": 2000})}
    )
    processes = _start(long, tmp_path)
    log, deadline = tmp_path / "run" / "train_log.jsonl", time.monotonic() + LIMIT
    try:
        while not (log.exists() and log.read_text().count("\n") >= 2):
            assert [p.exitcode for p in processes] == [None, None]
            assert time.monotonic() < deadline
            time.sleep(0.01)
        processes[1].terminate()  # not the one that writes
        assert _ended(processes) == [143, 143]
    finally:
        for process in processes:
            process.kill()
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    (tmp_path / "bare.pt").write_bytes(checkpoint.read_bytes()[:-32])
    state = torch.load(tmp_path / "bare.pt", weights_only=True)
    assert state["step"] == len(log_rows(tmp_path / "run")) < 6000


def test_two_processes_resume_to_the_same_weights(
    config: RunConfig, pair: Path, tmp_path: Path
) -> None:
    # Killed after the checkpoint of the first epoch of two: what a lost machine leaves.
    processes = _start(config, tmp_path)
    log, deadline = tmp_path / "run" / "train_log.jsonl", time.monotonic() + LIMIT
    try:
        while not (log.exists() and log.read_text().count("\n") >= 4):
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        for process in processes:
            process.kill()
        assert _ended(processes) == [-signal.SIGKILL] * 2
    assert _ended(_start(config, tmp_path, "--resume")) == [0, 0]
    assert log_rows(tmp_path / "run") == log_rows(pair)
    a, b = load_weights(tmp_path / "run"), load_weights(pair)
    assert a.sha256 == b.sha256


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (TINY_MODEL, r"64 rows .* among 3 processes; make it a multiple of 6"),
        ({"type": "baseline_linear"}, "baseline_linear is fitted in one pass"),
    ],
)
def test_what_processes_cannot_share_is_refused_before_they_meet(
    dataset_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: dict, expected: str
) -> None:
    for name, value in (("WORLD_SIZE", "3"), ("RANK", "0"), ("LOCAL_RANK", "0")):
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=expected):
        train(run_config(dataset_path, model=model), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("given", [{"WORLD_SIZE": "2"}, {"RANK": "x", "WORLD_SIZE": "1"}])
def test_half_of_torchruns_variables_are_refused_in_words(
    dataset_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="start with torchrun"):
        train(run_config(dataset_path), tmp_path / "run")


def test_shares_of_a_batch_together_are_the_batch(dataset: Dataset) -> None:
    shown = Shown(dataset, dataset.worlds, tuple(Regime), trajectories=True)
    parts = [Batches(shown, 12, 0, part=(rank, 2), rough=0.5) for rank in range(2)]
    whole = Batches(shown, 12, 0, rough=0.5)
    for step in range(8):
        shares = [list(_flat(part.batch(step))) for part in parts]
        for batch, *halves in zip(_flat(whole.batch(step)), *shares, strict=True):
            together = torch.stack([h.target for h in halves], dim=1).flatten(0, 1)
            assert torch.equal(together, batch.target)  # ranks take rows in turn
            if batch.inputs.history is not None:
                seen = torch.stack([h.inputs.history for h in halves], dim=1).flatten(0, 1)
                assert torch.equal(seen, batch.inputs.history)


def _flat(batch: StepBatch) -> Iterator[Batch]:
    for batches in batch.responses.values():
        yield from batches
    yield from batch.trajectories.values()


def test_a_run_goes_on_in_as_many_processes_as_it_began(
    dataset_path: Path, pair: Path, tmp_path: Path
) -> None:
    config = run_config(dataset_path)
    train(config, tmp_path, progress=Stop(1))
    state = load_checkpoint(tmp_path, "cpu")
    state["provenance"]["processes"] = 2
    save_checkpoint(tmp_path, state, "cpu")
    with pytest.raises(ConfigError, match="begun with processes 2, now 1"):
        train(config, tmp_path, resume=True)
