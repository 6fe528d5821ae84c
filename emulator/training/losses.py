"""The terms of the training loss: generic, nothing in them knows a world.

    L = L_irf + lambda_traj L_traj + lambda_quantile L_q + lambda_smooth L_smooth

Every term is an error over the s.d. of what is predicted, whatever a world's units. L_irf is the
root, not the mean, of squares over horizons, for each draw: large errors of few draws do not crowd
out the others.

Where parameters are given, the mean over worlds is of the terms' logarithms, of L_irf's shock by
shock: a tenth less counts the same where errors are large and where they are small, so worlds and
shocks that are nearly learned go on being learned beside the hard ones. Where they are not, it is
of the terms themselves: most errors have a floor there that no network passes, and in logarithms
the few that have none, those of regime D, would count hundreds of times as much as the others.
"""

from __future__ import annotations

from typing import Literal

import torch

from emulator.limits import QUANTILES

HorizonWeights = Literal["uniform", "exponential", "impact"]
TAU = 20.0  # quarters in which the exponential weights fall by e

# Keeps roots differentiable at a perfect prediction: (1e-5)^2, a hundredth of goals of .1 %.
_FLOOR = 1e-10


def horizon_weights(kind: HorizonWeights, points: int) -> torch.Tensor:
    """(points,) with mean one. exponential: exp(-h / 20); impact: 1 / (1 + h)."""
    h = torch.arange(points, dtype=torch.float32)
    weights = {
        "uniform": torch.ones(points),
        "exponential": torch.exp(-h / TAU),
        "impact": 1.0 / (1.0 + h),
    }[kind]
    return weights / weights.mean()


def response_loss(
    prediction: torch.Tensor,
    target: torch.Tensor,
    sigma: torch.Tensor,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """The mean over draws, shocks and observables of sqrt(mean_h w_h error^2) / sigma, a scalar.

    With uniform weights this is the reported NRMSE itself. prediction, target: (B, S, H+1, 3);
    sigma: (S, 3), the training s.d.; weights: (H+1,) with mean one, None for uniform. Responses
    that are identically zero (sigma 0) are left out.
    """
    return _mean(_roots(prediction, target, sigma, weights), sigma)


def shock_losses(
    prediction: torch.Tensor,
    target: torch.Tensor,
    sigma: torch.Tensor,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """`response_loss` of each shock that moves anything, (S,) or fewer."""
    roots, moved = _roots(prediction, target, sigma, weights).mean(dim=0), sigma > 0
    each = torch.where(moved, roots, 0.0).sum(dim=1) / moved.sum(dim=1)
    return each[moved.any(dim=1)]


def _roots(
    prediction: torch.Tensor,
    target: torch.Tensor,
    sigma: torch.Tensor,
    weights: torch.Tensor | None,
) -> torch.Tensor:
    """sqrt(mean_h w_h error^2) / sigma, (B, S, 3)."""
    squares = _standard(prediction - target, sigma).square()
    squares = squares if weights is None else squares * weights[:, None]
    return (squares.mean(dim=2) + _FLOOR).sqrt()


def smoothness_loss(
    prediction: torch.Tensor, target: torch.Tensor, sigma: torch.Tensor
) -> torch.Tensor:
    """As `response_loss`, on second differences over horizons: a wiggle that the truth does not
    have costs, a kink that it has does not."""
    error = _standard(prediction - target, sigma).diff(n=2, dim=2)
    return _mean((error.square().mean(dim=2) + _FLOOR).sqrt(), sigma)


def quantile_loss(
    quantiles: torch.Tensor, target: torch.Tensor, sigma: torch.Tensor
) -> torch.Tensor:
    """The pinball loss, mean over levels and horizons, over sigma (Koenker and Bassett 1978).

    quantiles: (B, S, H+1, 3, 5) at `QUANTILES`; target: (B, S, H+1, 3); sigma: (S, 3).
    """
    level = torch.tensor(QUANTILES, device=target.device)
    below = target[..., None] - quantiles
    pinball = torch.maximum(level * below, (level - 1.0) * below).mean(dim=-1)
    return _mean(_standard(pinball, sigma).mean(dim=2), sigma)


def trajectory_loss(
    prediction: torch.Tensor, target: torch.Tensor, sigma: torch.Tensor
) -> torch.Tensor:
    """The mean over draws and observables of sqrt(mean_t error^2) / sigma: the reported NRMSE of
    trajectories. prediction, target: (B, F, 3); sigma: (3,)."""
    error = (prediction - target) / sigma
    return (error.square().mean(dim=1) + _FLOOR).sqrt().mean()


def _standard(error: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """(B, S, H+1, 3) over (S, 3), zero sigmas as one."""
    return error / torch.where(sigma > 0, sigma, 1.0)[:, None]


def _mean(values: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """The mean of (B, S, 3) over what is not identically zero."""
    return values.mean(dim=0)[sigma > 0].mean()
