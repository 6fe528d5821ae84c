"""A density of parameters given a history's summary, learned: q(z | history).

One coordinate after the other, each a mixture of normals whose weights, means and s.d.s depend on
the summary and on the coordinates before it,

    q(z | s) = prod_k sum_j w_kj N(z_k; m_k + c_k' z_{<k} + d_kj, (s_k e_kj)^2)

with m, c and s functions of the summary alone and w, d and e of all that is known. It integrates to
one whatever the weights are, and starts as N(0, I), which is the prior of `estimation.priors`. A
density is one pass; a draw takes as many as there are coordinates, each through the layers of one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from emulator.models.gated import GAIN, Gated, Maps

if TYPE_CHECKING:
    from jaxtyping import Float

COMPONENTS = 8  # of each coordinate's mixture
TRUNK_LAYERS = 3
# Summaries are taken within so many s.d.s of those of training histories, smoothly.
FARTHEST = 8.0
# Logarithms of s.d.s: in units of the prior's, a coordinate is never known better than to e^-7.
_SHARPEST, _WIDEST = -7.0, 2.0
_LOG_2_PI = math.log(2.0 * math.pi)


class Density(nn.Module):
    """q(z | summary) of K coordinates given F numbers. centre, spread: of training summaries."""

    centre: torch.Tensor
    spread: torch.Tensor
    before: torch.Tensor

    def __init__(self, coordinates: int, summary: int, width: int) -> None:
        super().__init__()
        k, wide = coordinates, 2 * width
        self.coordinates, self.summary, self.width = coordinates, summary, width
        self.register_buffer("centre", torch.zeros(summary))
        self.register_buffer("spread", torch.ones(summary))
        self.register_buffer("before", torch.ones(k, k).tril(-1), persistent=False)
        self.trunk = Gated(1, summary, wide, TRUNK_LAYERS, residual=True)
        self.base = nn.Linear(wide, k * (k + 2))
        self.of_summary = Maps(k, wide, 2 * width)
        self.of_coordinates = Maps(k, k, 2 * width)
        self.second = Maps(k, width, 2 * width)
        self.head = Maps(k, width, 3 * COMPONENTS)
        for start in (self.base.weight, self.base.bias, self.head.weight):
            nn.init.zeros_(start)
        with torch.no_grad():  # components start apart, their mixture near N(0, 1)
            bias = self.head.bias.view(k, 3, COMPONENTS)
            bias[:, 0] = 0.0
            bias[:, 1] = torch.linspace(-1.0, 1.0, COMPONENTS)
            bias[:, 2] = -0.3

    def scale_to(self, summaries: Float[torch.Tensor, "N F"]) -> None:
        """Take the moments of training summaries."""
        self.centre.copy_(summaries.mean(dim=0))
        self.spread.copy_(summaries.std(dim=0).clamp(min=1e-4))

    def log_density(
        self, z: Float[torch.Tensor, "B K"], summary: Float[torch.Tensor, "#B F"]
    ) -> Float[torch.Tensor, " B"]:
        """log q (B,) of z (B, K) given summaries (B, F), or one of them (1, F) for all."""
        known = self._known(summary)
        whole = slice(0, self.coordinates)
        shown = z * self.before[:, None]  # (K, B, K), of each coordinate those before it
        mixture = self._mixture(shown, known, whole)
        return _log_mixture(z.T, *mixture).sum(dim=0)

    @torch.no_grad()
    def sample(
        self, count: int, summary: Float[torch.Tensor, "1 F"], generator: torch.Generator
    ) -> Float[torch.Tensor, "{count} K"]:
        """Draws (count, K) given one summary."""
        known = self._known(summary)
        z = summary.new_zeros(count, self.coordinates)
        for k in range(self.coordinates):
            logits, means, log_sds = self._mixture(z[None], known, slice(k, k + 1))
            shares = logits[0].exp().expand(count, -1)
            chosen = torch.multinomial(shares, 1, generator=generator)
            mean, sd = means[0].gather(1, chosen), log_sds[0].gather(1, chosen).exp()
            noise = torch.randn(count, 1, generator=generator)
            z[:, k] = (mean + sd * noise)[:, 0]
        return z

    def _known(self, summary: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What does not depend on z: m, c and log s as (B, K, K + 2), and (K, B, 2 width) of the
        first layer."""
        x = (summary - self.centre) / self.spread
        x = x / (1.0 + (x / FARTHEST) ** 2).sqrt()
        context = self.trunk(x[None])
        base = self.base(context[0]).view(len(x), self.coordinates, self.coordinates + 2)
        return base, self.of_summary(context.expand(self.coordinates, -1, -1))

    def _mixture(
        self, shown: torch.Tensor, known: tuple[torch.Tensor, torch.Tensor], some: slice
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Log weights, means and log s.d.s (k, B, J) of some coordinates, of which those before
        each are `shown` (k, B, K), zero from its own on."""
        base, first = known[0][:, some], known[1][some]
        y = _unit(first + _part(self.of_coordinates, shown, some))
        y = y + _unit(_part(self.second, y, some))
        parts = _part(self.head, y, some)
        parts = parts.view(*parts.shape[:2], 3, COMPONENTS)
        m, log_s, c = base[..., 0].T, base[..., 1].T, base[..., 2:].transpose(0, 1)
        location = m + (shown * c).sum(dim=-1)
        scale = _between(log_s)[..., None]
        means = location[..., None] + scale.exp() * parts[..., 1, :]
        log_sds = _between(scale + parts[..., 2, :])
        return parts[..., 0, :].log_softmax(dim=-1), means, log_sds


def _between(value: torch.Tensor) -> torch.Tensor:
    return value.clamp(_SHARPEST, _WIDEST)


def _unit(x: torch.Tensor) -> torch.Tensor:
    through, gate = x.chunk(2, dim=-1)
    return GAIN * through * torch.sigmoid(gate)


def _part(maps: Maps, x: torch.Tensor, some: slice) -> torch.Tensor:
    """The maps of some groups, x (k, B, inputs)."""
    return torch.baddbmm(maps.constants[some, None], x, maps.weight[some].mT)


def _log_mixture(
    z: torch.Tensor, logits: torch.Tensor, means: torch.Tensor, log_sds: torch.Tensor
) -> torch.Tensor:
    """Log densities (K, B) of z (K, B) under mixtures (K, B, J)."""
    unit = (z[..., None] - means) * (-log_sds).exp()
    return torch.logsumexp(logits - log_sds - 0.5 * (unit.square() + _LOG_2_PI), dim=-1)
