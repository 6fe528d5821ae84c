"""`emulator evaluate RUN`: score a trained run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar
from emulator.cli.criteria import (
    CRITERIA_OPTION,
    FLOORS_OPTION,
    exit_by_criteria,
    print_criteria,
)

EXAMPLE = "emulator evaluate runs/universal_A --against runs"


def evaluate(
    run: Path = typer.Argument(..., help="A trained run folder."),
    data: str | None = typer.Option(None, help="The data set, if it has moved."),
    against: Path | None = typer.Option(
        None, help="A folder of evaluated runs: specialists and baselines to compare with."
    ),
    ablations: bool = typer.Option(
        False, "--ablations", help="Also score the prior with each input masked."
    ),
    rough_histories: bool = typer.Option(
        False,
        "--rough-histories",
        help="Also score it with histories as they come: with measurement noise, rounded, less "
        "their means, output a quarter late.",
    ),
    floors: Path = FLOORS_OPTION,
    criteria: bool = CRITERIA_OPTION,
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Score a trained run on the prior, its parts test, slice and corner, and val; write a report.

    The criteria of a universal run are printed; they bear on the exit code with --criteria alone.
    """
    from emulator import evaluation
    from emulator.evaluation.floors.floors_on_disk import find_floors
    from emulator.evaluation.stored.runs import find_runs

    # A folder without runs, or with a damaged floor, should be refused before minutes of work.
    others = [] if against is None else find_runs(against)
    found = find_floors(floors)
    with progress_bar(f"evaluate {run.name}") as progress:
        evaluated = evaluation.evaluate(
            run, data, progress, others=others, floors=found, ablations=ablations,
            rough_histories=rough_histories, criteria=criteria,
        )  # fmt: skip
    if output_format is Format.json:
        print_json(evaluated.metrics)
    else:
        _print_scores(run, evaluated)
        if evaluated.is_universal:
            print_criteria(evaluated)
        typer.echo(f"written: {run}/report.html, metrics.json, leaderboard.md, figures/")
    if criteria:
        exit_by_criteria([evaluated])


def _print_scores(run: Path, evaluated: Any) -> None:
    """A table of the errors on every split that ranks, gaps where specialists were found."""
    from emulator.evaluation.comparison.leaderboard import RANKED_SPLITS
    from emulator.evaluation.comparison.marks import NOTES, bare, marked
    from emulator.evaluation.comparison.verdicts import SPLIT

    with_gaps = bool(evaluated.metrics.get("gaps"))
    rows = []
    for split in RANKED_SPLITS:
        for world, regime, task in evaluated.cases(split):
            entry = evaluated.entry(world, regime, split, task)
            null = evaluated.null_entry(world, regime, split, task)
            names = [marked(world, task), regime, split]
            gap = _gap(entry) if split == SPLIT else ["-"] * 3
            rows.append(_row(names, entry, null) + (gap if with_gaps else []))
    rows.sort(key=lambda row: (evaluated.worlds.index(bare(row[0])), row[1]))
    print_table(
        f"NRMSE of {evaluated.model} in {run}",
        ["world", "regime", "split", "NRMSE", "95 %", "output", "inflation", "rate",
         "worst h", "training mean", "samples",
         *(["gap", "equal compute", "trained longer"] if with_gaps else [])],
        rows,
    )  # fmt: skip
    cells = [cell for row in rows for cell in row]
    for mark, note in NOTES.items():
        if any(cell.endswith(mark) for cell in cells):
            typer.echo(f"{mark} {note}")


def _gap(entry: dict[str, Any]) -> list[str]:
    """The gap to the specialist, and to specialists of equal compute and trained longer."""
    from emulator.evaluation.comparison.marks import told

    if "gap" not in entry:
        return ["not measured", "-", "-"]
    beside = (entry.get(key) for key in ("gap_compute", "gap_converged"))
    return [
        told(entry["gap"], entry["unmeasured"]),
        *("-" if gap is None else f"{gap:+.1%}" for gap in beside),
    ]


def _row(names: list[str], entry: dict[str, Any], null: dict[str, Any]) -> list[str]:
    low, high = entry["ci95"]
    errors = entry["by_horizon"]
    by_observable = (entry["by_observable"].get(o) for o in ("output", "inflation", "rate"))
    return [
        *names,
        f"{entry['nrmse']:.4f}",
        f"{low:.4f} to {high:.4f}",
        *("-" if value is None else f"{value:.4f}" for value in by_observable),
        str(errors.index(max(errors))),
        f"{null['nrmse']:.4f}",
        str(entry["samples"]),
    ]
