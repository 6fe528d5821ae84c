"""The best weights by validation, and when to stop looking for better ones."""

from __future__ import annotations

import math
from typing import Any

import torch

from emulator.models.base import Model


class Best:
    """Keeps the weights of the lowest validation error; `stalled` after `patience` validations
    that brought no lower one. With `patience` None it keeps nothing and never stalls."""

    def __init__(self, patience: int | None) -> None:
        self.patience = patience
        self.error = math.inf
        self.step = 0
        self.since = 0
        self.weights: dict[str, torch.Tensor] | None = None

    @property
    def stalled(self) -> bool:
        return self.patience is not None and self.since >= self.patience

    def see(self, step: int, error: float, model: Model) -> None:
        """A validation's mean error over worlds. Equal is no improvement."""
        if self.patience is None:
            return
        if error < self.error:
            self.error, self.step, self.since = error, step, 0
            self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}
        else:
            self.since += 1

    def restore_into(self, model: Model) -> None:
        """Give the model its best weights, where they were kept."""
        if self.weights is not None:
            model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """Exact on resume; part of the checkpoint."""
        return {
            "error": self.error,
            "step": self.step,
            "since": self.since,
            "weights": self.weights,
        }

    def load_state_dict(self, state: dict[str, Any], step: int) -> None:
        """Take up what was kept at `step`. ValueError where it cannot have been."""
        self.error, self.step = float(state["error"]), whole_number(state["step"], step)
        self.since, self.weights = whole_number(state["since"], step), state["weights"]
        if math.isnan(self.error) or (self.weights is None) != (self.step == 0):
            raise ValueError("no validation gives such a best")


def whole_number(value: object, most: int | None = None) -> int:
    """The value, a whole number from 0 to `most`; ValueError for anything else."""
    if (
        not isinstance(value, int)
        or isinstance(value, bool)
        or value < 0
        or (most is not None and value > most)
    ):
        raise ValueError(f"expected a whole number, at most {most}, got {value!r}")
    return value
