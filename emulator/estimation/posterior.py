"""The posterior of a world's parameters given one history, by sequential Monte Carlo.

Parameters are sampled as z ~ N(0, I), which `priors` maps to them; draws that the prior does not
admit have no density. The prior of a world is its whole one, whatever training held out.

Particles move from prior to posterior through p(z) p(history | z)^l, l from 0 to 1 in steps that
leave half of the effective sample size (Del Moral, Doucet and Jasra 2006; Herbst and Schorfheide
2014). After every resampling they are moved until what they were no longer predicts where they
are, which is what keeps the posterior from being too narrow: with a few moves a step, its 90 %
bands held 85 % of truths.

Where a density q is near the posterior, particles start from it, on the path q^(1-l) (p L)^l, and
few steps are left. Weights are then those of L p / q; the evidence is the same number.

A move is the t-preconditioned Crank-Nicolson step of Grumitt, Karamanis and Seljak (2024), in the
d coordinates x in which `transport` brings the particles near to N(0, I):

    s ~ InverseGamma((d + nu) / 2, (nu + x' x) / 2)
    x' = sqrt(1 - b^2) x + b sqrt(s) xi,    xi ~ N(0, I)

which leaves a t distribution with nu degrees of freedom as it is, so that only the ratio of target
to t decides whether it is accepted. Where the posterior is near that t, b = 1 draws anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from emulator.errors import InputError
from emulator.estimation.kalman import NO_NOISE
from emulator.estimation.likelihoods import log_likelihood
from emulator.estimation.priors import Prior
from emulator.estimation.transport import Transport, fit
from emulator.worlds import World
from emulator.worlds.base import FloatArray

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

# Effective sample size that a step leaves, as a share of the particles.
KEPT = 0.5
# Moves end when the largest correlation, over directions, between particles now and when they were
# resampled falls below this, at every power: the map of a move is fitted to the particles it moves,
# which is harmless only where they are then moved until they forget. Left at .5 on the way, the
# evidence of nk histories of ten quarters was .35 too low and parameters' s.d.s up to 5 % too
# small, at any number of particles; at .1 it is that of a million prior draws, to .03.
FORGOTTEN = 0.1
MOST_MOVES, MOST_MOVES_AT_LAST = 100, 300
MOST_TRIES = 1000  # draws tried for one that is admissible
# Heavy enough that a particle far out is reached from the centre, light enough to fit a normal.
DEGREES = 10.0
# Acceptance aimed for; the squared jump of such moves is flat between .2 and .4.
ACCEPTED = 0.3


class Start(Protocol):
    """A density q of z, positive wherever the prior's is, that particles start from."""

    def sample(self, count: int, rng: np.random.Generator) -> Float64[np.ndarray, "{count} K"]:
        """Draws, whether the prior admits them or not."""
        ...

    def log_ratio(self, z: Float64[np.ndarray, "B K"]) -> Float64[np.ndarray, " B"]:
        """log N(z; 0, I) - log q(z)."""
        ...


@dataclass(frozen=True)
class Target:
    """A posterior: a prior of a world's parameters times the likelihood of a history.

    history: NaN where a number is missing; run_in: quarters from rest before it. noise: s.d.s of
    measurement noise. start: what particles start from, the prior where there is none.
    """

    prior: Prior
    history: Float64[np.ndarray, "L 3"]
    run_in: int
    noise: Float64[np.ndarray, " 3"] = field(default_factory=NO_NOISE.copy)
    start: Start | None = None

    @property
    def world(self) -> World[Any]:
        return self.prior.world

    def log_likelihood(self, z: Float64[np.ndarray, "B K"]) -> Float64[np.ndarray, " B"]:
        """Minus infinity where the prior admits no such parameters."""
        theta = self.prior.theta(z)
        solution = self.world.solve(theta)
        values = log_likelihood(solution, self.history, self.run_in, self.noise)
        admitted = self.prior.admits(theta, solution.status)
        return np.where(admitted & np.isfinite(values), values, -np.inf)

    def draw(
        self, count: int, rng: np.random.Generator
    ) -> tuple[Float64[np.ndarray, "{count} K"], float]:
        """Draws z from the prior, and the share of those tried that it admits."""
        names = self.prior.names
        return self._admitted(lambda tries: ndtri(rng.random((tries, len(names)))), count, 4)

    def begin(
        self, count: int, rng: np.random.Generator
    ) -> tuple[Float64[np.ndarray, "{count} K"], float]:
        """Draws that particles start from, admitted by the prior, and the log of the share of q
        that is, over that of the prior: weights L p / q are those of densities before the cut."""
        z, of_prior = self.draw(count, rng)
        if self.start is None:
            return z, 0.0
        start = self.start
        z, share = self._admitted(lambda tries: start.sample(tries, rng), count, 1)
        return z, math.log(share / of_prior)

    def log_ratio(self, z: Float64[np.ndarray, "B K"]) -> Float64[np.ndarray, " B"]:
        """log N(z; 0, I) - log q(z); zero where particles start from the prior."""
        return np.zeros(len(z)) if self.start is None else self.start.log_ratio(z)

    def _admitted(
        self, make: Callable[[int], FloatArray], count: int, times: int
    ) -> tuple[FloatArray, float]:
        """`count` draws that the prior admits, and their share, trying `times` as many at once."""
        kept: list[FloatArray] = []
        tried = 0
        while sum(map(len, kept)) < count:
            if tried >= MOST_TRIES * count:
                raise InputError(
                    f"world {self.world.name!r}: {sum(map(len, kept))} of {tried} draws are "
                    "admissible; narrow its parameters' bounds"
                )
            z = make(times * count)
            theta = self.prior.theta(z)
            kept.append(z[self.prior.admits(theta, self.world.check(theta))])
            tried += len(z)
        return np.concatenate(kept)[:count], sum(map(len, kept)) / tried


