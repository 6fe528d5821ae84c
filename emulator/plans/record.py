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
from emulator.storage import write_atomically

PLAN_FILE = "plan.json"


class Record:
    """The file in the plan's output, written again with every outcome; what it held before stays.

    Raises DatasetError where it is damaged.
    """

    def __init__(self, plan: Plan, data_sha: str) -> None:
        self.path = Path(plan.output, PLAN_FILE)
        self.runs: dict[str, dict[str, Any]] = {}
        if self.path.exists():
            try:
                self.runs = json.loads(self.path.read_text(encoding="utf-8"))["runs"]
            except (ValueError, LookupError, TypeError):
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
        for key in ("training_seconds", "evaluation_seconds"):
            entry[key] = round(before.get(key, 0.0) + entry[key], 2)
        self.runs[job.label] = entry
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**self.head, "runs": self.runs}, indent=1, allow_nan=False)
        write_atomically(self.path, text.encode())
