"""Estimators one at a time, from data to responses in its units: what candidates are at once."""

from __future__ import annotations

import numpy as np

from emulator.econometrics import autoregressions, bayesian, projections
from emulator.econometrics.question import own_units, scaled


def least_squares(data: np.ndarray, before: int, lags: int, horizon: int) -> np.ndarray:
    """Responses (B, H+1, n) of a VAR on data (B, T, n)."""
    series = scaled(data)
    found = autoregressions.responses(autoregressions.fit(series.data, lags), before, horizon)
    return own_units(found, series.sd, before)


def corrected(data: np.ndarray, before: int, lags: int, horizon: int) -> np.ndarray:
    """As `least_squares`, corrected for its bias."""
    series = scaled(data)
    estimate = autoregressions.bias_corrected(
        autoregressions.fit(series.data, lags), data.shape[1] - lags
    )
    return own_units(autoregressions.responses(estimate, before, horizon), series.sd, before)


def bayes(
    data: np.ndarray, before: int, lags: int, horizon: int, persistent: np.ndarray
) -> np.ndarray:
    """At the posterior means of a Bayesian VAR."""
    series = scaled(data)
    estimate = bayesian.posterior(series.data, lags, persistent).estimate
    return own_units(autoregressions.responses(estimate, before, horizon), series.sd, before)


def local_projections(
    data: np.ndarray, before: int, lags: int, horizon: int
) -> dict[str, np.ndarray]:
    """By the names of candidates."""
    series = scaled(data)
    parts = projections.Parts(series.data, before, lags, horizon)
    plain = projections.projected(parts)
    found = {
        "lp": plain,
        "lp_corrected": projections.bias_corrected(plain, parts.controls),
        "lp_penalised": projections.penalised(parts),
    }
    return {name: own_units(value, series.sd, before) for name, value in found.items()}