@dataclass(frozen=True)
class Stage:
    """Particles of equal weight at one power of the likelihood, and what it took to get there.

    z (N, K), log_l (N,) their log likelihoods. ancestors (N,): which particle of the last
    resampling each has moved from. log_evidence: log of the mean of p(history | z)^power under the
    prior, or of its like on the path from a start. scale: of moves. steps: of tempering. moves: of
    every particle, in all. last_correlation: with the last resampling, where the moves ended.
    acceptance: of the last ones.
    """

    z: Float64[np.ndarray, "N K"]
    log_l: Float64[np.ndarray, " N"]
    ancestors: Int64[np.ndarray, " N"]
    power: float = 0.0
    log_evidence: float = 0.0
    scale: float = 1.0
    steps: int = 0
    moves: int = 0
    last_correlation: float = math.nan
    acceptance: float = math.nan


def begin(target: Target, particles: int, rng: np.random.Generator) -> Stage:
    """Draws from the prior, or from where the target starts. Raises InputError with too few
    particles for a covariance, or where none of them makes the history possible."""
    count = len(target.prior.names)
    if particles < 4 * count:
        raise InputError(
            f"particles: expected at least {4 * count} for the {count} parameters of world "
            f"{target.world.name!r}, got {particles}"
        )
    z, log_share = target.begin(particles, rng)
    log_l = target.log_likelihood(z)
    if not np.isfinite(log_l).any():
        raise InputError(
            f"world {target.world.name!r}: the history is impossible under all of {particles} "
            "draws of the prior; with fewer shocks than observables, give measurement noise or "
            "leave a column empty"
        )
    return Stage(z, log_l, np.arange(particles), log_evidence=log_share)


def advance(target: Target, stage: Stage, rng: np.random.Generator) -> Stage:
    """The next stage: a step of tempering, a resampling, and moves until it is forgotten."""
    ratio = target.log_ratio(stage.z)
    step = _next_step(stage.log_l + ratio, 1.0 - stage.power)
    weights, gained = weights_of(stage.log_l + ratio, step)
    power = 1.0 if step >= 1.0 - stage.power else stage.power + step
    try:
        transport = fit(stage.z, weights)
    except (np.linalg.LinAlgError, ValueError):
        raise InputError(
            f"world {target.world.name!r}: the history is nearly impossible, so that hardly a draw "
            "has any weight; give measurement noise, or more draws"
        ) from None
    chosen = systematic(weights, rng)
    mover = _Mover(
        target, transport, stage.z[chosen], stage.log_l[chosen], ratio[chosen], power, stage.scale
    )
    start = mover.x
    limit = forgotten(len(chosen))
    done = 0
    acceptance = correlation = math.nan
    while done < (MOST_MOVES_AT_LAST if power == 1.0 else MOST_MOVES):
        acceptance = mover.move(rng)
        done += 1
        correlation = _largest_correlation(start, mover.x)
        if correlation < limit:
            break
    return Stage(
        mover.z, mover.log_l, chosen, power, stage.log_evidence + gained, mover.scale,
        stage.steps + 1, stage.moves + done, correlation, acceptance,
    )  # fmt: skip


@dataclass(frozen=True)
class Posterior:
    """Draws theta (N, P) of equal weight, their log likelihoods (N,), and the rest as in their last
    stage."""

    theta: Float64[np.ndarray, "N P"]
    log_l: Float64[np.ndarray, " N"]
    ancestors: Int64[np.ndarray, " N"]
    log_evidence: float
    steps: int
    moves: int
    last_correlation: float
    acceptance: float


def reached(target: Target, stage: Stage) -> Posterior:
    """The posterior that the last stage holds."""
    return Posterior(
        target.prior.theta(stage.z), stage.log_l, stage.ancestors, stage.log_evidence,
        stage.steps, stage.moves, stage.last_correlation, stage.acceptance,
    )  # fmt: skip


