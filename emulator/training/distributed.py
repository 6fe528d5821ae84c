"""Several processes that train one model, as `torchrun` starts them.

    torchrun --nproc-per-node 2 -m emulator.training.trainer --config CONFIG

Each rank works on its part of every batch, and gradients are averaged (DistributedDataParallel):
nccl between GPUs, gloo between CPUs. Rank 0 alone writes. Without torchrun there is one rank, and
nothing here talks to anyone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn

from emulator.errors import ConfigError
from emulator.training.batches import PATH_ROWS
from emulator.training.config import RunConfig, TrainingConfig


@dataclass(frozen=True)
class Ranks:
    """This process's place among those that train together, and its device."""

    rank: int
    count: int
    device: str

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes."""
        return self.rank == 0

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean over ranks, the same on every rank; NaN where any of them is."""
        return self.total(values) / self.count

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over ranks, the same on every rank; NaN where any of them is."""
        if self.count == 1:
            return values
        values = values.clone()
        dist.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any rank: how all of them stop at the same step."""
        if self.count == 1:
            return flag
        return self.total(torch.tensor(float(flag), device=self.device)).item() > 0

    def share(self, module: nn.Module) -> nn.Module:
        """The module with its gradients averaged over ranks."""
        if self.count == 1:
            return module
        # A regime leaves some inputs' weights without a gradient, which other steps use.
        return nn.parallel.DistributedDataParallel(module, find_unused_parameters=True)

    def wait(self) -> None:
        """Until every rank is here."""
        self.any(False)


@contextmanager
def together(config: RunConfig) -> Iterator[Ranks]:
    """Join the other ranks for the length of a run. Raises ConfigError where a GPU is missing, and
    before any waits for another where they cannot share this run."""
    rank, count, local = _environment()
    settings = config.training
    if count > 1 and config.model.fitted_at_once:
        raise ConfigError(
            f"model.type: {config.model.type} is fitted in one pass, which cannot be shared among "
            f"{count} processes; start it without torchrun"
        )
    even = PATH_ROWS * count  # trajectories are asked of a part of the rows
    if count > 1 and settings.batch_size % even:
        raise ConfigError(
            f"training.batch_size: {settings.batch_size} rows cannot be split evenly among "
            f"{count} processes; make it a multiple of {even}"
        )
    device = _device(settings, local if count > 1 else None)
    if device.startswith("cuda"):
        # float32 means float32 on the GPU too: TF32, torch's default in cuDNN, rounds to three
        # digits, a tenth of the accuracy aimed at. Who wants speed instead asks for bfloat16.
        torch.backends.fp32_precision = "ieee"  # type: ignore[attr-defined]
    if count == 1:
        yield Ranks(0, 1, device)
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Ranks(rank, count, device)
    finally:
        dist.destroy_process_group()


def _environment() -> tuple[int, int, int]:
    """torchrun's variables: rank, number of ranks, rank on this machine."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    values = [os.environ.get(name, "") for name in names]
    if not any(values):
        return 0, 1, 0
    if not all(value.isdecimal() for value in values):
        given = ", ".join(f"{n}={v!r}" for n, v in zip(names, values, strict=True))
        raise ConfigError(
            f"environment: expected whole numbers in RANK, WORLD_SIZE and LOCAL_RANK, got {given}; "
            "unset them, or start with torchrun"
        )
    rank, count, local = (int(value) for value in values)
    return rank, count, local


def _device(settings: TrainingConfig, local: int | None) -> str:
    """cpu or cuda; among several ranks, this one's own GPU."""
    found = torch.cuda.device_count()
    if settings.device == "cpu" or (settings.device == "auto" and not found):
        return "cpu"
    if not found:
        raise ConfigError("training.device: cuda asked for, but torch sees no GPU; use cpu or auto")
    if local is None:
        return "cuda"
    if local >= found:
        raise ConfigError(
            f"training.device: process {local} of this machine has no GPU of its own "
            f"({found} found); start {found} processes, or use device cpu"
        )
    return f"cuda:{local}"
