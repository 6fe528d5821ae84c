"""What tests of training share: a run's hash, its log, ways to stop it, ways to spoil it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from pathlib import Path

import pytest
import torch

from emulator.training.batches import Batches, StepBatch

# Of one process on one machine: wall time, which no seed fixes.
UNSTEADY = "samples_per_second"


def weights_hash(run: Path) -> str:
    return hashlib.sha256((run / "weights.safetensors").read_bytes()).hexdigest()


def log_rows(run: Path) -> list[dict]:
    rows = [json.loads(line) for line in (run / "train_log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != UNSTEADY} for row in rows]


class Stop:
    """A progress callback that asks the process to terminate after some steps."""

    def __init__(self, after: int, number: int = signal.SIGTERM) -> None:
        self.after, self.number = after, number

    def __call__(self, done: int, total: int, note: str) -> None:
        if done == self.after:
            os.kill(os.getpid(), self.number)


def poison(monkeypatch: pytest.MonkeyPatch, world: str, step: int) -> None:
    """From this step on (the first is 1), one world's targets are infinite."""
    whole = Batches.batch

    def batch(self: Batches, done: int) -> StepBatch:
        out = whole(self, done)
        if done + 1 >= step:
            good = out.responses[world][0]
            bad = good._replace(target=torch.full_like(good.target, torch.inf))
            return StepBatch({**out.responses, world: (bad,)}, out.trajectories)
        return out

    monkeypatch.setattr(Batches, "batch", batch)
