"""The best answers from one history: posterior means and quantiles of responses, and their cost.

Responses are per unit of the shock's size, from the steady state and, in worlds that are not
linear, from the state at the end of the history. There the posterior mixes over parameters (regime
B1; in C they are known) and over the hidden regime, whose probability given parameters and history
is exact. Two independent runs are made; their average is the answer and their difference its Monte
Carlo error.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emulator.estimation import hamilton
from emulator.estimation.posterior import Posterior, Target, sample
from emulator.limits import QUANTILES
from emulator.regimes import Regime, Task
from emulator.seeding import derived_seed
from emulator.worlds.base import FloatArray

RUNS = 2


@dataclass(frozen=True)
class Truth:
    """What a data set says of a sample: theta (P,) and its responses (S, H+1, 3) by task."""

    theta: FloatArray
    responses: dict[Task, FloatArray]


@dataclass(frozen=True)
class Answer:
    """first, second: posterior means (S, H+1, 3) of two runs. quantiles: (S, H+1, 3, 5) of both.
    rank: (S, H+1, 3), the share of draws below the truth, ties counted by half."""

    regime: Regime
    task: Task
    first: FloatArray
    second: FloatArray
    quantiles: FloatArray
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
    answers = [
        _summarise(Regime.B1, Task.steady_state, [r.mean(axis=0) for r in steady], steady, truth)
    ]
    if not world.linear:
        both = [_from_state(target, p.theta, horizon, rng)
                for p, rng in zip(posteriors, rngs, strict=True)]  # fmt: skip
        known = _from_state(target, np.repeat(truth.theta[None], particles, 0), horizon, rngs[0])
        for regime, pairs in ((Regime.B1, both), (Regime.C, [known, known])):
            means, draws = zip(*pairs, strict=True)
            answers.append(_summarise(regime, Task.state_dependent, means, draws, truth))
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
    regime: Regime,
    task: Task,
    means: list[FloatArray] | tuple[FloatArray, ...],
    draws: list[FloatArray] | tuple[FloatArray, ...],
    truth: Truth,
) -> Answer:
    pooled = np.concatenate(draws)
    quantiles = np.moveaxis(np.quantile(pooled, QUANTILES, axis=0), 0, -1)
    rank = _rank(pooled, truth.responses[task])
    return Answer(regime, task, means[0], means[1], quantiles, rank)


def _rank(draws: FloatArray, truth: FloatArray) -> FloatArray:
    """The share of draws (N, ...) below the truth (...), ties counted by half.

    The truth is stored in single precision; draws within its rounding tie with it.
    """
    rounding = 2.0 * np.finfo(np.float32).eps * np.abs(truth)
    below: NDArray[np.float64] = (draws < truth - rounding).mean(axis=0)
    return np.asarray(below + 0.5 * (np.abs(draws - truth) <= rounding).mean(axis=0))
