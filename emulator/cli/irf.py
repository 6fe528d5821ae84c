"""`emulator irf WORLD`: a response, at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from emulator.cli.app import app
from emulator.cli.console import print_json, print_table
from emulator.errors import InputError, nearest

if TYPE_CHECKING:
    import xarray as xr

SHOWN = (0, 1, 2, 4, 8, 12, 16, 20, 30, 40, 60, 80)  # horizons of the printed table


@app.command(
    epilog="Example: emulator irf nk --shock monetary --set phi_pi=2.0 --exact --plot irf.png"
)
def irf(
    world: str = typer.Argument(..., help="A world; see `emulator worlds`."),
    shock: str | None = typer.Option(None, help="A shock; all of them when left out."),
    assignments: list[str] = typer.Option(
        [], "--set", metavar="NAME=VALUE", help="A parameter; may be given again."
    ),
    size: float = typer.Option(1.0, help="Size of the shock in standard deviations."),
    horizon: int = typer.Option(40, help="Last quarter of the response, up to 80."),
    exact: bool = typer.Option(False, "--exact", help="Solve the model too and compare."),
    plot: Path | None = typer.Option(None, help="Draw the response to a PNG."),
    output_format: str = typer.Option("table", "--format", help="table, json or csv."),
    weights: Path | None = typer.Option(None, help="A weights or run folder."),
    extrapolate: bool = typer.Option(
        False, "--extrapolate", help="Answer outside the parameters' bounds too."
    ),
) -> None:
    """Show the response of output, inflation and the interest rate to a shock."""
    if output_format not in ("table", "json", "csv"):
        raise InputError(f"--format: expected table, json or csv, got {output_format!r}")
    if plot is not None and plot.suffix.lower() != ".png":
        raise InputError(f"--plot: expected a file name ending in .png, got {str(plot)!r}")
    import emulator
    from emulator.worlds import list_worlds

    values = _parse(assignments)
    model = emulator.load(weights)
    if world in list_worlds() and world not in model.worlds:
        raise InputError(
            f"world {world!r}: these weights know {', '.join(model.worlds)}; train some that know "
            f"it, or get the exact response with emulator.get_world({world!r}).irf(theta)"
        )
    response = model.irf(world, values, shock=shock, size=size, horizon=horizon)
    outside = response.attrs["out_of_bounds"]
    if outside and not extrapolate:
        spec = model.spec(world)
        bounds = ", ".join(
            f"{p.name} in [{p.lower:g}, {p.upper:g}]" for p in spec.parameters if p.name in outside
        )
        if "size" in outside:
            bounds += ", " * bool(bounds) + "size from 0.25 to 3 s.d. of either sign"
        raise InputError(
            f"outside the bounds the emulator was trained on ({bounds}); add --extrapolate to "
            "answer all the same"
        )
    responses = {"emulator": response}
    if exact:
        responses["exact"] = _exact(world, values, response)
    if plot is not None:
        _plot(responses, model.spec(world), plot)
    if output_format == "json":
        print_json(_as_dict(responses))
    elif output_format == "csv":
        typer.echo(_as_csv(responses), nl=False)
    else:
        _print(responses, model.spec(world).title)
        if plot is not None:
            typer.echo(f"drawn: {plot}")


def _parse(assignments: list[str]) -> dict[str, float]:
    """`NAME=VALUE` strings to a mapping."""
    values: dict[str, float] = {}
    for text in assignments:
        name, separator, value = text.partition("=")
        name = name.strip()
        if not separator or not name:
            raise InputError(f"--set: expected NAME=VALUE, got {text!r}")
        if name in values:
            raise InputError(f"--set: {name} is given twice")
        try:
            values[name] = float(value)
        except ValueError:
            raise InputError(f"--set {name}: expected a number, got {value!r}") from None
    return values


def _exact(world: str, values: dict[str, float], like: xr.DataArray) -> xr.DataArray:
    """The solved model's response with the dims of the emulated one."""
    from emulator.worlds import get_world, list_worlds
    from emulator.worlds.base import Status

    if world not in list_worlds():
        close = nearest(world, list_worlds())
        raise InputError(f"--exact: world {world!r} is not installed (nearest: {close})")
    model = get_world(world)
    horizon = int(like["horizon"][-1])
    answer = model.irf(model.pack(values), horizon=horizon, size=like.attrs["size"])
    status = Status(int(answer.status[0]))
    if not status.solved:
        raise InputError(f"--exact: {status.message}")
    exact = like.copy()
    block = answer.values[0]
    if "shock" not in like.dims:
        block = block[model.shock_names.index(like.attrs["shock"])]
    return exact.copy(data=block).assign_attrs(source="exact", status=status.name)


def _as_dict(responses: dict[str, xr.DataArray]) -> dict[str, Any]:
    first = next(iter(responses.values()))
    out: dict[str, Any] = {k: v for k, v in first.attrs.items() if k not in ("source", "status")}
    out["horizon"] = first["horizon"].to_numpy().tolist()
    for source, data in responses.items():
        out[source] = _nested(data)
    if "exact" in responses:
        error = responses["emulator"] - responses["exact"]
        out["largest_error"] = float(abs(error).max())
        out["status"] = responses["exact"].attrs["status"]
    return out


def _nested(data: xr.DataArray) -> dict[str, Any]:
    if "shock" in data.dims:
        return {str(s): _nested(data.sel(shock=s)) for s in data["shock"].to_numpy()}
    return {
        str(o): data.sel(observable=o).to_numpy().tolist() for o in data["observable"].to_numpy()
    }


def _as_csv(responses: dict[str, xr.DataArray]) -> str:
    import pandas as pd

    frames = []
    for source, data in responses.items():
        if "shock" not in data.dims:
            data = data.expand_dims(shock=[data.attrs["shock"]])
        frame = data.rename("response").to_dataframe().reset_index()
        frame.insert(0, "source", source)
        frames.append(frame[["source", "shock", "horizon", "observable", "response"]])
    return pd.concat(frames).to_csv(index=False)


def _print(responses: dict[str, xr.DataArray], title: str) -> None:
    first = responses["emulator"]
    names = list(first["shock"].to_numpy()) if "shock" in first.dims else [first.attrs["shock"]]
    units = first.attrs["units"]
    size = first.attrs["size"]
    for name in names:
        header = ["quarter"]
        columns = []
        for source, data in responses.items():
            block = data.sel(shock=name) if "shock" in data.dims else data
            for observable, unit in units.items():
                mark = "" if len(responses) == 1 else f"{source} "
                header.append(
                    f"{mark}{observable} ({unit.replace('annualised percentage points', 'pp')})"
                )
                columns.append(block.sel(observable=observable).to_numpy())
        rows = [[str(h), *(f"{c[h]:.4f}" for c in columns)] for h in SHOWN if h < len(columns[0])]
        print_table(f"{title}: {name} shock of {size:g} s.d.", header, rows)
    if first.attrs["out_of_bounds"]:
        typer.echo(f"outside the bounds, extrapolated: {', '.join(first.attrs['out_of_bounds'])}")


def _plot(responses: dict[str, xr.DataArray], spec: Any, path: Path) -> None:
    from emulator.evaluation.plots import response_figure

    first = responses["emulator"]
    shocks = list(first["shock"].to_numpy()) if "shock" in first.dims else [first.attrs["shock"]]
    series = {
        source: data.to_numpy() if "shock" in data.dims else data.to_numpy()[None]
        for source, data in responses.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    response_figure(series, shocks, spec, path)
