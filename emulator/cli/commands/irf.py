"""`emulator irf WORLD`: a response, at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from emulator.cli.asking import (
    EXTRAPOLATE_OPTION,
    HORIZON_OPTION,
    WEIGHTS_OPTION,
    known_as,
    refuse,
    solve,
    warn,
)
from emulator.cli.console import print_json, progress_bar
from emulator.cli.responses import (
    PLOT_OPTION,
    RESPONSE_FORMAT_OPTION,
    SET_OPTION,
    ResponseFormat,
    Responses,
    as_csv,
    as_dict,
    check_target,
    draw_responses,
    parse_assignments,
    print_responses,
)
from emulator.cli.scaling import (
    CUMULATE_OPTION,
    NORMALIZE_OPTION,
    impact_of,
    presented,
    summed_of,
)
from emulator.errors import InputError

EXAMPLE = "emulator irf nk --shock monetary --set phi_pi=2.0 --exact --plot irf.png"


def irf(
    world: str | None = typer.Argument(
        None, help="A world; see `emulator worlds`. May be left out with --history."
    ),
    shock: str | None = typer.Option(None, help="A shock; all of them when left out."),
    assignments: list[str] = SET_OPTION,
    size: float = typer.Option(1.0, help="Size of the shock in standard deviations."),
    horizon: int | None = HORIZON_OPTION,
    history: Path | None = typer.Option(
        None,
        metavar="FILE.csv",
        help="Answer from data: columns output, inflation, rate in the worlds' units, a row a "
        "quarter. Without --set the parameters are unknown, with it all are given.",
    ),
    state_dependent: bool = typer.Option(
        False,
        "--state-dependent",
        help="From the state in which the history ends, instead of the steady state.",
    ),
    bands: bool = typer.Option(
        False, "--bands", help="Quantiles too: 90 % bands in the table and the figure, or all."
    ),
    simultaneous: bool = typer.Option(
        False,
        "--simultaneous",
        help="Bands that hold whole curves, not each quarter for itself; they are made for curves "
        "up to the last quarter trained on (40), so they hold more of shorter ones.",
    ),
    exact: bool = typer.Option(False, "--exact", help="Solve the model too and compare."),
    normalize: str | None = NORMALIZE_OPTION,
    cumulate: str | None = CUMULATE_OPTION,
    plot: Path | None = PLOT_OPTION,
    output_format: ResponseFormat = RESPONSE_FORMAT_OPTION,
    weights: list[Path] = WEIGHTS_OPTION,
    extrapolate: bool = EXTRAPOLATE_OPTION,
) -> None:
    """Show the response of output, inflation and the interest rate to a shock."""
    check_target("--plot", plot, ".png")
    values = parse_assignments("--set", assignments)
    impact, summed = impact_of(normalize), summed_of(cumulate)
    bands = bands or simultaneous
    if bands and summed:
        given = "--simultaneous" if simultaneous else "--bands"
        raise InputError(f"--cumulate: bands of sums are not sums of bands; leave out {given}")
    if bands and impact:
        given = "--simultaneous" if simultaneous else "--bands"
        raise InputError(
            "--normalize: bands of a ratio are not ratios of bands, as the impact is uncertain "
            f"too; leave out {given}, or scale every draw with `emulator estimate`"
        )
    if world is None and history is None:
        raise InputError("Missing argument WORLD: name one, or answer from data with --history")
    if exact and (world is None or (history is not None and not values)):
        raise InputError("--exact: needs a world and parameters; give both, or leave it out")
    if state_dependent and history is None:
        raise InputError("--state-dependent: needs the --history that led to the state")
    if state_dependent and exact:
        raise InputError("--exact: the state is unknown; leave out --state-dependent or --exact")
    import emulator
    from emulator.inference.histories import observe
    from emulator.inference.likeness import in_words

    observed = None if history is None else observe(history)
    theta = values if values or history is None else None
    model = emulator.load_bank(weights)
    known = None if world is None else known_as(model, world)
    asked: dict[str, Any] = {
        "shock": shock, "size": size, "horizon": horizon, "history": observed,
        "state_dependent": state_dependent, "bands": bands, "simultaneous": simultaneous,
    }  # fmt: skip
    with progress_bar("irf"):  # seconds where compiled functions are not stored yet
        response = model.respond(known, theta, **asked)
    caveats = response.attrs["caveats"]
    refuse(caveats, extrapolate)
    found = {"emulator": response.point[0]}
    quarters = len(found["emulator"][0])
    if exact:
        assert world is not None
        with progress_bar(f"{world}, exact"):
            found["exact"] = solve(world, values, shock, size, quarters - 1)
    bands_found = {"emulator": response.values[0]} if bands else {}
    warn(caveats)
    answer, factors = presented(
        Responses(
            response.shocks,
            response.observables,
            found,
            bands_found,
            response.levels,
            response.attrs["bands_of"] if simultaneous else None,
        ),
        impact,
        summed,
    )
    if plot is not None:
        draw_responses(answer, plot)
    if output_format is ResponseFormat.json:
        out = {k: v for k, v in response.attrs.items() if k != "source"}
        out["caveats"] = [caveat.to_dict() for caveat in caveats]
        made = {"normalize": normalize, "cumulate": cumulate}
        out |= {name: option for name, option in made.items() if option is not None}
        if impact is not None:
            out["scaled_by"] = {source: each.tolist() for source, each in factors.items()}
        out |= {"horizon": list(range(quarters)), **as_dict(answer)}
        if exact:
            shown = answer.values
            out["largest_error"] = float(abs(shown["emulator"] - shown["exact"]).max())
        print_json(out)
    elif output_format is ResponseFormat.csv:
        typer.echo(as_csv(answer), nl=False)
        if history is not None:  # beside the numbers, which are to be read by programs
            typer.echo(f"emulator: {in_words(response.attrs)}", err=True)
    else:
        title = model.spec(known).title if known is not None else "Any world"
        scale = f"{size:g} s.d." if normalize is None else normalize
        print_responses(f"{title}, {scale}", answer)
        if any((each < 0.0).any() for each in factors.values()):
            typer.echo(f"scaled to {normalize}: some shocks are turned over, of the other sign")
        if history is not None:
            typer.echo(in_words(response.attrs))
        if plot is not None:
            typer.echo(f"drawn: {plot}")
