"""What a history says, in numbers on which a density of parameters is conditioned.

Of linear worlds a history's second moments say nearly all: its scale and length, the coefficients
of the two regressions of `regression`, and own autocorrelations up to three years. Means, and
moments of the regression's residuals that are zero in linear worlds, are for worlds that are not.
Nothing here is learned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from emulator.models.regression import LAGS, Fit, regress

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

SHORTEST, LONGEST = 40, 240  # quarters of histories that are summarised
OWN_LAGS = (1, 2, 4, 8, 12)
LARGEST = 1e6  # in modulus; what is beyond is of a history that is no world's
_LEAST = 1e-12  # of variances of which a logarithm is taken


@torch.no_grad()
def summarise(history: Float64[torch.Tensor, "B L 3"]) -> Float[torch.Tensor, "B F"]:
    """(B, F) in float32 of histories (B, L, 3) of one length, in the observables' units. What a
    history leaves undefined, such as one that does not move, is zero."""
    y = history.double()
    mean = y.mean(dim=1, keepdim=True)
    centred = y - mean
    sd = centred.square().mean(dim=1, keepdim=True).clamp(min=_LEAST).sqrt()
    z = y / sd
    found = regress(z, None)
    parts = [
        sd[:, 0].log(),
        (mean / sd)[:, 0],
        *_fit(found.fit),
        *_fit(found.apart),
        _triangle(found.basis),
        _autocorrelations(centred / sd),
        *_moments(found.fit.residuals),
        torch.full_like(sd[:, 0, :1], float(y.shape[1])).log(),
    ]
    numbers = torch.cat([part.flatten(1) for part in parts], dim=1)
    return torch.nan_to_num(numbers, 0.0, 0.0, 0.0).clamp(-LARGEST, LARGEST).float()


def _fit(fit: Fit) -> tuple[torch.Tensor, ...]:
    return fit.lags, fit.constant, _triangle(fit.factor)


def _triangle(factor: torch.Tensor) -> torch.Tensor:
    """A lower triangular factor (B, 3, 3): its diagonal in logarithms, and the rest over it."""
    diagonal = factor.diagonal(dim1=1, dim2=2).clamp(min=_LEAST)
    below = factor / diagonal[:, :, None]
    return torch.cat([diagonal.log(), below[:, [1, 2, 2], [0, 0, 1]]], dim=1)


def _autocorrelations(z: torch.Tensor) -> torch.Tensor:
    """Each observable's own, (B, lags, 3)."""
    return torch.stack([(z[:, lag:] * z[:, :-lag]).mean(dim=1) for lag in OWN_LAGS], dim=1)


def _moments(residuals: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Skewness and kurtosis of residuals (B, T, 3), and whether large ones follow each other."""
    unit = residuals / residuals.square().mean(dim=1, keepdim=True).clamp(min=_LEAST).sqrt()
    squares = unit.square()
    return (
        unit.pow(3).mean(dim=1),
        squares.square().mean(dim=1).log(),
        *((squares[:, k:] * squares[:, :-k]).mean(dim=1).log() for k in (1, LAGS)),
    )


def count() -> int:
    """How many numbers a summary has."""
    return summarise(torch.zeros(1, SHORTEST, 3, dtype=torch.float64)).shape[1]
