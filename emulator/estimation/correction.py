"""The posterior of a network, corrected by exact solutions.

Draws theta_i of the posterior that a network's likelihood q gives, solved exactly, weigh

    w_i = p(history | theta_i) / q(history | theta_i),

nothing where there is no solution or the prior admits none. Resampled by their weights they are
draws of the exact posterior, and the evidence is that of the network times the mean of the weights,
over the share of the network's prior that the exact one admits, which as many draws of the prior
tell as are solved for it. How many independent draws of the exact posterior they are worth,

    1 / sum w_i^2    for weights that sum to one (Kong, Liu and Wong 1994, JASA 89(425)),

says whether the network is good enough. Where it makes no draws at all, nothing is solved, and what
is missed there does not show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from emulator.errors import InputError
from emulator.estimation.in_processes import in_processes
from emulator.estimation.kept import keep, kept
from emulator.estimation.likelihoods import log_likelihood
from emulator.estimation.posterior import Posterior, Target, systematic, weights_of
from emulator.estimation.runs import target_of
from emulator.storage import json_sha256, sha256
from emulator.worlds import Status, get_world
from emulator.worlds.base import FloatArray, StatusArray
from emulator.worlds.lanes import LANES
from emulator.worlds.linear import StateSpace

if TYPE_CHECKING:
    from jaxtyping import Int64

# Draws of the prior that are solved for the share that is admissible: where all but a few percent
# are, it is known to one or two.
PRIOR_SOLVED = 128


@dataclass(frozen=True)
class Batch:
    """Draws (n, P) to solve: what a worker needs. of: the world, as `get_world` takes it, and the
    name of a set of draws. number: which batch of the set. kept: the file of what is found, if any.
    """

    of: tuple[str, str]
    number: int
    theta: FloatArray
    history: FloatArray
    noise: FloatArray
    kept: Path | None


class Exact(NamedTuple):
    """Solutions of draws, their verdicts and log likelihoods (n,)."""

    a: FloatArray
    b: FloatArray
    c: FloatArray
    d: FloatArray
    status: StatusArray
    log_l: FloatArray

    @property
    def system(self) -> StateSpace:
        return StateSpace(*self[:5])

    @property
    def admitted(self) -> FloatArray:
        """Log likelihoods, minus infinity where the prior admits no such draw."""
        usable = (self.status == Status.OK) & np.isfinite(self.log_l)
        return np.where(usable, self.log_l, -np.inf)


def batches(
    of: tuple[str, str], theta: FloatArray, target: Target, folder: Path | None
) -> list[Batch]:
    """Draws (N, P) as jobs, each as many as are filtered side by side."""
    out = []
    for number, start in enumerate(range(0, len(theta), LANES)):
        name = f"{target.world.name}-{of[1]}-exact-{number}.npz"
        file = None if folder is None else folder / name
        some = theta[start : start + LANES]
        out.append(Batch(of, number, some, target.history, target.noise, file))
    return out


def solve(jobs: Sequence[Batch], workers: int) -> Iterator[tuple[Batch, Exact]]:
    """Every batch and its solutions, as they come."""
    return in_processes(_solve, jobs, workers)


def _solve(job: Batch) -> tuple[Batch, Exact]:
    world = get_world(job.of[0])
    given = {
        "world": world.spec.to_dict(),
        "theta": sha256(np.ascontiguousarray(job.theta).tobytes()),
        "history": sha256(job.history.tobytes()),
        "noise": job.noise.tolist(),
    }
    key = json_sha256(given)[:16]
    found = None if job.kept is None else kept(job.kept, key)
    if found is not None:
        return job, Exact(**found[0])
    target = target_of(world, job.history, job.noise)
    with threadpool_limits(limits=1):
        solution = world.solve(job.theta)
        values = log_likelihood(solution, target.history, target.run_in, target.noise)
    a, b, c, d = solution[:4]
    exact = Exact(a, b, c, d, solution.status, values)
    if job.kept is not None:
        keep(job.kept, key, exact._asdict())
    return job, exact


def joined(parts: Sequence[Exact]) -> Exact:
    """All of them, one after the other."""
    return Exact(*map(np.concatenate, zip(*parts, strict=True)))


class Corrected(NamedTuple):
    """A posterior of exact likelihoods, which of the draws solved its draws are (N,), and how many
    independent ones they are worth."""

    posterior: Posterior
    chosen: Int64[np.ndarray, " N"]
    effective: float


def corrected(
    found: Posterior, exact: Exact, admitted: float, rng: np.random.Generator
) -> Corrected:
    """The network's posterior with its draws resampled by what solving them says of each.

    admitted: the share of the network's prior that the exact one admits. Raises InputError where
    none of the draws has a solution that makes the history possible.
    """
    logs = exact.admitted - found.log_l
    if not np.isfinite(logs).any():
        raise InputError(
            "weights: none of the draws that the network finds likely is so; it is not good enough "
            "for this history"
        )
    weights, gained = weights_of(logs, 1.0)
    chosen = systematic(weights, rng)
    posterior = replace(
        found, theta=found.theta[chosen], log_l=exact.log_l[chosen],
        ancestors=found.ancestors[chosen],
        log_evidence=found.log_evidence + gained - math.log(admitted),
    )  # fmt: skip
    return Corrected(posterior, chosen, float(1.0 / np.square(weights).sum()))
