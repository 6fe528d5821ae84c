"""The posterior of a VAR under the Minnesota prior, its hyperparameters by marginal likelihood.

    y_t = c + A_1 y_{t-1} + ... + A_p y_{t-p} + u_t,    u_t ~ N(0, Sigma)
    Sigma ~ IW(diag(psi), 5),   vec(A) | Sigma normal,   c flat
    mean of A_1: own I, of later lags 0
    cov of (A_s)_ij, (A_r)_hm given Sigma: tightness^2 / s^2 Sigma_ih / psi_j where s = r, j = m

psi are the residual variances of an AR(1) of each series. Tightness, own and the number of lags
maximise the marginal likelihood times the hyperprior of tightness, a gamma density of mode .2 and
s.d. .4 (Giannone, Lenza and Primiceri 2015); own is uniform on [0, 1], as the economies are
stationary, where the prior's usual mean is a random walk. Their dummy observations, which lean
towards unit roots, are left out for the same reason.

With Z = X D^(-1/2), D the prior's precision at tightness 1, and Z'Z = Q diag(e) Q', everything that
depends on tightness is diagonal: one decomposition a history serves a whole grid.

Sources: Litterman (1986, JBES 4(1)); Giannone, Lenza and Primiceri (2015, REStat 97(2)), section
II and appendix A, whose marginal likelihood this is at a flat prior on c.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch

from emulator.errors import InputError
from emulator.models.baselines.history import MAX_LAGS, Estimates
from emulator.models.baselines.summary import lagged

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, Int64

LAGS = (1, 2, 4, 8)
TIGHTNESS = tuple(10 ** (k / 10) for k in range(-20, 11))  # .01 to 10, steps of 26 %
OWN = tuple(k / 5 for k in range(6))
FREEDOM = 5  # of the prior on Sigma: the least whose mean there is, which is diag(psi)
# Giannone, Lenza and Primiceri (2015), section III: mode .2 and s.d. .4 of tightness.
_SCALE = (math.sqrt(0.2**2 + 4 * 0.4**2) - 0.2) / 2
_SHAPE = 1 + 0.2 / _SCALE


class Chosen(NamedTuple):
    """Hyperparameters of B histories and what they maximise, all but constants: the log of marginal
    likelihood times hyperprior."""

    lags: Int64[torch.Tensor, " B"]
    tightness: Float64[torch.Tensor, " B"]
    own: Float64[torch.Tensor, " B"]
    value: Float64[torch.Tensor, " B"]


class _Regression(NamedTuple):
    """Sums of squares of demeaned series, residual variances, and the decomposition of Z'Z.

    means: of y and of the regressors. squares: y'y, y'x_1 and x_1'x_1, (B, 3, 3), x_1 the first
    lag. e: (B, K), and in its basis Q: Z'y and Z'x_1, (B, K, 3). back: (B, K, K), D^(-1/2) Q.
    """

    quarters: int
    means: tuple[torch.Tensor, torch.Tensor]
    squares: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    psi: torch.Tensor
    e: torch.Tensor
    y: torch.Tensor
    first: torch.Tensor
    back: torch.Tensor


@torch.no_grad()
def minnesota(history: Float[torch.Tensor, "B L 3"]) -> tuple[Estimates, Chosen]:
    """Posterior means of (B, L, 3), in the units of the series, and the hyperparameters chosen.

    Numbers of lags are compared on the same quarters, those after the longest. Raises InputError
    where a history has numbers that are not finite, or a series that does not move.
    """
    data = history.double()
    mean, sd = data.mean(dim=1), data.std(dim=1)
    wrong = ~(
        data.isfinite().all(dim=2).all(dim=1) & (sd > 1e-7 * data.abs().amax(dim=1)).all(dim=1)
    )
    if wrong.any():
        raise InputError(
            f"history: no VAR can be estimated in {int(wrong.sum())} of {len(wrong)} rows, the "
            f"first {int(wrong.int().argmax())}: a series is constant, or not finite"
        )
    z = (data - mean[:, None]) / sd[:, None]
    best, found = None, None
    for lags in LAGS:
        regression = _regression(z, lags)
        chosen = _choose(regression, lags)
        estimates = _posterior(regression, chosen)
        if best is None or found is None:
            best, found = chosen, estimates
            continue
        better = chosen.value > best.value
        best = Chosen(*(torch.where(better, a, b) for a, b in zip(chosen, best, strict=True)))
        found = Estimates(*(_where(better, a, b) for a, b in zip(estimates, found, strict=True)))
    assert best is not None
    assert found is not None
    # Back to the units of the series.
    coefficients = found.coefficients * (sd[:, :, None] / sd[:, None, :])[:, None]
    constant = mean + sd * found.constant - (coefficients.sum(dim=1) @ mean[..., None])[..., 0]
    covariance = found.covariance * sd[:, :, None] * sd[:, None, :]
    return Estimates(found.lags, constant, coefficients, covariance), best


def log_posterior(
    regression: _Regression, tightness: torch.Tensor, own: torch.Tensor
) -> Float64[torch.Tensor, "B G M"]:
    """Log marginal likelihood and hyperprior at every tightness (G,) and own (M,), (B, G, M), less
    what depends on neither nor on the lags."""
    t, d, e = regression.quarters, FREEDOM, regression.e
    shrunk = 1.0 / (tightness[:, None] ** -2 + e[:, None])  # (B, G, K)
    weighted = shrunk[..., None] * regression.y[:, None]  # (B, G, K, 3)
    of_first = shrunk[..., None] * regression.first[:, None]
    yy, yx, xx = (part[:, None] for part in regression.squares)
    yy = yy + torch.diag_embed(regression.psi)[:, None] - regression.y.mT[:, None] @ weighted
    yx = yx - regression.y.mT[:, None] @ of_first
    xx = xx - regression.first.mT[:, None] @ of_first
    m = own[:, None, None]
    scale = yy[:, :, None] - m * (yx + yx.mT)[:, :, None] + m**2 * xx[:, :, None]
    spread = -1.5 * (tightness[:, None] ** 2 * e[:, None]).log1p().sum(dim=2)  # (B, G)
    hyper = (_SHAPE - 1) * tightness.log() - tightness / _SCALE
    evidence = d / 2 * regression.psi.log().sum(dim=1)
    # The triple product of its rows: a tenth of the time of as many factorisations.
    row, *others = scale.unbind(dim=-2)
    determinant = (row * torch.linalg.cross(*others)).sum(dim=-1)
    fit = -(t + d) / 2 * determinant.log()
    value: torch.Tensor = (spread + hyper + evidence[:, None])[..., None] + fit
    return value


def _regression(z: torch.Tensor, lags: int) -> _Regression:
    x, y = lagged(z, lags, MAX_LAGS)[..., 1:], z[:, MAX_LAGS:]
    means = y.mean(dim=1), x.mean(dim=1)
    y, x = y - means[0][:, None], x - means[1][:, None]
    first = x[..., :3]
    yy, yx, xx = y.mT @ y, y.mT @ first, first.mT @ first
    # AR(1) residuals: what its own last quarter leaves of each series.
    one, cross, last = (part.diagonal(dim1=1, dim2=2) for part in (yy, yx, xx))
    psi = (one - cross.square() / last) / y.shape[1]
    lag = torch.arange(1, lags + 1, dtype=z.dtype, device=z.device)
    weight = (psi.sqrt()[:, None] * lag[:, None]).flatten(1)  # (B, K), the root of D
    scaled = x / weight[:, None]
    e, basis = torch.linalg.eigh(scaled.mT @ scaled)
    to_basis = basis.mT @ scaled.mT
    back = basis / weight[..., None]
    return _Regression(
        y.shape[1], means, (yy, yx, xx), psi, e.clamp(min=0), to_basis @ y, to_basis @ first, back
    )


def _choose(regression: _Regression, lags: int) -> Chosen:
    tightness = regression.e.new_tensor(TIGHTNESS)
    own = regression.e.new_tensor(OWN)
    value, place = log_posterior(regression, tightness, own).flatten(1).max(dim=1)
    return Chosen(
        torch.full_like(place, lags), tightness[place // len(OWN)], own[place % len(OWN)], value
    )


def _posterior(regression: _Regression, chosen: Chosen) -> Estimates:
    """Posterior means at the chosen hyperparameters, in the units of the regression's series."""
    lags = regression.e.shape[1] // 3
    own = chosen.own[:, None, None]
    explained = regression.y - own * regression.first  # (B, K, 3)
    shrunk = explained / (chosen.tightness[:, None] ** -2 + regression.e)[..., None]
    solution = (regression.back @ shrunk).reshape(-1, lags, 3, 3).mT  # (B, lags, 3, 3)
    coefficients = solution.new_zeros(len(solution), MAX_LAGS, 3, 3)
    coefficients[:, :lags] = solution
    coefficients[:, 0] += own * torch.eye(3, dtype=own.dtype, device=own.device)
    yy, yx, xx = regression.squares
    scale = yy - own * (yx + yx.mT) + own**2 * xx + torch.diag_embed(regression.psi)
    scale = scale - explained.mT @ shrunk
    covariance = scale / (regression.quarters + FREEDOM - 4)  # the mean of an inverse Wishart
    of_y, of_x = regression.means
    past = coefficients[:, :lags] @ of_x.reshape(-1, lags, 3, 1)
    return Estimates(chosen.lags, of_y - past.sum(dim=1)[..., 0], coefficients, covariance)


def _where(rows: torch.Tensor, yes: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
    return torch.where(rows.view(-1, *[1] * (yes.dim() - 1)), yes, no)
