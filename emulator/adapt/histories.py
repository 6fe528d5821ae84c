"""Draws of one world's prior, each with what a history under it says.

Histories are of 40 to 240 quarters, long after rest, of every number and without noise. Rows of
one length come in groups. Where a world is dear to solve, several histories are drawn of each
solution.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import ndtri

from emulator.adapt.draws import Part, Rows, Store
from emulator.errors import InputError
from emulator.estimation.predictive import RUN_IN
from emulator.estimation.priors import Prior, prior_of
from emulator.models.summaries import LONGEST, SHORTEST, count, summarise
from emulator.seeding import derived_seed
from emulator.worlds.base import FloatArray, World

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

GROUP = 32  # rows of one length: a chapter has a hundred lengths
DEAR_EACH = 8  # histories of a solution that is dear
_MOST_TRIES = 1000  # as `draws` has it


@dataclass(frozen=True)
class Told(Rows):
    """z (N, K), the coordinates of `estimation.priors`, and summaries (N, F) of histories."""

    z: Float[torch.Tensor, "N K"]
    summary: Float[torch.Tensor, "N F"]


def minus_log_prior(rows: Told) -> float:
    """The mean over rows, in nats: what a density comes to that histories tell nothing."""
    normal = 0.5 * (rows.z.double().square() + np.log(2.0 * np.pi)).sum(dim=1)
    return float(normal.mean())


class HistoryStore(Store[Told]):
    """Draws and summaries of their histories."""

    kind = Told

    def __init__(self, world: World[Any], seed: int, folder: Path | None) -> None:
        super().__init__(world, seed, folder)
        self.prior = prior_of(world)

    @property
    def numbers(self) -> int:
        return len(self.prior.names) + count()

    def draw(self, part: Part, number: int, count: int) -> Told:
        label = derived_seed(self.seed, "adapt", self.world.name, "histories", part, number)
        rng = np.random.Generator(np.random.Philox(label))
        z, paths = drawn(self.prior, count, rng)
        lengths = rng.integers(SHORTEST, LONGEST + 1, -(-count // GROUP))
        summaries = [
            summarise(torch.as_tensor(paths[k * GROUP : (k + 1) * GROUP, LONGEST - length :]))
            for k, length in enumerate(lengths)
        ]
        return Told(torch.as_tensor(z, dtype=torch.float32), torch.cat(summaries))


def drawn(
    prior: Prior, count: int, rng: np.random.Generator
) -> tuple[Float64[np.ndarray, "{count} K"], Float64[np.ndarray, "{count} L 3"]]:
    """Draws z that the prior admits and a history of `LONGEST` quarters of each. Raises InputError
    where hardly any is admitted."""
    world = prior.world
    each = DEAR_EACH if world.dear else 1
    wanted = -(-count // each)
    found: list[tuple[FloatArray, FloatArray]] = []
    have = tried = 0
    ahead = wanted
    while have < wanted:
        z = ndtri(rng.random((ahead, len(prior.names))))
        theta = prior.theta(z)
        solution = world.solve(theta)
        valid = prior.admits(theta, solution.status)
        paths = [_history(world, theta, solution, rng) for _ in range(each)]
        valid &= np.isfinite(paths).all(axis=(0, 2, 3))
        found.append((np.repeat(z[valid], each, axis=0), np.stack(paths, axis=1)[valid]))
        have, tried = have + int(valid.sum()), tried + ahead
        if tried >= _MOST_TRIES * max(have, 1):
            raise InputError(
                f"world {world.name!r}: {have} of {tried} draws have a solution; narrow its "
                "parameters' bounds"
            )
        ahead = min(_MOST_TRIES, max(16, -(-(wanted - have) * tried // max(have, 1))))
    columns = [np.concatenate(part) for part in zip(*found, strict=True)]
    return columns[0][:count], columns[1].reshape(-1, LONGEST, 3)[:count]


def _history(
    world: World[Any], theta: FloatArray, solution: Any, rng: np.random.Generator
) -> FloatArray:
    quarters = RUN_IN + LONGEST
    eps = rng.standard_normal((len(theta), quarters, len(world.shocks)))
    chain = rng.random((len(theta), quarters)) if world.hidden_chain else None
    paths = world.simulate(theta, eps, uniforms=chain, solution=solution)
    return paths.observables[:, RUN_IN:]
