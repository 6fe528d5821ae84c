"""The shape of responses: how their energy is spread over periods, beside that of exact ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emulator.data.schema import PRIOR
from emulator.evaluation.metrics.hf_ratio import SHORTEST_CYCLE, frequencies
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
from emulator.regimes import Task


def shape_diagnostics(run: EvaluatedRun, others: Sequence[EvaluatedRun], path: Path) -> None:
    """Mean energy spectra of responses in the run's first regime, a panel a world: exact, emulator,
    the specialist where one is known; and the HF-ratio of every world and regime."""
    regime = run.regimes[0]
    entries = run.over_prior(regime, Task.steady_state)
    columns = 2
    rows = -(-(len(entries) + 1) // columns)
    canvas, axes = figure(rows, columns, WIDTH, 0.7 + 1.9 * rows)
    names = {other.name: other for other in others}
    specialist_shown = False
    for axis, (world, entry) in zip(axes.flat, entries.items(), strict=False):
        energy = {"exact": entry["spectrum"]["truth"], "emulator": entry["spectrum"]["prediction"]}
        if (best := names.get(entry.get("specialist", ""))) is not None:
            theirs = best.entry(world, regime, PRIOR, Task.steady_state) or {}
            energy["specialist"] = theirs["spectrum"]["prediction"]
            specialist_shown = True
        points = len(entry["by_horizon"])
        cycles = frequencies(points)
        axis.axvspan(1.0 / SHORTEST_CYCLE, 0.5, color=GREY, alpha=0.2, lw=0)
        for label, colour, dash, width in (
            ("exact", BLACK, "-", 2.2), ("specialist", VERMILLION, ":", 1.6),
            ("emulator", BLUE, "--", 1.6),
        ):  # fmt: skip
            if label in energy:
                axis.plot(cycles, energy[label], color=colour, ls=dash, lw=width)
        log_scale(axis)
        ratio = "–" if entry.get("hf_ratio") is None else f"{entry['hf_ratio']:.3f}"
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
    lines = {"exact": line(BLACK, "-", 2.2), "emulator": line(BLUE, "--", 1.6)}
    if specialist_shown:
        lines["specialist"] = line(VERMILLION, ":", 1.6)
    canvas.legend(
        lines.values(), lines.keys(), loc="outside lower center", ncols=3, fontsize=8,
        title=f"spectra of responses, regime {regime}; shaded: periods under six quarters",
        title_fontsize=8,
    )  # fmt: skip
    save(canvas, path)


def _ratio_panel(run: EvaluatedRun, axis: Any) -> None:
    """HF-ratio to the truth: a row a world, a marker a regime."""
    for k, regime in enumerate(run.regimes):
        entries = run.over_prior(regime, Task.steady_state)
        ratios = {w: r for w, e in entries.items() if (r := e.get("hf_ratio")) is not None}
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
