"""Figures. Colours are those of Okabe and Ito (2008), told apart by every kind of colour vision."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emulator.evaluation.statistics import Scored
from emulator.models.weights import write_atomically
from emulator.specs import WorldSpec

TRUTH, EMULATED, NULL = "#000000", "#0072B2", "#999999"
DRAWS = ("#0072B2", "#D55E00", "#009E73")


def figure(rows: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    """A figure and its (rows, columns) axes, without a display and without global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(canvas)
    return canvas, canvas.subplots(rows, columns, squeeze=False)


def save(canvas: Any, path: Path) -> None:
    """Write a PNG under a temporary name, then rename."""
    buffer = io.BytesIO()
    canvas.savefig(buffer, dpi=150, format="png")
    write_atomically(path, buffer.getvalue())


def irf_panel(scored: Sequence[Scored], specs: Sequence[WorldSpec], path: Path) -> None:
    """Observables in rows, worlds in columns: truth and emulator for three held-out draws.

    Each panel shows the world's shock that moves the observable most, per unit of size, for the
    samples at the 25th, 50th and 75th percentile of the emulator's error.
    """
    canvas, axes = figure(3, len(scored), 1.5 + 1.8 * len(scored), 6.4)
    for column, (case, spec) in enumerate(zip(scored, specs, strict=True)):
        error = np.sqrt(np.square(case.prediction - case.truth).mean(axis=2))
        scale = np.where(case.sigma > 0, case.sigma, np.inf)
        order = np.argsort((error / scale).mean(axis=(1, 2)))
        picks = [order[int(q * (len(order) - 1))] for q in (0.25, 0.5, 0.75)]
        for row, observable in enumerate(spec.observables):
            axis = axes[row, column]
            shock = int(np.argmax(case.sigma[:, row]))
            quarters = np.arange(case.truth.shape[2])
            for colour, pick in zip(DRAWS, picks, strict=True):
                axis.plot(
                    quarters, case.truth[pick, shock, :, row], color=colour, lw=2.6, alpha=0.4
                )
                axis.plot(
                    quarters, case.prediction[pick, shock, :, row], color=colour, lw=1.1, ls="--"
                )
            axis.axhline(0.0, color="#666666", lw=0.6)
            axis.set_title(case.shocks[shock].replace("_", " "), fontsize=9)
            label = f"{observable.label}\n{_short(observable.unit)}"
            before = specs[column - 1].observables[row] if column else None
            if before is None or (before.label, before.unit) != (observable.label, observable.unit):
                axis.set_ylabel(label, fontsize=9)
            axis.tick_params(labelsize=8)
            if row == 2:
                axis.set_xlabel("quarters", fontsize=9)
        axes[0, column].set_title(f"{spec.name}\n\n{axes[0, column].get_title()}", fontsize=9)
    handles = axes[0, 0].get_lines()[:2]
    canvas.legend(
        handles, ["exact", "emulator"], loc="outside lower center", ncols=2, fontsize=9,
        title=f"{scored[0].split} draws at the 25th, 50th and 75th percentile of the error; "
        "responses per s.d. of the shock named above each panel", title_fontsize=9,
    )  # fmt: skip
    save(canvas, path)


def response_figure(
    series: dict[str, np.ndarray], shocks: Sequence[str], spec: WorldSpec, path: Path
) -> None:
    """One row a shock, one column an observable; `series` maps a label to (S, H+1, 3)."""
    canvas, axes = figure(len(shocks), 3, 9.0, 1.0 + 2.2 * len(shocks))
    styles = [(EMULATED, "-", 1.8), ("#D55E00", "--", 1.4)]
    for row, shock in enumerate(shocks):
        for column, observable in enumerate(spec.observables):
            axis = axes[row, column]
            for (label, values), (colour, dash, width) in zip(series.items(), styles, strict=False):
                quarters = np.arange(values.shape[1])
                axis.plot(
                    quarters, values[row, :, column], color=colour, ls=dash, lw=width, label=label
                )
            axis.axhline(0.0, color="#666666", lw=0.6)
            axis.set_title(f"{observable.label}, {shock} shock", fontsize=9)
            axis.set_ylabel(_short(observable.unit), fontsize=8)
            axis.tick_params(labelsize=8)
            if row == len(shocks) - 1:
                axis.set_xlabel("quarters after the shock", fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9)
    save(canvas, path)


def _short(unit: str) -> str:
    if unit == "1":
        return "no unit"
    return unit.replace("annualised percentage points", "pp, annualised")
