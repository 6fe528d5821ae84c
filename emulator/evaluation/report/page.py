"""report.html: one self-contained page per evaluation, made from the run folder's own files.

Figures are embedded, nothing is fetched: the page opens offline, from a mail or on a phone. It
reads metrics.json and figures/ only, so that it can be written again when specialists have been
found.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from emulator.data.schema import OF_PRIOR, PRIOR
from emulator.evaluation.comparison.felt import ROUGH_ABOUT, rough_table
from emulator.evaluation.comparison.marks import marked, told
from emulator.evaluation.metrics.base import Table
from emulator.evaluation.metrics.registry import METRICS
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.regimes import Task
from emulator.storage import write_atomically

REPORT_FILE = "report.html"
_TEMPLATE = Path(__file__).parent / "report.html.jinja"

# In the order of the page: file, heading, what to look for.
_FIGURES = (
    (
        "irf_panel.png",
        "Responses",
        "Exact responses and the emulator's for two samples of every world, the one with the "
        "median error and one with a large error.",
    ),
    (
        "irf_panel_B1.png",
        "Responses from data alone",
        "As above in regime B1: the world is known, its parameters and shocks are not, and the "
        "bands say how much that leaves open.",
    ),
    (
        "error_by_horizon.png",
        "Error by horizon",
        "Root mean square error over samples, shocks and observables in units of the s.d. of "
        "training responses; 0.01 is one percent of it.",
    ),
    (
        "gaps.png",
        "Gaps to specialists",
        "What it costs to answer for all worlds with one network, against a network trained on one "
        "world alone.",
    ),
    (
        "calibration.png",
        "Calibration",
        "Share of exact responses at or below each stated quantile. On the diagonal the bands are "
        "right; where a curve is steeper they are too wide, where flatter too narrow.",
    ),
    (
        "shape_diagnostics.png",
        "Shape",
        "Energy of responses by period. An emulator more jagged than the truth has too much of it "
        "at short periods, to the right.",
    ),
)


def write_report(run: EvaluatedRun) -> Path:
    """Write report.html to the run folder."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = lambda v: f"{v:+.1%}"
    environment.filters["number"] = _number
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    path = run.folder / REPORT_FILE
    write_atomically(path, template.render(**_page(run)).encode())
    return path


def _page(run: EvaluatedRun) -> dict[str, Any]:
    """What the template shows."""
    metrics = run.metrics
    responses = [
        (
            regime,
            [
                (
                    marked(world, task),
                    run.entry(world, regime, PRIOR, task) or {},
                    run.null_entry(world, regime, PRIOR, task) or {},
                )
                for world, r, task in run.cases(PRIOR)
                if r == regime and task != Task.trajectory
            ],
        )
        for regime in run.regimes
    ]
    return {
        "name": run.name,
        "metrics": metrics,
        "criteria": metrics.get("criteria", []),
        "told": told,
        # A table a regime: a run in five regimes has some eighty rows.
        "accuracy": [
            (regime, [_accuracy_row(run, *case) for case in run.cases(PRIOR) if case[1] == regime])
            for regime in run.regimes
        ],
        "tables": [
            (table, [m for m in METRICS.values() if m.heading and m.table is table])
            for table in Table
        ],
        "responses": responses,
        "bound": [
            (world, regime, entry)
            for regime, rows in responses
            for world, entry, _ in rows
            if "binding" in entry
        ],
        "figures": [
            (heading, text, _embedded(run.folder / "figures" / file))
            for file, heading, text in _FIGURES
            if (run.folder / "figures" / file).is_file()
        ],
        "ablations": [
            (marked(world, task), regime, values)
            for world, regimes in metrics["ablations"].items()
            for regime, by_task in regimes.items()
            for task, by_name in by_task.items()
            for values in by_name.values()
        ],
        "rough": rough_table(run),
        "rough_about": ROUGH_ABOUT,
        "definitions": [(name.replace("_", " "), metric.words) for name, metric in METRICS.items()],
        "provenance": [
            (key.replace("_", " "), str(metrics[key]))
            for key in (
                "commit",
                "training_commit",
                "config_sha",
                "data_sha",
                "samples_sha",
                "training_data_sha",
                "weights_sha256",
            )
        ],
    }


def _accuracy_row(run: EvaluatedRun, world: str, regime: str, task: str) -> dict[str, Any]:
    """One row of the table of errors."""
    entries = {split: run.entry(world, regime, split, task) for split in (PRIOR, *OF_PRIOR)}
    null = run.null_entry(world, regime, PRIOR, task) or {}
    return {
        "world": marked(world, task),
        "null": null.get("nrmse"),
        **entries,
    }


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
