"""What has happened so far, as vectors: which economy this is, and where it stands.

`EconomyEncoder` reads a whole history once, through a regression, for what does not change over it.
`StateEncoder` reads how it ended, for answers that depend on the state.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from emulator.limits import MAX_HISTORY
from emulator.models.embeddings import NameEmbedding
from emulator.models.heads import Poles
from emulator.models.regression import LAGS, Fit, Regression, regress
from emulator.regimes import Inputs

if TYPE_CHECKING:
    from jaxtyping import Float

RECENT = 24  # quarters the transformer sees one by one
FADING = 80  # quarters that fade: what decays by a tenth a quarter is down to 2e-4


def scale_of(history: Float[torch.Tensor, "B L 3"]) -> Float[torch.Tensor, "B 3"]:
    """The s.d. of each series of (B, L, 3), (B, 3); a constant series has none, and gets 1e-6."""
    return history.std(dim=1).clamp(min=1e-6)


def regressions(asked: Sequence[Inputs]) -> list[Regression]:
    """The regression of each history, on the innovations too where they are given."""
    out = []
    for inputs in asked:
        assert inputs.history is not None
        scaled = inputs.history / scale_of(inputs.history)[:, None]
        out.append(regress(scaled, innovations(inputs)))
    return out


def innovations(inputs: Inputs) -> Float[torch.Tensor, "B T S"] | None:
    """Those up to now, None where they are unknown."""
    eps = inputs.eps
    return None if eps is None else eps[:, : eps.shape[1] - inputs.ahead]


class EconomyEncoder(nn.Module):
    """What a regression says of an economy, (B, hidden).

    The coefficients and residuals' covariances of its two fits, the second's coordinates, the
    series' s.d.s and length; and how far the data are from a linear Gaussian economy: extremes and
    higher moments of the series, and how large residuals follow each other.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        of_a_factor = 3 + 3 + 3
        of_a_fit = 9 * LAGS + 3 + of_a_factor + 9 * LAGS
        features = 3 + 1 + 12 + 2 * of_a_fit + of_a_factor
        self.net = nn.Sequential(nn.Linear(features, hidden), nn.SiLU(), nn.Linear(hidden, hidden))

    def forward(
        self, history: Float[torch.Tensor, "B L 3"], found: Regression
    ) -> Float[torch.Tensor, "B hidden"]:
        """history (B, L, 3) and its regression."""
        return self.net(_features(history, found))  # type: ignore[no-any-return]


@torch.no_grad()
def _features(history: torch.Tensor, found: Regression) -> torch.Tensor:
    """(B, features), of order one."""
    sd = scale_of(history)
    z = history / sd[:, None]
    deviation = z - z.mean(dim=1, keepdim=True)
    moments = torch.cat(
        [
            deviation.amin(dim=1) / 3.0,
            deviation.amax(dim=1) / 3.0,
            (deviation**3).mean(dim=1),
            (deviation**4).mean(dim=1) / 3.0 - 1.0,
        ],
        dim=1,
    )
    length = (torch.full_like(sd[:, :1], history.shape[1]) / MAX_HISTORY).log()
    parts = [sd.log(), length, moments, *_of_fit(found.fit), *_of_fit(found.apart)]
    parts += _of_factor(found.basis)
    return torch.cat([part.to(sd.dtype) for part in parts], dim=1)


def _of_fit(fit: Fit) -> list[torch.Tensor]:
    """What the encoder reads of a fit, (B, k) each."""
    size = (fit.residuals / fit.factor.norm(dim=2)[:, None]).abs()
    size = size - size.mean(dim=1, keepdim=True)
    quarters = size.shape[1]
    follow = [
        (size[:, lag:].mT @ size[:, : quarters - lag] / quarters).flatten(1)
        for lag in range(1, LAGS + 1)
    ]
    return [fit.lags.flatten(1), fit.constant, *_of_factor(fit.factor), *follow]


def _of_factor(factor: torch.Tensor) -> list[torch.Tensor]:
    """What the encoder reads of a covariance's Cholesky factor, (B, 3) each."""
    sd = factor.norm(dim=2)
    own = factor.diagonal(dim1=1, dim2=2).log() / 3.0
    return [sd.log() / 3.0, own, (factor / sd[:, :, None])[:, [1, 2, 2], [0, 0, 1]]]


