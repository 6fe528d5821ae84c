"""Figures of an evaluation, each legible at the width of one column.

The panel of responses needs predictions; all others are drawn from metrics.json, so that they can
be drawn again when specialists have been found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emulator.evaluation.comparison.marks import UNEQUAL, marked
from emulator.evaluation.report.canvas import (
    BLACK,
    BLUE,
    GREY,
    RULE,
    SERIES,
    VERMILLION,
    figure,
    save,
    short_unit,
)
from emulator.evaluation.scoring.metrics import shape
from emulator.evaluation.scoring.statistics import Scored
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.limits import QUANTILES
from emulator.regimes import Task
from emulator.specs import WorldSpec

WIDTH = 6.8  # inches, the text width of a page
MARKERS = "osD^vPX"
TASK_NAMES = {
    Task.steady_state: "from the steady state",
    Task.state_dependent: "from the state at the end of a history",
    Task.trajectory: "trajectories",
}


def draw(run: EvaluatedRun, others: Sequence[EvaluatedRun]) -> None:
    """Every figure but the panel of responses, to the run's figures folder; those that nothing
    supports any more are removed."""
    folder = run.folder / "figures"
    folder.mkdir(exist_ok=True)
    error_by_horizon(run, folder / "error_by_horizon.png")
    shape_diagnostics(run, others, folder / "shape_diagnostics.png")
    for name, plot, drawn in (
        ("calibration.png", calibration_curves, _has(run, "calibration")),
        ("gaps.png", gap_bars, _has(run, "gap")),
    ):
        if drawn:
            plot(run, folder / name)
        else:
            (folder / name).unlink(missing_ok=True)


def _has(run: EvaluatedRun, key: str) -> bool:
    return any(key in (run.entry(w, r, "test", t) or {}) for w, r, t in run.cases("test"))


def _test_entries(run: EvaluatedRun, regime: str, task: Task) -> dict[str, dict[str, Any]]:
    """The entries of `test` by world."""
    found = {world: run.entry(world, regime, "test", task) for world in run.worlds}
    return {world: entry for world, entry in found.items() if entry is not None}


@dataclass(frozen=True)
class Panel:
    """What the panel of responses draws of one world: two samples of a whole split.

    prediction, truth: (2, S, H+1, 3), the samples at the median and the 90th percentile of the
    error. quantiles: (2, S, H+1, 3, 5), where there are bands. sigma: (S, 3).
    """

    regime: str
    shocks: tuple[str, ...]
    sigma: np.ndarray
    prediction: np.ndarray
    truth: np.ndarray
    quantiles: np.ndarray | None


def pick(case: Scored) -> Panel:
    """The two samples of a scored split that are drawn."""
    error = np.sqrt(np.square(case.prediction - case.truth).mean(axis=2))
    scale = np.where(case.sigma > 0, case.sigma, np.inf)
    order = np.argsort((error / scale).mean(axis=(1, 2)))
    picks = [order[int(q * (len(order) - 1))] for q in (0.5, 0.9)]
    quantiles = None if case.quantiles is None else case.quantiles[picks]
    return Panel(
        str(case.regime), case.shocks, case.sigma, case.prediction[picks], case.truth[picks],
        quantiles,
    )  # fmt: skip


def irf_panel(panels: Sequence[Panel], specs: Sequence[WorldSpec], path: Path) -> None:
    """Worlds in rows, observables in columns: truth, emulator and bands for two test samples.

    Each panel shows the world's shock that moves the observable most, per s.d. of the shock.
    """
    canvas, axes = figure(len(panels), 3, WIDTH, 1.3 + 1.5 * len(panels))
    for row, (case, spec) in enumerate(zip(panels, specs, strict=True)):
        quarters = np.arange(case.truth.shape[2])
        for column, observable in enumerate(spec.observables):
            axis = axes[row, column]
            shock = int(np.argmax(case.sigma[:, column]))
            for k, colour in enumerate((BLUE, VERMILLION)):
                if case.quantiles is not None:
                    levels = case.quantiles[k, shock, :, column]
                    axis.fill_between(
                        quarters, levels[:, 0], levels[:, 4], color=colour, alpha=0.15, lw=0
                    )
                    axis.fill_between(
                        quarters, levels[:, 1], levels[:, 3], color=colour, alpha=0.25, lw=0
                    )
                axis.plot(
                    quarters, case.truth[k, shock, :, column], color=colour, lw=2.8, alpha=0.45
                )
                axis.plot(
                    quarters, case.prediction[k, shock, :, column],
                    color=colour, lw=1.8, ls=(0, (3, 1.5)),
                )  # fmt: skip
            axis.axhline(0.0, color=RULE, lw=0.5)
            axis.set_title(case.shocks[shock].replace("_", " "), fontsize=8)
            label = observable.label.replace("Nominal interest rate", "Nominal rate")
            axis.set_ylabel(f"{label}\n{short_unit(observable.unit)}", fontsize=7)
            axis.tick_params(labelsize=7)
            if row == len(panels) - 1:
                axis.set_xlabel("quarters after the shock", fontsize=8)
        axes[row, 0].set_title(f"$\\bf{{{spec.name}}}$: {axes[row, 0].get_title()}", fontsize=8)
    dashes = (0, (3, 1.5))
    handles = [_line(RULE, "-", 2.8), _line(RULE, dashes, 1.6), _line(BLUE, "-", 4.0),
               _line(VERMILLION, "-", 4.0)]  # fmt: skip
    labels = ["exact", "emulator", "sample with the median error", "90th percentile of the error"]
    bands = "; bands: 50 and 90 %" if panels[0].quantiles is not None else ""
    canvas.legend(
        handles, labels, loc="outside lower center", ncols=4, fontsize=8, title_fontsize=8,
        columnspacing=1.2,
        title=f"regime {panels[0].regime}, test samples, response per s.d. of the shock{bands}",
    )  # fmt: skip
    save(canvas, path)


def _line(colour: str, dash: Any, width: float) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, ls=dash, lw=width)


def error_by_horizon(run: EvaluatedRun, path: Path) -> None:
    """Root mean square error in s.d.s by horizon: a row a regime, responses left, trajectories
    right where there are some; a line a world."""
    paths = any(_test_entries(run, regime, Task.trajectory) for regime in run.regimes)
    columns = 2 if paths else 1
    canvas, axes = figure(len(run.regimes), columns, WIDTH, 0.9 + 2.0 * len(run.regimes))
    for row, regime in enumerate(run.regimes):
        for column, parts in enumerate(
            [(Task.steady_state, Task.state_dependent), (Task.trajectory,)][:columns]
        ):
            axis = axes[row, column]
            for task in parts:
                for world, entry in _test_entries(run, regime, task).items():
                    k = run.worlds.index(world) % len(SERIES)
                    errors = np.array(entry["by_horizon"])
                    first = int(task is Task.trajectory)
                    axis.plot(
                        np.arange(first, len(errors) + first), errors, color=SERIES[k], lw=1.3,
                        marker=MARKERS[k], ms=3.5, markevery=(k, 8),
                        ls="--" if task is Task.state_dependent else "-",
                    )  # fmt: skip
            if column == 0:
                _log_scale(axis)
            what = "trajectories" if column else "responses"
            axis.set_title(f"{what}, regime {regime}", fontsize=9)
            axis.set_ylabel("RMSE / s.d.", fontsize=8)
            axis.tick_params(labelsize=8)
            axis.grid(alpha=0.3, lw=0.4)
            if row == len(run.regimes) - 1:
                axis.set_xlabel("quarters ahead" if column else "horizon, quarters", fontsize=8)
    dashed = any(_test_entries(run, regime, Task.state_dependent) for regime in run.regimes)
    title = "dashed: from the state at the end of a history" if dashed else None
    _world_legend(canvas, run.worlds, title)
    save(canvas, path)


def _log_scale(axis: Any) -> None:
    """A logarithmic vertical axis with plain numbers, also where it spans less than a decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_yscale("log")
    low, high = axis.get_ylim()
    steps = (1.0,) if high / low > 300.0 else (1.0, 2.0, 5.0) if high / low < 20.0 else (1.0, 3.0)
    axis.yaxis.set_major_locator(LogLocator(subs=steps))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_locator(NullLocator())


