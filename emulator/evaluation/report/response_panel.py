"""The panel of responses: what an emulator answers, beside the exact responses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emulator.evaluation.report.canvas import (
    BLUE,
    RULE,
    VERMILLION,
    WIDTH,
    figure,
    line,
    save,
    short_unit,
)
from emulator.evaluation.stored.panels import Panel


def irf_panel(panels: Sequence[Panel], path: Path) -> None:
    """Worlds in rows, observables in columns: truth, emulator and bands for two samples.

    Each panel shows the world's shock that moves the observable most, per s.d. of the shock.
    """
    canvas, axes = figure(len(panels), 3, WIDTH, 1.3 + 1.5 * len(panels))
    for row, case in enumerate(panels):
        quarters = np.arange(case.truth.shape[2])
        for column, observable in enumerate(case.observables):
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
        axes[row, 0].set_title(f"$\\bf{{{case.world}}}$: {axes[row, 0].get_title()}", fontsize=8)
    dashes = (0, (3, 1.5))
    handles = [line(RULE, "-", 2.8), line(RULE, dashes, 1.6), line(BLUE, "-", 4.0),
               line(VERMILLION, "-", 4.0)]  # fmt: skip
    labels = ["exact", "emulator", "sample with the median error", "90th percentile of the error"]
    bands = "; bands: 50 and 90 %" if panels[0].quantiles is not None else ""
    canvas.legend(
        handles, labels, loc="outside lower center", ncols=4, fontsize=8, title_fontsize=8,
        columnspacing=1.2,
        title=f"regime {panels[0].regime}, response per s.d. of the shock{bands}",
    )  # fmt: skip
    save(canvas, path)
