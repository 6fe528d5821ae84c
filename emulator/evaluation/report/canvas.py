"""The ground of all figures: canvas, colours, file.

Colours are those of Okabe and Ito (2008), told apart by every kind of colour vision.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emulator.specs import Observable
from emulator.storage import write_atomically

BLACK, GREY, RULE = "#000000", "#999999", "#666666"
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY = "#E69F00", "#56B4E9"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)  # the eighth, yellow, fades on white
MARKERS = "osD^vPX"
DASHES = ("-", "--", "-.", ":")  # lines that lie on each other stay apart
MOST_COLUMNS = 4  # of panels
WIDTH = 6.8  # inches, the text width of a page


def figure(
    rows: int, columns: int, width: float, height: float, heights: Sequence[float] | None = None
) -> tuple[Any, Any]:
    """A figure and its (rows, columns) axes, without a display and without global state.

    width, height: inches. heights: of the rows, in proportion; equal when None.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(canvas)
    return canvas, canvas.subplots(rows, columns, squeeze=False, height_ratios=heights)


def save(canvas: Any, path: Path) -> None:
    """Write a PNG under a temporary name, then rename."""
    write_atomically(path, png(canvas))


def png(canvas: Any) -> bytes:
    """A figure as the content of a PNG file."""
    buffer = io.BytesIO()
    canvas.dpi = 150
    # savefig would draw twice, as layouts may need where a figure is cut to its content.
    canvas.canvas.print_png(buffer)
    return buffer.getvalue()


def response_figure(
    series: Mapping[str, np.ndarray],
    shocks: Sequence[str],
    observables: Sequence[Observable],
    path: Path,
    bands: Mapping[str, np.ndarray] | None = None,
) -> None:
    """One row a shock, one column an observable, of which one shock may fill several rows; `series`
    maps a label to (S, H+1, N), N observables.

    bands: label to (S, H+1, N, Q), quantiles in rising order, shaded between each pair of levels
    equally far from the median.
    """
    columns = min(len(observables), MOST_COLUMNS)
    rows = -(-len(shocks) * len(observables) // columns)
    canvas, axes = figure(rows, columns, 3.0 * columns, 1.0 + 2.2 * rows)
    for panel in axes.flat[len(shocks) * len(observables) :]:
        panel.set_axis_off()
    for row, shock in enumerate(shocks):
        for column, observable in enumerate(observables):
            panel = row * len(observables) + column
            axis = axes.flat[panel]
            for place, (label, values) in enumerate(series.items()):
                colour, dash = SERIES[place % len(SERIES)], DASHES[place % len(DASHES)]
                quarters = np.arange(values.shape[1])
                if bands and label in bands:
                    shade(axis, bands[label][row, :, column], colour)
                axis.plot(
                    quarters, values[row, :, column], color=colour, ls=dash, lw=1.6, label=label
                )
            axis.axhline(0.0, color=RULE, lw=0.6)
            # In one line the longest names would be wider than a panel, and cut at the edge.
            axis.set_title(f"{observable.label}\n{shock} shock", fontsize=8)
            axis.set_ylabel(short_unit(observable.unit), fontsize=8)
            axis.tick_params(labelsize=8)
            if panel + columns >= len(shocks) * len(observables):
                axis.set_xlabel("quarters after the shock", fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9)
    save(canvas, path)


def shade(
    axis: Any, quantiles: np.ndarray, colour: str, quarters: np.ndarray | None = None
) -> None:
    """Fill (H+1, Q) between the outermost levels, the next ones, ... ever darker, over `quarters`
    (H+1,), 0, 1, ... unless given."""
    quarters = np.arange(len(quantiles)) if quarters is None else quarters
    for j in range(quantiles.shape[1] // 2):
        axis.fill_between(
            quarters, quantiles[:, j], quantiles[:, -1 - j], color=colour, alpha=0.18, lw=0
        )


def short_unit(unit: str) -> str:
    """A unit for an axis."""
    if unit == "1":
        return "no unit"
    return unit.replace("annualised percentage points", "pp, annualised")


def line(colour: str, dash: Any, width: float) -> Any:
    """A line for a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, ls=dash, lw=width)


def log_scale(axis: Any) -> None:
    """A logarithmic vertical axis with plain numbers, also where it spans less than a decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_yscale("log")
    low, high = axis.get_ylim()
    steps = (1.0,) if high / low > 300.0 else (1.0, 2.0, 5.0) if high / low < 20.0 else (1.0, 3.0)
    axis.yaxis.set_major_locator(LogLocator(subs=steps))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_locator(NullLocator())
