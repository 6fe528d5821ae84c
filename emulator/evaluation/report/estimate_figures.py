"""Figures of an estimated world: priors against posteriors, and whether it makes such data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emulator.estimation.estimate import Estimate
from emulator.evaluation.report.canvas import BLACK, BLUE, GREY, RULE, WIDTH, figure, save, shade
from emulator.specs import OBSERVABLE_NAMES

COLUMNS, BINS = 4, 30


def parameters_figure(one: Estimate, path: Path) -> None:
    """A panel a parameter: draws of the prior in grey, of the posterior in blue, both densities."""
    from matplotlib.patches import Patch
    from matplotlib.ticker import MaxNLocator

    rows = -(-len(one.names) // COLUMNS)
    canvas, axes = figure(rows, COLUMNS, WIDTH, 0.5 + 1.35 * rows)
    for axis in axes.flat[len(one.names) :]:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, one.names, strict=False):
        place = one.spec.parameter_names.index(name)
        drawn = [one.prior[:, place], one.theta[:, place]]
        ends = np.quantile(np.concatenate([np.quantile(d, [0.005, 0.995]) for d in drawn]), [0, 1])
        for values, colour in zip(drawn, (GREY, BLUE), strict=True):
            # One shape each: a bar for every bin takes seven times as long.
            axis.hist(
                values, BINS, range=tuple(ends), density=True, color=colour, alpha=0.55, lw=0,
                histtype="stepfilled",
            )  # fmt: skip
        axis.set_title(name, fontsize=8)
        axis.set_yticks([])
        axis.tick_params(labelsize=7)
        axis.xaxis.set_major_locator(MaxNLocator(3))
    named = (("prior", GREY), ("posterior", BLUE))
    patches = [Patch(color=colour, alpha=0.55, label=label) for label, colour in named]
    canvas.legend(handles=patches, loc="outside lower center", ncols=2, fontsize=9)
    save(canvas, path)


def autocovariances_figure(one: Estimate, path: Path) -> None:
    """A row an observable now, a column an observable earlier: autocovariances of the history, in
    black, over bands of 68 and 90 % of those of replicated histories."""
    canvas, axes = figure(3, 3, WIDTH, 5.6)
    lags = np.arange(len(one.predictive.observed))
    for i, now in enumerate(OBSERVABLE_NAMES):
        for j, then in enumerate(OBSERVABLE_NAMES):
            axis = axes[i, j]
            shade(axis, one.predictive.quantiles[:, i, j], BLUE)
            axis.plot(lags, one.predictive.observed[:, i, j], color=BLACK, lw=1.4, marker=".")
            axis.axhline(0.0, color=RULE, lw=0.6)
            axis.set_title(f"{now}, {then} earlier", fontsize=8)
            axis.tick_params(labelsize=7)
            if i == 2:
                axis.set_xlabel("quarters earlier", fontsize=8)
    save(canvas, path)
