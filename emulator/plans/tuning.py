"""Choosing a learning rate on validation, and keeping what it was chosen from."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from emulator.errors import TrainingError
from emulator.models.weights import load_weights
from emulator.plans.jobs import Job
from emulator.storage import write_atomically
from emulator.training.logs import JSONL_FILE, read_rows

TUNING_FILE = "tuning.json"
DIVERGED_FILE = "diverged.txt"


def validation_score(run: Path) -> float:
    """The mean over worlds of a finished run's validation NRMSE, at the weights it kept.

    Infinite for a candidate that diverged. Raises TrainingError where the log does not say it.
    """
    if (run / DIVERGED_FILE).exists():
        return math.inf
    # With early stopping the weights are an earlier step's; closed forms have the one step 0.
    step = load_weights(run).provenance.get("steps", 0)
    for row in read_rows(run):
        values = [value for key, value in row.items() if key.startswith("val_")]
        if row["step"] == step and values:
            return sum(map(float, values)) / len(values)
    raise TrainingError(
        f"{run / JSONL_FILE}: no validation at step {step}; delete {run} to train this run again"
    )


def choose_rate(job: Job) -> float:
    """The rate of a tuned job's candidates with the lowest mean score; writes tuning.json beside
    the run. The smaller rate wins a tie. Raises TrainingError when all diverged."""
    scores = {
        lr: {
            str(folder.relative_to(job.folder.parent)): validation_score(folder) for folder in runs
        }
        for lr, runs in sorted(job.candidates.items())
    }
    means = {lr: sum(by_run.values()) / len(by_run) for lr, by_run in scores.items()}
    best = min(means, key=lambda lr: means[lr])
    if not math.isfinite(means[best]):
        raise TrainingError(
            f"{job.folder}: every learning rate tried diverged ({', '.join(map(str, means))}); "
            "put lower ones in the plan"
        )
    rates = list(means)
    record: dict[str, Any] = {
        "chosen": best,
        "at_edge": best in (rates[0], rates[-1]),
        "criterion": "mean validation NRMSE over worlds, lower is better; null where diverged",
        "candidates": [
            {
                "lr": lr,
                "validation": means[lr] if math.isfinite(means[lr]) else None,
                "runs": {k: v if math.isfinite(v) else None for k, v in scores[lr].items()},
            }
            for lr in rates
        ],
    }
    job.folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, allow_nan=False)
    write_atomically(job.folder / TUNING_FILE, text.encode())
    return best
