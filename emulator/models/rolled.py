"""Responses as a small linear system, rolled out, and corrections along principal components.

A model that is linear once solved has responses C A^h B with few states, and parameters enter its
matrices far more simply than its responses. So the network gives matrices: a learned constant, a
linear map of the parameters, and what gated units add. What so few states cannot do is left to
coefficients of the leading principal components of training responses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from emulator.models.gated import Maps
from emulator.models.heads import FADE

if TYPE_CHECKING:
    from jaxtyping import Float

DAMPED = 0.1  # of A's pace beside those of B and C: its powers multiply its errors
LARGEST_ROOT = 0.998  # a half-life of 350 quarters, beyond that of any world of the bank
_SQUARINGS = (0, 3, 3)  # to A, A^8 and A^64, whose norm tells the largest root to some percent


class Rolled(nn.Module):
    """Groups of `shocks` shocks, each with a system: y_0 = C B + D, then y_h = C A^h B."""

    def __init__(self, groups: int, shocks: int, inputs: int, width: int, states: int) -> None:
        super().__init__()
        n = states
        self.states, self.shocks = n, shocks
        self.sizes = (n * n, n * shocks, 3 * n, 3 * shocks)
        total = sum(self.sizes)
        self.out = Maps(groups, width, total, 0.3)
        self.linear = Maps(groups, inputs, total, 0.3)
        with torch.no_grad():
            # Start from moduli spread over what quarterly models have.
            a, b, c, _ = torch.split(self.linear.constants, list(self.sizes), dim=1)
            a.copy_(torch.diag(torch.linspace(0.4, 0.93, n)).flatten() / DAMPED)
            b.normal_(std=0.4)
            c.normal_(std=0.4)

    def forward(
        self,
        units: Float[torch.Tensor, "G B width"],
        x: Float[torch.Tensor, "G B inputs"],
        points: int,
    ) -> Float[torch.Tensor, "B S {points} 3"]:
        """units (G, B, width), inputs x (G, B, inputs) to (B, S, points, 3), S = G shocks."""
        groups, rows, n, s = len(x), x.shape[1], self.states, self.shocks
        with torch.autocast(x.device.type, enabled=False):
            z = self.out(units.float()) + self.linear(x.float())
            a, b, c, d = z.split(self.sizes, dim=-1)
            a = DAMPED * a.reshape(-1, n, n)
            b, c = b.reshape(-1, n, s), c.reshape(-1, 3, n)
            y = _impulses(a * _shrink(a), b, c, points) + _at_impact(d.reshape(-1, 3, s), points)
            y = y.reshape(groups, rows, points, 3, s).permute(1, 0, 4, 2, 3)
            return y.reshape(rows, groups * s, points, 3)


def _impulses(
    a: Float[torch.Tensor, "N n n"],
    b: Float[torch.Tensor, "N n s"],
    c: Float[torch.Tensor, "N 3 n"],
    points: int,
) -> Float[torch.Tensor, "N {points} 3 s"]:
    """C A^h B at h = 0, 1, ..., (N, points, 3, s).

    With h = i + k j: C, C A, ..., C A^(k-1) below each other times B, A^k B, A^2k B, ... beside
    each other, both by doubling and about as many.
    """
    power, seen, count = a, c, 1
    while count * count < points:
        seen = torch.cat([seen, seen @ power], dim=1)
        power = power @ power
        count *= 2
    moved, shocks, blocks = b, b.shape[2], 1
    while blocks * count < points:
        moved = torch.cat([moved, power @ moved], dim=2)
        blocks *= 2
        if blocks * count < points:
            power = power @ power
    y = (seen @ moved).view(len(a), count, 3, blocks, shocks)
    return y.permute(0, 3, 1, 2, 4).flatten(1, 2)[:, :points]


def _at_impact(d: Float[torch.Tensor, "N 3 s"], points: int) -> torch.Tensor:
    """(N, 3, s) at the first of `points`, nothing after, (N, points, 3, s)."""
    return nn.functional.pad(d[:, None], (0, 0, 0, 0, 0, points - 1))


@torch.no_grad()
def _shrink(a: Float[torch.Tensor, "N n n"]) -> Float[torch.Tensor, "N 1 1"]:
    """Factors (N, 1, 1) at or below one that bring the largest root of each to LARGEST_ROOT: a
    power's norm tells it, and norms on the way keep powers within what float32 holds."""
    root, power = torch.ones_like(a[:, :1, :1]), 1
    for squarings in _SQUARINGS:
        for _ in range(squarings):
            a = a @ a
        power *= 2**squarings
        norm = torch.linalg.vector_norm(a, dim=(1, 2), keepdim=True).clamp(min=1e-30)
        root = root * norm ** (1.0 / power)
        a = a / norm
    return (LARGEST_ROOT / root).clamp(max=1.0)


def recursive(
    responses: Float[torch.Tensor, "B S points 3"],
) -> Float[torch.Tensor, "B S points 3"]:
    """Responses to shocks rotated so that shock j moves no observable before the j-th on impact and
    raises that one: an LQ decomposition of the impact (B, S, 3), row by row (Gram-Schmidt)."""
    rows: list[torch.Tensor] = []
    for v in range(responses.shape[1]):
        row = responses[:, :, 0, v]
        for known in rows:
            row = row - (row * known).sum(dim=1, keepdim=True) * known
        rows.append(row / row.square().sum(dim=1, keepdim=True).clamp(min=1e-12).sqrt())
    rotation = torch.stack(rows, dim=1)  # (B, S, S)
    return torch.einsum("bij,bjhv->bihv", rotation, responses)


class Components(nn.Module):
    """Responses from coefficients of principal components of a world's training responses.

    basis: (points, K), orthonormal. spread: (S, 3, K), of order of a coefficient's s.d.; the
    leading ones' less so, as what is left to correct is more even than responses are.
    """

    basis: torch.Tensor
    spread: torch.Tensor

    def __init__(self, shocks: int, points: int, components: int) -> None:
        super().__init__()
        self.register_buffer("basis", torch.eye(points, min(points, components)))
        self.register_buffer("spread", torch.ones(shocks, 3, min(points, components)))

    @torch.no_grad()
    def measure(self, responses: Float[torch.Tensor, "N S points 3"]) -> None:
        """Take the components of responses (N, S, points, 3), each of unit s.d. or zero."""
        curves = responses.double().mT  # (N, S, 3, points)
        flat = curves.reshape(-1, curves.shape[-1])
        _, vectors = torch.linalg.eigh(flat.mT @ flat / len(flat))
        count = self.basis.shape[1]
        vectors = vectors.flip(1)[:, :count]
        vectors = vectors * torch.where(vectors.sum(dim=0) < 0.0, -1.0, 1.0)
        sd = (curves @ vectors).std(dim=0)
        sd = sd.clamp(min=1e-4)
        spread = (sd * sd.amax(dim=(1, 2), keepdim=True)).sqrt()
        self.basis.copy_(vectors)
        self.spread.copy_(spread)

    def forward(
        self, coefficients: Float[torch.Tensor, "B S 3 K"], points: int
    ) -> Float[torch.Tensor, "B S {points} 3"]:
        """(B, S, 3, K), of order one, to (B, S, points, 3)."""
        known = len(self.basis)
        basis = self.basis
        if points > known:
            # A correction that stopped at once would show as a jump.
            beyond = torch.arange(1, points - known + 1, device=basis.device)
            basis = torch.cat([basis, basis[-1:] * FADE ** beyond[:, None]])
        return ((coefficients * self.spread) @ basis[:points].mT).mT
