"""One network while it learns: its weights, its optimiser, how far it is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, Generic, NamedTuple, Protocol

import torch
from torch import nn

from emulator.adapt.draws import R, Supply
from emulator.adapt.order import Start
from emulator.specs import WorldSpec
from emulator.training.config import TrainingConfig
from emulator.training.muon import Muon, groups

BATCH = 256  # draws a step
WARMUP, CLIP = TrainingConfig().warmup, TrainingConfig().clip


class Settings(NamedTuple):
    """What is chosen: the peak rate, the units of a shock's own layers, where it starts."""

    rate: float
    width: int
    start: Start

    def __str__(self) -> str:
        start = "from the shipped weights" if self.start == "shipped" else "from scratch"
        return f"rate {self.rate:g}, width {self.width}, {start}"


class Grid(NamedTuple):
    """What is tried: peak rates, of which the first with every start, and units, of which half and
    twice as many are tried too."""

    rates: tuple[float, ...]
    width: int

    @property
    def widths(self) -> tuple[int, ...]:
        return self.width // 2, 2 * self.width


class Subject(Protocol[R]):
    """What every network of a run is made of. known: some training draws."""

    @property
    def spec(self) -> WorldSpec: ...

    @property
    def known(self) -> R: ...

    @property
    def grid(self) -> Grid: ...

    def learner(self, settings: Settings, supply: Supply[R]) -> Learner[R]:
        """A network that has learned nothing yet but what its start knows."""
        ...

    def nothing(self, rows: R) -> float:
        """`Learner.error` of an answer that knows nothing."""
        ...


class Learner(ABC, Generic[R]):
    """A network and its optimiser. `learn` is a step; what it sees is a function of `step`."""

    def __init__(self, model: nn.Module, settings: Settings, supply: Supply[R]) -> None:
        self.model, self.settings, self.supply = model, settings, supply
        self.optimiser = Muon(groups(model, 0.0), settings.rate, 0.0)
        self.step = 0

    @abstractmethod
    def loss(self, rows: R) -> torch.Tensor:
        """What a step makes smaller."""

    @abstractmethod
    def error(self, rows: R) -> float:
        """What is chosen by, on validation draws."""

    def learn(self, share: float) -> bool:
        """One step at the rate for this share of the stage, 0 to 1; False where it diverged."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate * rate_at(share)
        rows = self.supply.rows(self.step * BATCH, BATCH)
        self.optimiser.zero_grad(set_to_none=True)
        self.loss(rows).backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        if not math.isfinite(norm.item()):
            return False
        self.optimiser.step()
        self.step += 1
        return True

    def state_dict(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])


def rate_at(share: float) -> float:
    """A linear warm-up, then a cosine to zero; a share of the peak rate."""
    if share < WARMUP:
        return max(share / WARMUP, 0.01)
    return 0.5 * (1.0 + math.cos(math.pi * (min(share, 1.0) - WARMUP) / (1.0 - WARMUP)))
