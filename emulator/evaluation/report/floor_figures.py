"""Figures of the floor: runs beside the best possible, and whether the posteriors are right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emulator.evaluation.floors.distances import Ratio
from emulator.evaluation.floors.floors_on_disk import Floors
from emulator.evaluation.floors.simulation_based_calibration import Calibration, bins, histogram
from emulator.evaluation.report.canvas import BLACK, BLUE, GREY, SERIES, figure, save
from emulator.regimes import Task

# Of the runs; the floor has circles, the training mean squares.
MARKERS = "D^vPXp"
COLOURS = tuple(colour for colour in SERIES if colour != BLACK)


def floor_figure(ratios: Sequence[Ratio], path: Path) -> None:
    """A panel a world, regime and task: RMSE against quarters of history, both axes by ratio and
    the same in all panels.

    Runs are told apart by colour and marker; the floor is black, the training mean grey. Lines join
    lengths over the same split alone.
    """
    panels = list(dict.fromkeys((r.world, r.regime, r.task) for r in ratios))
    runs = list(dict.fromkeys(r.run for r in ratios))
    lengths = sorted({r.length for r in ratios})
    values = [
        v for r in ratios
        for v in (r.compared.floor_rmse, r.compared.run_rmse, r.compared.training_mean_rmse)
    ]  # fmt: skip
    low, high = min(values) / 1.15, max(values) * 1.15
    marks = (m * 10.0**e for e in range(-6, 7) for m in (1, 2, 5))
    ticks = [t for t in marks if low <= t <= high]
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    canvas, axes = figure(rows, columns, 2.6 * columns + 0.4, 0.7 + 2.2 * rows)
    for axis, panel in zip(axes.flat, panels, strict=False):
        here = [r for r in ratios if (r.world, r.regime, r.task) == panel]
        for split in dict.fromkeys(r.split for r in here):
            alike = [r for r in here if r.split == split]
            floor = {r.length: r.compared.floor_rmse for r in alike}
            null = {r.length: r.compared.training_mean_rmse for r in alike}
            _line(axis, null, GREY, "s", "training mean")
            for k, run in enumerate(runs):
                found = {r.length: r.compared.run_rmse for r in alike if r.run == run}
                if found:
                    _line(axis, found, COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)], run)
            _line(axis, floor, BLACK, "o", "floor")
        world, regime, task = panel
        mark = "" if task == Task.steady_state else ", from the state"
        axis.set_title(f"{world}, {regime}{mark}", fontsize=9)
        axis.set_yscale("log")
        axis.set_xscale("log")
        axis.minorticks_off()
        axis.set_xticks(lengths, [str(length) for length in lengths])
        axis.set_xlim(lengths[0] / 1.2, lengths[-1] * 1.2)
        axis.set_ylim(low, high)
        axis.set_xlabel("quarters of history", fontsize=8)
        axis.set_ylabel("RMSE, s.d.s", fontsize=8)
        axis.set_yticks(ticks, [f"{t:g}" for t in ticks])
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.3, lw=0.4)
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    handles: dict[str, Any] = {}
    for axis in axes.flat:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    labels = list(handles)
    canvas.legend(
        [handles[label] for label in labels], labels, loc="outside lower center",
        ncols=min(4, len(labels)), fontsize=8,
    )  # fmt: skip
    save(canvas, path)


def _line(axis: Any, values: dict[int, float], colour: str, marker: str, label: str) -> None:
    lengths = sorted(values)
    axis.plot(
        lengths, [values[length] for length in lengths], color=colour, marker=marker, ms=4.5,
        lw=1.5, label=label,
    )  # fmt: skip


def rank_figure(floors: Floors, calibration: Calibration, path: Path) -> None:
    """Rank histograms of every parameter, and the distribution of the p-values."""
    names = list(floors.settings.parameters)
    columns = 6
    rows = -(-(len(names) + 1) // columns)
    canvas, axes = figure(rows, columns, 9.0, 0.6 + 1.4 * rows)
    count = len(calibration.ranks[names[0]])
    expected, number = count / bins(count), bins(count)
    # the 95 % range of a bin's count, were ranks uniform
    spread = 1.96 * np.sqrt(expected * (1.0 - 1.0 / number))
    edges = np.linspace(0.0, 1.0, number + 1)
    for axis, name in zip(axes.flat, names, strict=False):
        axis.axhspan(expected - spread, expected + spread, color=GREY, alpha=0.3, lw=0)
        axis.stairs(histogram(calibration.ranks[name]), edges, fill=True, color=BLUE, alpha=0.8)
        axis.set_title(f"{name}\np = {calibration.p_values[name]:.2f}", fontsize=7)
        axis.set_ylim(0, 2.5 * expected)
    rest = axes.flat[len(names) :]
    values = list(calibration.p_values.values())
    rest[0].hist(values, 10, range=(0.0, 1.0), color=GREY)
    rest[0].set_title(f"p-values of all\n{len(values)} quantities", fontsize=7)
    for axis in axes.flat:
        axis.tick_params(labelsize=6)
    for axis in rest[1:]:
        axis.axis("off")
    low, high = calibration.coverage_ci95
    canvas.suptitle(
        f"{floors.settings.world}, {floors.settings.length} quarters, {count} histories: rank of "
        f"the truth among posterior draws (grey: 95 % were it uniform)\n90 % bands of responses "
        f"hold {calibration.coverage:.1%} ({low:.1%} to {high:.1%})",
        fontsize=8,
    )
    save(canvas, path)
