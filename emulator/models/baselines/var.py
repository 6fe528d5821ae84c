"""The econometrician's baselines: a VAR by least squares, and local projections.

The VAR has up to eight lags, by BIC. Multipliers of local projections (Jorda 2005) are the
coefficients on y_t in regressions of y_{t+h} on (1, y_t, ..., y_{t-p+1}), p the VAR's; they have no
roots, and what explodes in the VAR does not touch them. How shocks are found, and what becomes of
explosive estimates, is in history.py.

Sources: Sims (1980, Econometrica 48(1)); Jorda (2005, AER 95(1)); Lutkepohl (2005), ch. 2 to 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch

from emulator.errors import InputError
from emulator.models.abilities import Rival
from emulator.models.baselines.history import (
    MAX_LAGS,
    Estimates,
    HistoryBaseline,
    HistoryConfig,
    IteratedBaseline,
    stable,
)
from emulator.models.baselines.summary import lagged, least_squares, ols_var
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Float, Float64


class VARConfig(HistoryConfig):
    """`model:` of a VAR baseline. rotation: how shocks are found in the residuals; see above."""

    forecasts = True
    label = "VAR"
    rival = Rival("VAR")

    type: Literal["baseline_var"] = "baseline_var"
    rotation: Literal["chosen", "fitted"] = "chosen"

    def build(self, specs: Sequence[WorldSpec], horizon: int) -> VAR:
        return VAR(self, specs, horizon, fitted=self.rotation == "fitted")


class LPConfig(HistoryConfig):
    """`model:` of a local-projections baseline."""

    label = "local projections"
    rival = Rival("VAR")

    type: Literal["baseline_lp"] = "baseline_lp"

    def build(self, specs: Sequence[WorldSpec], horizon: int) -> LocalProjections:
        return LocalProjections(self, specs, horizon, fitted=False)


class VAR(IteratedBaseline):
    """Responses and forecasts of the estimated VAR."""

    def estimate(self, history: Float[torch.Tensor, "B L 3"], world: str) -> Estimates:
        return estimate(history)


class LocalProjections(HistoryBaseline):
    """Responses by local projections, from the VAR's identified impact."""

    def estimate(self, history: Float[torch.Tensor, "B L 3"], world: str) -> Estimates:
        return estimate(history)

    def multipliers(
        self, history: Float[torch.Tensor, "B L 3"], estimates: Estimates, horizon: int
    ) -> Float64[torch.Tensor, "B {horizon}+1 3 3"]:
        out = history.new_empty(len(history), horizon + 1, 3, 3, dtype=torch.float64)
        for lags in sorted(set(estimates.lags.tolist())):
            rows = estimates.lags == lags
            out[rows] = local_projections(history[rows], lags, horizon)
        return out


def estimate(history: Float[torch.Tensor, "B L 3"]) -> Estimates:
    """Stable VARs of (B, L, 3), with an intercept; lags by BIC, compared on the same quarters.

    The chosen one is estimated again on all quarters, as statsmodels does. Orders whose
    estimates are not unique are out. Raises InputError for histories where all are: a series that
    does not move, or that is a combination of the others.
    """
    fits = (ols_var(history, lags, MAX_LAGS) for lags in range(1, MAX_LAGS + 1))
    lowest = torch.stack([torch.where(f.unique, f.bic, torch.inf) for f in fits]).min(dim=0)
    chosen = lowest.indices + 1
    singular = lowest.values == torch.inf
    covariance = history.new_empty(len(history), 3, 3, dtype=torch.float64)
    constant = history.new_empty(len(history), 3, dtype=torch.float64)
    coefficients = history.new_zeros(len(history), MAX_LAGS, 3, 3, dtype=torch.float64)
    for lags in sorted(set(chosen.tolist())):
        rows = chosen == lags
        fit = ols_var(history[rows], lags)
        coefficients[rows, :lags] = fit.coefficients
        covariance[rows], constant[rows] = fit.covariance, fit.constant
        singular[rows] |= ~fit.unique
    if singular.any():
        raise InputError(
            f"history: no VAR can be estimated in {int(singular.sum())} of {len(history)} rows, "
            f"the first {int(singular.int().argmax())}: a series is constant, or a combination of "
            "the others"
        )
    return stable(Estimates(chosen, constant, coefficients, covariance), history)


def local_projections(
    history: Float[torch.Tensor, "B L 3"], lags: int, horizon: int
) -> Float64[torch.Tensor, "B {horizon}+1 3 3"]:
    """Coefficients (B, H+1, 3, 3) on y_t of y_{t+h} on (1, y_t, ..., y_{t-lags+1}); I at h = 0.

    Raises InputError where the longest regression has fewer quarters than coefficients.
    """
    quarters = history.shape[1]
    if quarters - lags - max(horizon, 1) + 1 <= 1 + 3 * lags:
        raise InputError(
            f"history: {quarters} quarters are too few for local projections with {lags} lags at "
            f"horizon {horizon}; give {horizon + 4 * lags + 1} or more"
        )
    data = history.double()
    mean, sd = data.mean(dim=1, keepdim=True), data.std(dim=1, keepdim=True)
    z = (data - mean) / sd
    x = lagged(z, lags, lags)
    ratio = sd.mT / sd
    out = [torch.eye(3, dtype=z.dtype, device=z.device).expand(len(z), 3, 3)]
    for h in range(1, horizon + 1):
        solution, unique = least_squares(x[:, : x.shape[1] - h + 1], z[:, lags + h - 1 :])
        if not unique.all():
            raise InputError(
                f"history: no local projection at horizon {h} in {int((~unique).sum())} rows: a "
                "series hardly moves before its last quarters"
            )
        out.append(solution[:, 1:4].mT * ratio)
    return torch.stack(out, dim=1)
