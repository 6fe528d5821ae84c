"""What becomes of a criterion's levels.

One rule for all: a level holds only where everything it asks for was measured. Whatever is missing,
a world of the data set, a regime, a split, a rival, a specialist that saw as many samples, turns
`holds` into `not measured` and never the other way round; `falls short` stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from emulator.data.schema import PRIOR
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.regimes import Regime

# Regimes that criteria are judged in, and the split that they and gaps are of: the whole prior.
JUDGED = (Regime.A, Regime.B1, Regime.C)
SPLIT = PRIOR


class Verdict(StrEnum):
    """What became of a level."""

    holds = "holds"
    falls_short = "falls short"
    not_measured = "not measured"
    none = "-"  # the criterion states no such level


@dataclass
class Finding:
    """How a run fares by a criterion. levels: what it asks, in words."""

    name: str
    must: Verdict
    goal: Verdict
    levels: str
    figures: str
    details: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {k: str(v) if isinstance(v, Verdict) else v for k, v in asdict(self).items()}


def settled(good: bool, missing: Sequence[str] = ()) -> Verdict:
    """`holds` where all is good and nothing missing; what is missing never excuses a failure."""
    if not good:
        return Verdict.falls_short
    return Verdict.not_measured if missing else Verdict.holds


def decides(run: EvaluatedRun) -> bool:
    """Whether the criteria are of this run: universal, over every world of its data set, in every
    regime judged. Runs that leave worlds or regimes out are made to be compared with."""
    return run.is_universal and run.is_whole and set(JUDGED) <= set(run.regimes)


def unmet(criteria: Sequence[Mapping[str, Any]]) -> list[str]:
    """The criteria, as they are stored, whose level that must be reached is not or was not
    measured: "name: falls short"."""
    fine = (Verdict.holds, Verdict.none)
    return [f"{c['name']}: {c['must']}" for c in criteria if c["must"] not in fine]
