"""From a hidden vector to a whole response, its bands, or a path.

A stable linear model's response is a sum of damped cosines, and any smooth decaying response is
close to one. `ModalHead` predicts poles and residues; `DirectHead` predicts each horizon on its
own and takes what is left; `EstimateHead` weighs responses that a regression on the data gives;
`SpreadHead` and `distances` say how far off their sum may be. None knows a world.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from emulator.limits import QUANTILES

if TYPE_CHECKING:
    from jaxtyping import Float

FADE = 0.9  # a quarter, beyond the trained horizon: a half-life of 6.6 quarters


class Poles(nn.Module):
    """Damped cosines and sines whose poles depend on the draw.

    Poles are stable by construction, `lambda = exp(-softplus(nu) + i w)`: as in Orvieto et al.
    (2023) slow decays are resolved on a log scale, and the fastest stay finite.
    """

    def __init__(self, hidden: int, poles: int) -> None:
        super().__init__()
        self.pole = nn.Linear(hidden, 2 * poles)
        with torch.no_grad():
            # Start from moduli spread over [.3, .98], the first half real, the rest cycling.
            modulus = torch.linspace(0.3, 0.98, poles)
            angle = torch.zeros(poles)
            angle[poles // 2 :] = torch.linspace(0.1, math.pi / 2, poles - poles // 2)
            self.pole.weight.mul_(0.1)
            rate = -torch.log(modulus)
            self.pole.bias.copy_(torch.cat([torch.log(torch.expm1(rate)), angle]))  # softplus^-1

    def forward(
        self, draw: Float[torch.Tensor, "B hidden"], points: int
    ) -> Float[torch.Tensor, "B waves {points}"]:
        """draw (B, hidden) to (B, 2K, points), at 0, 1, ..., points - 1 quarters."""
        # A phase of many quarters has no digits left in bfloat16.
        with torch.autocast(draw.device.type, enabled=False):
            rate, angle = self.pole(draw.float()).chunk(2, dim=-1)  # (B, K)
            h = torch.arange(points, device=draw.device, dtype=rate.dtype)
            envelope = torch.exp(-nn.functional.softplus(rate)[..., None] * h)  # (B, K, points)
            phase = angle[..., None] * h
            return torch.cat([envelope * phase.cos(), envelope * phase.sin()], dim=1)


class ModalHead(nn.Module):
    """`y_h = sum_k Re(c_k lambda_k^h)` with poles shared by all shocks and observables of a draw.

    Any horizon. A draw's vector gives the poles; the residues come from `source`, of which a draw
    may have several (its shocks) or one (itself).
    """

    def __init__(self, hidden: int, poles: int) -> None:
        super().__init__()
        self.poles = poles
        self.basis = Poles(hidden, poles)
        self.residue = nn.Linear(hidden, 3 * 2 * poles)
        with torch.no_grad():
            self.residue.weight.mul_(0.1)  # responses start small: the poles' sum is not

    def residues(self, source: Float[torch.Tensor, "N hidden"]) -> Float[torch.Tensor, "N 3 waves"]:
        """(N, hidden) to (N, 3, 2K)."""
        return self.residue(source).unflatten(-1, (3, 2 * self.poles))  # type: ignore[no-any-return]


class DirectHead(nn.Module):
    """One output a point up to the trained number; beyond it the last one, dying out."""

    def __init__(self, hidden: int, points: int) -> None:
        super().__init__()
        self.points = points
        self.out = nn.Linear(hidden, 3 * points)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, source: Float[torch.Tensor, "N hidden"], points: int
    ) -> Float[torch.Tensor, "N 3 {points}"]:
        """(N, hidden) to (N, 3, points)."""
        response = self.out(source).unflatten(-1, (3, self.points))
        if points > self.points:
            # A correction that stopped at once would show as a jump.
            beyond = torch.arange(1, points - self.points + 1, device=source.device)
            return torch.cat([response, response[..., -1:] * FADE**beyond], dim=-1)
        return response[..., :points]  # type: ignore[no-any-return]


DAMPED = 0.2  # of the weights' own pace: an estimate is worth several s.d.s where data are poor


class EstimateHead(nn.Module):
    """How much of a regression's own responses to take.

    `y_h = sum_j q_j r_j(h) exp(-g_j h)`: a combination q of the J responses the regression gives,
    faded the more the less far horizons are to be trusted. q and g come from the shock's vector;
    q begins at `start`, a number for each of the J.
    """

    start: torch.Tensor

    def __init__(self, hidden: int, start: Sequence[float]) -> None:
        super().__init__()
        self.out = nn.Linear(hidden, 2 * len(start))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        # The rate begins at a half-life of 280 quarters: no fading.
        begin = torch.tensor([*start, *[-6.0] * len(start)])
        self.register_buffer("start", begin, persistent=False)

    def forward(
        self, shock: Float[torch.Tensor, "N hidden"], estimates: Float[torch.Tensor, "N J points 3"]
    ) -> Float[torch.Tensor, "N points 3"]:
        """shock (N, hidden), estimates (N, J, points, 3) to (N, points, 3)."""
        weight, rate = (self.start + DAMPED * self.out(shock)).chunk(2, dim=-1)  # (N, J)
        h = torch.arange(estimates.shape[2], device=shock.device, dtype=shock.dtype)
        faded = weight[..., None] * torch.exp(-nn.functional.softplus(rate)[..., None] * h)
        return torch.einsum("njh,njhv->nhv", faded, estimates)


# Half-lives of the curves that bands are sums of, in quarters; and a constant.
_HALF_LIVES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, math.inf)
DECAYS = len(_HALF_LIVES)


class SpreadHead(nn.Module):
    """Coefficients of the bands of one response (`distances`), from its shock's vector."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.coefficients = nn.Linear(hidden, 3 * len(QUANTILES) * DECAYS)
        with torch.no_grad():
            self.coefficients.weight.mul_(0.1)
            self.coefficients.bias.zero_()
        start_bands(self.coefficients.bias)

    def forward(
        self, source: Float[torch.Tensor, "N hidden"]
    ) -> Float[torch.Tensor, "N 3 levels decays"]:
        """(N, hidden) to (N, 3, 5, 8)."""
        with torch.autocast(source.device.type, enabled=False):
            return self.coefficients(source.float()).unflatten(-1, (3, len(QUANTILES), DECAYS))  # type: ignore[no-any-return]


