"""A run beside others and the floor: distances, gaps and criteria, put into its metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from emulator.evaluation.comparison.criteria import judge
from emulator.evaluation.comparison.gaps import fill_gaps
from emulator.evaluation.comparison.specialists import is_specialist_of
from emulator.evaluation.floors.distances import fill_floors
from emulator.evaluation.floors.floors_on_disk import Floors
from emulator.evaluation.stored.runs import EvaluatedRun


@dataclass(frozen=True)
class Comparison:
    """Who is compared among some runs.

    universal: the universal runs with statistics. kept: those of them whose comparison with
    specialists elsewhere is left as it is. left_out: runs without statistics.
    """

    universal: tuple[EvaluatedRun, ...]
    kept: tuple[EvaluatedRun, ...]
    left_out: tuple[EvaluatedRun, ...]

    @classmethod
    def among(cls, runs: Sequence[EvaluatedRun]) -> Self:
        """A run that was compared with specialists before keeps that where none of its specialists
        is among `runs`: a look at a part of the runs does not take anything away."""
        universal = [run for run in runs if run.is_universal and run.has_statistics]
        kept = [
            run
            for run in universal
            if run.metrics.get("gaps") and not any(is_specialist_of(other, run) for other in runs)
        ]
        left_out = [run for run in runs if not run.has_statistics]
        return cls(tuple(universal), tuple(kept), tuple(left_out))

    @property
    def compared(self) -> tuple[EvaluatedRun, ...]:
        """The universal runs that are compared anew."""
        kept = {run.folder for run in self.kept}
        return tuple(run for run in self.universal if run.folder not in kept)

    def notes(self) -> list[str]:
        """What a user should know of it, a line each."""
        lines = []
        if self.kept:
            names = ", ".join(run.name for run in self.kept)
            lines.append(f"compared with specialists elsewhere, left as it was: {names}")
        if self.left_out:
            names = ", ".join(run.name for run in self.left_out)
            lines.append(
                f"in no comparison, statistics missing (`emulator evaluate` makes them): {names}"
            )
        return lines


def compare(
    run: EvaluatedRun, others: Sequence[EvaluatedRun], floors: Sequence[Floors] = ()
) -> None:
    """Put the run's distances to the floor, its gaps and criteria into its metrics.

    Only universal runs have gaps and criteria.
    """
    fill_floors(run, floors)
    if run.is_universal:
        fill_gaps(run, others)
        run.metrics["criteria"] = [criterion.to_json() for criterion in judge(run, others)]
