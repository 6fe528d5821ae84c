"""What moves what: which parameters, and whether the size, change a response.

Found with the exact solver. Each of some prior draws is solved again with one parameter of another
draw in place of its own; where no draw's responses to a shock change by more than rounding, the
parameter does not move it. Responses are from rest, per unit of size and over the shock's own s.d.
where the world names one, so that in linear worlds no s.d. moves anything. A model need not learn
what the table says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from emulator.limits import MAX_SIZE, MIN_SIZE
from emulator.specs import WorldSpec
from emulator.worlds.base import FloatArray, World

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64

DRAWS, SEED = 48, 5  # what moves a response moves it in each of a few draws, as a rule
DEAR_DRAWS = 4
HORIZON = 40
# Of a response's largest value: solvers that iterate agree to some 1e-10.
ROUNDING = 1e-9


class Dependence(NamedTuple):
    """parameters: (P, S), whether a parameter moves the response to a shock. size: (S,), whether
    its size does."""

    parameters: Bool[np.ndarray, "P S"]
    size: Bool[np.ndarray, " S"]


def dependence(world: World[Any], draws: int | None = None, seed: int = SEED) -> Dependence:
    """What moves the responses of `world`; the same for the same draws and seed."""
    draws = draws or (DEAR_DRAWS if world.dear else DRAWS)
    rng = np.random.default_rng(seed)
    theta, other = world.sample_parameters(draws, rng), world.sample_parameters(draws, rng)
    size = rng.uniform(MIN_SIZE, MAX_SIZE, (draws, len(world.shocks)))
    size *= rng.choice([-1.0, 1.0], size.shape)
    base = _shapes(world, theta, size)
    moves = []
    for p in range(theta.shape[1]):
        changed = theta.copy()
        changed[:, p] = other[:, p]
        moves.append(_differ(base, _shapes(world, changed, size)))
    if world.linear:
        by_size = np.zeros(len(world.shocks), dtype=bool)
    else:
        by_size = _differ(base, _shapes(world, theta, -size[::-1]))
    return Dependence(np.array(moves), by_size)


def described(world: World[Any]) -> WorldSpec:
    """The world's description with what moves its responses."""
    found = dependence(world)
    return replace(
        world.spec,
        moves=tuple(tuple(map(bool, row)) for row in found.parameters),
        size_moves=tuple(map(bool, found.size)),
    )


def _shapes(
    world: World[Any], theta: Float64[np.ndarray, "B P"], size: Float64[np.ndarray, "B S"]
) -> FloatArray:
    """Responses (B, S, H+1, 3) per unit of size and s.d.; NaN where there is no solution."""
    names = world.parameter_names
    own = [theta[:, names.index(s.sigma)] if s.sigma else np.ones(len(theta)) for s in world.shocks]
    values = world.irf(theta, HORIZON, size).values
    return np.asarray(values / (size * np.stack(own, axis=1))[:, :, None, None])


def _differ(one: FloatArray, two: FloatArray) -> Bool[np.ndarray, " S"]:
    """Which shocks' responses (B, S, H+1, 3) differ in some draw that both have."""
    there = np.isfinite(one) & np.isfinite(two)
    apart = np.where(there, np.abs(one - two), 0.0).max(axis=(0, 2, 3))
    largest = np.where(there, np.abs(one), 0.0).max(axis=(0, 2, 3))
    return np.asarray(apart > ROUNDING * largest)
