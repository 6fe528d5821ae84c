"""How wide bands are: factors that make each hold its share of validation answers.

A network learns its bands with its answers, by one loss for all worlds. Where answers are close to
exact their bands have little say in it and come out too wide; elsewhere some are too narrow. So
once training is over each band is stretched about its median by a factor measured on validation
rows, which training never saw: split conformal prediction with normalised scores.

A factor belongs to a band, a kind of question (what is given of parameters, history and
innovations; from rest or from a state), a shock and an observable, in a world or, where none is
named, in all worlds that have a shock of that name. There is one for each of some spans of
quarters, as a network's bands may be too wide in the first years and too narrow later, and from one
to the next it changes smoothly. Where a history is given there is one at each of `LENGTHS`, and
lengths between two get a mean of both.

Bands so made hold points. One more factor, the same in all quarters, stretches them to hold their
share of whole curves, of one shock and observable: the score is then the largest of a curve.

Sources: Lei, G'Sell, Rinaldo, Tibshirani and Wasserman (2018, JASA 113(523)), section 5.2; of whole
curves Diquigiovanni, Fontana and Vantini (2022, Journal of Multivariate Analysis 189).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import nn

from emulator.limits import MAX_HISTORY, MIN_HISTORY, QUANTILES
from emulator.regimes import Inputs, Task
from emulator.specs import WorldSpec

if TYPE_CHECKING:
    from jaxtyping import Float

_MEDIAN = len(QUANTILES) // 2
# The share of answers in each band, by its lower quantile; the widest first.
INSIDE = tuple(QUANTILES[-1 - k] - QUANTILES[k] for k in range(_MEDIAN))
LENGTHS = (MIN_HISTORY, 90, MAX_HISTORY)  # quarters, about as far apart in logarithms
FEWEST = 500  # rows of a kind of question; nine in ten is then known to 1.3 points
# Spans of quarters, about as long in logarithms; the last has no end.
SPANS = ((0, 0), (1, 3), (4, 9), (10, 20), (21, None))
_MIDDLES = (0.0, 1.83, 6.1, 14.2, 30.0)  # of each, about, by logarithms of 1 + h; to 40 in the last
_TASKS = (Task.steady_state, Task.state_dependent)
_GIVEN = 8  # which of theta, history and innovations

# By kind of question, length, and row of the table: some rows' scores (B, points, 3, bands).
Scores = dict[tuple[int, int, int], list[torch.Tensor]]


class BandWidths(nn.Module):
    """Quantiles with the distances from their median stretched; as they come until measured."""

    factors: torch.Tensor  # (kinds of question, lengths, worlds and shocks, spans, 3, bands)
    curves: torch.Tensor  # without spans, how much further, to hold whole curves; 0: not measured

    def __init__(self, specs: Iterable[WorldSpec]) -> None:
        super().__init__()
        named: list[tuple[str | None, str]] = [(s.name, n) for s in specs for n in s.shock_names]
        rows = dict.fromkeys([*named, *((None, shock) for _, shock in named)])
        self.rows = {row: k for k, row in enumerate(rows)}
        kinds, bands = (_GIVEN * len(_TASKS), len(LENGTHS), len(rows)), (3, len(INSIDE))
        self.register_buffer("factors", torch.ones(*kinds, len(SPANS), *bands))
        self.register_buffer("curves", torch.zeros(*kinds, *bands))

    def forward(
        self, quantiles: Float[torch.Tensor, "B S points 3 5"], inputs: Inputs
    ) -> Float[torch.Tensor, "B S points 3 5"]:
        """(B, S, points, 3, 5) to the same shape."""
        return _stretched(quantiles, _at_points(self._of(self.factors, inputs), quantiles.shape[2]))

    def around_curves(
        self, quantiles: Float[torch.Tensor, "B S points 3 5"], inputs: Inputs
    ) -> Float[torch.Tensor, "B S points 3 5"] | None:
        """`forward`'s quantiles (B, S, points, 3, 5) to those whose bands hold whole curves; None
        where nobody has measured how wide they are."""
        factors = self._of(self.curves, inputs)
        return _stretched(quantiles, factors[..., None, :, :]) if (factors > 0.0).all() else None

    def _of(self, factors: torch.Tensor, inputs: Inputs) -> torch.Tensor:
        """The question's factors, (S, ...), between two lengths a mean of theirs."""
        of_kind = factors[_question(inputs)][:, self._rows(inputs)]  # (lengths, S, ...)
        if inputs.history is None:
            return of_kind[0]
        steps = _steps(inputs.history).view(-1, *[1] * (of_kind.dim() - 1))
        return of_kind[0] + (steps * of_kind.diff(dim=0)).sum(dim=0)

    def _rows(self, inputs: Inputs) -> list[int]:
        return [self.rows[inputs.world, shock] for shock in inputs.shocks]

    def see(
        self,
        scores: Scores,
        inputs: Inputs,
        quantiles: Float[torch.Tensor, "B S points 3 5"],
        truth: Float[torch.Tensor, "B S points 3"],
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
            scores[_question(inputs), length, row].append(score[:, k].cpu())

    def settle(self, scores: Scores) -> None:
        """Take the factors that scores call for, where there are rows enough to say. Lengths
        without any get those of the next shorter one."""
        for kind, length, row in sorted(scores):
            seen = torch.cat(scores[kind, length, row])
            if len(seen) < FEWEST:
                continue
            for band, share in enumerate(INSIDE):
                called_for = _called_for(seen[..., band], share)
                self.factors[kind, length:, row, ..., band] = called_for
                along = _at_points(called_for[..., None], seen.shape[1])[..., 0]
                farthest = (seen[..., band] / along).amax(dim=1, keepdim=True)
                self.curves[kind, length:, row, ..., band] = _level(farthest, share)

    @staticmethod
    def scores() -> Scores:
        """None yet."""
        return defaultdict(list)


def _stretched(quantiles: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """Quantiles (..., 5) with their distances from the median times a factor (..., bands)."""
    median = quantiles[..., _MEDIAN]
    levels = [median]
    for k in reversed(range(_MEDIAN)):
        low = median + factor[..., k] * (quantiles[..., k] - median)
        high = median + factor[..., k] * (quantiles[..., -1 - k] - median)
        # A wider band holds the narrower ones, whatever their factors.
        low, high = torch.minimum(low, levels[0]), torch.maximum(high, levels[-1])
        levels = [low, *levels, high]
    return torch.stack(levels, dim=-1)


def _question(inputs: Inputs) -> int:
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


def _at_points(factors: torch.Tensor, points: int) -> torch.Tensor:
    """Factors (..., spans, 3, bands) at 0, 1, ... quarters, (..., points, 3, bands): each span's
    in its middle, straight in log(1 + h) in between, the last one's beyond."""
    middles = torch.tensor(_MIDDLES, dtype=factors.dtype, device=factors.device).log1p()
    h = torch.arange(points, device=factors.device, dtype=factors.dtype).log1p()
    steps = ((h[:, None] - middles[:-1]) / middles.diff()).clamp(0.0, 1.0)  # (points, spans - 1)
    first, changes = factors[..., :1, :, :], factors.diff(dim=-3)
    return first + torch.einsum("ps,...svk->...pvk", steps, changes)


def _called_for(scores: torch.Tensor, share: float) -> torch.Tensor:
    """Factors (spans, 3) from scores (N, points, 3) of one band, which is to hold `share`.

    Each span's own, then all by one more factor, so that the share holds over all points too, where
    factors change from one span to the next.
    """
    points = scores.shape[1]
    own: list[torch.Tensor] = []
    for start, last in SPANS:
        if start < points:
            part = scores[:, start : points if last is None else last + 1]
            own.append(_level(part, share))
        else:
            own.append(own[-1])
    factors = torch.stack(own)  # (spans, 3)
    along = _at_points(factors[..., None], points)[..., 0]  # (points, 3)
    return factors * _level(scores / along, share)


def _level(scores: torch.Tensor, share: float) -> torch.Tensor:
    """The factors (3,) that scores (N, points, 3) call for; one where none can be told, as a
    response that is always zero leaves nothing to stretch."""
    level = _quantile(scores.flatten(0, 1), share)
    return torch.where(level.isfinite() & (level > 0.0), level, torch.ones_like(level))


def _quantile(scores: torch.Tensor, level: float) -> torch.Tensor:
    """Of each column of (N, 3), the smallest that `level` of its scores do not exceed."""
    rank = min(len(scores), 1 + int(level * len(scores)))
    return scores.kthvalue(rank, dim=0).values
