"""The worlds that tests are for, and draws, innovations and chains of each."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator import get_world, list_worlds
from emulator.worlds import Status, World

# An imported world, by the path of its file: nonlinear, with a unit root and correlated shocks.
IMPORTED = Path(__file__).parents[1] / "dynare" / "models" / "rotemberg.yaml"
NAMES = (*list_worlds(), str(IMPORTED))

every_world = pytest.mark.parametrize("name", NAMES)
linear_worlds = pytest.mark.parametrize("name", [n for n in NAMES if get_world(n).linear])
other_worlds = pytest.mark.parametrize("name", [n for n in NAMES if not get_world(n).linear])
worlds_with_floors = pytest.mark.parametrize("name", [n for n in NAMES if get_world(n).floors])
worlds_without_chance = pytest.mark.parametrize(
    "name", [n for n in NAMES if not get_world(n).hidden_chain]
)

ROWS, HORIZON, QUARTERS = 5, 12, 30


@cache
def world_and_draws(name: str) -> tuple[World[Any], np.ndarray]:
    """Valid draws (ROWS, P). Those of a dear world take the dear parameters of two of them in turn:
    a draw whose dear parameters were just solved takes an eighth of the time."""
    world, rng = get_world(name), np.random.default_rng(11)
    if not world.dear:
        return world, world.sample_parameters(ROWS, rng)
    theta = world.sample_parameters(2, rng)
    dear = [world.parameter_names.index(p) for p in world.dear]
    while len(theta) < ROWS:
        more = world.from_uniforms(rng.random((1, len(world.parameters))))
        more[:, dear] = theta[len(theta) % 2, dear]
        theta = np.concatenate([theta, more[world.check(more) == Status.OK]])
    return world, theta


def innovations(world: World[Any], rows: int = ROWS, quarters: int = QUARTERS) -> np.ndarray:
    return np.random.default_rng(12).standard_normal((rows, quarters, len(world.shocks)))


def chain(world: World[Any], rows: int = ROWS, quarters: int = QUARTERS) -> np.ndarray | None:
    """Uniforms for worlds with a hidden chain, None for the others."""
    if not world.hidden_chain:
        return None
    return np.random.default_rng(13).random((rows, quarters))


def box(world: World[Any]) -> tuple[np.ndarray, np.ndarray]:
    lower = np.array([p.lower for p in world.parameters])
    return lower, np.array([p.upper for p in world.parameters])
