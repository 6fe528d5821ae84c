"""Training batches: which rows, regime, task and history length each step gets.

Rows come from one of three sources. `resident` holds the training split on the device, and step k's
rows are a pure function of (seed, k); `stream` reads it from disk; `fresh` draws new samples from
the worlds, held-out ones left out. Step k's regimes, tasks and history lengths depend on (seed, k)
alone. Whatever the source, training goes on exactly from a checkpoint's position.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch

from emulator.data import Dataset, FreshLoader, Loader, StreamLoader
from emulator.regimes import (
    CONTRACTS,
    MAX_HISTORY,
    MIN_HISTORY,
    TARGETS,
    Inputs,
    Regime,
    Task,
    build_inputs,
    fields_needed,
    tasks,
)
from emulator.seeding import derived_seed
from emulator.specs import WorldSpec

Fields = dict[str, torch.Tensor]


class Batch(NamedTuple):
    """What a model sees of one world, and the per-unit responses (B, S, H+1, 3) it should give."""

    inputs: Inputs
    target: torch.Tensor


def history_quarters(dataset: Dataset) -> int:
    """The longest history the data set can show."""
    config = dataset.manifest.config
    return min(MAX_HISTORY, config.quarters - config.run_in)


def field_names(spec: WorldSpec, regimes: tuple[Regime, ...]) -> list[str]:
    """The data-set fields that the regimes and the world's tasks need, targets included."""
    names: set[str] = set()
    for task in tasks(spec):
        names |= {TARGETS[task], *(n for r in regimes for n in fields_needed(r, task))}
    return sorted(names)


def read_fields(
    dataset: Dataset, world: str, rows: np.ndarray, regimes: tuple[Regime, ...], device: str
) -> Fields:
    """The needed fields of some rows, float32 tensors on the device."""
    return to_tensors(dataset.read(world, rows, field_names(dataset.spec(world), regimes)), device)


def to_tensors(arrays: Mapping[str, np.ndarray], device: str | torch.device) -> Fields:
    """float32 tensors on the device."""
    return {
        name: torch.as_tensor(np.ascontiguousarray(array), dtype=torch.float32).to(device)
        for name, array in arrays.items()
    }


def cut(
    fields: Fields, spec: WorldSpec, regime: Regime, task: Task, length: int, run_in: int
) -> Batch:
    """What a regime shows of these rows, and the answer to the task."""
    inputs = build_inputs(fields, spec, regime, task, history_length=length, run_in=run_in)
    return Batch(inputs, fields[TARGETS[task]])


class Source(Protocol):
    """Rows of every world for each step, asked for in order."""

    def rows(self, step: int) -> dict[str, Fields]: ...

    def position(self) -> dict[str, Any]: ...

    def restore(self, position: dict[str, Any]) -> None: ...


class Batches:
    """Batches of every world; `batch(k)` is the k-th, from 0."""

    def __init__(
        self,
        dataset: Dataset,
        worlds: tuple[str, ...],
        regimes: tuple[Regime, ...],
        batch_size: int,
        seed: int,
        device: str,
        source: Literal["resident", "stream", "fresh"] = "resident",
    ) -> None:
        self.specs: dict[str, WorldSpec] = {w: dataset.spec(w) for w in worlds}
        self.dataset, self.regimes, self.seed, self.device = dataset, regimes, seed, device
        self.run_in, self.longest = dataset.manifest.config.run_in, history_quarters(dataset)
        largest = max(len(dataset.rows(w, "train")) for w in worlds)
        self.steps_per_epoch = -(-largest // batch_size)
        self.source: Source = (
            _Resident(dataset, worlds, regimes, batch_size, seed, device)
            if source == "resident"
            else _Loaded(dataset, worlds, regimes, batch_size, seed, device, source == "fresh")
        )

    def batch(self, step: int) -> dict[str, Batch]:
        """One batch a world."""
        rng = np.random.default_rng(derived_seed(self.seed, "batch", step))
        rows = self.source.rows(step)
        out = {}
        for world, spec in self.specs.items():
            regime = self.regimes[rng.integers(len(self.regimes))]
            length = self.longest
            if CONTRACTS[regime].history:
                length = int(rng.integers(MIN_HISTORY, self.longest + 1))
            task = tasks(spec)[rng.integers(len(tasks(spec)))]
            out[world] = cut(rows[world], spec, regime, task, length, self.run_in)
        return out

    def whole(self, world: str) -> list[Batch]:
        """All training rows of a world at once, a batch a task, for closed-form fits."""
        spec = self.specs[world]
        rows = self.dataset.rows(world, "train")
        fields = read_fields(self.dataset, world, rows, self.regimes, self.device)
        return [
            cut(fields, spec, self.regimes[0], task, self.longest, self.run_in)
            for task in tasks(spec)
        ]


class _Resident:
    """The training split on the device; every row comes once before any comes again."""

    def __init__(
        self,
        dataset: Dataset,
        worlds: tuple[str, ...],
        regimes: tuple[Regime, ...],
        batch_size: int,
        seed: int,
        device: str,
    ) -> None:
        self.batch_size, self.seed = batch_size, seed
        self.fields = {
            w: read_fields(dataset, w, dataset.rows(w, "train"), regimes, device) for w in worlds
        }

    def rows(self, step: int) -> dict[str, Fields]:
        out = {}
        for world, fields in self.fields.items():
            order = torch.as_tensor(self.order(world, step))
            out[world] = {name: tensor[order] for name, tensor in fields.items()}
        return out

    def order(self, world: str, step: int) -> np.ndarray:
        """Rows of step k: consecutive cuts of an endless chain of seeded permutations."""
        count = len(self.fields[world]["shock_size"])
        positions = step * self.batch_size + np.arange(self.batch_size)
        turn = positions // count
        rows = np.empty(self.batch_size, dtype=np.int64)
        for t in np.unique(turn):
            rng = np.random.default_rng(derived_seed(self.seed, "order", world, int(t)))
            here = turn == t
            rows[here] = rng.permutation(count)[positions[here] % count]
        return rows

    def position(self) -> dict[str, Any]:
        return {}  # the step says it all

    def restore(self, position: dict[str, Any]) -> None:
        pass


class _Loaded:
    """Rows from a loader of `emulator.data`, which keeps its own position."""

    def __init__(
        self,
        dataset: Dataset,
        worlds: tuple[str, ...],
        regimes: tuple[Regime, ...],
        batch_size: int,
        seed: int,
        device: str,
        fresh: bool,
    ) -> None:
        self.device = device
        self.fields = {w: field_names(dataset.spec(w), regimes) for w in worlds}
        fields = sorted(set().union(*self.fields.values()))
        sizes = dict.fromkeys(worlds, batch_size)
        if fresh:
            config = dataset.manifest.config
            self.loader: Loader = FreshLoader(config, batch_size=sizes, fields=fields, seed=seed)
        else:
            self.loader = StreamLoader(dataset, batch_size=sizes, fields=fields, seed=seed)

    def rows(self, step: int) -> dict[str, Fields]:
        return {
            world: to_tensors({name: part[name] for name in self.fields[world]}, self.device)
            for world, part in self.loader.batch().items()
        }

    def position(self) -> dict[str, Any]:
        return self.loader.state_dict()

    def restore(self, position: dict[str, Any]) -> None:
        self.loader.load_state_dict(position)
