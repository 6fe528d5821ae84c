"""The network: a transformer over the set of series, which mixes candidates and corrects them.

Series carry no place: their order does not matter but for what descriptors say (ahead, asked,
behind). Answers are a weighted mean of candidates and of zero, with weights by series and horizon,
plus a correction that is small at first; quantiles are steps from it in units of the candidates'
spread and of the local projections' error. All that changes with the horizon is interpolated
between KNOTS.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from emulator.econometrics.candidates import NAMES
from emulator.foreign.grammar.draws import SAMPLES
from emulator.foreign.knots import KNOTS, hats
from emulator.foreign.network.inputs import FEATURES

READ = (0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 30, 40)  # horizons that are read
HEADS = 4
LEVELS = (0.05, 0.16, 0.5, 0.84, 0.95)  # of quantiles: bands of 68 and 90 %
STEPS = len(LEVELS) - 1
USUAL = {"var": 0.5, "bvar": 0.25, "lp_penalised": 0.25}  # whose errors others are measured in
FROM_ERRORS, LEAST = 0.05, 1e-5  # local projections' variance counts too; over units squared
FIRST_STEP = -0.5  # softplus of it is about the distance of neighbouring quantiles


class Tensors(NamedTuple):
    """`inputs.Inputs` as tensors; see there."""

    responses: torch.Tensor
    error: torch.Tensor
    features: torch.Tensor
    series: torch.Tensor
    quarters: torch.Tensor
    known: torch.Tensor
    recursive: torch.Tensor
    unit: torch.Tensor


class Answers(NamedTuple):
    """Over `unit`: point (B, N, H+1) and quantiles (B, N, H+1, Q) at LEVELS, the middle one the
    point; zeros where nothing is asked."""

    point: torch.Tensor
    quantiles: torch.Tensor


class Block(nn.Module):
    """Attention among series, and a layer each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.each = nn.Sequential(
            nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: torch.Tensor, absent: torch.Tensor) -> torch.Tensor:
        """x (B, N, D); absent (B, N): series that are not there."""
        read = self.before(x)
        among, _ = self.attention(read, read, read, key_padding_mask=absent, need_weights=False)
        x = x + among
        out: torch.Tensor = x + self.each(self.between(x))
        return out


class Mixer(nn.Module):
    """See the module docstring."""

    hats: torch.Tensor

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.register_buffer("hats", torch.tensor(hats(KNOTS[-1]), dtype=torch.float32))
        members, knots = len(NAMES), len(KNOTS)
        read = (2 * members + 1) * len(READ) + FEATURES + 1
        self.enter = nn.Sequential(
            nn.Linear(read, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
        )
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.parts = [(members + 1) * knots, 2 * knots, STEPS * knots]
        self.leave = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.SiLU(),
            nn.Linear(2 * width, sum(self.parts)),
        )  # fmt: skip
        last = self.leave[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)

    def forward(self, read: Tensors) -> Answers:
        """Answers to B data sets."""
        responses, error = read.responses, read.error
        some = list(READ)
        ratio = torch.tanh(responses[..., some] / (error[:, :, None, some] + 0.05) / 3.0)
        kind = read.recursive[:, None, None].expand(-1, responses.shape[1], 1)
        x = torch.cat(
            [
                torch.asinh(responses[..., some]).flatten(2), ratio.flatten(2),
                torch.asinh(error[..., some]), read.features, kind,
            ],
            dim=-1,
        )  # fmt: skip
        x = self.enter(x)
        for block in self.blocks:
            x = block(x, ~read.series)
        logits, correction, steps = self.leave(x).split(self.parts, dim=-1)
        members = responses.shape[2]
        weights = torch.softmax(logits.unflatten(-1, (members + 1, -1)), dim=2) @ self.hats.T
        point = (weights[:, :, :members] * responses).sum(dim=2)
        spread = (weights[:, :, :members] * (responses - point[:, :, None]).square()).sum(dim=2)
        scale = (spread + 0.1 * error.square() + 1e-4).sqrt()
        one, other = (correction.unflatten(-1, (2, -1)) @ self.hats.T).unbind(dim=2)
        asked = ~read.known
        point = (point + one * scale + 0.1 * other) * asked
        wide = nn.functional.softplus(steps.unflatten(-1, (STEPS, -1)) @ self.hats.T + FIRST_STEP)
        wide = wide * scale[:, :, None] * asked[:, :, None]
        far_low, low, high, far_high = wide.unbind(dim=2)
        quantiles = torch.stack(
            [point - low - far_low, point - low, point, point + high, point + high + far_high],
            dim=-1,
        )
        return Answers(point, quantiles)


def hardness(truth: torch.Tensor, read: Tensors) -> torch.Tensor:
    """(B, N): errors that usual regressions make, the root of their mean square over quarters and
    the data sets of a draw, which are SAMPLES rows on end; over `unit`."""
    asked = _asked(read)
    square = LEAST + FROM_ERRORS * read.error.square()
    for name, share in USUAL.items():
        found = read.responses[:, :, list(NAMES).index(name)]
        square = square + share * (found - truth).square()
    unit = read.unit.square()
    each = unit * (square * asked).sum(dim=-1) / asked.sum(dim=-1).clamp(min=1.0)
    draws = each.reshape(-1, SAMPLES, each.shape[1]).mean(dim=1)
    return (draws.repeat_interleave(SAMPLES, dim=0) / unit).clamp(min=LEAST).sqrt()


def loss(answers: Answers, truth: torch.Tensor, read: Tensors) -> torch.Tensor:
    """Squared error over that of usual regressions in the same draw, linear beyond three times
    their errors, and the pinball loss of quantiles, where asked: a series that all regressions find
    to a hundredth counts as one that none does."""
    asked, unit = _asked(read), hardness(truth, read)[..., None]
    point, goal = answers.point / unit, truth / unit
    error = nn.functional.huber_loss(point, goal, reduction="none", delta=3.0)
    above = (truth[..., None] - answers.quantiles) / unit[..., None]
    levels = torch.tensor(LEVELS, dtype=truth.dtype, device=truth.device)
    pinball = torch.maximum(levels * above, (levels - 1.0) * above).mean(dim=-1)
    return ((error + pinball) * asked).sum() / asked.sum()


def _asked(read: Tensors) -> torch.Tensor:
    return (~read.known & read.series[..., None] & read.quarters[:, None]).to(read.error.dtype)
