"""The objective: a step's batches through the model to one number and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from emulator.data import Moments
from emulator.models.base import Forecaster, Model
from emulator.regimes import Task
from emulator.training.batches import StepBatch
from emulator.training.config import LossConfig
from emulator.training.losses import (
    horizon_weights,
    quantile_loss,
    response_loss,
    smoothness_loss,
    trajectory_loss,
)


class Terms(NamedTuple):
    """total: the scalar to minimise. parts: what it is made of, detached scalars named
    `loss_<world>`, `quantile_<world>`, `smooth_<world>`, `trajectory_<world>`, before weights."""

    total: torch.Tensor
    parts: dict[str, torch.Tensor]


class Scales(nn.Module):
    """The s.d.s that a world's errors are divided by, from the training split.

    steady_state, state_dependent: (S, 3). trajectory: (3,).
    """

    steady_state: torch.Tensor
    state_dependent: torch.Tensor
    trajectory: torch.Tensor

    def __init__(self, moments: Moments) -> None:
        super().__init__()
        for task, sd in (
            (Task.steady_state, moments.irf_sd),
            (Task.state_dependent, moments.irf_state_sd),
            (Task.trajectory, moments.traj_sd),
        ):
            self.register_buffer(task.value, torch.as_tensor(sd, dtype=torch.float32))

    def of(self, task: Task) -> torch.Tensor:
        """The scale of a task's errors."""
        return getattr(self, task.value)  # type: ignore[no-any-return]


class Objective(nn.Module):
    """`forward(batch)` is the loss of a step; see losses.py for its terms.

    Terms with weight zero are not computed; bands and trajectories only for models that give them.
    A world's trajectory is asked for in some steps only, so its term stands for all worlds'.
    """

    weights: torch.Tensor

    def __init__(self, model: Model, moments: Mapping[str, Moments], losses: LossConfig) -> None:
        super().__init__()
        self.model = model
        self.losses = losses
        self.scales = nn.ModuleDict({world: Scales(m) for world, m in moments.items()})
        self.register_buffer("weights", horizon_weights(losses.horizon, model.horizon + 1))

    def forward(self, batch: StepBatch) -> Terms:
        parts: dict[str, torch.Tensor] = {}
        asked = [(w, b) for w, batches in batch.responses.items() for b in batches]
        answers = self.model.answer([b.inputs for _, b in asked], bands=self.losses.quantile > 0)
        total = torch.zeros((), device=self.weights.device)
        for (world, (inputs, target)), answer in zip(asked, answers, strict=True):
            sigma = self._scales(world).of(inputs.task)
            share = 1.0 / len(batch.responses[world])
            terms = {"loss": (1.0, response_loss(answer.response, target, sigma, self.weights))}
            if self.losses.smooth:
                smooth = smoothness_loss(answer.response, target, sigma)
                terms["smooth"] = (self.losses.smooth, smooth)
            if answer.quantiles is not None:
                pinball = quantile_loss(answer.quantiles, target, sigma)
                terms["quantile"] = (self.losses.quantile, pinball)
            for name, (weight, value) in terms.items():
                total = total + weight * share * value
                key = f"{name}_{world}"
                parts[key] = parts.get(key, 0.0) + share * value
        total = total / len(batch.responses)
        if self.losses.trajectory and isinstance(self.model, Forecaster):
            for world, (inputs, target) in batch.trajectories.items():
                path = self.model.forecast(inputs)
                error = trajectory_loss(path, target, self._scales(world).trajectory)
                parts[f"trajectory_{world}"] = error
                total = total + self.losses.trajectory * error / len(batch.trajectories)
        return Terms(total, {name: part.detach() for name, part in parts.items()})

    def _scales(self, world: str) -> Scales:
        module = self.scales[world]
        assert isinstance(module, Scales)
        return module