def sample(target: Target, particles: int, rng: np.random.Generator) -> Posterior:
    """Draws from the posterior. Raises InputError as `begin` does."""
    stage = begin(target, particles, rng)
    while stage.power < 1.0:
        stage = advance(target, stage, rng)
    return reached(target, stage)


def forgotten(particles: int) -> float:
    """The correlation below which particles have forgotten where they were.

    The largest of P correlations of independent particles is about 2 / sqrt(N) by chance.
    """
    return max(FORGOTTEN, 2.0 / math.sqrt(particles))


def weights_of(log_l: FloatArray, step: float) -> tuple[FloatArray, float]:
    """Normalised weights (N,) proportional to L^step, and the log of the mean of L^step."""
    logs = step * log_l
    largest = logs.max()
    weights = np.exp(logs - largest)
    return weights / weights.sum(), float(largest + math.log(weights.mean()))


def _next_step(log_l: FloatArray, left: float) -> float:
    """The step, at most `left`, that keeps `KEPT` of the effective sample size."""

    def enough(step: float) -> bool:
        weights = weights_of(log_l, step)[0]
        return float(1.0 / np.square(weights).sum()) >= KEPT * len(log_l)

    if enough(left):
        return left
    low, high = 0.0, left
    for _ in range(50):  # bisection to the last bits
        middle = 0.5 * (low + high)
        low, high = (middle, high) if enough(middle) else (low, middle)
    # more than half of the particles may have no likelihood at all
    return low if low > 0.0 else high


def systematic(weights: FloatArray, rng: np.random.Generator) -> NDArray[np.int64]:
    """Systematic resampling: indices (N,), each about N times its weight."""
    points = (rng.random() + np.arange(len(weights))) / len(weights)
    return np.minimum(np.searchsorted(np.cumsum(weights), points), len(weights) - 1)


class _Mover:
    """Particles z (N, P), x of them (N, P), their log likelihoods and log ratios of prior to start
    (N,), and moves at one power."""

    def __init__(
        self,
        target: Target,
        transport: Transport,
        z: FloatArray,
        log_l: FloatArray,
        ratio: FloatArray,
        power: float,
        scale: float,
    ) -> None:
        self.z, self.log_l, self.ratio, self.scale = z, log_l, ratio, scale
        self.x = transport.whiten(z)
        self._target, self._transport, self._power = target, transport, power
        self._done = 0

    def move(self, rng: np.random.Generator) -> float:
        """Propose once for every particle; the share accepted."""
        n, d = self.z.shape
        # lengths differ between particles, so that narrow places are left as well
        b = np.minimum(self.scale * rng.uniform(0.3, 1.4, n), 1.0)[:, None]
        distance = np.square(self.x).sum(axis=1)
        s = 0.5 * (DEGREES + distance) / rng.standard_gamma(0.5 * (d + DEGREES), n)
        noise = np.sqrt(s)[:, None] * rng.standard_normal((n, d))
        proposed_x = np.sqrt(1.0 - b * b) * self.x + b * noise
        proposed = self._transport.colour(proposed_x)
        log_l = self._target.log_likelihood(proposed)
        gain = self._power * (log_l - self.log_l)
        gain -= 0.5 * (np.square(proposed) - np.square(self.z)).sum(axis=1)
        if self._power < 1.0:
            ratio = self._target.log_ratio(proposed)
            gain += (self._power - 1.0) * (ratio - self.ratio)
        else:
            ratio = self.ratio  # of no use to what remains
        gain -= _log_t(np.square(proposed_x).sum(axis=1), d) - _log_t(distance, d)
        taken = np.log(rng.random(n)) < gain
        self.z = np.where(taken[:, None], proposed, self.z)
        self.x = np.where(taken[:, None], proposed_x, self.x)
        self.log_l = np.where(taken, log_l, self.log_l)
        self.ratio = np.where(taken, ratio, self.ratio)
        share = float(taken.mean())
        self._done += 1
        # Robbins and Monro (1951): steps of the adaptation fade within a power
        self.scale *= math.exp((share - ACCEPTED) / math.sqrt(self._done))
        self.scale = min(self.scale, 1.0)
        return share


def _log_t(distance: FloatArray, dimension: int) -> FloatArray:
    """Log density, up to a constant, of the t at squared distances (N,) from its mean."""
    return -0.5 * (DEGREES + dimension) * np.log1p(distance / DEGREES)


def _largest_correlation(before: FloatArray, after: FloatArray) -> float:
    """The largest correlation, over coordinates, of two sets of particles (N, P) in pairs."""
    x, y = before - before.mean(axis=0), after - after.mean(axis=0)
    product = (x * y).sum(axis=0)
    return float((product / np.sqrt((x * x).sum(axis=0) * (y * y).sum(axis=0))).max())
