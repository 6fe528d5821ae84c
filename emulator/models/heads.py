"""From a hidden vector to a whole response.

A stable linear model's response is a sum of damped cosines, and any smooth decaying response is
close to one. `ModalHead` predicts poles and residues; `DirectHead` predicts each horizon on its
own and takes what is left. Neither knows a world.
"""

from __future__ import annotations

import math

import torch
from torch import nn

FADE = 0.9  # a quarter, beyond the trained horizon: a half-life of 6.6 quarters


class ModalHead(nn.Module):
    """`y_h = sum_k Re(c_k lambda_k^h)` with poles shared by all shocks and observables of a draw.

    Poles are stable by construction, `lambda = exp(-exp(nu) + i w)` (Orvieto et al. 2023), with
    decay times from half a quarter to centuries. Any horizon.
    """

    def __init__(self, hidden: int, poles: int) -> None:
        super().__init__()
        self.poles = poles
        self.pole = nn.Linear(hidden, 2 * poles)
        self.residue = nn.Linear(hidden, 3 * 2 * poles)
        with torch.no_grad():
            # Start from moduli spread over [.3, .98], the first half real, the rest cycling.
            modulus = torch.linspace(0.3, 0.98, poles)
            angle = torch.zeros(poles)
            angle[poles // 2 :] = torch.linspace(0.1, math.pi / 2, poles - poles // 2)
            self.pole.weight.mul_(0.1)
            self.pole.bias.copy_(torch.cat([torch.log(-torch.log(modulus)), angle]))

    def forward(self, draw: torch.Tensor, shock: torch.Tensor, horizon: int) -> torch.Tensor:
        """draw (B, hidden), shock (B, S, hidden) to (B, S, H+1, 3)."""
        log_decay, angle = self.pole(draw).chunk(2, dim=-1)  # (B, K)
        h = torch.arange(horizon + 1, device=draw.device, dtype=draw.dtype)
        envelope = torch.exp(-torch.exp(log_decay)[..., None] * h)  # (B, K, H+1)
        phase = angle[..., None] * h
        basis = torch.cat([envelope * phase.cos(), envelope * phase.sin()], dim=1)
        residue = self.residue(shock).unflatten(-1, (3, 2 * self.poles))  # (B, S, 3, 2K)
        batch, shocks = shock.shape[:2]
        response: torch.Tensor = residue.flatten(1, 2) @ basis  # (B, 3S, H+1)
        return response.reshape(batch, shocks, 3, horizon + 1).transpose(2, 3)


class DirectHead(nn.Module):
    """One output a horizon up to the trained one; beyond it the last one, dying out."""

    def __init__(self, hidden: int, horizon: int) -> None:
        super().__init__()
        self.horizon = horizon
        self.out = nn.Linear(hidden, 3 * (horizon + 1))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, shock: torch.Tensor, horizon: int) -> torch.Tensor:
        """shock (B, S, hidden) to (B, S, H+1, 3)."""
        response = self.out(shock).unflatten(-1, (self.horizon + 1, 3))
        if horizon > self.horizon:
            # A correction that stopped at once would show as a jump.
            beyond = torch.arange(1, horizon - self.horizon + 1, device=shock.device)
            tail = response[:, :, -1:] * (FADE**beyond)[:, None]
            return torch.cat([response, tail], dim=2)
        return response[:, :, : horizon + 1]  # type: ignore[no-any-return]