@torch.no_grad()
def start_bands(bias: torch.Tensor) -> None:
    """Start from gaps of exp(-2), a seventh of the s.d. of responses."""
    bias.view(-1, len(QUANTILES), DECAYS)[:, :-1, -1] = -2.0


def distances(
    coefficients: Float[torch.Tensor, "N 3 levels decays"], points: int
) -> Float[torch.Tensor, "N 3 {points} 5"]:
    """Distances of the quantiles from the point estimate, in its units before scaling, from
    (N, 3, 5, 8) to (N, 3, points, 5).

    The four gaps between neighbouring levels are positive by construction, so quantiles never
    cross. Up to one s.d. their logarithms, beyond it they themselves (an exponential would lose all
    bounds at the edges of the prior), and the median's place between its neighbours, are sums of
    decays with fixed half-lives: smooth in the horizon, and defined at any horizon.
    """
    h = torch.arange(points, device=coefficients.device)
    half_lives = torch.tensor(_HALF_LIVES, device=coefficients.device)
    basis = (0.5 ** (1.0 / half_lives))[:, None] ** h  # (8, points)
    curves = coefficients @ basis.to(coefficients.dtype)
    curve = curves[:, :, :-1]  # (N, 3, 4, points)
    gap = torch.where(curve > 0.0, 1.0 + curve, curve.clamp(max=0.0).exp())
    lower, upper = gap[:, :, 1], gap[:, :, 2]
    median = torch.tanh(curves[:, :, -1]) * (lower + upper)
    inner_low, inner_high = median - lower, median + upper
    levels = [
        inner_low - gap[:, :, 0],
        inner_low,
        median,
        inner_high,
        inner_high + gap[:, :, 3],
    ]
    return torch.stack(levels, dim=-1)
