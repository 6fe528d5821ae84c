"""What tests of plans share: a folder with run files, copies of a finished plan, ways to stop."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from emulator.data import Dataset
from emulator.plans.carry_out import Report
from emulator.plans.jobs import Job, expand
from emulator.plans.plan import read_plan
from tests.conftest import run_config

MLP = {"type": "baseline_mlp", "hidden_dim": 16, "layers": 1}
LINEAR = {"name": "linear", "config": "linear"}
UNIVERSAL = {"name": "universal", "config": "universal", "role": "universal"}
TUNED = {
    "name": "mlp", "config": "mlp", "role": "specialist", "per_world": True,
    "tuning": {"lr": [1e-5, 3e-3], "steps": 6, "worlds": ["nk"]},
}  # fmt: skip
# Diverges: each step multiplies the weights by ten thousand.
WILD = {"name": "wild", "config": "mlp",
        "training": {"lr": 100.0, "weight_decay": 100.0, "warmup": 0.0}}  # fmt: skip


class Folder:
    """A folder with run files and plans on the small data set."""

    def __init__(self, path: Path, dataset_path: Path) -> None:
        self.path, self.dataset_path = path, dataset_path
        self.out = path / "out"
        config = Dataset.open(dataset_path).manifest.config
        self.data = self._write("data.yaml", config.model_dump(mode="json"))
        for name, model in (("mlp", MLP), ("linear", {"type": "baseline_linear"})):
            self._write(
                f"{name}.yaml", run_config(dataset_path, model=model).model_dump(mode="json")
            )
        universal = run_config(dataset_path, training={"epochs": 2})
        self._write("universal.yaml", universal.model_dump(mode="json"))

    def _write(self, name: str, content: dict[str, Any]) -> str:
        (self.path / name).write_text(yaml.safe_dump(content))
        return str(self.path / name)

    def plan(self, *runs: dict[str, Any], **keys: Any) -> Path:
        """A plan file; each run's `config` is the name of a run file."""
        entries = [
            {"role": "baseline", **entry, "config": str(self.path / f"{entry['config']}.yaml")}
            for entry in runs
        ]
        plan = {
            "data": {"config": self.data, "path": str(self.dataset_path)},
            "output": str(self.out),
            "runs": entries,
        }
        return Path(self._write("tiny.yaml", plan | keys))

    def jobs(self, *runs: dict[str, Any]) -> list[Job]:
        path = self.plan(*runs)
        return expand(read_plan(path), str(path), ("var", "nk"))

    def takes(self, finished: Finished, *runs: dict[str, Any], **keys: Any) -> Path:
        """A plan of these runs of the finished one, with copies of them in its output."""
        for entry in runs:
            shutil.copytree(finished.folder.out / entry["name"], self.out / entry["name"])
        return self.plan(*runs, **keys)


class Finished:
    """A plan that was carried out: where, what it reported, and the lines it said."""

    def __init__(self, folder: Folder, report: Report, said: list[str]) -> None:
        self.folder, self.report, self.said = folder, report, said


def weights(root: Path) -> dict[str, str]:
    """The hash of the weights of every run below a folder."""
    return {
        path.parent.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("weights.safetensors"))
    }


def stopping_bar(label: str, after: int, number: int):
    """A progress bar that asks the process to stop after some steps of one run."""

    @contextmanager
    def bar(title: str):
        def progress(done: int, total: int, note: str) -> None:
            if title == label and done == after:
                os.kill(os.getpid(), number)

        yield progress

    return bar
