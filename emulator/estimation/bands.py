"""Responses of posterior draws: means and bands, of one world and averaged over several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.worlds import World

if TYPE_CHECKING:
    from jaxtyping import Float64

LEVELS = (0.05, 0.16, 0.5, 0.84, 0.95)  # the median, and bands of 68 and 90 %


@dataclass(frozen=True)
class Bands:
    """Responses to shocks of one s.d. from the steady state: mean, and quantiles at `LEVELS`."""

    shocks: tuple[str, ...]
    mean: Float64[np.ndarray, "S points 3"]
    quantiles: Float64[np.ndarray, "S points 3 levels"]


def responses(
    world: World[Any], theta: Float64[np.ndarray, "N P"], horizon: int
) -> Float64[np.ndarray, "N S {horizon}+1 3"]:
    """Exact responses at draws theta."""
    return world.irf(theta, horizon).values


def bands(shocks: tuple[str, ...], values: Float64[np.ndarray, "N S points 3"]) -> Bands:
    """Of draws of equal weight."""
    found = np.quantile(values, LEVELS, axis=0)
    return Bands(shocks, values.mean(axis=0), np.moveaxis(found, 0, -1))


def averaged(
    shocks: tuple[str, ...],
    values: Sequence[Float64[np.ndarray, "N S points 3"]],
    shares: Float64[np.ndarray, " M"],
) -> Bands:
    """Of several models' draws, each model weighing its share."""
    weights = np.concatenate(
        [np.full(len(v), share / len(v)) for v, share in zip(values, shares, strict=True)]
    )
    pooled = np.concatenate(values)
    spread = np.broadcast_to(weights[:, None, None, None], pooled.shape)
    found = np.quantile(pooled, LEVELS, axis=0, weights=spread, method="inverted_cdf")
    mean = np.tensordot(weights, pooled, axes=1)
    return Bands(shocks, np.asarray(mean), np.moveaxis(found, 0, -1))
