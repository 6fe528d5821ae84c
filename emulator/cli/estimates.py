"""Estimates as tables, and their responses side by side."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from emulator.cli.console import print_table
from emulator.cli.responses import Responses
from emulator.errors import InputError, unknown_name

if TYPE_CHECKING:
    from emulator.estimation.estimate import Estimate, Estimates

AVERAGED = "average"


def side_by_side(found: Estimates, shock: str | None, summed: tuple[str, ...]) -> Responses:
    """Responses to one shock of the worlds that have it, and their average; to all shocks where
    none is named, of the first world."""
    from emulator.estimation.bands import LEVELS, summed_units

    ones = list(found.worlds.values())
    if shock is None:
        sources = {ones[0].spec.name: ones[0].bands}
    else:
        sources = {one.spec.name: one.bands for one in ones if shock in one.bands.shocks}
        if shock in found.averaged:
            sources[AVERAGED] = found.averaged[shock]
    shocks = ones[0].bands.shocks if shock is None else (shock,)
    rows = {name: [b.shocks.index(s) for s in shocks] for name, b in sources.items()}
    return Responses(
        shocks,
        summed_units(ones[0].spec.observables, summed),
        {name: bands.mean[rows[name]] for name, bands in sources.items()},
        {name: bands.quantiles[rows[name]] for name, bands in sources.items()},
        LEVELS,
    )


def check_shock(worlds: list[str], shock: str | None, plot: Path | None) -> None:
    """Refuse, before any work, a shock that no world has, and a figure of several worlds'
    responses to no shock in particular."""
    from emulator.worlds import get_world

    known = list(dict.fromkeys(name for world in worlds for name in get_world(world).shock_names))
    if shock is not None and shock not in known:
        raise unknown_name("shock", shock, known)
    if plot is not None and shock is None and len(worlds) > 1:
        raise InputError("--plot: name the --shock to which several worlds' responses are drawn")


def draw_estimates(found: Estimates, folder: Path) -> None:
    """Write figures of each world into the folder."""
    from emulator.evaluation.report.canvas import response_figure
    from emulator.evaluation.report.estimate_figures import (
        autocovariances_figure,
        parameters_figure,
    )

    for name, one in found.worlds.items():
        parameters_figure(one, folder / f"parameters-{name}.png")
        autocovariances_figure(one, folder / f"autocovariances-{name}.png")
        response_figure(
            {name: one.bands.mean}, one.bands.shocks, one.spec.observables,
            folder / f"responses-{name}.png", bands={name: one.bands.quantiles},
        )  # fmt: skip


def print_estimates(found: Estimates) -> None:
    """The history, a table of parameters for each world, the evidence, and every caveat."""
    dates = f", {found.first} to {found.last}" if found.first else ""
    noise = "".join(f", noise of {name} {sd:g}" for name, sd in found.noise.items())
    typer.echo(f"{found.quarters} quarters{dates}{noise}; {found.seconds:.1f} s")
    for one in found.worlds.values():
        _print_parameters(one)
    print_table(
        "Evidence, worlds equally likely before",
        ["world", "log evidence", "MC error", "probability", "MC error", "of the prior"],
        [
            [
                name,
                f"{one.log_evidence:.2f}",
                _number(one.log_evidence_error, ".2f"),
                f"{found.probabilities[name]:.3g}",
                _number(found.probability_errors[name], ".1g"),
                f"{one.prior_share:.0%}",
            ]
            for name, one in found.worlds.items()
        ],
    )
    for name, one in found.worlds.items():
        out, of = one.predictive.outside
        typer.echo(f"{name}: {out} of the data's {of} autocovariances up to two years apart lie "
                   "outside the 90 % bands of those of data that it makes")  # fmt: skip
    for name, one in found.worlds.items():
        for caveat in one.caveats:
            typer.echo(f"emulator: {name}: {caveat}", err=True)


def _print_parameters(one: Estimate) -> None:
    runs, count, _ = one.draws.shape
    print_table(
        f"{one.spec.title} ({one.spec.name}), {runs} runs of {count} draws; 5 and 95 % in brackets",
        ["parameter", "prior mean", "prior 90 %", "mean", "s.d.", "90 %", "ESS", "R-hat"],
        [
            [
                str(name),
                f"{row['prior_mean']:.4g}",
                f"[{row['prior_5']:.4g}, {row['prior_95']:.4g}]",
                f"{row['mean']:.4g}",
                f"{row['sd']:.3g}",
                f"[{row['q05']:.4g}, {row['q95']:.4g}]",
                _number(row["ess"], ".0f"),
                _number(row["r_hat"], ".3f"),
            ]
            for name, row in one.table.iterrows()
        ],
    )


def _number(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else "-"
