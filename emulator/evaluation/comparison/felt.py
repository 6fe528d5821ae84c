"""Tables of what a user feels, for the leaderboard and the report.

Errors people feel, of universal runs beside the training mean; and errors with histories as they
come, beside those with exact ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emulator.data.schema import PRIOR
from emulator.evaluation.comparison.marks import marked, table_row
from emulator.evaluation.metrics.base import Table
from emulator.evaluation.metrics.registry import METRICS
from emulator.evaluation.scoring.rough_histories import ROUGH
from emulator.evaluation.stored.record import NULL_MODEL
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.regimes import Regime, Task

ABOUT = """
"Of peak" is the error of a response in its worst quarter over the response's own peak: of the
median response, those at 90 and 99 %, and the worst. Responses with a peak under 2 % of the s.d.
are apart, here and in signs at the peak. The last columns are of the 90 % bands: points that they
hold, whole curves that they hold, whole curves that the bands made for them hold, and points of the
largest tenth of responses.
""".strip().splitlines()

ROUGH_ABOUT = (
    "NRMSE on the same samples with histories as a user's table has them: measurement noise of a "
    "share of each series' s.d., values rounded to .1, each series less its mean, and output a "
    "quarter late (its last value is not there yet, so that the series is moved up by a quarter)."
)


def error_lines(runs: Sequence[EvaluatedRun], split: str) -> list[str]:
    """Markdown, a table a regime, the training mean once a world; none where nothing is stored."""
    felt = [metric for metric in METRICS.values() if metric.table is Table.errors]
    of_bands = [METRICS["coverage_90"], *(metric for metric in felt if metric.of_bands)]
    columns = [*(metric for metric in felt if not metric.of_bands), *of_bands]
    tables = {
        regime: rows
        for regime in map(str, Regime)
        if (rows := list(_rows([run for run in runs if run.is_universal], regime, split)))
    }
    lines = [f"## errors people feel, {split}", "", *ABOUT, ""]
    for regime, rows in tables.items():
        header = ["run", "world", "NRMSE", *(metric.heading for metric in columns)]
        lines += [f"Regime {regime}:", "", table_row(header)]
        lines.append("| --- | --- |" + " ---: |" * (len(header) - 2))
        for name, world, entry in rows:
            cells = [_number(entry.get(metric.name), metric.digits) for metric in columns]
            lines.append(table_row([name, world, _number(entry["nrmse"], 4), *cells]))
        lines.append("")
    return lines if tables else []


def _rows(
    runs: Sequence[EvaluatedRun], regime: str, split: str
) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, world and metrics of each run, world by world, and the training mean after them."""
    cases = [
        (world, task)
        for world in dict.fromkeys(world for run in runs for world in run.worlds)
        for task in Task
        if task is not Task.trajectory
    ]
    rows = []
    for world, task in cases:
        found = [(r, e) for r in runs if (e := r.entry(world, regime, split, task)) is not None]
        known = [(run, entry) for run, entry in found if "rmse" in entry]
        rows += [(run.name, marked(world, task), entry) for run, entry in known]
        nulls = (run.null_entry(world, regime, split, task) for run, _ in known)
        rows += [(NULL_MODEL, marked(world, task), null) for null in nulls if null][:1]
    return rows


def rough_table(run: EvaluatedRun) -> list[list[str]]:
    """Rows of text: errors with exact histories, as they come, and the training mean's, a row a
    world and regime; the first is the header. The header alone where none were scored."""
    rows = [["world", "regime", "exact", *(kind.words for kind in ROUGH.values()), NULL_MODEL]]
    for world, by_regime in (run.metrics.get("rough_histories") or {}).items():
        for regime, by_task in by_regime.items():
            for task, found in by_task.items():
                clean = run.entry(world, regime, PRIOR, task) or {}
                null = run.null_entry(world, regime, PRIOR, task) or {}
                scores = [clean.get("nrmse"), *(found.get(n, {}).get("nrmse") for n in ROUGH)]
                cells = [_number(score, 4) for score in (*scores, null.get("nrmse"))]
                rows.append([marked(world, task), regime, *cells])
    return rows


def rough_lines(runs: Sequence[EvaluatedRun]) -> list[str]:
    """Markdown: `rough_table` of every run that was so scored."""
    lines = []
    for run in runs:
        header, *rows = rough_table(run)
        if rows:
            rule = "| --- | --- |" + " ---: |" * (len(header) - 2)
            lines += [f"### {run.name}", "", table_row(header), rule, *map(table_row, rows), ""]
    return ["## data as they come", "", ROUGH_ABOUT, "", *lines] if lines else []


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
