"""What becomes of a criterion's levels, and what must be there for one to hold.

One rule for all: a level holds only where everything it asks for was measured. Whatever is missing,
a world of the data set, a regime, a split, a rival, a specialist that saw as many samples, turns
`holds` into `not measured` and never the other way round; `falls short` stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from emulator.evaluation.comparison.marks import marked
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.regimes import Regime

# Regimes that criteria are judged in.
JUDGED = (Regime.A, Regime.B1, Regime.C)

Wanted = Callable[[Mapping[str, Any]], bool]


class Verdict(StrEnum):
    """What became of a level."""

    holds = "holds"
    falls_short = "falls short"
    not_measured = "not measured"
    none = "-"  # the criterion states no such level


@dataclass
class Criterion:
    """A criterion and how a run fares. levels: what it asks, in words."""

    name: str
    must: Verdict
    goal: Verdict
    levels: str
    figures: str
    details: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {k: str(v) if isinstance(v, Verdict) else v for k, v in asdict(self).items()}


def decides(run: EvaluatedRun) -> bool:
    """Whether the criteria are of this run: universal, over every world of its data set, in every
    regime judged. Runs that leave worlds or regimes out are made to be compared with."""
    return run.is_universal and run.is_whole and set(JUDGED) <= set(run.regimes)


def unmet(criteria: Sequence[Mapping[str, Any]]) -> list[str]:
    """The criteria, as they are stored, whose level that must be reached is not or was not
    measured: "name: falls short"."""
    fine = (Verdict.holds, Verdict.none)
    return [f"{c['name']}: {c['must']}" for c in criteria if c["must"] not in fine]


def settled(good: bool, missing: Sequence[str] = ()) -> Verdict:
    """`holds` where all is good and nothing missing; what is missing never excuses a failure."""
    if not good:
        return Verdict.falls_short
    return Verdict.not_measured if missing else Verdict.holds


def responses(run: EvaluatedRun) -> Iterator[tuple[str, str, str]]:
    """(world, regime, task) of every response the criteria ask for, answered by the run or not."""
    for world, tasks in run.metrics["data_worlds"].items():
        for regime in JUDGED:
            for task in tasks:
                yield world, regime.value, task


def missing_of(
    run: EvaluatedRun,
    wanted: Wanted,
    splits: Sequence[str] = ("test",),
) -> list[str]:
    """Responses asked for whose entry is not there, or not as wanted."""
    return [
        label(world, regime, task) + ("" if split == "test" else f" {split}")
        for world, regime, task in responses(run)
        for split in splits
        if (entry := run.entry(world, regime, split, task)) is None or not wanted(entry)
    ]


def has(key: str) -> Wanted:
    """That an entry has a value for the key."""
    return lambda entry: entry.get(key) is not None


def anything(entry: Mapping[str, Any]) -> bool:
    """That there is an entry, whatever it holds."""
    return True


def lines_of(missing: Sequence[str], what: str) -> list[str]:
    """What is missing as a line of details, none where nothing is."""
    return [f"{what}: {', '.join(missing)}"] if missing else []


def not_measured(name: str, levels: str, why: str, must: bool = False) -> Criterion:
    """A criterion of which nothing was measured. must: whether it has a level to be reached."""
    first = Verdict.not_measured if must else Verdict.none
    return Criterion(name, first, Verdict.not_measured, levels, why)


def label(world: str, regime: str, task: str) -> str:
    """A case as it is named in details."""
    return f"{marked(world, task)} {regime}"
