"""plan.json: what became of every run of a plan, and from which budget."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emulator.errors import DatasetError
from emulator.plans.jobs import Job
from emulator.plans.perform import Outcome
from emulator.plans.plan import Plan
from emulator.provenance import commit
from emulator.storage import GONE, read_json, write_atomically

PLAN_FILE = "plan.json"


_SECONDS = ("training_seconds", "evaluation_seconds")


class Record:
    """The file in the plan's output, written again with every outcome; what it held before stays.

    Raises DatasetError where it is damaged.
    """

    def __init__(self, plan: Plan, data_sha: str) -> None:
        self.path = Path(plan.output, PLAN_FILE)
        self.runs: dict[str, dict[str, Any]] = {}
        try:
            self.runs = _runs(read_json(self.path))
        except GONE:
            pass
        except (AttributeError, LookupError, TypeError, ValueError):
            raise DatasetError(
                f"{self.path}: damaged; delete it, it is written again (times spent so far are "
                "lost, nothing else)"
            ) from None
        self.head = {
            "commit": commit(),
            "data_sha": data_sha,
            "threads": plan.threads,
            "plan": plan.model_dump(mode="json"),
        }

    def add(self, job: Job, outcome: Outcome) -> None:
        """Take an outcome in. Seconds add up over resumes, but for those lost to a kill."""
        before = self.runs.get(job.label, {})
        entry = {
            "role": job.role,
            "candidate": job.is_candidate,
            "regime": job.config.data.regime,
            "worlds": job.config.data.worlds,
            **asdict(outcome),
        }
        for key in _SECONDS:
            entry[key] = round(before.get(key, 0.0) + entry[key], 2)
        self.runs[job.label] = entry
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**self.head, "runs": self.runs}, indent=1, allow_nan=False)
        write_atomically(self.path, text.encode())


def _runs(record: Any) -> dict[str, dict[str, Any]]:
    """What became of the runs before. ValueError and the like for what is no record."""
    runs: dict[str, dict[str, Any]] = record["runs"]
    for entry in runs.values():
        if not all(isinstance(entry.get(key, 0.0), (int, float)) for key in _SECONDS):
            raise ValueError("seconds are no numbers")
    return runs
