"""Exact responses beyond the last quarter of a data set, solved for when training is over.

Data sets end where users seldom look further, and paths go on: of a persistent economy what a
shock does after forty quarters is a tenth of it. A few draws are enough for what follows
(`emulator.models.tail`), so they are solved again here instead of stored for every sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from emulator.data import Dataset
from emulator.data.schema import fingerprint
from emulator.limits import MAX_SIZE, MIN_SIZE
from emulator.models.base import Model
from emulator.worlds import World, get_world, has_world

if TYPE_CHECKING:
    from jaxtyping import Float

LATER = 200  # quarters: with those before as many as the longest paths have
FEWEST, MOST = 1000, 4096  # draws that what follows is learned from
MOST_CURVES = 32_768  # draws times shocks; bounds memory
SEED = 81


def go_on_from_data(model: Model, dataset: Dataset, world: str, rows: np.ndarray) -> None:
    """Let a model go on beyond the quarters of a data set, in a world that is installed as the data
    were drawn from and cheap to solve."""
    spec = dataset.spec(world)
    if not has_world(world) or len(rows) < FEWEST:
        return
    found = get_world(world)
    if fingerprint(found.spec) == fingerprint(spec):
        theta = dataset.read(world, rows[:MOST], ["theta"])["theta"]
        go_on(model, found, torch.as_tensor(theta, dtype=torch.float32))


def go_on(model: Model, world: World[Any], theta: Float[torch.Tensor, "N P"]) -> None:
    """Let a model go on beyond its last quarter, by exact responses at draws of a world's
    parameters. Of fewer than FEWEST draws, and of worlds that are dear to solve, nothing is
    learned."""
    theta = theta[: min(MOST, max(FEWEST, MOST_CURVES // len(world.shocks)))]
    if world.dear or len(theta) < FEWEST:
        return
    rng = np.random.default_rng(SEED)
    size = rng.uniform(MIN_SIZE, MAX_SIZE, (len(theta), len(world.shocks)))
    size *= rng.choice([-1.0, 1.0], size.shape)
    responses = world.irf(theta.double().numpy(), model.horizon + LATER, size).values
    responses /= size[:, :, None, None]
    solved = np.isfinite(responses).all(axis=(1, 2, 3))
    if solved.sum() >= FEWEST:
        device = next(model.parameters()).device
        known = (theta.numpy(), size, responses)
        some = (torch.as_tensor(a[solved], dtype=torch.float32, device=device) for a in known)
        model.go_on(world.name, *some)
