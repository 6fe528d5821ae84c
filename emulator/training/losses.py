"""The training loss: generic, nothing in it knows a world."""

from __future__ import annotations

import torch


def response_loss(
    prediction: torch.Tensor, target: torch.Tensor, sigma: torch.Tensor
) -> torch.Tensor:
    """The mean over draws, shocks and observables of sqrt(mean_h error^2) / sigma, a scalar.

    This is the reported NRMSE itself. prediction, target: (B, S, H+1, 3); sigma: (S, 3), the
    training s.d.; responses that are identically zero (sigma 0) are left out.
    """
    kept = sigma > 0
    error = (prediction - target) / torch.where(kept, sigma, 1.0)[:, None]
    # The floor keeps the root differentiable at a perfect prediction; 1e-8 is (1e-4)^2, a
    # hundredth of the accuracy aimed at.
    norm = (error.square().mean(dim=2) + 1e-8).sqrt()
    return norm.mean(dim=0)[kept].mean()
