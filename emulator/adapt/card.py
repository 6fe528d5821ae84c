"""The card of a network of one's own, as JSON and in words."""

from __future__ import annotations

import json
import math
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emulator import __version__
from emulator.adapt.learner import BATCH
from emulator.adapt.order import Order
from emulator.adapt.plan import Plan
from emulator.adapt.run import Run
from emulator.provenance import commit

FILE = "card.json"
SHOWN = 10  # of the ends of parameters, the worst; card.json has all


def card(
    order: Order, plan: Plan, run: Run[Any], drawn: int, found: dict[str, Any]
) -> dict[str, Any]:
    """All that is known of the run. found: what was measured, by `measured.py`."""
    best, spec = run.best.settings, run.subject.spec
    assert best is not None
    return {
        "world": spec.name,
        "title": spec.title,
        "parameters": len(spec.parameters),
        "shocks": len(spec.shocks),
        "order": asdict(order),
        "draws": plan.to_dict() | {"training_drawn": drawn},
        "chosen": best._asdict() | {"steps": run.best.steps},
        "stages": [
            asdict(result)
            | {
                "settings": result.settings._asdict(),
                "error": finite(result.error),
                "curve": [(step, seconds, finite(e)) for step, seconds, e in result.curve],
            }
            for result in run.results
        ],
        **found,
        "steps": sum(result.steps for result in run.results),
        "seconds": run.clock.seconds,
        "processor_seconds": run.clock.processor,
        "threads": torch.get_num_threads(),
        "commit": commit(),
        "versions": {
            "emulator": __version__, "python": platform.python_version(),
            "torch": str(torch.__version__), "numpy": np.__version__,
        },
    }  # fmt: skip


def finite(error: float) -> float | None:
    """An error as JSON has it, None where training diverged."""
    return error if math.isfinite(error) else None


def in_words(facts: dict[str, Any], plan: Plan) -> str:
    """The card as a page."""
    prior = facts["test"]
    rest = next(row for row in facts["points"] if not row["parameter"])
    ends = [row for row in facts["points"] if row["parameter"]]
    worst = sorted((row for row in ends if row["nrmse"] is not None), key=lambda row: -row["nrmse"])
    lines = [
        f"# {facts['title']}",
        "",
        f"Answers for the world `{facts['world']}` where its {facts['parameters']} parameters are "
        "known, from rest: impulse responses of output, inflation and the interest rate, with "
        "bands.",
        "",
        *made_by(facts, plan),
        f"- bands: {facts['bands']}",
        "",
        "## How far off",
        "",
        "| where | NRMSE |",
        "| --- | ---: |",
        f"| the whole prior, {prior['draws']:,} test draws | {prior['nrmse']:.4f} "
        f"(s.e. {prior['standard_error']:.4f}) |",
        f"| 95 of 100 of these are below | {prior['nrmse_95']:.4f} |",
        f"| the worst of these | {prior['nrmse_worst']:.4f} |",
        f"| the default | {_number(rest)} |",
        *(f"| {row['name']} | {_number(row)} |" for row in worst[:SHOWN]),
        "",
        f"One parameter at an end of its bounds, the rest at their defaults: the worst "
        f"{min(SHOWN, len(worst))} of {len(ends)}; of {len(ends) - len(worst)} the exact model has "
        f"no answer. All are in `{FILE}`.",
        *_relative(prior),
        f"Of exact responses {prior['within_90_bands']:.1%} lie within the 90 % bands.",
        "",
        *stages_in_words(facts["stages"], "NRMSE"),
        "",
        *_more(facts["more"]),
        "",
    ]
    return "\n".join(lines)


def made_by(facts: dict[str, Any], plan: Plan) -> list[str]:
    """How it came about, a line each."""
    order, best = facts["order"], facts["chosen"]
    options = ["--from-data"] if order["from_data"] else []
    options += [f"--{key} {order[key]:g}" if key in ("minutes", "error") else
                f"--{key} {order[key]}" for key in ("minutes", "error", "start", "draws", "steps",
                "seed") if order[key] is not None]  # fmt: skip
    return [
        f"- made by: `emulator adapt {order['world']} {' '.join(options)} --output DIR`",
        f"- commit {facts['commit']}, "
        + ", ".join(f"{name} {version}" for name, version in facts["versions"].items()),
        f"- {facts['seconds']:.0f} seconds, {facts['processor_seconds']:.0f} of processor time on "
        f"{facts['threads']} thread(s); {facts['steps']:,} steps of {BATCH} draws in all, "
        f"{facts['draws']['training_drawn']:,} training draws",
        f"- draws: {plan}; {plan.validation:,} draws to choose by, {plan.test:,} to report",
        f"- chosen on validation draws: rate {best['rate']:g}, {best['width']} units, from "
        f"{'the shipped weights' if best['start'] == 'shipped' else 'scratch'}; "
        f"{best['steps']:,} steps",
    ]


def stages_in_words(stages: list[dict[str, Any]], error: str) -> list[str]:
    """Schedules, and the last one on the way. error: what they are chosen by."""
    return [
        "## How it was learned",
        "",
        f"| schedule | steps | seconds | {error} on validation draws |",
        "| --- | ---: | ---: | ---: |",
        *(_row(stage) for stage in stages),
        "",
        "The last schedule, on the way:",
        "",
        f"| steps | seconds | {error} |",
        "| ---: | ---: | ---: |",
        *(f"| {s:,} | {t:.0f} | {_error(e)} |" for s, t, e in stages[-1]["curve"]),
    ]


def _number(row: dict[str, Any]) -> str:
    return row["why"] if row["nrmse"] is None else f"{row['nrmse']:.4f}"


def _relative(prior: dict[str, Any]) -> list[str]:
    if prior["relative_median"] is None:
        return []
    return [
        f"The largest error over quarters is {prior['relative_median']:.1%} of the response's own "
        f"peak in the middle of responses, {prior['relative_95']:.1%} in 95 of 100.",
    ]


def _error(error: float | None) -> str:
    return "diverged" if error is None else f"{error:.4f}"


def _row(stage: dict[str, Any]) -> str:
    s = stage["settings"]
    name = f"rate {s['rate']:g}, {s['width']} units, from {s['start']}"
    return f"| {name} | {stage['steps']:,} | {stage['seconds']:.0f} | {_error(stage['error'])} |"


def _more(more: dict[str, Any]) -> list[str]:
    lines = []
    if "power" in more:
        lines.append(
            f"Extrapolated from whole schedules of this width and start (the error falls with "
            f"steps to the power of {more['power']:.2f}), which is a guess: NRMSE "
            f"{more['twice_the_steps']:.4f} after twice the steps, "
            f"{more['four_times_the_steps']:.4f} after four times."
        )
    else:
        lines.append(
            "Too few whole schedules of this width and start to say what more time would bring."
        )
    if "training" in more:
        lines.append(
            f"On draws it was trained on the NRMSE is {more['training']:.4f}: with more draws and "
            "no more time it would not be lower than that."
        )
    return lines


def read_card(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The card that a finished run left in its folder, as it was written."""
    found: dict[str, Any] = json.loads((Path(folder) / FILE).read_text(encoding="utf-8"))
    return found
