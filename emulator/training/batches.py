"""Training batches as a pure function of the step.

The training split is held on the device. Step k's rows, regimes, tasks and history
lengths depend on (seed, k) alone, so the data position of a checkpoint is its step number.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from emulator.data import Dataset
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


def read_fields(
    dataset: Dataset, world: str, rows: np.ndarray, regimes: tuple[Regime, ...], device: str
) -> Fields:
    """The fields the regimes and the world's tasks need, float32 tensors on the device."""
    names: set[str] = set()
    for task in tasks(dataset.spec(world)):
        names |= {TARGETS[task], *(n for r in regimes for n in fields_needed(r, task))}
    arrays = dataset.read(world, rows, sorted(names))
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
    ) -> None:
        self.specs: dict[str, WorldSpec] = {w: dataset.spec(w) for w in worlds}
        self.regimes, self.batch_size, self.seed = regimes, batch_size, seed
        self.run_in, self.longest = dataset.manifest.config.run_in, history_quarters(dataset)
        self.fields = {
            w: read_fields(dataset, w, dataset.rows(w, "train"), regimes, device) for w in worlds
        }
        self.counts = {w: len(fields["shock_size"]) for w, fields in self.fields.items()}
        self.steps_per_epoch = -(-max(self.counts.values()) // batch_size)

    def batch(self, step: int) -> dict[str, Batch]:
        """One batch a world."""
        rng = np.random.default_rng(derived_seed(self.seed, "batch", step))
        out = {}
        for world, spec in self.specs.items():
            regime = self.regimes[rng.integers(len(self.regimes))]
            rows = torch.as_tensor(self._rows(world, step))
            sample = {name: tensor[rows] for name, tensor in self.fields[world].items()}
            length = self.longest
            if CONTRACTS[regime].history:
                length = int(rng.integers(MIN_HISTORY, self.longest + 1))
            task = tasks(spec)[rng.integers(len(tasks(spec)))]
            out[world] = cut(sample, spec, regime, task, length, self.run_in)
        return out

    def whole(self, world: str) -> list[Batch]:
        """All training rows of a world at once, a batch a task, for closed-form fits."""
        spec = self.specs[world]
        return [
            cut(self.fields[world], spec, self.regimes[0], task, self.longest, self.run_in)
            for task in tasks(spec)
        ]

    def _rows(self, world: str, step: int) -> np.ndarray:
        """Rows of step k: consecutive cuts of an endless chain of seeded permutations, so that
        every row comes once before any comes again."""
        count = self.counts[world]
        first = step * self.batch_size
        positions = np.arange(first, first + self.batch_size)
        turn = positions // count
        rows = np.empty(self.batch_size, dtype=np.int64)
        for t in np.unique(turn):
            rng = np.random.default_rng(derived_seed(self.seed, "order", world, int(t)))
            here = turn == t
            rows[here] = rng.permutation(count)[positions[here] % count]
        return rows
