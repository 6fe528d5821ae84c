"""Evaluated runs: a run folder with metrics.json, and what part a run plays in comparisons."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from emulator.data.schema import PRIOR
from emulator.errors import DatasetError
from emulator.evaluation.stored.panels import Panel, read_panels
from emulator.evaluation.stored.record import (
    METRICS_FILE,
    NULL_MODEL,
    OtherVersionError,
    read_metrics,
    write_metrics,
)
from emulator.evaluation.stored.statistics_files import (
    PANELS_FILE,
    RESPONSES_FILE,
    file_of,
    matches,
    read_statistics,
    verify,
)
from emulator.models.abilities import ModelConfigBase
from emulator.models.configs import kind_of
from emulator.regimes import Task


@dataclass(frozen=True)
class EvaluatedRun:
    """A run and its metrics. name: its path from the folder it was found in."""

    name: str
    folder: Path
    metrics: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.metrics["model"])

    @property
    def kind(self) -> type[ModelConfigBase]:
        """What models of this kind can do. Raises UnknownNameError."""
        return kind_of(self.model)

    @property
    def worlds(self) -> tuple[str, ...]:
        return tuple(self.metrics["worlds"])

    @property
    def regimes(self) -> tuple[str, ...]:
        return tuple(self.metrics["regimes"])

    @property
    def data(self) -> str:
        """Which samples were scored: `Dataset.samples_sha`."""
        return str(self.metrics["samples_sha"])

    def trained_as(self, other: EvaluatedRun) -> bool:
        """Whether both were trained on the same samples of the worlds they share."""
        return self.metrics["training_draws_sha"] == other.metrics["training_draws_sha"] and all(
            self.metrics[key][world] == other.metrics[key][world]
            for world in set(self.worlds) & set(other.worlds)
            for key in ("training_rows", "held_out")
        )

    @property
    def is_universal(self) -> bool:
        return self.kind.universal and len(self.worlds) > 1 and not self.has_more_inputs

    @property
    def is_whole(self) -> bool:
        """Whether the run answers every world of its data set."""
        return set(self.worlds) == set(self.metrics["data_worlds"])

    @property
    def is_specialist(self) -> bool:
        alone = len(self.worlds) == 1 and self.metrics["started_from"] is None
        return self.kind.specialist and alone and not self.has_more_inputs

    @property
    def processor_seconds(self) -> float | None:
        """Of training, for each world of the run; None where it is not known."""
        spent = self.metrics.get("processor_seconds")
        return None if spent is None else float(spent) / len(self.worlds)

    @property
    def has_more_inputs(self) -> bool:
        """Whether the run sees more than its regime's contract; then it is in no comparison."""
        return bool(self.metrics["extra_inputs"])

    @property
    def has_statistics(self) -> bool:
        """Whether statistics are stored; reference results keep metrics alone."""
        return (self.folder / RESPONSES_FILE).is_file()

    @property
    def is_complete(self) -> bool:
        """Whether statistics and panels are there, and those that metrics.json was made from."""
        return matches(self.folder, self.metrics["statistics"])

    @property
    def is_compared(self) -> bool:
        """Whether the run was compared and drawn after it was scored."""
        return "floors" in self.metrics

    def entry(self, world: str, regime: str, split: str, task: str) -> dict[str, Any] | None:
        """The metrics of one case, None when the run does not answer it."""
        return find_entry(self.metrics["worlds"], world, regime, split, task)

    def over_prior(self, regime: str, task: str) -> dict[str, dict[str, Any]]:
        """The metrics over the whole prior by world, where the run answers it."""
        found = {world: self.entry(world, regime, PRIOR, task) for world in self.worlds}
        return {world: entry for world, entry in found.items() if entry is not None}

    def null_entry(self, world: str, regime: str, split: str, task: str) -> dict[str, Any] | None:
        """The training mean's metrics of one case."""
        return find_entry(self.metrics[NULL_MODEL], world, regime, split, task)

    def cases(self, split: str) -> Iterator[tuple[str, str, str]]:
        """(world, regime, task) that the run answers on a split."""
        for world, regimes in self.metrics["worlds"].items():
            for regime in regimes:
                for task in Task:
                    if self.entry(world, regime, split, task) is not None:
                        yield world, regime, task.value

    def statistics(
        self, world: str, regime: str, split: str, task: str, columns: list[str] | None = None
    ) -> pd.DataFrame:
        """The stored statistics of one case. Raises DatasetError when they are not there, or not
        those that metrics.json was made from."""
        verify(self.folder, self.metrics["statistics"], file_of(task))
        return read_statistics(self.folder, world, regime, split, task, columns)

    def panels(self) -> list[Panel]:
        """The responses that are drawn; none where scoring kept none. Raises DatasetError when they
        are not there, or not those that were kept."""
        if PANELS_FILE not in self.metrics["statistics"]:
            return []
        verify(self.folder, self.metrics["statistics"], PANELS_FILE)
        return read_panels(self.folder)

    def save(self) -> None:
        """Write metrics.json again."""
        write_metrics(self.folder, self.metrics)


def find_entry(
    tree: dict[str, Any], world: str, regime: str, split: str, task: str
) -> dict[str, Any] | None:
    """The metrics of one case in {world: {regime: {split: ...}}}.

    Those of the steady-state response are the split's own; other tasks' are nested in them.
    """
    steady: dict[str, Any] | None = tree.get(world, {}).get(regime, {}).get(split)
    if steady is None or task == Task.steady_state:
        return steady
    nested: dict[str, Any] | None = steady.get(str(Task(task)))
    return nested


def read_run(folder: Path, name: str) -> EvaluatedRun:
    """The evaluated run in a folder. Raises DatasetError when its metrics cannot be read,
    OtherVersionError where they are not over the whole prior."""
    run = EvaluatedRun(name, folder, read_metrics(folder))
    if not any(run.cases(PRIOR)):
        raise OtherVersionError(
            f"{folder / METRICS_FILE}: an earlier version's, without scores over the whole prior; "
            f"run `emulator evaluate {shlex.quote(str(folder))}` again"
        )
    return run


def find_runs(root: Path, *, of_this_version: bool = False) -> list[EvaluatedRun]:
    """Evaluated runs at or below `root`, named by their path from it (its own name for `root`).

    of_this_version: leave out runs that another version evaluated, which raise otherwise. Raises
    DatasetError when there are none, or one cannot be read.
    """
    root = root.resolve()
    folders = sorted(path.parent for path in root.rglob(METRICS_FILE))
    runs = []
    for folder in folders:
        name = folder.name if folder == root else folder.relative_to(root).as_posix()
        try:
            runs.append(read_run(folder, name))
        except OtherVersionError:
            if not of_this_version:
                raise
    if not runs:
        raise DatasetError(f"{root}: no {METRICS_FILE} here or below; run `emulator evaluate RUN`")
    return runs
