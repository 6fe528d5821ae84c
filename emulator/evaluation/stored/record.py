"""metrics.json: what an evaluation leaves, checked once when it is read.

    {"format": 5, "model": ..., "regimes": [...], "data_worlds": {world: [task, ...]},
     "worlds": {world: {regime: {split: {nrmse, ci95, ...}}}}, "training_mean": the same,
     "samples_seen": {regime: {world: rows}}, "statistics": {file: SHA-256}, commit, config_sha,
     data_sha, ..., "checksum": ...}

data_worlds: the worlds of the data set, whether or not the run answers them, and the responses that
are distinct in each. samples_sha, training_draws_sha: which samples were scored, and which draws
trained, whatever processor drew them; draws: those of each world, `Dataset.draws_of`. data_sha and
training_data_sha are of every bit. lr, seed, processor_seconds: of training, None where not known
or, as the rate of a closed form, not there. held_out: what the weights were trained without, by
world (`Dataset.held_out`). The checksum is `emulator.storage.sealed`'s.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from emulator.data.schema import PRIOR
from emulator.errors import DatasetError
from emulator.evaluation.metrics.registry import METRICS
from emulator.models.configs import KINDS
from emulator.regimes import Regime, Task
from emulator.storage import GONE, is_sealed, read_json, sealed, write_atomically

FORMAT = 5
METRICS_FILE = "metrics.json"
NULL_MODEL = "training_mean"


def _regime(name: str) -> str:
    return Regime(name).value


def _kind(name: str) -> str:
    if name not in KINDS:
        raise ValueError(f"no type of model: {name!r}")
    return name


class _Part(BaseModel):
    """Part of the file. Other keys may be there."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False, frozen=True)


class _Entry(_Part):
    """What every entry has, and the metrics there were when it was scored. Those of `worlds` have
    errors by horizon besides, and of responses over the prior spectra."""

    nrmse: float
    ci95: list[float] = Field(min_length=2, max_length=2)
    by_observable: dict[str, float | None]
    samples: PositiveInt
    nrmse_pooled: float | None = None
    by_horizon: list[float] | None = Field(None, min_length=1)
    spectrum: dict[Literal["prediction", "truth"], list[float]] | None = Field(None, min_length=2)

    @model_validator(mode="after")
    def _numbers(self) -> Self:
        for name, value in (self.model_extra or {}).items():
            if name in METRICS and isinstance(value, (str, bool)):
                raise ValueError(f"{name!r} is no number")
        return self


class _Split(_Entry):
    state_dependent: _Entry | None = None
    trajectory: _Entry | None = None


class _Rough(_Part):
    """A score with histories as they come, and what it is more than with exact ones."""

    nrmse: float
    increase: float
    ci95: list[float] = Field(min_length=2, max_length=2)


_RegimeName = Annotated[str, AfterValidator(_regime)]
_Tree = dict[str, dict[_RegimeName, dict[str, _Split]]]


class _Metrics(_Part):
    model: Annotated[str, AfterValidator(_kind)]
    regimes: list[_RegimeName] = Field(min_length=1)
    extra_inputs: list[str]
    data_worlds: dict[str, list[str]]
    worlds: _Tree = Field(min_length=1)
    training_mean: _Tree
    ablations: dict[str, dict[_RegimeName, dict[str, Any]]]
    rough_histories: dict[str, dict[_RegimeName, dict[str, dict[str, _Rough]]]] | None = None
    samples_seen: dict[_RegimeName, dict[str, NonNegativeInt]]
    until_stalled: bool
    lr: float | None = None
    seed: int | None = None
    processor_seconds: float | None = None
    statistics: dict[str, str]
    commit: str
    config_sha: str
    data_sha: str
    samples_sha: str
    draws: dict[str, str]
    weights_sha256: str
    training_commit: str
    training_data_sha: str
    training_draws_sha: str
    training_rows: dict[str, NonNegativeInt]
    held_out: dict[str, list[dict[str, str | float]]] | None = None
    started_from: str | None
    floors: dict[str, str] | None = None
    gaps: dict[str, dict[str, Any]] | None = None
    criteria: list[dict[str, Any]] | None = None

    @model_validator(mode="after")
    def _of_one_evaluation(self) -> Self:
        for world, by_regime in self.worlds.items():
            if set(by_regime) != set(self.regimes):
                raise ValueError(f"worlds, {world}: of other regimes")
            if world not in self.training_rows or world not in self.data_worlds:
                raise ValueError(f"{world} is missing elsewhere")
            for regime in self.regimes:
                if world not in self.samples_seen.get(regime, {}):
                    raise ValueError(f"samples_seen lacks {world} in {regime}")
        cases = dict(_entries(self.worlds))
        for (world, regime, split, task), entry in cases.items():
            wanted = ["by_horizon"]
            if split == PRIOR and task is not Task.trajectory:
                wanted += ["spectrum", "nrmse_pooled"]
            for name in wanted:
                if getattr(entry, name) is None:
                    raise ValueError(f"{world} {regime} {split} {task}: no {name}")
        if cases.keys() != dict(_entries(self.training_mean)).keys():
            raise ValueError(f"worlds and {NULL_MODEL} are of different cases")
        return self


def _entries(tree: _Tree) -> Iterator[tuple[tuple[str, str, str, Task], _Entry]]:
    """Every entry of a tree by world, regime, split and task."""
    for world, regimes in tree.items():
        for regime, splits in regimes.items():
            for split, steady in splits.items():
                for task in Task:
                    entry = steady if task is Task.steady_state else getattr(steady, task.value)
                    if entry is not None:
                        yield (world, regime, split, task), entry


class OtherVersionError(DatasetError):
    """The file was written by another version of this program."""


def write_metrics(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Write metrics.json with its format and checksum."""
    text = json.dumps(sealed({"format": FORMAT, **metrics}), indent=1, allow_nan=False) + "\n"
    write_atomically(folder / METRICS_FILE, text.encode())


def read_metrics(folder: Path) -> dict[str, Any]:
    """The contents of metrics.json, every key that is read later included.

    Raises DatasetError when the file is missing, altered, incomplete or damaged; OtherVersionError
    when its format is another; OSError where the system refuses to read it.
    """
    path = folder / METRICS_FILE
    remedy = f"run `emulator evaluate {shlex.quote(str(folder))}` again"
    try:
        metrics = read_json(path)
    except GONE:
        raise DatasetError(f"{path}: not evaluated yet; {remedy.removesuffix(' again')}") from None
    except ValueError as error:
        raise DatasetError(f"{path}: damaged ({error}); {remedy}") from None
    if not isinstance(metrics, dict):
        raise DatasetError(f"{path}: damaged (not a mapping); {remedy}")
    if metrics.get("format") != FORMAT:
        raise OtherVersionError(
            f"{path}: format {metrics.get('format', 'unknown')!s:.20}, this version reads "
            f"{FORMAT}; {remedy}"
        )
    try:
        if not is_sealed(metrics):
            raise ValueError("altered since it was written")
        _Metrics.model_validate(metrics)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        said = problem["msg"].removeprefix("Value error, ")
        raise DatasetError(f"{path}: damaged ({place} {said}".rstrip() + f"); {remedy}") from None
    except ValueError as error:
        raise DatasetError(f"{path}: damaged ({error}); {remedy}") from None
    return metrics
