"""Two workers do what one does, and go on after any signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from emulator.cli.app import run
from emulator.plans.carry_out import carry_out
from emulator.plans.jobs import Job
from emulator.plans.words import Bar
from emulator.training.trainer import train
from tests.plans.plans import TUNED, Finished, Folder, stopping_bar, weights

LONG = {"epochs": 300, "checkpoint_every": 20}  # seconds: time to be stopped in, three times


@pytest.mark.integration
def test_an_error_in_a_worker_is_the_errors_own(folder: Folder) -> None:
    """A truncated checkpoint, found by the worker, is told as in this process."""
    path = folder.plan({"name": "mlp", "config": "mlp"})
    carry_out(path, resume=True, bar=stopping_bar("mlp/A", 2, signal.SIGTERM))
    checkpoint = folder.out / "mlp" / "A" / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    with pytest.raises(OSError, match=r"checkpoint\.pt: damaged"):
        carry_out(path, resume=True, workers=2)


@pytest.mark.integration
def test_two_workers_stopped_by_any_signal_go_on_to_the_weights_of_one(
    finished: Finished, folder: Folder, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Killed, then interrupted, then terminated while they train; then left to end. A tuned run
    waits for its candidates, whichever worker has them. The two long runs differ in name alone, so
    that one of them in one go says what both come to."""
    runs = [{"name": name, "config": "mlp", "training": LONG} for name in ("a", "b")]
    jobs = folder.jobs(*runs)
    assert train(jobs[0].config, tmp_path / "one_go")
    (one_go,) = weights(tmp_path / "one_go").values()
    path = folder.plan(*runs, {**TUNED, "worlds": ["nk"]})
    command = ["reproduce", str(path), "--workers", "2", "--resume"]

    _kill(command, _Watch(jobs))
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        bar = _signalling_bar(_Watch(jobs), number)
        monkeypatch.setattr("emulator.cli.commands.reproduce.progress_bar", bar)
        # A shell's background job, as continuous integration may be, hands down an ignored SIGINT.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        assert run(command) == code
        signal.signal(signal.SIGINT, before)
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        assert "again" in err if code == 130 else "go on with --resume" in out

    report = carry_out(path, resume=True, workers=2)
    assert not report.stopped
    assert not report.failed
    assert (folder.out / "leaderboard.md").exists()
    found = weights(folder.out)
    assert {found.pop(label) for label in ("a/A", "b/A")} == {one_go}
    expected = weights(finished.folder.out / "mlp")
    del expected["A/var"]  # here of one world, that of the tuning
    assert found == {f"mlp/{label}": sha for label, sha in expected.items()}


class _Watch:
    """Whether runs have been trained on since this was made, as far as they were not finished, and
    one of them is not yet: a signal is for workers, and later nobody may be there to take it."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.folders = [job.folder for job in jobs]
        self.before = [self._written(folder) for folder in self.folders]

    def __call__(self) -> bool:
        finished = [(folder / "model.json").exists() for folder in self.folders]
        return not all(finished) and all(
            done or self._written(folder) > then
            for done, folder, then in zip(finished, self.folders, self.before, strict=True)
        )

    @staticmethod
    def _written(folder: Path) -> int:
        log = folder / "train_log.jsonl"
        return log.stat().st_mtime_ns if log.exists() and log.stat().st_size else 0


def _kill(command: list[str], trained_on: _Watch) -> None:
    """Run the command line in a process of its own, and kill it while it trains."""
    program = "from emulator.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", program, *command], env=environment)
    deadline = time.monotonic() + 300  # on a machine that does much else
    while not trained_on():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL


def _signalling_bar(trained_on: _Watch, number: int) -> Bar:
    """A progress bar that sends this process a signal, once, while its workers train."""
    sent = []

    @contextmanager
    def bar(title: str):
        def progress(done: int, total: int, note: str) -> None:
            if note and not sent and trained_on():
                sent.append(number)
                os.kill(os.getpid(), number)

        yield progress

    return bar
