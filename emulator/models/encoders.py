"""Observed histories to vectors."""

from __future__ import annotations

import math

import torch
from torch import nn

PATCH = 4  # quarters a token: a year, and a quarter of the attention's cost


class HistoryEncoder(nn.Module):
    """A transformer over yearly patches of the history; any length from 8 quarters on.

    Each series is divided by its own s.d. over the window, whose logarithm enters beside it, so
    that scale and shape are seen apart. Positions count back from now.
    """

    def __init__(self, hidden: int, width: int = 128, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.patch = nn.Linear(3 * PATCH, width)
        self.scale = nn.Linear(3, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.0, activation="gelu", batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.out = nn.Linear(2 * width, hidden)
        self.width = width

    def forward(self, history: torch.Tensor) -> torch.Tensor:
        """(B, L, 3) to (B, hidden). The oldest L mod 4 quarters are dropped."""
        sd = history.std(dim=1, keepdim=True).clamp(min=1e-6)  # a constant series has no scale
        tokens = history.shape[1] // PATCH
        series = (history / sd)[:, -tokens * PATCH :]
        patches = series.reshape(len(history), tokens, 3 * PATCH)
        x = self.patch(patches) + self.scale(sd.log()) + self._positions(tokens, history)
        x = self.blocks(x)
        return self.out(torch.cat([x.mean(dim=1), x[:, -1]], dim=-1))  # type: ignore[no-any-return]

    def _positions(self, tokens: int, like: torch.Tensor) -> torch.Tensor:
        """Sinusoids in the number of patches back from now, (tokens, width)."""
        back = torch.arange(tokens - 1, -1, -1, device=like.device, dtype=like.dtype)
        half = self.width // 2
        rate = torch.exp(
            torch.arange(half, device=like.device, dtype=like.dtype) * (-math.log(1e3) / half)
        )
        angle = back[:, None] * rate
        return torch.cat([angle.sin(), angle.cos()], dim=-1)
