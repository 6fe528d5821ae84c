"""Responses of posterior draws: means and bands, of one world and averaged over several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emulator.specs import OBSERVABLE_NAMES, Observable
from emulator.worlds import World

if TYPE_CHECKING:
    from jaxtyping import Float64

LEVELS = (0.05, 0.16, 0.5, 0.84, 0.95)  # the median, and bands of 68 and 90 %

# An impact below this part of the response's own peak is near zero: scaling by it would blow up an
# emulator's error, which is of this order.
NEAR_ZERO = 0.02


@dataclass(frozen=True)
class Bands:
    """Responses from the steady state, to shocks of one s.d. unless scaled: mean, and quantiles at
    `LEVELS`."""

    shocks: tuple[str, ...]
    mean: Float64[np.ndarray, "S points 3"]
    quantiles: Float64[np.ndarray, "S points 3 levels"]


def responses(
    world: World[Any], theta: Float64[np.ndarray, "N P"], horizon: int
) -> Float64[np.ndarray, "N S {horizon}+1 3"]:
    """Exact responses at draws theta."""
    return world.irf(theta, horizon).values


def scaled(
    values: Float64[np.ndarray, "N S points 3"], place: int, impact: float
) -> Float64[np.ndarray, "N S points 3"]:
    """Responses scaled so that the observable at `place` moves by `impact` at once; NaN where it
    hardly does."""
    path = values[..., place]
    usable = np.abs(path[..., 0]) > NEAR_ZERO * np.abs(path).max(axis=-1)
    factors = np.full(path.shape[:2], np.nan)
    np.divide(impact, path[..., 0], out=factors, where=usable)
    return np.asarray(values * factors[..., None, None])


def cumulated(
    values: Float64[np.ndarray, "*any points 3"], names: Sequence[str]
) -> Float64[np.ndarray, "*any points 3"]:
    """Responses with the observables `names` summed over quarters, annualised ones by a fourth."""
    out = values.copy()
    for name in names:
        place = OBSERVABLE_NAMES.index(name)
        sums = np.cumsum(values[..., place], axis=-1)
        out[..., place] = sums if name == "output" else sums / 4.0
    return out


def summed_units(
    observables: tuple[Observable, ...], names: Sequence[str]
) -> tuple[Observable, ...]:
    """The observables, with the units of sums for those in `names`."""
    units = dict.fromkeys(names, "percent, summed")
    return tuple(replace(o, unit=units.get(o.name, o.unit)) for o in observables)


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