class StateEncoder(nn.Module):
    """How the past ended, from history, innovations and flags, any of them; (B, hidden).

    A transformer over the last quarters, and a fading memory of more: sums over the past weighted
    by damped cosines whose poles depend on the draw (a diagonal state space, Orvieto et al. 2023).
    Observed series are divided by their own s.d., whose logarithm enters beside them. Innovations
    enter through a map that belongs to the shock's name, so any number of shocks fits. What is
    known of the draw conditions every token: the same innovations mean another state under other
    parameters.
    """

    def __init__(
        self,
        shock_names: Iterable[str],
        hidden: int,
        width: int = 128,
        layers: int = 2,
        heads: int = 4,
        poles: int = 32,
    ) -> None:
        super().__init__()
        self.width = width
        self.observed = nn.Linear(3, width, bias=False)
        self.scale = nn.Linear(3, width)
        self.innovation = NameEmbedding(shock_names, width, std=0.5)
        self.flag = nn.Linear(1, width, bias=False)
        self.condition = nn.Linear(hidden, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.0, activation="gelu", batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.poles = Poles(hidden, poles)
        self.observed_memory = nn.Linear(3, 2 * poles, bias=False)
        self.innovation_memory = NameEmbedding(shock_names, 2 * poles, std=0.5)
        self.flag_memory = nn.Linear(1, 2 * poles, bias=False)
        self.out = nn.Linear(2 * width + 2 * poles, hidden)

    def forward(
        self, asked: Sequence[Inputs], draws: Sequence[Float[torch.Tensor, "_ hidden"]]
    ) -> list[Float[torch.Tensor, "_ hidden"]]:
        """The state that the draws (B, hidden) of each of `asked` are in, (B, hidden)."""
        tokens, memories = [], []
        for inputs, draw in zip(asked, draws, strict=True):
            history, eps, flags = _standard(inputs)
            known = [part.shape[1] for part in (history, eps, flags) if part is not None]
            past = min(max(known), FADING)
            basis = self.poles(draw, past)  # (B, 2K, past), now first
            x = self.condition(draw)[:, None] + self._positions(RECENT, draw)
            memory = draw.new_zeros(len(draw), basis.shape[1])
            for part, map_now, map_past in (
                (history, self.observed.weight.mT, self.observed_memory.weight.mT),
                (eps, self.innovation(inputs.shocks), self.innovation_memory(inputs.shocks)),
                (flags, self.flag.weight.mT, self.flag_memory.weight.mT),
            ):
                if part is None:
                    continue
                x = x + _end(part, RECENT) @ map_now
                faded = basis @ _end(part, past).flip(1)  # (B, 2K, C)
                memory = memory + torch.einsum("bkc,ck->bk", faded, map_past)
            if inputs.history is not None:
                x = x + self.scale(scale_of(inputs.history).log())[:, None]
            tokens.append(x)
            # Sums over n quarters of noise grow with its root; a memory of ten is typical.
            memories.append(memory / 10.0**0.5)
        x = self.blocks(torch.cat(tokens))
        seen = torch.cat([x.mean(dim=1), x[:, -1], torch.cat(memories)], dim=-1)
        return list(self.out(seen).split([len(part) for part in tokens]))

    def _positions(self, tokens: int, like: torch.Tensor) -> torch.Tensor:
        """Sinusoids in the number of quarters back from now, (tokens, width)."""
        back = torch.arange(tokens - 1, -1, -1, device=like.device, dtype=like.dtype)
        half = self.width // 2
        rate = torch.exp(
            torch.arange(half, device=like.device, dtype=like.dtype) * (-math.log(1e3) / half)
        )
        angle = back[:, None] * rate
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


def _standard(
    inputs: Inputs,
) -> tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]:
    """History in its own s.d.s, innovations up to now, flags (B, T, 1)."""
    history, eps, flags = inputs.history, innovations(inputs), inputs.flags
    if history is not None:
        history = history / scale_of(history)[:, None]
    return history, eps, None if flags is None else flags[..., None]


def _end(series: torch.Tensor, quarters: int) -> torch.Tensor:
    """The last quarters of (B, L, C); zeros before a series that is shorter."""
    return nn.functional.pad(series, (0, 0, quarters, 0))[:, -quarters:]
