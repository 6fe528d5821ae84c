"""Divergence: seen at the step it happens, told by world, and never trained through."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from emulator.errors import TrainingError
from emulator.training.batches import StepBatch
from emulator.training.logs import Row
from emulator.training.objective import Objective


def finite(row: Row) -> bool:
    """Whether every number of a log row is finite."""
    return all(math.isfinite(value) for value in row.values())


def world_gradient_norms(
    objective: Objective, batch: StepBatch, precision: torch.autocast
) -> dict[str, torch.Tensor]:
    """The norm of each world's gradient alone, unclipped: who pulls, and who explodes.

    Leaves the gradients in the parameters as they are.
    """
    parameters = [p for p in objective.parameters() if p.requires_grad]
    norms = {}
    for world in batch.responses:
        paths = {w: b for w, b in batch.trajectories.items() if w == world}
        alone = StepBatch({world: batch.responses[world]}, paths)
        with precision:
            loss = objective(alone).total
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        norms[world] = torch.nn.utils.get_total_norm([g for g in gradients if g is not None])
    return norms


def divergence(row: Row, worlds: Sequence[str]) -> TrainingError:
    """What to say of a step whose numbers are not finite: which worlds, and the gradient norms."""
    bad = [
        world
        for world in worlds
        if not all(
            math.isfinite(row[f"{name}_{world}"])
            for name in ("loss", "gradient_norm", "val")
            if f"{name}_{world}" in row
        )
    ]
    norms = ", ".join(f"{world} {row[f'gradient_norm_{world}']:g}" for world in worlds)
    return TrainingError(
        f"training diverged at step {row['step']}: worlds with a non-finite loss or gradient: "
        f"{', '.join(bad) or 'none alone'}; gradient norm {row['gradient_norm']:g} ({norms}); the "
        "last checkpoint stays; try a lower lr in a new run (--output)"
    )