def _world_legend(
    canvas: Any, worlds: Sequence[str], title: str | None = None, columns: int = 7
) -> None:
    handles = []
    for k in range(len(worlds)):
        handle = _line(SERIES[k % len(SERIES)], "-", 1.3)
        handle.set(marker=MARKERS[k % len(MARKERS)], markersize=4)
        handles.append(handle)
    canvas.legend(
        handles, list(worlds), loc="outside lower center", ncols=min(len(worlds), columns),
        fontsize=8, title=title, title_fontsize=8, columnspacing=1.2, handlelength=1.6,
    )  # fmt: skip


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
            for world, entry in _test_entries(run, run.regimes[k], task).items():
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
            (marked(world, task) + ("" if entry["equal_samples"] else UNEQUAL), entry)
            for world in run.worlds
            for task in Task
            if (entry := run.entry(world, regime, "test", task)) is not None and "gap" in entry
        ]
        for regime in regimes
    }
    heights = [0.7 + 0.24 * len(rows) for rows in bars.values()]
    canvas, axes = figure(len(regimes), 1, WIDTH, 0.6 + sum(heights), heights=heights)
    for axis, (regime, rows) in zip(axes[:, 0], bars.items(), strict=True):
        for k, (_, entry) in enumerate(rows):
            gap, (low, high) = entry["gap"], entry["gap_ci95"]
            fair = entry["equal_samples"]
            axis.barh(
                k, 100 * gap, height=0.62, alpha=1.0 if fair else 0.4,
                color=VERMILLION if gap > 0 else BLUE, hatch=None if fair else "///",
            )  # fmt: skip
            axis.plot([100 * low, 100 * high], [k, k], color=BLACK, lw=1.3)
            if "gap_converged" in entry:
                axis.plot(100 * entry["gap_converged"], k, "D", color=BLACK, ms=4, mfc="white")
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
    title = "Gap to specialists on test (line: 95 % interval; diamond: specialists trained longer)"
    if any(not entry["equal_samples"] for rows in bars.values() for _, entry in rows):
        title += f"\n{UNEQUAL} hatched: the specialist saw another number of samples"
    canvas.suptitle(title, fontsize=9)
    save(canvas, path)


