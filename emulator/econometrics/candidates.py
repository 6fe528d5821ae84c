"""Candidate responses of a data set, how sure they are, and what the series are like.

A user of one estimator has one of these; a combination of estimators has all of them. Every
candidate is told which series may be random walks; nothing else is tuned by hand. Numbers of lags
follow from the sizes of the data, four where there is room.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from emulator.econometrics import autoregressions, bayesian, projections
from emulator.econometrics.question import FloatArray, own_units, scaled

LAGS, SHORT, LONG = 4, 2, 8  # as far as there is room for them
QUARTERS_A_LAG = 3  # quarters less horizon, for each lag of each series
TIGHTNESS = (0.05, 0.2, 0.8)  # lambda of Bayesian VARs whose tightness is fixed

# name: what it is
NAMES = {
    "var": "VAR by least squares",
    "var_short": "the same with two lags",
    "var_corrected": "VAR corrected for its bias",
    "bvar": "Bayesian VAR, tightness by marginal likelihood",
    "bvar_tight": "Bayesian VAR, lambda .05",
    "bvar_middle": "Bayesian VAR, lambda .2",
    "bvar_loose": "Bayesian VAR, lambda .8",
    "bvar_long": "Bayesian VAR of up to eight lags, lambda .2",
    "bvar_white": "Bayesian VAR about white noise, lambda .2",
    "lp": "local projections",
    "lp_corrected": "local projections corrected for their bias",
    "lp_penalised": "local projections, penalised",
}
DESCRIPTORS = (
    "ahead", "asked", "behind", "log_quarters", "series", "log_spread", "level", "change",
    "log_news", "with_asked", "asked_log_spread", "asked_level", "asked_change", "log_lambda",
    "log_mu", "log_evidence", "root", "persistent",
)  # fmt: skip


class Candidates(NamedTuple):
    """Of B data sets of n series, in the data's units per unit of the series asked about.

    responses (B, M, H+1, n), NAMES along M. error (B, H+1, n): standard errors of local
    projections, robust to heteroskedasticity. unit (B, n): an innovation's s.d. of each series over
    that of the series asked about, which makes responses comparable. descriptors (B, n,
    DESCRIPTORS): of series whatever their units.
    """

    responses: FloatArray
    error: FloatArray
    unit: FloatArray
    descriptors: FloatArray


def lags_for(quarters: int, n: int, horizon: int) -> int:
    """Lags of n series, one to four."""
    return int(np.clip((quarters - horizon) // (QUARTERS_A_LAG * n), 1, LAGS))


def candidates(data: FloatArray, before: int, horizon: int, persistent: FloatArray) -> Candidates:
    """Of data (B, T, n), asked about the innovation of the series at `before`.

    persistent (n,): 1 for series that may be random walks, else 0. Raises InputError for series
    that do not move and where there are too few quarters.
    """
    series = scaled(data)
    z, (rows, quarters, n) = series.data, data.shape
    prior = np.broadcast_to(persistent, (rows, n))
    lags = lags_for(quarters, n, horizon)
    room = max((quarters - 2) // (n + 1), 1)  # lags with more quarters than coefficients
    plain = autoregressions.fit(z, lags)
    best = bayesian.posterior(z, min(LAGS, room), prior)
    tight, middle, loose = bayesian.fixed(z, min(LAGS, room), prior, TIGHTNESS)
    (long,) = bayesian.fixed(z, min(LONG, room), prior, TIGHTNESS[1:2])
    (white,) = bayesian.fixed(z, min(LAGS, room), 0.0 * prior, TIGHTNESS[1:2])
    several = {
        "var": plain,
        "var_short": autoregressions.fit(z, min(SHORT, lags)),
        "var_corrected": autoregressions.bias_corrected(plain, quarters - lags),
        "bvar": best.estimate,
        "bvar_tight": tight,
        "bvar_middle": middle,
        "bvar_loose": loose,
        "bvar_long": long,
        "bvar_white": white,
    }
    found = {k: autoregressions.responses(v, before, horizon) for k, v in several.items()}
    parts = projections.Parts(z, before, lags, horizon)
    found["lp"] = projections.projected(parts)
    found["lp_corrected"] = projections.bias_corrected(found["lp"], parts.controls)
    found["lp_penalised"] = projections.penalised(parts)
    error = projections.standard_errors(parts, found["lp"])
    sd = np.sqrt(np.diagonal(plain.covariance, axis1=1, axis2=2)) * series.sd
    return Candidates(
        np.stack([own_units(found[name], series.sd, before) for name in NAMES], axis=1),
        own_units(error, series.sd, before),
        sd / sd[:, before, None],
        described(z, before, plain, best, persistent),
    )


def described(
    z: FloatArray, before: int, estimate: autoregressions.Autoregression,
    best: bayesian.Posterior, persistent: FloatArray,
) -> FloatArray:  # fmt: skip
    """Descriptors (B, n, DESCRIPTORS) of series z (B, T, n) in s.d.s."""
    rows, quarters, n = z.shape
    change = np.diff(z, axis=1)
    spread = change.std(axis=1)
    sd = np.sqrt(np.diagonal(estimate.covariance, axis1=1, axis2=2))
    level = (z[:, 1:] * z[:, :-1]).mean(axis=1)
    moved = (change[:, 1:] * change[:, :-1]).mean(axis=1) / spread**2
    together = estimate.covariance[:, before] / sd / sd[:, before, None]
    root = np.minimum(autoregressions.largest_root(estimate.lags), 1.2)
    evidence = best.log_evidence / (quarters * n)
    each = np.arange(n)

    def of_all(values: FloatArray) -> FloatArray:  # (B,), or one
        return np.broadcast_to(np.asarray(values, dtype=float).reshape(-1, 1), (rows, n))

    tightness = np.log(best.tightness)
    places = (each < before, each == before, each > before)
    columns = [
        *(np.broadcast_to(place, (rows, n)) for place in places),
        of_all(np.log(quarters / 150.0)), of_all(np.array(n / 5.0 - 1.0)),
        np.log(spread), level, moved, np.log(sd / spread), np.abs(together),
        of_all(np.log(spread[:, before])), of_all(level[:, before]), of_all(moved[:, before]),
        of_all(tightness[:, 0]), of_all(tightness[:, 1]), of_all(evidence), of_all(root),
        np.broadcast_to(persistent, (rows, n)),
    ]  # fmt: skip
    return np.stack(columns, axis=-1).astype(float)
