"""How unlike data sets of the grammar a data set is, by descriptors of its series.

The distance is Mahalanobis's, of descriptors that are numbers, the mean over series of its square;
what is said is its place among those of draws of the grammar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emulator.econometrics.candidates import DESCRIPTORS, Candidates
from emulator.econometrics.question import FloatArray

READ = (
    "log_spread", "level", "change", "log_news", "with_asked", "log_lambda", "log_mu",
    "log_evidence", "root",
)  # fmt: skip
PLACES = [list(DESCRIPTORS).index(name) for name in READ]


@dataclass(frozen=True)
class Typical:
    """middle (D,) and spread (D, D) of descriptors of series in the grammar; distances (101,):
    percentiles of those of its data sets."""

    middle: FloatArray
    spread: FloatArray
    distances: FloatArray

    @classmethod
    def of(cls, drawn: Sequence[Candidates]) -> Typical:
        """Of candidates of draws."""
        rows = np.concatenate(
            [each.descriptors[..., PLACES].reshape(-1, len(READ)) for each in drawn]
        )
        middle, spread = rows.mean(axis=0), np.cov(rows.T)
        found = cls(middle, spread, np.empty(0))
        each = np.concatenate([found.distance(candidates) for candidates in drawn])
        return cls(middle, spread, np.quantile(each, np.linspace(0.0, 1.0, 101)))

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Typical:
        """What `facts` wrote."""
        return cls(*(np.array(facts[name]) for name in ("middle", "spread", "distances")))

    def facts(self) -> dict[str, Any]:
        """For a file of JSON."""
        return {
            "middle": self.middle.round(6).tolist(),
            "spread": self.spread.round(6).tolist(),
            "distances": self.distances.round(4).tolist(),
        }

    def distance(self, found: Candidates) -> FloatArray:
        """(B,)."""
        apart = found.descriptors[..., PLACES] - self.middle
        each = np.einsum("bnd,de,bne->bn", apart, np.linalg.inv(self.spread), apart)
        return np.asarray(each.mean(axis=1))

    def share(self, found: Candidates) -> FloatArray:
        """(B,): of the grammar's data sets, the share that is nearer to the middle."""
        shares = np.linspace(0.0, 1.0, len(self.distances))
        return np.interp(self.distance(found), self.distances, shares)
