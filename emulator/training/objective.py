"""The objective: a step's batches through the model to one number and its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import torch
from torch import nn

from emulator.data import Moments
from emulator.models.base import Model
from emulator.regimes import Task
from emulator.training.batches import StepBatch
from emulator.training.config import LossConfig
from emulator.training.losses import (
    horizon_weights,
    quantile_loss,
    response_loss,
    shock_losses,
    smoothness_loss,
    trajectory_loss,
)


class Terms(NamedTuple):
    """total: the scalar to minimise. parts: the errors it is made of, detached scalars named
    `loss_<world>`, `quantile_<world>`, `smooth_<world>`, `trajectory_<world>`: no logarithms, no
    weights."""

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


# Of an error whose logarithm is taken: a pinball loss can be exactly zero.
_SMALLEST = 1e-6


class _Term(NamedTuple):
    name: str
    world: str
    weight: float
    share: float  # of the world's batches
    error: torch.Tensor
    counted: torch.Tensor  # (K,): what counts of it, in equal parts
    relative: bool = False  # whether by logarithms


def _term(
    name: str, world: str, weight: float, share: float, error: torch.Tensor, relative: bool
) -> _Term:
    """A term that counts as the one number it is."""
    return _Term(name, world, weight, share, error, error[None], relative)


def _alone(errors: torch.Tensor) -> torch.Tensor:
    """The mean over ranks where there is one."""
    return errors


class Objective(nn.Module):
    """`forward(batch)` is the loss of a step; see losses.py for its terms.

    Terms with weight zero are not computed; bands and trajectories only for models that give them.
    A world's trajectory is asked for in some steps only, so its term stands for all worlds'.
    over_ranks: the mean over processes of a vector of errors.
    """

    weights: torch.Tensor

    def __init__(
        self,
        model: Model,
        moments: Mapping[str, Moments],
        losses: LossConfig,
        over_ranks: Callable[[torch.Tensor], torch.Tensor] = _alone,
    ) -> None:
        super().__init__()
        self.model = model
        self.losses = losses
        self.over_ranks = over_ranks
        self.scales = nn.ModuleDict({world: Scales(m) for world, m in moments.items()})
        self.register_buffer("weights", horizon_weights(losses.horizon, model.horizon + 1))

    def forward(self, batch: StepBatch) -> Terms:
        found = [*self._responses(batch), *self._trajectories(batch)]
        errors = torch.cat([term.counted for term in found])
        # The error of the whole batch, of which this process may see a part. The gradient is that
        # of the logarithm of the mean over processes, as if one saw all.
        whole = self.over_ranks(errors.detach()) + _SMALLEST
        logarithms = whole.log() + errors / whole - 1.0
        lengths = torch.tensor([len(term.counted) for term in found], device=errors.device)
        weights = errors.new_tensor(
            [term.weight * term.share / len(term.counted) for term in found]
        )
        relative = torch.tensor([term.relative for term in found], device=errors.device)
        relative = relative.repeat_interleave(lengths)
        counted = torch.where(relative, logarithms, errors)
        total = (weights.repeat_interleave(lengths) * counted).sum()
        parts: dict[str, torch.Tensor] = {}
        for term in found:
            key = f"{term.name}_{term.world}"
            parts[key] = parts.get(key, 0.0) + term.share * term.error.detach()
        return Terms(total / len(batch.responses), parts)

    def _responses(self, batch: StepBatch) -> Iterator[_Term]:
        asked = [(w, b) for w, batches in batch.responses.items() for b in batches]
        answers = self.model.answer([b.inputs for _, b in asked], bands=self.losses.quantile > 0)
        for (world, (inputs, target)), answer in zip(asked, answers, strict=True):
            sigma = self._scales(world).of(inputs.task)
            share = 1.0 / len(batch.responses[world])
            relative = inputs.theta is not None
            response, weights = answer.response, self.weights
            error = response_loss(response, target, sigma, weights)
            counted = shock_losses(response, target, sigma, weights) if relative else error[None]
            yield _Term("loss", world, 1.0, share, error, counted, relative)
            if self.losses.smooth:
                error = smoothness_loss(response, target, sigma)
                yield _term("smooth", world, self.losses.smooth, share, error, relative)
            if answer.quantiles is not None:
                error = quantile_loss(answer.quantiles, target, sigma)
                yield _term("quantile", world, self.losses.quantile, share, error, relative)

    def _trajectories(self, batch: StepBatch) -> Iterator[_Term]:
        if not self.losses.trajectory or not self.model.config.forecasts:
            return
        # One world stands for all.
        weight = self.losses.trajectory * len(batch.responses) / max(1, len(batch.trajectories))
        for world, (inputs, target) in batch.trajectories.items():
            path = self.model.forecast(inputs)
            error = trajectory_loss(path, target, self._scales(world).trajectory)
            relative = inputs.theta is not None
            yield _term("trajectory", world, weight, 1.0, error, relative)

    def _scales(self, world: str) -> Scales:
        module = self.scales[world]
        assert isinstance(module, Scales)
        return module
