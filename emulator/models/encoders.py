"""What has happened so far, observed and innovated, as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn

from emulator.models.embeddings import NameEmbedding
from emulator.regimes import Inputs

PATCH = 4  # quarters a token: a year, and a quarter of the attention's cost


class SequenceEncoder(nn.Module):
    """A transformer over yearly patches of history and innovations, either or both, any length
    from 4 quarters on.

    Observed series are divided by their own s.d. over the window, whose logarithm enters beside
    them, so that scale and shape are seen apart. Innovations enter through a map that belongs to
    the shock's name, so any number of shocks fits. What is known of the draw conditions every
    token: the same innovations mean another state under other parameters. Positions count back
    from now; a history shorter than the innovations leaves its early tokens empty.
    """

    def __init__(
        self,
        shock_names: Iterable[str],
        hidden: int,
        width: int = 128,
        layers: int = 2,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.width = width
        self.observed = nn.Linear(3 * PATCH, width)
        self.scale = nn.Linear(3, width)
        self.innovation = NameEmbedding(shock_names, PATCH * width, std=PATCH**-0.5)
        self.flag = nn.Linear(PATCH, width)
        self.condition = nn.Linear(hidden, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.0, activation="gelu", batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.out = nn.Linear(2 * width, hidden)

    def forward(self, asked: Sequence[Inputs], draws: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """What has happened to the draws (B, hidden) of each of `asked`, (B, hidden).

        The oldest quarters that do not fill a patch are dropped. Inputs with as many tokens go
        through the transformer together.
        """
        tokens = [self._tokens(i, d) for i, d in zip(asked, draws, strict=True)]
        out: dict[int, torch.Tensor] = {}
        for count in {t.shape[1] for t in tokens}:
            together = [k for k, t in enumerate(tokens) if t.shape[1] == count]
            x = self.blocks(torch.cat([tokens[k] for k in together]))
            seen = self.out(torch.cat([x.mean(dim=1), x[:, -1]], dim=-1))
            out |= zip(together, seen.split([len(tokens[k]) for k in together]), strict=True)
        return [out[k] for k in range(len(tokens))]

    def _tokens(self, inputs: Inputs, draw: torch.Tensor) -> torch.Tensor:
        """(B, tokens, width)."""
        parts = []
        if inputs.history is not None:
            parts.append(self._observed(inputs.history))
        if inputs.eps is not None:
            patches = _patches(inputs.eps[:, : inputs.eps.shape[1] - inputs.ahead])
            maps = self.innovation(inputs.shocks).unflatten(-1, (PATCH, self.width))
            parts.append(torch.einsum("bnsp,spw->bnw", patches, maps))
        if inputs.flags is not None:
            parts.append(self.flag(_patches(inputs.flags[..., None])[:, :, 0]))
        count = max(part.shape[1] for part in parts)
        x: torch.Tensor = self.condition(draw)[:, None] + self._positions(count, draw)
        for part in parts:
            x = x + nn.functional.pad(part, (0, 0, count - part.shape[1], 0))
        return x

    def _observed(self, history: torch.Tensor) -> torch.Tensor:
        """(B, L, 3) to tokens (B, L // 4, width)."""
        sd = history.std(dim=1, keepdim=True).clamp(min=1e-6)  # a constant series has no scale
        patches = _patches(history / sd).flatten(2)
        return self.observed(patches) + self.scale(sd.log())  # type: ignore[no-any-return]

    def _positions(self, tokens: int, like: torch.Tensor) -> torch.Tensor:
        """Sinusoids in the number of patches back from now, (tokens, width)."""
        back = torch.arange(tokens - 1, -1, -1, device=like.device, dtype=like.dtype)
        half = self.width // 2
        rate = torch.exp(
            torch.arange(half, device=like.device, dtype=like.dtype) * (-math.log(1e3) / half)
        )
        angle = back[:, None] * rate
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


def _patches(series: torch.Tensor) -> torch.Tensor:
    """The last quarters of (B, L, C), cut into (B, L // 4, C, 4)."""
    tokens = series.shape[1] // PATCH
    kept = series[:, series.shape[1] - tokens * PATCH :]
    return kept.reshape(len(kept), tokens, PATCH, kept.shape[2]).mT
