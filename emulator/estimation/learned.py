"""A learned posterior as what draws start from, or as the answer itself.

`emulator adapt --from-data` trains q(z | history). Draws of it, mixed with a tenth of the prior so
that no tail is missed, start the sampler, or are weighted at once by prior times likelihood over
the mixture: `at_once`. It reads the longest stretch of complete quarters; likelihoods are of all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from emulator.errors import InputError
from emulator.estimation.posterior import Posterior, Target, systematic, weights_of
from emulator.models.densities import Density
from emulator.models.posteriors import LearnedPosterior, load_posterior
from emulator.models.summaries import LONGEST, SHORTEST, summarise
from emulator.worlds.base import FloatArray, World
from emulator.worlds.identity import identity

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

# Of particles, how many independent ones their weights are to be worth. A density that is far from
# the posterior splits the path in two places between which nothing moves: on US data, where draws
# for `nk` were worth .4 %, evidence was .7 too low, and parameters a third of an s.d. off.
LEAST_WORTH = 0.02
FROM_PRIOR = 0.1  # of the draws that start the sampler: a weight is at most ten times a likelihood


@dataclass(frozen=True)
class Learned:
    """q(z | history) of one history, mixed with a share `from_prior` of the prior."""

    density: Density
    summary: Float[torch.Tensor, "1 F"]
    from_prior: float = FROM_PRIOR

    def sample(self, count: int, rng: np.random.Generator) -> Float64[np.ndarray, "{count} K"]:
        """Draws, whether the prior admits them or not."""
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        z = self.density.sample(count, self.summary, generator).double().numpy()
        wide = rng.standard_normal(z.shape)
        return np.where((rng.random(count) < self.from_prior)[:, None], wide, z)

    @torch.no_grad()
    def log_ratio(self, z: Float64[np.ndarray, "B K"]) -> Float64[np.ndarray, " B"]:
        """log N(z; 0, I) over the mixture's density."""
        given = torch.as_tensor(z, dtype=torch.float32)
        log_q = self.density.log_density(given, self.summary).double().numpy()
        log_p = -0.5 * (np.square(z) + np.log(2.0 * np.pi)).sum(axis=1)
        with np.errstate(divide="ignore"):
            shares = np.log([1.0 - self.from_prior, self.from_prior])
        return np.asarray(-np.logaddexp(shares[0] + log_q - log_p, shares[1]))


def stretch(history: Float64[np.ndarray, "L 3"]) -> Float64[np.ndarray, "M 3"]:
    """The longest stretch of complete quarters, at most its last `LONGEST`. Raises InputError where
    it is too short."""
    whole = np.isfinite(history).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], whole, [0]])))
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts)) if len(starts) else -1
    found = history[starts[longest] : ends[longest]] if len(starts) else history[:0]
    if len(found) < SHORTEST:
        raise InputError(
            f"weights: a posterior from data reads {SHORTEST} complete quarters or more in a row, "
            f"the history has {len(found)}; leave out its folder and, if given, instant"
        )
    return found[-LONGEST:]


def read(folder: str, world: World[Any]) -> LearnedPosterior:
    """The posterior in a folder. Raises InputError where it is of another world, WeightsError."""
    found = load_posterior(folder)
    if found.world == world.name and found.identity != identity(world):
        raise InputError(
            f"weights: {folder} was trained on another version of world {world.name!r}; train it "
            "again with `emulator adapt --from-data`"
        )
    return found


def learned(found: LearnedPosterior, history: Float64[np.ndarray, "L 3"]) -> Learned:
    """What it says of a history."""
    return Learned(found.density, summarise(torch.as_tensor(stretch(history)[None])))


def starting(target: Target, start: Learned, count: int, rng: np.random.Generator) -> Target:
    """The target, with particles that start from q where q is near enough to its posterior."""
    begun = replace(target, start=start)
    z, _ = begun.begin(count, rng)
    logs = begun.log_likelihood(z) + begun.log_ratio(z)
    if not np.isfinite(logs).any():
        return target
    return begun if _worth(weights_of(logs, 1.0)[0]) >= LEAST_WORTH * count else target


def _worth(weights: FloatArray) -> float:
    """Of how many independent draws, for weights that sum to one."""
    return float(1.0 / np.square(weights).sum())


def at_once(target: Target, count: int, rng: np.random.Generator) -> tuple[Posterior, float]:
    """Draws of q, weighted by prior times likelihood over q and resampled, and how many independent
    ones they are worth; their mean weight is the evidence. target: that starts from q. Raises
    InputError where none makes the history possible."""
    z, log_share = target.begin(count, rng)
    log_l = target.log_likelihood(z)
    logs = log_l + target.log_ratio(z)
    if not np.isfinite(logs).any():
        raise InputError(
            f"world {target.world.name!r}: the history is impossible under all of {count} draws; "
            "with fewer shocks than observables, give measurement noise or leave a column empty"
        )
    weights, gained = weights_of(logs, 1.0)
    chosen = systematic(weights, rng)
    found = _posterior(target, z[chosen], log_l[chosen], chosen, log_share + gained)
    return found, _worth(weights)


def thinned(found: Posterior, every: int, rng: np.random.Generator) -> Posterior:
    """One in `every` of draws that were resampled at points at equal distances: such draws again,
    as the first is any of them."""
    some = slice(int(rng.integers(every)), None, every)
    ancestors = np.unique(found.ancestors[some], return_inverse=True)[1]
    return replace(found, theta=found.theta[some], log_l=found.log_l[some], ancestors=ancestors)


def as_learned(target: Target, count: int, rng: np.random.Generator) -> Posterior:
    """Draws of q alone, of equal weight; neither likelihoods nor evidence."""
    assert isinstance(target.start, Learned)
    alone = replace(target.start, from_prior=0.0)
    z, _ = replace(target, start=alone).begin(count, rng)
    return _posterior(target, z, np.full(count, np.nan), np.arange(count), np.nan)


def _posterior(
    target: Target, z: FloatArray, log_l: FloatArray, ancestors: np.ndarray, log_evidence: float
) -> Posterior:
    theta = target.prior.theta(z)
    return Posterior(theta, log_l, ancestors, log_evidence, 0, 0, np.nan, np.nan)
