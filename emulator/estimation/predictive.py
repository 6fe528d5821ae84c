"""Would the estimated world have made such data? Autocovariances, replicated and observed.

Histories of the length and with the gaps of the observed one are drawn under draws of the
posterior. Where the observed autocovariances lie far out among theirs, the world misses something
of the data, whatever its evidence is beside others' (Gelman, Meng and Stern 1996, Statistica
Sinica 6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emulator.estimation.bands import LEVELS
from emulator.estimation.posterior import Target

if TYPE_CHECKING:
    from jaxtyping import Float64

LAGS = 8  # two years
REPLICATED = 400  # histories, whose 5 % quantile is known to a percent
RUN_IN = 400  # quarters before them, from rest


@dataclass(frozen=True)
class Predictive:
    """A history and replicated ones, NaN where a number is missing. Autocovariances, [k, i, j] that
    of observable i now with j k quarters ago: of the history, and quantiles, at `bands.LEVELS`, of
    those replicated. NaN where numbers never meet."""

    history: Float64[np.ndarray, "L 3"]
    replicated: Float64[np.ndarray, "R L 3"]
    observed: Float64[np.ndarray, "lags 3 3"]
    quantiles: Float64[np.ndarray, "lags 3 3 levels"]

    @property
    def outside(self) -> tuple[int, int]:
        """How many lie outside the 90 % bands, of how many."""
        known = np.isfinite(self.observed)
        low, high = self.quantiles[..., 0], self.quantiles[..., -1]
        out = known & ((self.observed < low) | (self.observed > high))
        return int(out.sum()), int(known.sum())


def replicate(
    target: Target, theta: Float64[np.ndarray, "N P"], rng: np.random.Generator
) -> Predictive:
    """The check of a posterior with draws theta."""
    paths = histories(target, theta[rng.choice(len(theta), REPLICATED)], rng)
    found = np.quantile(autocovariances(paths), LEVELS, axis=0)
    observed = autocovariances(target.history[None])[0]
    return Predictive(target.history, paths, observed, np.moveaxis(found, 0, -1))


def histories(
    target: Target, theta: Float64[np.ndarray, "R P"], rng: np.random.Generator
) -> Float64[np.ndarray, "R L 3"]:
    """One under each draw, long after rest, with the gaps and the noise of the observed one."""
    world, quarters = target.world, RUN_IN + len(target.history)
    eps = rng.standard_normal((len(theta), quarters, len(world.shocks)))
    chain = rng.random((len(theta), quarters)) if world.hidden_chain else None
    paths = world.simulate(theta, eps, uniforms=chain).observables[:, RUN_IN:]
    paths = paths + target.noise * rng.standard_normal(paths.shape)
    return np.where(np.isnan(target.history), np.nan, paths)


def autocovariances(
    values: Float64[np.ndarray, "B T 3"],
) -> Float64[np.ndarray, "B lags 3 3"]:
    """Of each history, about its means, over the quarters in which both numbers are there."""
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        means = np.where(there, values, 0.0).sum(axis=1, keepdims=True) / there.sum(
            axis=1, keepdims=True
        )
    centred = np.where(there, values - means, 0.0)
    out = np.full((len(values), LAGS + 1, 3, 3), np.nan)
    for lag in range(LAGS + 1):
        now, then = slice(lag, None), slice(0, values.shape[1] - lag)
        products = np.einsum("bti,btj->bij", centred[:, now], centred[:, then])
        counts = np.einsum("bti,btj->bij", 1.0 * there[:, now], 1.0 * there[:, then])
        np.divide(products, counts, out=out[:, lag], where=counts > 0.0)
    return out
