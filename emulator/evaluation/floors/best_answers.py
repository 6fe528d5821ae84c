"""The best answers from one history: posterior means of responses, their bands, and their cost.

Responses are per unit of the shock's size, from the steady state and, in worlds that are not
linear, from the state at the end of the history. There the posterior mixes over parameters and over
the hidden regime, whose probability given parameters and history is exact. (With parameters known,
regime C, `emulator.estimation.from_state` has the answer without sampling.) Two independent runs
are made; their average is the answer and their difference its Monte Carlo error.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.estimation import hamilton
from emulator.estimation.posterior import Posterior, Target, sample
from emulator.evaluation.metrics.coverage import BANDS, coverage
from emulator.limits import QUANTILES
from emulator.regimes import Task
from emulator.seeding import derived_seed
from emulator.worlds.base import FloatArray

RUNS = 2
HORIZONS = (0, 4, 12)  # of ranks: impact, a year, three years; later responses are mostly near zero


@dataclass(frozen=True)
class Truth:
    """What a data set says of a sample: theta (P,) and its responses (S, H+1, 3) by task."""

    theta: FloatArray
    responses: dict[Task, FloatArray]


@dataclass(frozen=True)
class Answer:
    """mean: the posterior mean (S, H+1, 3). apart: its Monte Carlo error squared, the mean over
    horizons (S, 3). coverage: the share of horizons at which the bands of both runs' draws hold the
    truth (S, 3, 2), in the order of `BANDS`. rank: the share of draws below the truth, ties counted
    by half, at `HORIZONS` as far as there are, (S, horizons, 3)."""

    task: Task
    mean: FloatArray
    apart: FloatArray
    coverage: FloatArray
    rank: FloatArray


@dataclass(frozen=True)
class Answered:
    """The answers from a history. theta_rank: (P,) as `Answer.rank`, of the parameters. seconds: of
    the processor, which other work on the machine does not lengthen."""

    answers: list[Answer]
    theta_rank: FloatArray
    posteriors: list[Posterior]
    seconds: float


def answer(target: Target, truth: Truth, particles: int, horizon: int, seed: int) -> Answered:
    """The posterior of `target` in two runs of `particles` draws, beside the truth.

    The same arguments give the same answer on the same machine.
    """
    began = time.process_time()
    world = target.world
    rngs = [np.random.default_rng(derived_seed(seed, "floor", run)) for run in range(RUNS)]
    posteriors = [sample(target, particles, rng) for rng in rngs]
    steady = [world.irf(p.theta, horizon).values for p in posteriors]
    answers = [_summarise(Task.steady_state, [r.mean(axis=0) for r in steady], steady, truth)]
    if not world.linear:
        means, draws = zip(
            *(
                _from_state(target, p.theta, horizon, rng)
                for p, rng in zip(posteriors, rngs, strict=True)
            ),
            strict=True,
        )
        answers.append(_summarise(Task.state_dependent, means, draws, truth))
    theta_rank = _rank(np.concatenate([p.theta for p in posteriors]), truth.theta)
    return Answered(answers, theta_rank, posteriors, time.process_time() - began)


def _from_state(
    target: Target, theta: FloatArray, horizon: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Mean (S, H+1, 3) and draws (N, S, H+1, 3) of responses from the end of the history.

    Expected responses are linear in the regime's probability, so the mean needs no draw of it.
    """
    world = target.world
    solution = world.solve(theta)
    turbulent = hamilton.filtered(solution, target.history, target.run_in).turbulent
    state = np.zeros((len(theta), len(world.state_names)))
    column = world.state_names.index("probability_turbulent")
    state[:, column] = turbulent
    mean = world.irf(theta, horizon, state=state, solution=solution).values.mean(axis=0)
    state[:, column] = rng.random(len(theta)) < turbulent
    return mean, world.irf(theta, horizon, state=state, solution=solution).values


def _summarise(
    task: Task, means: Sequence[FloatArray], draws: Sequence[FloatArray], truth: Truth
) -> Answer:
    pooled, exact = np.concatenate(draws), truth.responses[task]
    quantiles = np.moveaxis(np.quantile(pooled, QUANTILES, axis=0), 0, -1)
    held = [coverage(np.moveaxis(exact, 1, -1), np.moveaxis(quantiles, 1, -2), b) for b in BANDS]
    ranked = [h for h in HORIZONS if h < exact.shape[1]]
    return Answer(
        task,
        mean=0.5 * (means[0] + means[1]),
        # the variance of a mean of two runs is a quarter of their squared difference's mean
        apart=np.square(0.5 * (means[0] - means[1])).mean(axis=1),
        coverage=np.stack(held, axis=-1),
        rank=_rank(pooled[:, :, ranked], exact[:, ranked]),
    )


def _rank(draws: FloatArray, truth: FloatArray) -> FloatArray:
    """The share of draws (N, ...) below the truth (...), ties counted by half.

    The truth is stored in single precision; draws within its rounding tie with it.
    """
    rounding = 2.0 * np.finfo(np.float32).eps * np.abs(truth)
    below: NDArray[np.float64] = (draws < truth - rounding).mean(axis=0)
    return np.asarray(below + 0.5 * (np.abs(draws - truth) <= rounding).mean(axis=0))
