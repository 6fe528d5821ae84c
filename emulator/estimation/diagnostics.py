"""How much independent runs of the sampler know, and where they should not be trusted.

Axis letters: R runs, N draws of each, K parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64


def effective_size(
    draws: Float64[np.ndarray, "R N K"], ancestors: Int64[np.ndarray, "R N"]
) -> Float64[np.ndarray, " K"]:
    """How many independent draws would know the posterior means as well, at most R N.

    Draws that have moved from one particle of the last resampling are alike as far as they have not
    forgotten it: the variance of a mean is that of sums by ancestor (Olsson and Douc 2019,
    Bernoulli 25(2), with a lag of one). What all runs miss does not show.
    """
    runs, count, _ = draws.shape
    variance = np.zeros(draws.shape[2])
    for some, of in zip(draws, ancestors, strict=True):
        sums = np.zeros_like(some)
        np.add.at(sums, of, some - some.mean(axis=0))
        variance += np.square(sums).sum(axis=0) / (count * runs) ** 2
    spread = draws.reshape(runs * count, -1).var(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.minimum(spread / variance, float(runs * count)))


def r_hat(draws: Float64[np.ndarray, "R N K"]) -> Float64[np.ndarray, " K"]:
    """The s.d. of all draws over that within runs (Gelman and Rubin 1992): 1 where runs agree, NaN
    of one run."""
    runs, count, _ = draws.shape
    if runs < 2:
        return np.full(draws.shape[2], np.nan)
    within = draws.var(axis=1, ddof=1).mean(axis=0)
    between = draws.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt((count - 1) / count + between / within))


def evidence(log_evidence: Sequence[float]) -> tuple[float, float]:
    """The log of the mean of the runs' evidence, and its Monte Carlo error, NaN of one run.

    Each run's is unbiased in the limit of many particles. With few a parameter it is too low, as
    moves are fitted to the particles that they move, and the error does not tell. Of two or three
    runs the error itself is badly known.
    """
    logs = np.asarray(log_evidence)
    largest = float(logs.max())
    weights = np.exp(logs - largest)
    mean = float(weights.mean())
    error = math.nan
    if len(logs) > 1:
        error = float(weights.std(ddof=1)) / (math.sqrt(len(logs)) * mean)
    return largest + math.log(mean), error


def probabilities(
    log_evidence: Sequence[float], errors: Sequence[float]
) -> tuple[Float64[np.ndarray, " M"], Float64[np.ndarray, " M"]]:
    """Posterior probabilities of M models, equally likely before, and their Monte Carlo errors by
    the delta method: dp_i / d log evidence_j = p_i (1(i = j) - p_j). All NaN where one evidence
    is; of one model the probability is one."""
    logs = np.asarray(log_evidence)
    if len(logs) == 1 and np.isnan(logs[0]):
        return np.ones(1), np.full(1, np.nan)
    weights = np.exp(logs - logs.max())
    shares = weights / weights.sum()
    slopes = shares[:, None] * (np.eye(len(logs)) - shares)
    return shares, np.asarray(np.sqrt(np.square(slopes) @ np.square(np.asarray(errors))))
