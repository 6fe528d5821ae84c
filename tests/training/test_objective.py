"""What training minimises: logarithms of errors where parameters are given, errors elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
import torch

from emulator.config import parse_config
from emulator.data import Dataset
from emulator.models.universal import UniversalConfig
from emulator.questions import Batch
from emulator.regimes import Inputs, Regime
from emulator.training.batches import Batches, Shown, StepBatch
from emulator.training.config import LossConfig
from emulator.training.losses import response_loss, shock_losses
from emulator.training.objective import Objective
from tests.conftest import TINY_MODEL

pytestmark = pytest.mark.slow

RESPONSES_ALONE = LossConfig(trajectory=0.0, quantile=0.0)


def _objective(dataset: Dataset, losses: LossConfig = RESPONSES_ALONE) -> Objective:
    torch.manual_seed(0)
    config = parse_config(TINY_MODEL, UniversalConfig, "test")
    model = config.build([dataset.spec(w) for w in dataset.worlds], dataset.manifest.config.horizon)
    moments = {world: dataset.moments(world) for world in dataset.worlds}
    model.set_scales(
        {world: m.irf_sd for world, m in moments.items()},
        {world: m.traj_sd for world, m in moments.items()},
    )
    return Objective(model, moments, losses)


def _batch(dataset: Dataset, *regimes: Regime, trajectories: bool = False) -> StepBatch:
    shown = Shown(dataset, dataset.worlds, regimes, trajectories=trajectories)
    return Batches(shown, 32, 1).batch(0)


def _errors(objective: Objective, batch: StepBatch) -> dict[str, torch.Tensor]:
    """By world, the mean over its batches."""
    return {
        world: torch.stack([_error(objective, world, part) for part in parts]).mean()
        for world, parts in batch.responses.items()
    }


def _shock_errors(objective: Objective, world: str, batch: Batch) -> torch.Tensor:
    sigma = objective._scales(world).of(batch.inputs.task)
    return shock_losses(objective.model(batch.inputs), batch.target, sigma)


def _error(objective: Objective, world: str, batch: Batch) -> torch.Tensor:
    sigma = objective._scales(world).of(batch.inputs.task)
    return response_loss(objective.model(batch.inputs), batch.target, sigma)


@pytest.mark.parametrize(
    ("regime", "count"),
    [
        (Regime.A, torch.log),
        (Regime.C, torch.log),
        (Regime.B1, torch.mean),
        (Regime.D, torch.mean),
    ],
)
def test_a_shock_counts_by_its_logarithm_where_parameters_are_given(
    dataset: Dataset, regime: Regime, count: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    objective, batch = _objective(dataset), _batch(dataset, regime)
    total, parts = objective(batch)
    errors = _errors(objective, batch)
    shocks = [_shock_errors(objective, w, b) for w, (b,) in batch.responses.items()]
    expected = torch.stack([count(each).mean() for each in shocks]).mean()
    torch.testing.assert_close(total, expected, rtol=1e-4, atol=1e-5)
    for world, error in errors.items():
        torch.testing.assert_close(parts[f"loss_{world}"], error.detach(), rtol=1e-5, atol=0.0)
    weights = list(objective.model.parameters())
    found = torch.autograd.grad(total, weights, allow_unused=True)
    sought = torch.autograd.grad(expected, weights, allow_unused=True)
    for a, b in zip(found, sought, strict=True):
        assert (a is None) is (b is None)
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_processes_that_share_a_batch_step_as_one_that_sees_it_all(dataset: Dataset) -> None:
    """The logarithm is of the mean over processes, not the mean of their logarithms."""
    objective, batch = _objective(dataset), _batch(dataset, Regime.A)
    whole = objective(batch)
    weights = list(objective.model.parameters())
    sought = torch.autograd.grad(whole.total, weights, allow_unused=True)
    halves = [_half(batch, part) for part in (0, 1)]
    seen: list[torch.Tensor] = []
    objective.over_ranks = lambda errors: (seen.append(errors), errors)[1]
    for half in halves:
        objective(half)
    assert not torch.allclose(seen[0], seen[1], rtol=0.05)
    objective.over_ranks = lambda errors: torch.stack(seen).mean(dim=0)
    totals = [objective(half).total for half in halves]
    torch.testing.assert_close(torch.stack(totals).mean(), whole.total, rtol=1e-4, atol=1e-5)
    found = torch.autograd.grad(torch.stack(totals).mean(), weights, allow_unused=True)
    for a, b in zip(found, sought, strict=True):
        if a is not None and b is not None:
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def _rows(inputs: Inputs, part: int) -> Inputs:
    tensors = {
        f.name: value[part::2]
        for f in fields(inputs)
        if isinstance(value := getattr(inputs, f.name), torch.Tensor)
    }
    return replace(inputs, **tensors)


def _half(batch: StepBatch, part: int) -> StepBatch:
    """Every second row."""
    responses = {
        world: tuple(Batch(_rows(b.inputs, part), b.target[part::2]) for b in batches)
        for world, batches in batch.responses.items()
    }
    return StepBatch(responses, {})


def test_an_error_of_zero_has_a_logarithm(dataset: Dataset) -> None:
    objective, batch = _objective(dataset, LossConfig()), _batch(dataset, Regime.A)
    objective.over_ranks = torch.zeros_like
    assert torch.isfinite(objective(batch).total)


@pytest.mark.parametrize("regime", [Regime.A, Regime.B1])
def test_every_term_is_weighed(dataset: Dataset, regime: Regime) -> None:
    """Weights of the terms beside the responses' own are those of the configuration."""
    batch = _batch(dataset, regime, trajectories=True)
    ((path_world, _),) = batch.trajectories.items()
    alone = _objective(dataset)(batch).total.detach()
    for name, weight in (("quantile", 0.2), ("smooth", 0.4), ("trajectory", 0.6)):
        none = {"quantile": 0.0, "smooth": 0.0, "trajectory": 0.0}
        total, parts = _objective(dataset, LossConfig(**none | {name: weight}))(batch)
        assert {key.partition("_")[0] for key in parts} == {"loss", name}
        worlds = (path_world,) if name == "trajectory" else dataset.worlds
        errors = torch.stack([parts[f"{name}_{world}"] for world in worlds])
        counted = errors.log() if regime is Regime.A else errors
        torch.testing.assert_close(total, alone + weight * counted.mean(), rtol=1e-4, atol=1e-4)
