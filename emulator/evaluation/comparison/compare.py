"""A run beside others and the floor: gaps, criteria, and the figures and report that show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emulator.evaluation.comparison.criteria import judge
from emulator.evaluation.comparison.gaps import fill_gaps, is_specialist_of
from emulator.evaluation.floors.archive import Floors
from emulator.evaluation.floors.ratios import fill_floors
from emulator.evaluation.report.figures import draw
from emulator.evaluation.report.report import write_report
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.progress import Progress, silent


@dataclass(frozen=True)
class Comparison:
    """universal: the universal runs with their gaps and criteria. kept: those of them whose
    comparison with specialists elsewhere was left as it is. left_out: runs without statistics."""

    universal: tuple[EvaluatedRun, ...]
    kept: tuple[EvaluatedRun, ...]
    left_out: tuple[EvaluatedRun, ...]

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
) -> EvaluatedRun:
    """Fill in the run's distances to the floor, its gaps and criteria, write its figures and
    report, and metrics.json last.

    Only universal runs have gaps and criteria.
    """
    fill_floors(run, floors)
    if run.is_universal:
        fill_gaps(run, others)
        run.metrics["criteria"] = [criterion.to_json() for criterion in judge(run, others)]
    draw(run, others)
    write_report(run)
    run.save()
    return run


def compare_all(
    runs: Sequence[EvaluatedRun],
    progress: Progress = silent,
    floors: Sequence[Floors] = (),
) -> Comparison:
    """Every universal run with statistics, compared with all of `runs` and with the floors.

    A run that was compared with specialists before keeps that where none of its specialists is
    among `runs`: a look at a part of the runs does not take anything away.
    """
    universal = [run for run in runs if run.is_universal and run.has_statistics]
    kept = []
    for done, run in enumerate(universal):
        progress(done, len(universal), run.name)
        if run.metrics.get("gaps") and not any(is_specialist_of(other, run) for other in runs):
            kept.append(run)
        else:
            compare(run, runs, floors)
    progress(len(universal), len(universal), "")
    left_out = [run for run in runs if not run.has_statistics]
    return Comparison(tuple(universal), tuple(kept), tuple(left_out))
