"""Figures of errors, calibration and gaps, each legible at the width of one column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emulator.data.schema import PRIOR
from emulator.evaluation.comparison.marks import marked
from emulator.evaluation.report.canvas import (
    BLACK,
    BLUE,
    GREY,
    MARKERS,
    SERIES,
    VERMILLION,
    WIDTH,
    figure,
    line,
    log_scale,
    save,
)
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.limits import QUANTILES
from emulator.regimes import Task


def error_by_horizon(run: EvaluatedRun, path: Path) -> None:
    """Root mean square error in s.d.s by horizon: a row a regime, responses left, trajectories
    right where there are some; a line a world."""
    paths = any(run.over_prior(regime, Task.trajectory) for regime in run.regimes)
    columns = 2 if paths else 1
    canvas, axes = figure(len(run.regimes), columns, WIDTH, 0.9 + 2.0 * len(run.regimes))
    for row, regime in enumerate(run.regimes):
        for column, parts in enumerate(
            [(Task.steady_state, Task.state_dependent), (Task.trajectory,)][:columns]
        ):
            axis = axes[row, column]
            for task in parts:
                for world, entry in run.over_prior(regime, task).items():
                    k = run.worlds.index(world) % len(SERIES)
                    errors = np.array(entry["by_horizon"])
                    first = int(task is Task.trajectory)
                    axis.plot(
                        np.arange(first, len(errors) + first), errors, color=SERIES[k], lw=1.3,
                        marker=MARKERS[k], ms=3.5, markevery=(k, 8),
                        ls="--" if task is Task.state_dependent else "-",
                    )  # fmt: skip
            if column == 0:
                log_scale(axis)
            what = "trajectories" if column else "responses"
            axis.set_title(f"{what}, regime {regime}", fontsize=9)
            axis.set_ylabel("RMSE / s.d.", fontsize=8)
            axis.tick_params(labelsize=8)
            axis.grid(alpha=0.3, lw=0.4)
            if row == len(run.regimes) - 1:
                axis.set_xlabel("quarters ahead" if column else "horizon, quarters", fontsize=8)
    dashed = any(run.over_prior(regime, Task.state_dependent) for regime in run.regimes)
    title = "dashed: from the state at the end of a history" if dashed else None
    _world_legend(canvas, run.worlds, title)
    save(canvas, path)


def calibration_curves(run: EvaluatedRun, path: Path) -> None:
    """Share of truths at or below each quantile against its level: on the diagonal the bands are
    right; where the curve is steeper than it they are too wide, where flatter too narrow."""
    columns = min(3, len(run.regimes))
    rows = -(-len(run.regimes) // columns)
    canvas, axes = figure(rows, columns, max(4.0, 2.27 * columns), 1.0 + 2.15 * rows)
    for k, axis in enumerate(axes.flat):
        if k >= len(run.regimes):
            axis.axis("off")
            continue
        axis.plot([0, 1], [0, 1], color=GREY, lw=0.8)
        for task in (Task.steady_state, Task.state_dependent):
            for world, entry in run.over_prior(run.regimes[k], task).items():
                if "calibration" in entry:
                    j = run.worlds.index(world) % len(SERIES)
                    axis.plot(
                        QUANTILES, entry["calibration"], color=SERIES[j], marker=MARKERS[j], ms=3.5,
                        lw=1.2, ls="--" if task is Task.state_dependent else "-",
                    )  # fmt: skip
        axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=QUANTILES, yticks=QUANTILES)
        axis.set_xticklabels([f"{q:g}" for q in QUANTILES], rotation=45)
        axis.set_title(f"regime {run.regimes[k]}", fontsize=9)
        axis.set_xlabel("stated level", fontsize=8)
        axis.set_ylabel("share of truths below", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3, lw=0.4)
    _world_legend(canvas, run.worlds, columns=4 if columns == 1 else 7)
    save(canvas, path)


def gap_bars(run: EvaluatedRun, path: Path) -> None:
    """Gap to the best specialist of each world with its 95 % interval; a panel a regime."""
    regimes = [r for r in run.regimes if run.metrics["gaps"].get(r)]
    bars = {
        regime: [
            (marked(world, task), entry)
            for world in run.worlds
            for task in Task
            if (entry := run.entry(world, regime, PRIOR, task)) is not None and "gap" in entry
        ]
        for regime in regimes
    }
    heights = [0.7 + 0.24 * len(rows) for rows in bars.values()]
    canvas, axes = figure(len(regimes), 1, WIDTH, 0.6 + sum(heights), heights=heights)
    for axis, (regime, rows) in zip(axes[:, 0], bars.items(), strict=True):
        for k, (_, entry) in enumerate(rows):
            gap, (low, high) = entry["gap"], entry["gap_ci95"]
            fair = not entry["unmeasured"]
            axis.barh(
                k, 100 * gap, height=0.62, alpha=1.0 if fair else 0.4,
                color=VERMILLION if gap > 0 else BLUE, hatch=None if fair else "///",
            )  # fmt: skip
            axis.plot([100 * low, 100 * high], [k, k], color=BLACK, lw=1.3)
            for budget, marker in (("gap_compute", "o"), ("gap_converged", "D")):
                if budget in entry:
                    axis.plot(100 * entry[budget], k, marker, color=BLACK, ms=4, mfc="white")
        axis.axvline(0.0, color=BLACK, lw=0.8)
        for level in (20, 35):
            axis.axvline(level, color=GREY, lw=0.8, ls=":")
        axis.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
        axis.invert_yaxis()
        axis.tick_params(axis="x", labelsize=8)
        axis.set_title(f"regime {regime}", fontsize=9)
    axes[-1, 0].set_xlabel(
        "NRMSE over the best specialist's, less one, percent (dotted: 20 and 35 %)", fontsize=8
    )
    title = "Gap to specialists, whole prior (line: 95 % interval; of as much processor time: "
    title += "circle; trained longer: diamond)"
    if any(entry["unmeasured"] for rows in bars.values() for _, entry in rows):
        title += "\nhatched: not measured, a kind of specialist, a rate or a seed is missing"
    canvas.suptitle(title, fontsize=9)
    save(canvas, path)


def _world_legend(
    canvas: Any, worlds: Sequence[str], title: str | None = None, columns: int = 7
) -> None:
    handles = []
    for k in range(len(worlds)):
        handle = line(SERIES[k % len(SERIES)], "-", 1.3)
        handle.set(marker=MARKERS[k % len(MARKERS)], markersize=4)
        handles.append(handle)
    canvas.legend(
        handles, list(worlds), loc="outside lower center", ncols=min(len(worlds), columns),
        fontsize=8, title=title, title_fontsize=8, columnspacing=1.2, handlelength=1.6,
    )  # fmt: skip
