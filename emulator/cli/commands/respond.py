"""`emulator respond DATA.csv`: responses from a user's own series, whatever economy they are of."""

from __future__ import annotations

from pathlib import Path

import typer

from emulator.cli.console import print_json, progress_bar
from emulator.cli.responses import (
    PLOT_OPTION,
    RESPONSE_FORMAT_OPTION,
    ResponseFormat,
    Responses,
    as_csv,
    as_dict,
    check_target,
    draw_responses,
    print_responses,
    split_names,
)

EXAMPLE = "emulator respond us.csv --to rate --after output,inflation --bands --beside var,lp"


def respond(
    data: Path = typer.Argument(
        ..., metavar="DATA.csv", help="A row of names, then a row a quarter, oldest first."
    ),
    to: str | None = typer.Option(
        None, metavar="NAME", help="To this series' own innovation, scaled to raise it by --unit."
    ),
    after: str | None = typer.Option(
        None, metavar="NAME,NAME,...", help="Series that --to reacts to at once: held fixed."
    ),
    shock: str | None = typer.Option(
        None, metavar="NAME", help="To this column, an observed shock, of size --unit."
    ),
    instrument: str | None = typer.Option(
        None,
        metavar="NAME",
        help="To the shock that this column measures with noise, scaled to raise --to by --unit.",
    ),
    columns: str | None = typer.Option(
        None, metavar="NAME,NAME,...", help="The series to use, 2 to 8; all unless given."
    ),
    differences: str | None = typer.Option(
        None, metavar="NAME,NAME,...", help="Series that are changes or growth rates, not levels."
    ),
    horizon: int = typer.Option(20, min=0, max=40, help="Last quarter of the responses."),
    unit: float = typer.Option(1.0, help="Size of the shock, in the column's unit."),
    bands: bool = typer.Option(
        False, "--bands", help="90 % bands in the table and the figure, or all quantiles."
    ),
    beside: str | None = typer.Option(
        None, metavar="NAME,NAME,...", help="Other estimators: var, bvar, lp, penalised."
    ),
    plot: Path | None = PLOT_OPTION,
    output: Path | None = typer.Option(
        None, metavar="FILE.nc", help="Write all quantiles as netCDF, which xarray opens."
    ),
    output_format: ResponseFormat = RESPONSE_FORMAT_OPTION,
) -> None:
    """Estimate responses from data of an economy that need be none of the worlds.

    A network weighs VARs, Bayesian VARs and local projections by what the series are like, and
    corrects them. It and its bands learned on random economies.
    """
    check_target("--plot", plot, ".png")
    check_target("--output", output, ".nc")
    from emulator.foreign.answers import estimate_responses
    from emulator.specs import Observable
    from emulator.storage import write_atomically

    lists = {
        name: split_names(f"--{name}", text) if text is not None else None
        for name, text in {
            "after": after, "columns": columns, "differences": differences, "beside": beside,
        }.items()
    }  # fmt: skip
    with progress_bar(f"respond {data.name}"):
        found = estimate_responses(
            data,
            to=to,
            after=lists["after"] or (),
            shock=shock,
            instrument=instrument,
            columns=lists["columns"],
            differences=lists["differences"] or (),
            horizon=horizon,
            unit=unit,
            beside=lists["beside"] or (),
        )
    if found.attrs["caveats"]:
        typer.echo(f"emulator: {found.attrs['caveats']}", err=True)
    if output is not None:
        write_atomically(output, bytes(found.to_netcdf(engine="scipy")))
    response = found["response"]
    values = {"network": response.sel(quantile=0.5).to_numpy()[None]}
    for name in lists["beside"] or ():
        values[name] = found["beside"].sel(estimator=name).to_numpy()[None]
    answer = Responses(
        (str(to or shock),),
        tuple(Observable(str(name), str(name), "") for name in response["series"].to_numpy()),
        values,
        {"network": response.to_numpy()[None]} if bands else {},
        tuple(response["quantile"].to_numpy().tolist()),
    )
    if plot is not None:
        draw_responses(answer, plot)
    if output_format is ResponseFormat.json:
        print_json(found.attrs | {"horizon": list(range(horizon + 1)), **as_dict(answer)})
    elif output_format is ResponseFormat.csv:
        typer.echo(as_csv(answer), nl=False)
    else:
        print_responses(f"{data.name}, {found.attrs['data']}", answer)
        raised = found.attrs["raises"]
        size = f"it raises {raised} by {unit:g} at once" if raised else f"of size {unit:g}"
        typer.echo(f"the shock: {size}; each series is in the unit of its column")
        if found.attrs["question"] == "recursive":
            held = found.attrs["held_fixed"]
            first = f"nothing is held fixed at once, as {raised} comes first"
            typer.echo(f"held fixed at once: {held}" if held else f"{first} (--after)")
        for what, path in (("drawn", plot), ("written", output)):
            if path is not None:
                typer.echo(f"{what}: {path}")
