"""Estimates as tables, and their responses side by side."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from emulator.cli.console import print_table
from emulator.cli.responses import Responses
from emulator.errors import InputError, unknown_name
from emulator.specs import OBSERVABLE_NAMES

if TYPE_CHECKING:
    from emulator.estimation.estimate import Estimate, Estimates
    from emulator.worlds.base import FloatArray

AVERAGED = "average"
SHOWN_AHEAD = (1, 4, 8, 20, 40)  # quarters, of shares in the variance of forecast errors
SHOWN_QUARTERS = 8  # of the history by shocks


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
    from emulator.evaluation.report.quarter_figures import (
        contributions_figure,
        forecasts_figure,
        shares_figure,
    )

    for name, one in found.worlds.items():
        parameters_figure(one, folder / f"parameters-{name}.png")
        autocovariances_figure(one, folder / f"autocovariances-{name}.png")
        response_figure(
            {name: one.bands.mean}, one.bands.shocks, one.spec.observables,
            folder / f"responses-{name}.png", bands={name: one.bands.quantiles},
        )  # fmt: skip
        if one.by_quarter is not None:
            for draw, what in (
                (contributions_figure, "contributions"), (shares_figure, "shares"),
                (forecasts_figure, "forecasts"),
            ):  # fmt: skip
                draw(one.by_quarter, one.spec.observables, folder / f"{what}-{name}.png")


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
                _number(one.log_evidence, ".2f"),
                _number(one.log_evidence_error, ".2f"),
                _number(found.probabilities[name], ".3g"),
                _number(found.probability_errors[name], ".1g"),
                f"{one.prior_share:.0%}",
            ]
            for name, one in found.worlds.items()
        ],
    )
    for name, one in found.worlds.items():
        if one.correction is not None:
            said = one.correction
            typer.echo(f"{name}: drawn through the network, log evidence {said.log_evidence:.2f}; "
                       f"{said.solutions} exact solutions of its draws are worth "
                       f"{said.effective:.0f} independent ones")  # fmt: skip
    for name, one in found.worlds.items():
        if one.instant is not None and one.instant.effective is not None:
            typer.echo(f"{name}: instant, {one.instant.proposed} draws of the learned posterior "
                       f"are worth {one.instant.effective:.0f} independent ones")  # fmt: skip
    for name, one in found.worlds.items():
        out, of = one.predictive.outside
        typer.echo(f"{name}: {out} of the data's {of} autocovariances up to two years apart lie "
                   "outside the 90 % bands of those of data that it makes")  # fmt: skip
    for name, one in found.worlds.items():
        for caveat in one.caveats:
            typer.echo(f"emulator: {name}: {caveat}", err=True)


def _print_parameters(one: Estimate) -> None:
    runs, count, _ = one.draws.shape
    said = one.instant
    kind = "" if said is None else ", instant, corrected" if said.corrected else ", instant"
    print_table(
        f"{one.spec.title} ({one.spec.name}){kind}, {runs} runs of {count} draws; "
        "5 and 95 % in brackets",
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


def print_decompositions(found: Estimates) -> None:
    """For each linear world, shares of shocks in the variance of forecast errors, and what they
    added to the last quarters of the history."""
    for name, one in found.worlds.items():
        known = one.by_quarter
        if known is None:
            typer.echo(f"emulator: {name}: not linear, so that nothing is decomposed", err=True)
            continue
        shares = known.shares
        points = [h for h in SHOWN_AHEAD if h <= shares.mean.shape[1]]
        print_table(
            f"{name}: shares in the variance of forecast errors, 90 % bands in brackets",
            ["observable", "quarters ahead", *shares.shocks],
            [
                [
                    observable,
                    str(h),
                    *(
                        _banded(shares.mean[s, h - 1, j], shares.quantiles[s, h - 1, j], ".0%")
                        for s in range(len(shares.shocks))
                    ),
                ]
                for j, observable in enumerate(OBSERVABLE_NAMES)
                for h in points
            ],
        )
        last = range(max(0, len(known.history) - SHOWN_QUARTERS), len(known.history))
        print_table(
            f"{name}: the history by shocks, the last of {len(known.history)} quarters",
            ["observable", "quarter", "data", *known.components],
            [
                [
                    observable,
                    known.quarters[t],
                    _number(known.history[t, j], ".2f"),
                    *(f"{value:+z.2f}" for value in known.contributions[:, t, j]),
                ]
                for j, observable in enumerate(OBSERVABLE_NAMES)
                for t in last
            ],
        )


def print_forecasts(found: Estimates) -> None:
    """Forecasts of each linear world, quarter by quarter."""
    for name, one in found.worlds.items():
        known = one.by_quarter
        if known is None or known.ahead is None:
            typer.echo(f"emulator: {name}: not linear, so that nothing is forecast", err=True)
            continue
        ahead = known.ahead
        print_table(
            f"{name}: forecasts, 90 % bands in brackets",
            ["quarter", *OBSERVABLE_NAMES],
            [
                [
                    quarter,
                    *(_banded(ahead.mean[h, j], ahead.quantiles[h, j], "z.2f") for j in range(3)),
                ]
                for h, quarter in enumerate(known.quarters[len(known.history) :])
            ],
        )


def _banded(mean: float, quantiles: FloatArray, form: str) -> str:
    """A mean and the outermost of the quantiles."""
    return f"{mean:{form}} [{quantiles[0]:{form}}, {quantiles[-1]:{form}}]"


def _number(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else "-"
