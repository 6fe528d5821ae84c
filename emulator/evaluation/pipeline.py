"""Evaluation from end to end: score, compare, draw.

    evaluate(run)        score a run, compare it with what is at hand, draw its figures and report
    compare_all(runs)    compare the universal runs among some with all of them, and draw anew

What a run folder holds in the end: the files of `scoring.score`, leaderboard.csv and .md, figures/,
report.html, and metrics.json, which is completed last.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emulator.evaluation.comparison.compare import Comparison, compare
from emulator.evaluation.comparison.leaderboard import write_leaderboard
from emulator.evaluation.floors.floors_on_disk import Floors
from emulator.evaluation.report.draw import draw
from emulator.evaluation.scoring.score import score
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.models.plain import plain_torch
from emulator.progress import Progress, silent


@plain_torch()
def evaluate(
    run: Path,
    dataset_path: str | None = None,
    progress: Progress = silent,
    *,
    others: Sequence[EvaluatedRun] = (),
    floors: Sequence[Floors] = (),
    ablations: bool = False,
    rough_histories: bool = False,
    criteria: bool = False,
) -> EvaluatedRun:
    """Score the weights of a run folder, compare the run with others and with floors, and draw.

    Arguments and errors are those of `score`; others: evaluated runs, specialists and baselines;
    floors: of its data, to say how far it is from them.
    """
    scored = score(
        run, dataset_path, progress,
        ablations=ablations, rough_histories=rough_histories, criteria=criteria,
    )  # fmt: skip
    return conclude(scored, others, floors)


def conclude(
    run: EvaluatedRun, others: Sequence[EvaluatedRun] = (), floors: Sequence[Floors] = ()
) -> EvaluatedRun:
    """Compare a scored run and draw it: its own leaderboard, figures and report, then metrics.json
    with the comparison."""
    compare(run, others, floors)
    write_leaderboard([run], run.folder)
    draw(run, others)
    run.save()
    return run


def compare_all(
    runs: Sequence[EvaluatedRun],
    floors: Sequence[Floors] = (),
    progress: Progress = silent,
) -> Comparison:
    """Every universal run with statistics, compared with all of `runs` and with the floors, and
    drawn; `Comparison` says which."""
    comparison = Comparison.among(runs)
    for done, run in enumerate(comparison.compared):
        progress(done, len(comparison.compared), run.name)
        conclude(run, runs, floors)
    progress(len(comparison.compared), len(comparison.compared), "")
    return comparison