def shape_diagnostics(run: EvaluatedRun, others: Sequence[EvaluatedRun], path: Path) -> None:
    """Mean energy spectra of responses in the run's first regime, a panel a world: exact, emulator,
    the specialist where one is known; and the HF-ratio of every world and regime."""
    regime = run.regimes[0]
    entries = _test_entries(run, regime, Task.steady_state)
    columns = 2
    rows = -(-(len(entries) + 1) // columns)
    canvas, axes = figure(rows, columns, WIDTH, 0.7 + 1.9 * rows)
    names = {other.name: other for other in others}
    specialist_shown = False
    for axis, (world, entry) in zip(axes.flat, entries.items(), strict=False):
        energy = {"exact": entry["spectrum"]["truth"], "emulator": entry["spectrum"]["prediction"]}
        if (best := names.get(entry.get("specialist", ""))) is not None:
            theirs = best.entry(world, regime, "test", Task.steady_state) or {}
            energy["specialist"] = theirs["spectrum"]["prediction"]
            specialist_shown = True
        points = len(entry["by_horizon"])
        cycles = shape.frequencies(points)
        axis.axvspan(1.0 / shape.SHORTEST_CYCLE, 0.5, color=GREY, alpha=0.2, lw=0)
        for label, colour, dash, width in (
            ("exact", BLACK, "-", 2.2), ("specialist", VERMILLION, ":", 1.6),
            ("emulator", BLUE, "--", 1.6),
        ):  # fmt: skip
            if label in energy:
                axis.plot(cycles, energy[label], color=colour, ls=dash, lw=width)
        _log_scale(axis)
        ratio = "–" if entry["hf_ratio"] is None else f"{entry['hf_ratio']:.3f}"
        axis.set_title(f"{world}: HF-ratio {ratio}", fontsize=9)
        axis.set_xticks([1 / 24, 1 / 12, 1 / 6, 1 / 3, 1 / 2], ["24", "12", "6", "3", "2"])
        axis.set_xlim(0, 0.5)
        axis.set_xlabel("period, quarters", fontsize=8)
        axis.set_ylabel("energy, s.d.²", fontsize=8)
        axis.tick_params(labelsize=8)
    rest = axes.flat[len(entries) :]
    _ratio_panel(run, rest[0])
    for axis in rest[1:]:
        axis.axis("off")
    lines = {"exact": _line(BLACK, "-", 2.2), "emulator": _line(BLUE, "--", 1.6)}
    if specialist_shown:
        lines["specialist"] = _line(VERMILLION, ":", 1.6)
    canvas.legend(
        lines.values(), lines.keys(), loc="outside lower center", ncols=3, fontsize=8,
        title=f"spectra of responses, regime {regime}; shaded: periods under six quarters",
        title_fontsize=8,
    )  # fmt: skip
    save(canvas, path)


def _ratio_panel(run: EvaluatedRun, axis: Any) -> None:
    """HF-ratio to the truth: a row a world, a marker a regime."""
    for k, regime in enumerate(run.regimes):
        entries = _test_entries(run, regime, Task.steady_state)
        ratios = {w: e["hf_ratio"] for w, e in entries.items() if e["hf_ratio"] is not None}
        axis.plot(
            list(ratios.values()), [run.worlds.index(world) for world in ratios],
            MARKERS[k], color=SERIES[k], ms=4.5, label=regime, ls="",
        )  # fmt: skip
    axis.axvline(1.0, color=BLACK, lw=0.8)
    axis.axvline(1.1, color=GREY, lw=0.8, ls=":")
    axis.set_yticks(range(len(run.worlds)), run.worlds, fontsize=8)
    axis.invert_yaxis()
    axis.set_title("HF-ratio by regime (dotted: 1.1)", fontsize=9)
    axis.set_xlabel("predicted over exact share", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=7, ncols=1, loc="best", handletextpad=0.2)
