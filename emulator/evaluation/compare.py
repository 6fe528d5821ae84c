"""A run beside others: gaps to specialists, the criteria, figures and the report that show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from emulator.evaluation.criteria import judge
from emulator.evaluation.figures import draw
from emulator.evaluation.gaps import fill_gaps
from emulator.evaluation.report import write_report
from emulator.evaluation.runs import EvaluatedRun, find_runs

Progress = Callable[[int, int, str], None]


def compare(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> EvaluatedRun:
    """Fill in the run's gaps and criteria, then write its metrics, figures and report again.

    Only universal runs have gaps and criteria; only runs with stored statistics change.
    """
    if run.is_universal:
        fill_gaps(run, others)
        run.metrics["criteria"] = [criterion.to_json() for criterion in judge(run, others)]
        run.save()
    draw(run, others)
    write_report(run)
    return run


def compare_all(
    root: Path, progress: Progress = lambda done, total, note: None
) -> list[EvaluatedRun]:
    """Every universal run with statistics below `root`, compared with all runs there."""
    runs = find_runs(root)
    universal = [run for run in runs if run.is_universal and run.has_statistics]
    for done, run in enumerate(universal):
        progress(done, len(universal), run.name)
        compare(run, runs)
    progress(len(universal), len(universal), "")
    return universal
