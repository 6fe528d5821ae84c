"""A linear world and its history: which shocks made it, what was to be expected, what comes next.

Of draws of the posterior, so that all of it knows how little is known of the parameters:

- the history as a sum: what each shock did, given the whole history, what happened before it, and
  errors of measurement. Means over draws, whose sum is the history as well;
- shares of shocks in the variance of forecast errors;
- forecasts: of every quarter given those before it (the draws know the whole history), and beyond
  the last. Given parameters they are normal, so that their quantiles are those of a mixture of
  normals, found to the last digits rather than drawn.

Axis letters: L quarters of the history, C components, S shocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from emulator.estimation.bands import LEVELS, Bands, bands
from emulator.estimation.posterior import Target
from emulator.estimation.smoothing import Smoothed, ahead, smooth
from emulator.specs import OBSERVABLE_NAMES
from emulator.worlds.linear import MovingAverage, StateSpace

if TYPE_CHECKING:
    import xarray as xr
    from jaxtyping import Float64

    from emulator.worlds.base import FloatArray

DRAWS = 400  # taken of the posterior: means are known to a twentieth of its s.d.s
AT_ONCE = 50  # of them, whose gains of all quarters are kept
BEFORE, MEASUREMENT = "before", "measurement"  # what is not a shock's
HALVINGS = 50  # of an interval that holds a quantile, to the last digits
CERTAIN = 1e-12  # the s.d. of what is known for certain, so that it can be divided by


class Course(NamedTuple):
    """Means over draws, and quantiles at `bands.LEVELS`, in the observables' units."""

    mean: Float64[np.ndarray, "quarters 3"]
    quantiles: Float64[np.ndarray, "quarters 3 levels"]


@dataclass(frozen=True)
class QuarterByQuarter:
    """quarters: names of those of the history, and of those after it that `ahead` forecasts, or
    numbers from 1. one_step: forecasts of each quarter of the history, given those before it.

    history: NaN where a number is missing. components: the shocks, `before` (what had happened
    before the history) and, with measurement noise, `measurement`. contributions: their sum over
    components is the history; where a number is missing, its mean given the others. shocks: in
    s.d.s, given the whole history. shares: of shocks in the variance of forecast errors 1, 2, ...
    quarters ahead, without measurement noise; NaN where nothing moves an observable.
    """

    quarters: tuple[str, ...]
    history: Float64[np.ndarray, "L 3"]
    components: tuple[str, ...]
    contributions: Float64[np.ndarray, "C L 3"]
    shocks: Float64[np.ndarray, "S L"]
    shares: Bands
    one_step: Course
    ahead: Course | None

    def to_xarray(self) -> xr.Dataset:
        """All of it by names; netCDF holds it."""
        import xarray as xr

        given = len(self.history)
        points = self.shares.mean.shape[1]
        found = xr.Dataset(
            {
                "history": (("quarter", "observable"), self.history),
                "contribution": (("component", "quarter", "observable"), self.contributions),
                "smoothed_shock": (("shock", "quarter"), self.shocks),
                "share": (("shock", "quarters_ahead", "observable"), self.shares.mean),
                "share_quantiles": (
                    ("shock", "quarters_ahead", "observable", "quantile"), self.shares.quantiles,
                ),
                "one_step": (("quarter", "observable"), self.one_step.mean),
                "one_step_quantiles": (
                    ("quarter", "observable", "quantile"), self.one_step.quantiles,
                ),
            },
            {
                "quarter": list(self.quarters[:given]), "observable": list(OBSERVABLE_NAMES),
                "component": list(self.components), "shock": list(self.shares.shocks),
                "quarters_ahead": np.arange(1, points + 1), "quantile": list(LEVELS),
            },
        )  # fmt: skip
        if self.ahead is None:
            return found
        dims = ("later_quarter", "observable", "quantile")
        return found.assign(
            forecast=(dims[:2], self.ahead.mean), forecast_quantiles=(dims, self.ahead.quantiles)
        ).assign_coords(later_quarter=list(self.quarters[given:]))


