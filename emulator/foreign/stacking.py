"""A weighted sum of candidate responses, with bands: weights and widths learned on the grammar.

The weights of candidates are not negative and change with the horizon, linearly between KNOTS; they
are the same for all data. An answer's scale is

    variance = p LP's squared s.e. + q squared spread of candidates + r squared answer

with p, q, r learned in the same way, and bands are as many scales wide as held 68 and 90 % of true
responses in draws of the grammar. `python -m studies.stacking` learns all of it; no benchmark is
looked at.

With an instrument the answer is a ratio: responses to the instrument's innovation over that of the
series whose rise is one (Plagborg-Moller and Wolf 2021, Econometrica 89(2)), and its scale follows
from theirs to first order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from emulator.econometrics.candidates import NAMES, Candidates
from emulator.econometrics.question import FloatArray
from emulator.foreign.grammar.draws import Kind
from emulator.storage import read_json

FILE = Path(__file__).with_name("stacking.json")
KNOTS = (0, 1, 3, 6, 12, 20, 40)  # quarters; the last is the longest horizon
SHARES = (0.68, 0.9)  # that bands hold
LEVELS = (0.05, 0.16, 0.5, 0.84, 0.95)
LARGEST = 100.0  # responses of candidates, in s.d.s of innovations: explosive beyond


@dataclass(frozen=True)
class Stack:
    """By the kind of question, along KNOTS: weights (M, K) of candidates, NAMES along M; variance
    (3, K): p, q and r; widths (2, K) in scales, of SHARES. `proxy` has widths of its own alone."""

    weights: Mapping[Kind, FloatArray]
    variance: Mapping[Kind, FloatArray]
    widths: Mapping[Kind, FloatArray]

    @classmethod
    @cache
    def read(cls) -> Stack:
        """The one in the package."""
        found = read_json(FILE)
        weights = {
            kind: np.array([by_name[name] for name in NAMES])
            for kind, by_name in found["weights"].items()
        }
        variance, widths = (
            {kind: np.array(values) for kind, values in found[part].items()}
            for part in ("variance", "widths")
        )
        return cls(weights, variance, widths)

    def point(self, kind: Kind, found: Candidates, before: int) -> FloatArray:
        """Responses (B, H+1, n) to the innovation of the series at `before`, of one unit."""
        weights = self.weights[_known(kind)] @ hats(found.error.shape[1] - 1).T
        out = np.einsum("mh,bmhn->bhn", weights, limited(found))
        out[:, 0, :before] = 0.0
        out[:, 0, before] = 1.0
        return np.asarray(out)

    def scale(self, kind: Kind, found: Candidates, before: int) -> FloatArray:
        """Of the error of `point`, (B, H+1, n); zero where the answer is known."""
        hat = hats(found.error.shape[1] - 1)
        parts = variance_parts(self.weights[_known(kind)], found, self.point(kind, found, before))
        squared = np.einsum("ph,bhnp->bhn", self.variance[_known(kind)] @ hat.T, parts)
        squared[:, 0, : before + 1] = 0.0
        return np.asarray(np.sqrt(squared))

    def quantiles(self, kind: Kind, found: Candidates, before: int, to: int) -> FloatArray:
        """(B, H+1, n, Q) at LEVELS; with an instrument per rise of the series at `to` by one."""
        point, scale = self.point(kind, found, before), self.scale(kind, found, before)
        if kind == "proxy":
            point, scale = ratio(point, scale, to)
        inner, outer = self.widths[kind] @ hats(found.error.shape[1] - 1).T
        steps = np.stack([-outer, -inner, 0.0 * inner, inner, outer], axis=-1)  # (H+1, Q)
        return np.asarray(point[..., None] + scale[..., None] * steps[:, None])


def _known(kind: Kind) -> Kind:
    """An instrument's innovation is an observed shock."""
    return "observed" if kind == "proxy" else kind


def hats(horizon: int) -> FloatArray:
    """Weights (H+1, K) that interpolate between KNOTS."""
    quarters = np.arange(horizon + 1.0)
    return np.column_stack([np.interp(quarters, KNOTS, row) for row in np.eye(len(KNOTS))])


def limited(found: Candidates) -> FloatArray:
    """Candidates' responses (B, M, H+1, n), held where a VAR explodes."""
    most = LARGEST * found.unit[:, None, None]
    return np.clip(found.responses, -most, most)


def variance_parts(weights: FloatArray, found: Candidates, point: FloatArray) -> FloatArray:
    """(B, H+1, n, 3): the squared s.e. of local projections, the squared spread of candidates about
    their mean by weight, and the squared answer. weights (M, K)."""
    each = limited(found)
    share = weights @ hats(found.error.shape[1] - 1).T  # (M, H+1)
    share = share / np.maximum(share.sum(axis=0), 1e-12)
    mean = np.einsum("mh,bmhn->bhn", share, each)
    spread = np.einsum("mh,bmhn->bhn", share, np.square(each - mean[:, None]))
    return np.stack([np.square(found.error), spread, np.square(point)], axis=-1)


def ratio(point: FloatArray, scale: FloatArray, to: int) -> tuple[FloatArray, FloatArray]:
    """Answers and scales (B, H+1, n) over the impact on the series at `to`, which is one then."""
    impact, error = point[:, :1, to, None], scale[:, :1, to, None]
    out = point / impact
    spread = np.sqrt(np.square(scale) + np.square(out * error)) / np.abs(impact)
    out[:, 0, to], spread[:, 0, to] = 1.0, 0.0
    return np.asarray(out), np.asarray(spread)
