"""How wide bands are: factors that make each hold its share of validation answers.

A network learns its bands with its answers, by one loss for all worlds. Where answers are close to
exact their bands have little say in it and come out too wide; elsewhere some are too narrow. So
once training is over each band is stretched about its median by a factor measured on validation
rows, which training never saw: split conformal prediction with normalised scores.

A factor belongs to a band, a kind of question (what is given of parameters, history and
innovations; from rest or from a state), a shock and an observable, in a world or, where none is
named, in all worlds that have a shock of that name. Where a history is given there is one at each
of `LENGTHS`, and lengths between two get a mean of both.

Source: Lei, G'Sell, Rinaldo, Tibshirani and Wasserman (2018, JASA 113(523)), section 5.2.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import nn

from emulator.regimes import MAX_HISTORY, MIN_HISTORY, QUANTILES, Inputs, Task
from emulator.specs import WorldSpec

_MEDIAN = len(QUANTILES) // 2
# The share of answers in each band, by its lower quantile; the widest first.
INSIDE = tuple(QUANTILES[-1 - k] - QUANTILES[k] for k in range(_MEDIAN))
LENGTHS = (MIN_HISTORY, 90, MAX_HISTORY)  # quarters, about as far apart in logarithms
FEWEST = 500  # rows of a kind of question; nine in ten is then known to 1.3 points
_TASKS = (Task.steady_state, Task.state_dependent)
_GIVEN = 8  # which of theta, history and innovations

# By kind of question, length, and row of the table: some rows' scores (B, points, 3, bands).
Scores = dict[tuple[int, int, int], list[torch.Tensor]]


class BandWidths(nn.Module):
    """Quantiles with the distances from their median stretched; as they come until measured."""

    factors: torch.Tensor  # (kinds of question, lengths, worlds and shocks, 3, bands)

    def __init__(self, specs: Iterable[WorldSpec]) -> None:
        super().__init__()
        named: list[tuple[str | None, str]] = [(s.name, n) for s in specs for n in s.shock_names]
        rows = dict.fromkeys([*named, *((None, shock) for _, shock in named)])
        self.rows = {row: k for k, row in enumerate(rows)}
        shape = (_GIVEN * len(_TASKS), len(LENGTHS), len(rows), 3, len(INSIDE))
        self.register_buffer("factors", torch.ones(shape))

    def forward(self, quantiles: torch.Tensor, inputs: Inputs) -> torch.Tensor:
        """(B, S, points, 3, 5) to the same shape."""
        of_kind = self.factors[_kind(inputs)][:, self._rows(inputs)]  # (lengths, S, 3, bands)
        factor = of_kind[0]
        if inputs.history is not None:
            steps = _steps(inputs.history)[:, None, None, None]
            factor = factor + (steps * of_kind.diff(dim=0)).sum(dim=0)
        factor = factor[:, None]  # at every point
        median = quantiles[..., _MEDIAN]
        levels = [median]
        for k in reversed(range(_MEDIAN)):
            low = median + factor[..., k] * (quantiles[..., k] - median)
            high = median + factor[..., k] * (quantiles[..., -1 - k] - median)
            # A wider band holds the narrower ones, whatever their factors.
            low, high = torch.minimum(low, levels[0]), torch.maximum(high, levels[-1])
            levels = [low, *levels, high]
        return torch.stack(levels, dim=-1)

    def _rows(self, inputs: Inputs) -> list[int]:
        return [self.rows[inputs.world, shock] for shock in inputs.shocks]

    def see(
        self, scores: Scores, inputs: Inputs, quantiles: torch.Tensor, truth: torch.Tensor
    ) -> None:
        """Add to `scores` how far the truth (B, S, points, 3) is from the median, in distances of
        each band's quantile, of (B, S, points, 3, 5), on its side. Histories are of one of
        `LENGTHS`."""
        median = quantiles[..., _MEDIAN, None]
        off = truth[..., None] - median
        above, below = quantiles[..., _MEDIAN + 1 :] - median, median - quantiles[..., :_MEDIAN]
        reach = torch.where(off > 0.0, above.flip(-1), below)
        score = torch.where(off == 0.0, torch.zeros_like(reach), off.abs() / reach)
        length = 0 if inputs.history is None else LENGTHS.index(inputs.history.shape[1])
        for k, row in enumerate(self._rows(inputs)):
            scores[_kind(inputs), length, row].append(score[:, k].cpu())

    def settle(self, scores: Scores) -> None:
        """Take the factors that scores call for, where there are rows enough to say. Lengths
        without any get those of the next shorter one."""
        for kind, length, row in sorted(scores):
            seen = torch.cat(scores[kind, length, row])
            if len(seen) < FEWEST:
                continue
            for band, share in enumerate(INSIDE):
                level = _quantile(seen[..., band].flatten(0, 1), share)
                # A response that is always zero leaves nothing to stretch.
                usable = level.isfinite() & (level > 0.0)
                before = self.factors[kind, length, row, :, band].clone()
                factor = torch.where(usable, level.to(before), before)
                self.factors[kind, length:, row, :, band] = factor

    @staticmethod
    def scores() -> Scores:
        """None yet."""
        return defaultdict(list)


def _kind(inputs: Inputs) -> int:
    given = 0
    for part in (inputs.theta, inputs.history, inputs.eps):
        given = 2 * given + (part is not None)
    return given * len(_TASKS) + _TASKS.index(inputs.task)


def _steps(history: torch.Tensor) -> torch.Tensor:
    """How much of each step from one of `LENGTHS` to the next a history (B, L, 3) has made, by
    logarithms, (lengths - 1,). In operations that trace a length as unknown."""
    quarters = torch.ones_like(history[0, :, 0]).sum()
    nodes = torch.tensor(LENGTHS, dtype=quarters.dtype, device=quarters.device).log()
    return ((quarters.log() - nodes[:-1]) / nodes.diff()).clamp(0.0, 1.0)


def _quantile(scores: torch.Tensor, level: float) -> torch.Tensor:
    """Of each column of (N, 3), the smallest that `level` of its scores do not exceed."""
    rank = min(len(scores), 1 + int(level * len(scores)))
    return scores.kthvalue(rank, dim=0).values
