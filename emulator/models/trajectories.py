"""From responses and innovations to trajectories, for `Task.trajectory`.

In a linear model a path is the sum of the responses to all innovations since rest, and the
expected path of many others is close to it. `convolve` forms that sum; `TrajectoryCorrection` adds
what is missing where a model is not linear. `TrajectoryHeads` forecasts what a history left behind.
All see any number of shocks and know no world.

What they read of the rest of the model they take as given: forty quarters of later innovations
make the error of a path, and its gradient, noise that doubled the error of responses when it
reached them (docs/experiments.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import nn

from emulator.limits import AHEAD
from emulator.models.blocks import Block
from emulator.models.embeddings import NameEmbedding
from emulator.models.heads import DirectHead, EstimateHead, ModalHead

if TYPE_CHECKING:
    from jaxtyping import Float

CORRECTED = 60  # quarters before now that the correction sees
DILATIONS = (1, 2, 4, 8, 16, 32)  # each sees now and one quarter back: a reach of 63 quarters


def convolve(
    responses: Float[torch.Tensor, "B S T 3"], eps: Float[torch.Tensor, "B T S"]
) -> Float[torch.Tensor, "B T 3"]:
    """sum_s sum_j responses[s, j] eps[t - j, s]: (B, S, T, 3) and (B, T, S) to (B, T, 3)."""
    points = eps.shape[1]
    size = 1 << (2 * points - 1).bit_length()  # room for the whole linear convolution
    responses_f = torch.fft.rfft(responses.float(), n=size, dim=2)
    eps_f = torch.fft.rfft(eps.float().mT, n=size, dim=2)
    path: torch.Tensor = torch.fft.irfft((responses_f * eps_f[..., None]).sum(dim=1), n=size, dim=1)
    return path[:, :points]


class TrajectoryCorrection(nn.Module):
    """A causal dilated convolution over the linear path and the innovations (van den Oord et al.
    2016), conditioned on the draw. It starts at zero."""

    def __init__(self, shock_names: Iterable[str], hidden: int, width: int = 48) -> None:
        super().__init__()
        self.path = nn.Linear(3, width)
        self.innovation = NameEmbedding(shock_names, width, std=0.5)
        self.condition = nn.Linear(hidden, 2 * width)
        self.mix = nn.ModuleList(nn.Linear(2 * width, 2 * width) for _ in DILATIONS)
        self.back = nn.ModuleList(nn.Linear(2 * width, width) for _ in DILATIONS)
        self.out = nn.Linear(width, 3)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        path: Float[torch.Tensor, "B T 3"],
        eps: Float[torch.Tensor, "B T S"],
        shocks: tuple[str, ...],
        draw: Float[torch.Tensor, "B hidden"],
    ) -> Float[torch.Tensor, "B T 3"]:
        """path (B, T, 3) over its scale, eps (B, T, S), draw (B, hidden) to (B, T, 3)."""
        scale, shift = self.condition(draw)[:, None].chunk(2, dim=-1)
        x = self.path(path) + eps @ self.innovation(shocks)
        x = x * (1.0 + scale) + shift
        for mix, back, dilation in zip(self.mix, self.back, DILATIONS, strict=True):
            # A matrix product over now and then is several times faster than conv1d on a CPU.
            past = nn.functional.pad(x, (0, 0, dilation, 0))[:, : x.shape[1]]
            x = x + back(nn.functional.silu(mix(torch.cat([x, past], dim=-1))))
        return self.out(x)  # type: ignore[no-any-return]


class TrajectoryHeads(nn.Module):
    """What a draw's vector and a regression say of the quarters ahead."""

    def __init__(self, hidden: int, condition: int, poles: int) -> None:
        super().__init__()
        self.block = Block(hidden, condition)
        self.modal = ModalHead(hidden, poles)
        self.direct = DirectHead(hidden, AHEAD)
        self.share = EstimateHead(hidden, start=[1.0])

    def draw(
        self, known: Float[torch.Tensor, "B hidden"], condition: Float[torch.Tensor, " condition"]
    ) -> Float[torch.Tensor, "B hidden"]:
        """known (B, hidden) under its condition (condition,), to what the heads read."""
        return self.block(known, condition[None])  # type: ignore[no-any-return]

    def forward(
        self, draw: Float[torch.Tensor, "B hidden"], ahead: int
    ) -> Float[torch.Tensor, "B {ahead} 3"]:
        """draw (B, hidden) to a path over its scale, (B, ahead, 3)."""
        basis = self.modal.basis(draw, ahead)
        path: torch.Tensor = self.modal.residues(draw) @ basis + self.direct(draw, ahead)
        return path.mT

    def estimated(
        self, draw: Float[torch.Tensor, "B hidden"], forecast: Float[torch.Tensor, "B ahead 3"]
    ) -> Float[torch.Tensor, "B ahead 3"]:
        """draw (B, hidden), a regression's forecast (B, ahead, 3) to the share of it to take."""
        return self.share(draw, forecast[:, None])  # type: ignore[no-any-return]
