"""What moves the data of an economy besides its equations: none of it changes what is true.

Innovations have variance one on average. Volatility is common to all of them, so that the
population's innovations keep their directions.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from emulator.econometrics.question import FloatArray
from emulator.foreign.grammar.series import BoolArray


def disturbances(
    rng: np.random.Generator, samples: int, quarters: int, burn: int, k: int
) -> FloatArray:
    """Innovations (B, quarters, k): normal or with fat tails, quarter by quarter or each alone, and
    with a volatility that moves slowly, breaks once, or neither."""
    e = rng.standard_normal((samples, quarters, k))
    if rng.random() < 0.85:
        freedom = rng.uniform(3.0, 8.0)
        alone = k if rng.random() < 0.5 else 1
        e *= np.sqrt((freedom - 2.0) / rng.chisquare(freedom, (samples, quarters, alone)))
    log_sd = np.zeros((samples, quarters))
    if rng.random() < 0.4:
        size, rho = rng.uniform(0.03, 0.2), rng.uniform(0.9, 0.99)
        steps = size * rng.standard_normal((samples, quarters))
        log_sd += lfilter([1.0], [1.0, -rho], steps, axis=1)
    if rng.random() < 0.5:  # a great moderation, or its end
        date = burn + rng.integers(0, quarters - burn, (samples, 1))
        log_sd += rng.uniform(-1.2, 0.4) * (np.arange(quarters) >= date)
    volatility = np.exp(log_sd)
    mean_square = np.square(volatility[:, burn:]).mean(axis=1, keepdims=True)
    return np.asarray(e * (volatility / np.sqrt(mean_square))[..., None])


def drift(
    rng: np.random.Generator, samples: int, quarters: int, differences: BoolArray
) -> FloatArray:
    """Deterministic parts (B, T, n) in s.d.s of changes: growth, that may slow down or speed up
    once, and a level that may shift. Differences have no growth, and means that shift seldom."""
    n = len(differences)
    out = np.zeros((samples, quarters, n))
    time = np.arange(quarters)[:, None]
    grows = (rng.random(n) < rng.choice([0.3, 0.6, 1.0])) & ~differences
    slope = (
        grows
        * np.exp(rng.uniform(np.log(0.1), np.log(3.0), n))
        * rng.choice([-1, 1], n, p=[0.2, 0.8])
    )
    out += time * slope
    if rng.random() < 0.25:
        date = rng.integers(0, quarters, (samples, 1, n))
        out += np.maximum(time - date, 0) * slope * rng.uniform(-0.6, 0.3, n)
    if rng.random() < 0.15:
        date = rng.integers(0, quarters, (samples, 1, n))
        size = rng.normal(0.0, 2.0, n) * (rng.random(n) < 0.3) * np.where(differences, 0.25, 1.0)
        out += (time >= date) * size
    return out