def quarter_by_quarter(
    target: Target,
    theta: Float64[np.ndarray, "N P"],
    responses: Float64[np.ndarray, "N S points 3"],
    quarters: tuple[str, ...],
) -> QuarterByQuarter | None:
    """Of draws theta and their responses to shocks of one s.d.; None where the world is not linear.

    quarters: of the history and of those to forecast after it.
    """
    world, history, noise = target.world, target.history, target.noise
    chosen = np.unique(np.linspace(0, len(theta) - 1, DRAWS).round().astype(int))
    later = len(quarters) - len(history)
    parts, contributions, means, sds = [], [], [], []
    for some in np.split(chosen, range(AT_ONCE, len(chosen), AT_ONCE)):
        space = world.solve(theta[some])
        if not isinstance(space, StateSpace | MovingAverage):
            return None
        found = smooth(space, history, target.run_in, noise)
        contributions.append(_contributions(space, found))
        mean, sd = ahead(space, found, later, noise)
        means.append(mean)
        sds.append(sd)
        parts.append(found)
    made = np.concatenate(contributions).mean(axis=0)
    components: tuple[str, ...] = (*world.shock_names, BEFORE)
    if noise.any():
        errors = np.concatenate([part.errors for part in parts]).mean(axis=0)
        made = np.concatenate([made, errors[None]])
        components = (*components, MEASUREMENT)
    return QuarterByQuarter(
        quarters, history, components, made,
        np.concatenate([part.shocks for part in parts]).mean(axis=0).T,
        bands(world.shock_names, variance_shares(responses)),
        mixture(
            np.concatenate([part.forecast for part in parts]),
            np.concatenate([part.forecast_sd for part in parts]),
        ),
        mixture(np.concatenate(means), np.concatenate(sds)) if later else None,
    )  # fmt: skip


def _contributions(space: StateSpace | MovingAverage, found: Smoothed) -> FloatArray:
    """What each shock and the state before the history add to it (B, S + 1, L, 3)."""
    a, b, c, d = space[:4]
    rows, quarters, shocks = found.shocks.shape
    x = np.zeros((rows, a.shape[1], shocks + 1))
    x[:, :, shocks] = found.start
    out = np.empty((rows, shocks + 1, quarters, 3))
    for t in range(quarters):
        fed = found.shocks[:, t, None]
        y, x = c @ x, a @ x
        y[:, :, :shocks] += d * fed
        x[:, :, :shocks] += b * fed
        out[:, :, t] = np.swapaxes(y, 1, 2)
    return out


def variance_shares(
    responses: Float64[np.ndarray, "N S points 3"],
) -> Float64[np.ndarray, "N S points 3"]:
    """Shares of shocks in the variance of forecast errors 1, 2, ... quarters ahead, of responses to
    shocks of one s.d.; NaN where nothing moves an observable."""
    caused = np.cumsum(np.square(responses), axis=2)
    whole = caused.sum(axis=1, keepdims=True)
    shares = np.full_like(caused, np.nan)
    np.divide(caused, whole, out=shares, where=whole > 0.0)
    return shares


def mixture(
    means: Float64[np.ndarray, "N quarters 3"], sds: Float64[np.ndarray, "N quarters 3"]
) -> Course:
    """Mean and quantiles of equal parts of N(means, sds^2), by bisection."""
    quantiles = np.empty((*means.shape[1:], len(LEVELS)))
    sds = np.maximum(sds, CERTAIN)
    for j, level in enumerate(LEVELS):
        each = means + ndtri(level) * sds
        low, high = each.min(axis=0), each.max(axis=0)
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            below = ndtr((middle - means) / sds).mean(axis=0) < level
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        quantiles[..., j] = 0.5 * (low + high)
    return Course(means.mean(axis=0), quantiles)
