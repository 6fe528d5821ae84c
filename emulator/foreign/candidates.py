"""Candidate responses of one data set, what they are worth, and what the series are like."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from emulator.econometrics import autoregressions, bayesian, projections
from emulator.econometrics.question import FloatArray, scaled

TIGHTNESS = np.array([0.05, 0.2, 0.8])
NAMES = (
    "var_2", "var_4", "var_corrected", "bvar", "bvar_.05", "bvar_.2", "bvar_.8", "bvar_long_.2",
    "bvar_white_.2", "lp_penalised", "lp",
)  # fmt: skip
DESCRIPTORS = 16
LONG = 8


class Candidates(NamedTuple):
    """Of n series: responses (n, M, H+1) and the projection's s.e. (n, H+1), both in s.d.s of
    innovations; unit (n,): a response in the data's units over one in these; descriptors (n, D)."""

    responses: FloatArray
    error: FloatArray
    unit: FloatArray
    descriptors: FloatArray


def candidates(data: FloatArray, before: int, horizon: int, observed: bool) -> Candidates:
    """Of data (T, n), asked about the innovation of the series at `before`."""
    series = scaled(data[None])
    z = series.data
    quarters, n = data.shape
    lags = int(np.clip((quarters - horizon) // (3 * n), 1, 4))
    persistent = np.ones((1, n))
    if observed:
        persistent[:, before] = 0.0
    short, long = (autoregressions.fit(z, p) for p in (min(2, lags), lags))
    sd = np.sqrt(np.diagonal(long.covariance[0]))
    best = bayesian.posterior(z, 4, persistent)
    chosen = autoregressions.Autoregression(
        autoregressions.unstacked(best.coefficients[:, 1:], 4), best.covariance
    )
    several = [
        short, long, autoregressions.bias_corrected(long, quarters - lags), chosen,
        *bayesian.fixed(z, 4, persistent, TIGHTNESS),
        *bayesian.fixed(z, min(LONG, (quarters - 12) // n), persistent, TIGHTNESS[1:2]),
        *bayesian.fixed(z, 4, 0.0 * persistent, TIGHTNESS[1:2]),
    ]  # fmt: skip
    found = [autoregressions.responses(each, before, horizon)[0] for each in several]
    parts = projections.Parts(z, before, lags, horizon)
    plain = projections.projected(parts)
    found += [projections.penalised(parts)[0], plain[0]]
    squares, _ = parts.moments(slice(None))
    left = parts.y - parts.x[..., None] * plain[:, :, None]
    count = (quarters - lags - np.arange(horizon + 1))[:, None]
    error = np.sqrt((left[0] ** 2).sum(axis=1) / count / squares[0][:, None])  # (H+1, n)
    to_sd = sd[before] / sd
    responses = np.clip(np.stack(found), -1e3, 1e3) * to_sd  # (M, H+1, n)
    return Candidates(
        responses.transpose(2, 0, 1), (error * to_sd).T,
        series.sd[0] / series.sd[0, before] / to_sd, _descriptors(z[0], before, sd, long, best),
    )  # fmt: skip


def _descriptors(
    z: FloatArray, before: int, sd: FloatArray, estimate: autoregressions.Autoregression,
    best: bayesian.Posterior,
) -> FloatArray:  # fmt: skip
    quarters, n = z.shape
    change = np.diff(z, axis=0)
    spread = change.std(axis=0)
    covariance = estimate.covariance[0]
    each = np.arange(n)
    first = (z[1:] * z[:-1]).mean(axis=0)
    moved = (change[1:] * change[:-1]).mean(axis=0) / spread**2
    root = autoregressions.largest_root(estimate.lags)[0]
    return np.column_stack([
        each < before, each == before, each > before,
        np.full(n, np.log(quarters / 150.0)), np.full(n, n / 5.0 - 1.0),
        np.log(spread), first, moved, np.log(sd / spread),
        covariance[before] / sd / sd[before] * np.sign(covariance[before]),
        np.full(n, np.log(spread[before])), np.full(n, first[before]), np.full(n, moved[before]),
        np.tile(np.log(best.tightness[0]), (n, 1))[:, :2], np.full(n, min(root, 1.2)),
    ]).astype(float)  # fmt: skip
