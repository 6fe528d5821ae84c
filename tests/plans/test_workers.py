"""Two workers do what one does, and go on after any signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from emulator.plans.engine import run_plan
from tests.plans.plans import LONG, TUNED, Folder, stopping_bar, weights


@pytest.mark.integration
def test_two_workers_give_the_weights_of_one(folder: Folder) -> None:
    run_plan(folder.plan(TUNED, {"name": "linear", "config": "linear"}))
    path = folder.plan(TUNED, {"name": "linear", "config": "linear"}, output="two")
    report = run_plan(path, workers=2)
    assert not report.stopped
    assert weights(folder.path / "two") == weights(folder.path / "out")
    assert (folder.path / "two" / "leaderboard.md").exists()


@pytest.mark.integration
def test_an_error_in_a_worker_is_the_errors_own(folder: Folder) -> None:
    """A truncated checkpoint, found by the worker, is told as in this process."""
    mlp, linear = {"name": "mlp", "config": "mlp"}, {"name": "linear", "config": "linear"}
    path = folder.plan(mlp, linear)
    run_plan(path, bar=stopping_bar("mlp/A", 2, signal.SIGTERM))
    checkpoint = folder.path / "out" / "mlp" / "A" / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    with pytest.raises(OSError, match=r"checkpoint\.pt: damaged"):
        run_plan(path, resume=True, workers=2)


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_two_workers_stopped_at_any_moment_go_on_to_the_same_weights(
    folder: Folder, number: int
) -> None:
    runs = [{"name": name, "config": "mlp", "training": LONG} for name in ("a", "b")]
    run_plan(folder.plan(*runs))
    path = folder.plan(*runs, output="parts")
    # A shell's background job, as continuous integration may be, hands down an ignored SIGINT.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from emulator.cli import main; main()"
    )
    command = [sys.executable, "-c", program,
               "campaign", str(path), "--workers", "2", "--resume"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    logs = [folder.path / "parts" / name / "A" / "train_log.jsonl" for name in "ab"]
    deadline = time.monotonic() + 120
    while not all(log.exists() and log.stat().st_size for log in logs):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    expected = {signal.SIGTERM: 0, signal.SIGINT: 130, signal.SIGKILL: -signal.SIGKILL}
    assert process.returncode == expected[number], err
    assert "Traceback" not in err
    if number == signal.SIGTERM:
        assert "go on with --resume" in out
    run_plan(path, resume=True)
    assert weights(folder.path / "parts") == weights(folder.path / "out")
