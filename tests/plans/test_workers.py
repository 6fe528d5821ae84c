"""Two workers do what one does, and go on after any signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emulator.plans.carry_out import carry_out
from emulator.training.trainer import train
from tests.plans.plans import LINEAR, TUNED, Finished, Folder, stopping_bar, weights

LONG = {"epochs": 60, "checkpoint_every": 20}  # half a second: time to be stopped in


@pytest.mark.integration
def test_an_error_in_a_worker_is_the_errors_own(finished: Finished, folder: Folder) -> None:
    """A truncated checkpoint, found by the worker, is told as in this process."""
    folder.takes(finished, LINEAR)
    path = folder.plan({"name": "mlp", "config": "mlp"}, LINEAR)
    carry_out(path, resume=True, bar=stopping_bar("mlp/A", 2, signal.SIGTERM))
    checkpoint = folder.out / "mlp" / "A" / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    with pytest.raises(OSError, match=r"checkpoint\.pt: damaged"):
        carry_out(path, resume=True, workers=2)


@pytest.mark.integration
def test_two_workers_stopped_by_any_signal_go_on_to_the_weights_of_one(
    finished: Finished, folder: Folder, tmp_path: Path
) -> None:
    """Killed, then interrupted, then terminated, each in the middle of two trainings; then left to
    end. A tuned run waits for its candidates, whichever worker has them."""
    runs = [{"name": name, "config": "mlp", "training": LONG} for name in ("a", "b")]
    one_go = tmp_path / "one_go"
    for job in folder.jobs(*runs):
        assert train(job.config, one_go / job.label)
    path = folder.plan(*runs, {**TUNED, "worlds": ["nk"]})
    for number, code in (
        (signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130), (signal.SIGTERM, 0)
    ):  # fmt: skip
        returned, out, err = _stopped(path, folder, number)
        assert returned == code, err
        assert "Traceback" not in err
        if number == signal.SIGTERM:
            assert "go on with --resume" in out
    report = carry_out(path, resume=True, workers=2)
    assert not report.stopped
    assert not report.failed
    assert (folder.out / "leaderboard.md").exists()
    found = weights(folder.out)
    assert {label: found.pop(label) for label in ("a/A", "b/A")} == weights(one_go)
    expected = weights(finished.folder.out)
    del expected["mlp/A/var"]  # one world of two is trained here, tuned on that same world
    assert found == {label: sha for label, sha in expected.items() if label.startswith("mlp/")}


def _stopped(path: Path, folder: Folder, number: int) -> tuple[int, str, str]:
    """Exit code and outputs of the command, sent a signal while it trains `a` and `b`."""
    logs = [folder.out / name / "A" / "train_log.jsonl" for name in "ab"]
    before = [_written(log) for log in logs]
    # A shell's background job, as continuous integration may be, hands down an ignored SIGINT.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from emulator.cli import main; main()"
    )
    command = [sys.executable, "-c", program,
               "reproduce", str(path), "--workers", "2", "--resume"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not all(_written(log) > then for log, then in zip(logs, before, strict=True)):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def _written(log: Path) -> int:
    """When a log was last written to; 0 where it is empty or not there."""
    return log.stat().st_mtime_ns if log.exists() and log.stat().st_size else 0
