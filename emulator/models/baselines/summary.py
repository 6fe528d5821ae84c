"""The classical summary of a history: a VAR(4) by least squares.

    y_t = c + A_1 y_{t-1} + ... + A_p y_{t-p} + u_t,        u_t ~ (0, Sigma)

`ols_var` fits a batch of histories at once, in float64, and agrees with statsmodels' VAR to
rounding. `Summaries` turns the coefficients and the residual covariance into inputs for models that
take vectors.

Source: Lutkepohl (2005), New Introduction to Multiple Time Series Analysis, ch. 3 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from emulator.errors import InputError
from emulator.models.embeddings import NO_WORLD
from emulator.regimes import Inputs
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float64

SUMMARY_LAGS = 4  # a year
SUMMARY_SIZE = 3 * (1 + 3 * SUMMARY_LAGS) + 6  # coefficients, then the covariance's six numbers

# Standardised regressors whose part unexplained by the others has less variance than this count as
# collinear: it is some twenty times (in s.d.) the rounding of float32 series.
COLLINEAR = 1e-12
HISTORIES_AT_ONCE = 2048  # histories a pass; bounds memory, does not change the result
_ROUNDING = 1e-7  # relative resolution of a float32 series: one that moves less is constant
# Added to a covariance without a Cholesky factor; (1e-6)^2 in the series' units.
_LEAST_COVARIANCE = 1e-12


class VARFit(NamedTuple):
    """VAR(p) of B histories. Rows with collinear regressors get the minimum-norm solution.

    constant (B, 3), coefficients (B, p, 3, 3), covariance (B, 3, 3) of the residuals with the
    degrees of freedom taken off, bic (B,), unique (B,) bool: whether the estimates are the only
    least-squares ones and the covariance is positive definite.
    """

    constant: Float64[torch.Tensor, "B 3"]
    coefficients: Float64[torch.Tensor, "B p 3 3"]
    covariance: Float64[torch.Tensor, "B 3 3"]
    bic: Float64[torch.Tensor, " B"]
    unique: Bool[torch.Tensor, " B"]


@torch.no_grad()
def ols_var(history: Float[torch.Tensor, "B L 3"], lags: int, first: int | None = None) -> VARFit:
    """Least squares of every row of (B, L, 3), float64.

    first: the first quarter to explain; `lags` when None. VARs of different orders are compared by
    BIC on the same quarters, so with the same `first`. Raises InputError when a history has
    numbers that are not finite, or too few quarters.
    """
    first = lags if first is None else first
    quarters, n = history.shape[1:]
    observations, regressors = quarters - first, 1 + n * lags
    if observations <= regressors + n:
        raise InputError(
            f"history: {quarters} quarters are too few for a VAR({lags}) with {regressors} "
            "coefficients an equation"
        )
    finite = torch.isfinite(history).all(dim=2).all(dim=1)
    if not finite.all():
        raise InputError(f"history: not finite in {int((~finite).sum())} of {len(finite)} rows")
    data = history.double()
    mean, sd = data.mean(dim=1), data.std(dim=1)
    moves = sd > _ROUNDING * data.abs().amax(dim=1)
    scale = torch.where(moves, sd, 1.0)
    z = torch.where(moves[:, None], (data - mean[:, None]) / scale[:, None], 0.0)
    x = lagged(z, lags, first)
    y = z[:, first:]
    solution, unique = least_squares(x, y)
    residual = y - x @ solution
    squares = residual.mT @ residual
    factor, failed = torch.linalg.cholesky_ex(squares / observations)
    log_det = 2.0 * (factor.diagonal(dim1=1, dim2=2).log() + scale.log()).sum(dim=1)
    bic = log_det + math.log(observations) / observations * n * regressors
    # Back to the units of the series.
    ratio = scale[:, :, None] / scale[:, None, :]
    coefficients = solution[:, 1:].reshape(-1, lags, n, n).mT * ratio[:, None]
    constant = mean + scale * solution[:, 0] - (coefficients.sum(dim=1) @ mean[:, :, None])[..., 0]
    covariance = squares / (observations - regressors) * scale[:, :, None] * scale[:, None, :]
    return VARFit(constant, coefficients, covariance, bic, unique & (failed == 0))


def lagged(
    series: Float[torch.Tensor, "B L 3"], lags: int, first: int
) -> Float[torch.Tensor, "B L-{first} 1+3*{lags}"]:
    """Regressors (B, L - first, 1 + 3 lags) of quarters `first` on: 1, then lag 1, lag 2, ..."""
    quarters = series.shape[1]
    columns = [torch.ones_like(series[:, first:, :1])]
    columns += [series[:, first - lag : quarters - lag] for lag in range(1, lags + 1)]
    return torch.cat(columns, dim=2)


def least_squares(
    x: Float[torch.Tensor, "B n k"], y: Float[torch.Tensor, "B n m"]
) -> tuple[Float[torch.Tensor, "B k m"], Bool[torch.Tensor, " B"]]:
    """Coefficients (B, k, m) of y (B, n, m) on standardised x (B, n, k), and which rows are unique.

    Standardised columns keep the normal equations well conditioned; rows where they are not get the
    minimum-norm solution.
    """
    gram, moment = x.mT @ x / x.shape[1], x.mT @ y / x.shape[1]
    factor, failed = torch.linalg.cholesky_ex(gram)
    pivots = factor.diagonal(dim1=1, dim2=2).square().amin(dim=1)
    unique = (failed == 0) & (pivots > COLLINEAR)
    solution = torch.cholesky_solve(moment, factor)
    if not unique.all():
        other = ~unique
        inverse = torch.linalg.pinv(gram[other], rtol=COLLINEAR, hermitian=True)
        solution[other] = inverse @ moment[other]
    return solution, unique


def summarise(history: Float[torch.Tensor, "B L 3"]) -> Float64[torch.Tensor, "B 45"]:
    """Coefficients and log-Cholesky residual covariance of the VAR(4) of (B, L, 3), (B, 45).

    Constants, lag matrices row by row from the first lag, the log of the Cholesky factor's
    diagonal, and its entries 21, 31, 32. A series that does not move has no residual variance; its
    s.d. is then put at 1e-6.
    """
    return torch.cat([_summarise(part) for part in torch.split(history, HISTORIES_AT_ONCE)])


def _summarise(history: torch.Tensor) -> torch.Tensor:
    fit = ols_var(history, SUMMARY_LAGS)
    factor, failed = torch.linalg.cholesky_ex(fit.covariance)
    if failed.any():
        broken = fit.covariance[failed > 0]
        # The second term is above the rounding of a covariance of any size.
        floor = _LEAST_COVARIANCE + 1e-12 * broken.diagonal(dim1=1, dim2=2).sum(dim=1)
        factor[failed > 0] = torch.linalg.cholesky(
            broken + torch.diag_embed(floor[:, None].expand(-1, 3))
        )
    below = factor[:, [1, 2, 2], [0, 0, 1]]
    diagonal = factor.diagonal(dim1=1, dim2=2).log()
    return torch.cat([fit.constant, fit.coefficients.flatten(1), diagonal, below], dim=1)


class Summaries(nn.Module):
    """Standardised summaries (B, 45) of a world's histories.

    Mean and s.d. come from the training rows, world by world, and from all worlds together where
    the regime does not name the world. They are buffers, saved with the weights.
    """

    def __init__(self, specs: Sequence[WorldSpec]) -> None:
        super().__init__()
        self.moments = nn.ModuleDict(
            {name: _Moments() for name in (NO_WORLD, *(s.name for s in specs))}
        )

    def update(self, inputs: Inputs) -> None:
        """Take these training rows into the moments."""
        assert inputs.history is not None
        self._of(inputs).update(summarise(inputs.history))

    def forward(self, inputs: Inputs) -> Float[torch.Tensor, "B 45"]:
        """(B, 45). Raises InputError without a history, or where no training rows were seen."""
        if inputs.history is None:
            raise InputError("this model answers from parameters or a history; neither is given")
        moments = self._of(inputs)
        if not moments.count:
            raise InputError(
                "this model was not trained on histories without parameters of "
                f"{inputs.world or 'unnamed worlds'}; give theta, or train it in regime B1"
            )
        return moments(summarise(inputs.history)).to(inputs.history.dtype)  # type: ignore[no-any-return]

    def _of(self, inputs: Inputs) -> _Moments:
        module = self.moments[inputs.world or NO_WORLD]
        assert isinstance(module, _Moments)
        return module


class _Moments(nn.Module):
    """Mean and s.d. of summaries; batches of rows merge exactly (Chan, Golub and LeVeque 1983)."""

    count: torch.Tensor
    mean: torch.Tensor
    squares: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(SUMMARY_SIZE, dtype=torch.float64))
        self.register_buffer("squares", torch.zeros(SUMMARY_SIZE, dtype=torch.float64))

    def update(self, values: torch.Tensor) -> None:
        total = self.count + len(values)
        mean = values.mean(dim=0)
        delta = mean - self.mean
        self.squares += (values - mean).square().sum(dim=0)
        self.squares += delta.square() * self.count * len(values) / total
        self.mean += delta * len(values) / total
        self.count.copy_(total)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        sd = (self.squares / self.count).sqrt()
        return (values - self.mean) / torch.where(sd > 0, sd, 1.0)
