"""Figures of an estimated linear world and its history: the shocks that made it, their shares in
forecast errors, and forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emulator.estimation.quarter_by_quarter import QuarterByQuarter
from emulator.evaluation.report.canvas import (
    BLACK,
    BLUE,
    DASHES,
    GREY,
    RULE,
    SERIES,
    VERMILLION,
    WIDTH,
    figure,
    save,
    shade,
    short_unit,
)
from emulator.specs import Observable


def contributions_figure(
    found: QuarterByQuarter, observables: Sequence[Observable], path: Path
) -> None:
    """A panel an observable: the history, in black, over what each shock added to it, stacked;
    what no shock did is grey."""
    from matplotlib.patches import Patch

    canvas, axes = figure(len(observables), 1, WIDTH, 1.0 + 1.9 * len(observables))
    shocks = len(found.shares.shocks)
    colours = [
        SERIES[s % len(SERIES)] if s < shocks else GREY for s in range(len(found.components))
    ]
    # an eighth shock has the first's colour, and errors of measurement are grey as well
    again = [s > shocks or len(SERIES) <= s < shocks for s in range(len(colours))]
    hatches = ["////" if hatched else "" for hatched in again]
    quarters = np.arange(len(found.history))
    for j, observable in enumerate(observables):
        axis = axes[j, 0]
        values = found.contributions[:, :, j]
        for part in (np.maximum(values, 0.0), np.minimum(values, 0.0)):
            tops = np.cumsum(part, axis=0)
            for one, top, colour, hatch in zip(part, tops, colours, hatches, strict=True):
                axis.fill_between(
                    quarters, top - one, top, step="mid", color=colour, hatch=hatch, alpha=0.6, lw=0
                )
        axis.plot(quarters, found.history[:, j], color=BLACK, lw=1.0)
        axis.set_xlim(-0.5, len(quarters) - 0.5)
        _dress(axis, observable, found.quarters)
    patches = [
        Patch(facecolor=colour, hatch=hatch, alpha=0.6, label=name)
        for name, colour, hatch in zip(found.components, colours, hatches, strict=True)
    ]
    canvas.legend(handles=patches, loc="outside lower center", ncols=4, fontsize=8)
    save(canvas, path)


def shares_figure(found: QuarterByQuarter, observables: Sequence[Observable], path: Path) -> None:
    """A panel an observable: each shock's share in the variance of forecast errors, mean and bands
    of 68 and 90 %."""
    canvas, axes = figure(1, len(observables), WIDTH, 2.9)
    ahead = np.arange(1, found.shares.mean.shape[1] + 1)
    for j, observable in enumerate(observables):
        axis = axes[0, j]
        for s, shock in enumerate(found.shares.shocks):
            colour, dash = SERIES[s % len(SERIES)], DASHES[s // len(SERIES)]
            shade(axis, found.shares.quantiles[s, :, j], colour, ahead)
            axis.plot(ahead, found.shares.mean[s, :, j], color=colour, ls=dash, lw=1.6, label=shock)
        axis.set_ylim(0.0, 1.0)
        axis.set_title(observable.label, fontsize=8)
        axis.set_xlabel("quarters ahead", fontsize=8)
        axis.tick_params(labelsize=8)
        if j:
            axis.set_yticklabels([])
    axes[0, 0].set_ylabel("share of the variance", fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    save(canvas, path)


def forecasts_figure(
    found: QuarterByQuarter, observables: Sequence[Observable], path: Path
) -> None:
    """A panel an observable: the history, in black, over forecasts of each quarter from those
    before it, in blue, and of quarters after it, in red, with bands of 68 and 90 %."""
    canvas, axes = figure(len(observables), 1, WIDTH, 1.0 + 1.9 * len(observables))
    given, whole = len(found.history), len(found.quarters)
    courses = [("one quarter ahead", found.one_step, BLUE, np.arange(given))]
    if found.ahead is not None:
        courses.append(("forecast", found.ahead, VERMILLION, np.arange(given, whole)))
    for j, observable in enumerate(observables):
        axis = axes[j, 0]
        for label, course, colour, quarters in courses:
            shade(axis, course.quantiles[:, j], colour, quarters)
            axis.plot(quarters, course.mean[:, j], color=colour, lw=1.0, label=label)
        axis.plot(found.history[:, j], color=BLACK, lw=1.0, label="data")
        axis.set_xlim(-0.5, whole - 0.5)
        _dress(axis, observable, found.quarters)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    save(canvas, path)


def _dress(axis: Any, observable: Observable, quarters: Sequence[str]) -> None:
    """Zero, names, units, and quarters along the axis."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.axhline(0.0, color=RULE, lw=0.6)
    axis.set_title(observable.label, fontsize=8)
    axis.set_ylabel(short_unit(observable.unit), fontsize=8)
    axis.tick_params(labelsize=8)
    axis.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axis.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: quarters[int(x)] if 0 <= x < len(quarters) else "")
    )
