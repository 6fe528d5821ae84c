"""`emulator irf WORLD`: a response, at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from emulator.cli.console import print_json
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
from emulator.errors import EmulatorError, InputError, nearest
from emulator.specs import same_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emulator.inference import Emulator
    from emulator.inference.response import Response


EXAMPLE = "emulator irf nk --shock monetary --set phi_pi=2.0 --exact --plot irf.png"


def irf(
    world: str | None = typer.Argument(
        None, help="A world; see `emulator worlds`. May be left out with --history."
    ),
    shock: str | None = typer.Option(None, help="A shock; all of them when left out."),
    assignments: list[str] = SET_OPTION,
    size: float = typer.Option(1.0, help="Size of the shock in standard deviations."),
    horizon: int = typer.Option(40, help="Last quarter of the response, up to 80."),
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
    exact: bool = typer.Option(False, "--exact", help="Solve the model too and compare."),
    plot: Path | None = PLOT_OPTION,
    output_format: ResponseFormat = RESPONSE_FORMAT_OPTION,
    weights: Path | None = typer.Option(None, help="A weights or run folder."),
    extrapolate: bool = typer.Option(
        False, "--extrapolate", help="Answer outside what the weights were trained on too."
    ),
) -> None:
    """Show the response of output, inflation and the interest rate to a shock."""
    check_target("--plot", plot, ".png")
    values = parse_assignments("--set", assignments)
    if world is None and history is None:
        raise InputError("Missing argument WORLD: name one, or answer from data with --history")
    if exact and (world is None or (history is not None and not values)):
        raise InputError("--exact: needs a world and parameters; give both, or leave it out")
    if state_dependent and history is None:
        raise InputError("--state-dependent: needs the --history that led to the state")
    if state_dependent and exact:
        raise InputError("--exact: the state is unknown; leave out --state-dependent or --exact")
    import emulator
    from emulator.inference.histories import history_array

    observed = None if history is None else history_array(history)[0][0]
    theta = values if values or history is None else None
    model = emulator.load(weights)
    if world is not None:
        check_known(model, world)
    asked: dict[str, Any] = {
        "shock": shock, "size": size, "horizon": horizon, "history": observed,
        "state_dependent": state_dependent, "bands": bands,
    }  # fmt: skip
    response = model.respond(world, theta, **asked)
    if not extrapolate:
        check_trained(model, response)
    status = None
    if world is not None and not (exact and extrapolate):  # then the solution itself tells
        status = check_solvable(model, world, values, extrapolate)
    found = {"emulator": response.point[0]}
    if exact:
        assert world is not None
        found["exact"], status = solve(world, values, shock, size, horizon)
    bands_found = {"emulator": response.values[0]} if bands else {}
    _warn(model, response)
    answer = Responses(response.shocks, response.observables, found, bands_found, response.levels)
    if plot is not None:
        draw_responses(answer, plot)
    if output_format is ResponseFormat.json:
        attributes = {k: v for k, v in response.attrs.items() if k != "source"}
        out = {**attributes, "horizon": list(range(horizon + 1)), **as_dict(answer)}
        if exact:
            out["largest_error"] = float(abs(found["emulator"] - found["exact"]).max())
        if status is not None:
            out["status"] = status
        print_json(out)
    elif output_format is ResponseFormat.csv:
        typer.echo(as_csv(answer), nl=False)
    else:
        title = model.spec(world).title if world is not None else "Any world"
        print_responses(f"{title}, {size:g} s.d.", answer)
        if response.attrs["out_of_bounds"]:
            names = ", ".join(response.attrs["out_of_bounds"])
            typer.echo(f"outside the bounds, extrapolated: {names}")
        if plot is not None:
            typer.echo(f"drawn: {plot}")


def _warn(model: Emulator, response: Response) -> None:
    """Say on stderr what makes an answer less trustworthy than most."""
    for part in response.attrs["held_out"]:
        typer.echo(
            f"emulator: {part} was held out of training: errors are larger there, and bands, "
            "where there are any, too narrow",
            err=True,
        )
    for sentence in response.attrs["unusual"]:
        typer.echo(f"emulator: unlike the histories trained on: {sentence}", err=True)
    if response.values.shape[2] - 1 > model.model.horizon:
        last = model.model.horizon
        typer.echo(
            f"emulator: extrapolated after quarter {last}, the last one trained on", err=True
        )


def check_known(model: Emulator, world: str) -> None:
    """Refuse a world that is installed but not in the weights; other names the model refuses."""
    if world in model.worlds:
        return
    from emulator.worlds import list_worlds

    if world in list_worlds():
        raise InputError(
            f"world {world!r}: these weights know {', '.join(model.worlds)}; train some that know "
            f"it, or get the exact response with emulator.get_world({world!r}).irf(theta)"
        )


def check_trained(model: Emulator, response: Response) -> None:
    """Refuse parameters, sizes and histories outside what the weights were trained on."""
    strange = response.attrs["other_units"]
    if strange:
        raise InputError(
            f"history: the s.d. of {', '.join(strange)} is far from that of the histories trained "
            "on (over 20 times or under a 40th); expected output in percent, not a fraction, "
            "inflation and rate in annualised percentage points. Add --extrapolate to answer all "
            "the same"
        )
    outside = response.attrs["out_of_bounds"]
    if not outside:
        return
    world = response.attrs["world"]
    parameters = model.spec(world).parameters if world else ()
    bounds = [f"{p.name} in [{p.lower:g}, {p.upper:g}]" for p in parameters if p.name in outside]
    if "size" in outside:
        bounds.append("size from 0.25 to 3 s.d. of either sign")
    raise InputError(
        f"outside the bounds the emulator was trained on ({', '.join(bounds)}); add --extrapolate "
        "to answer all the same"
    )


def check_solvable(
    model: Emulator, world: str, values: dict[str, float], extrapolate: bool
) -> str | None:
    """The status of a world's solution at these parameters, None where nothing can tell: at the
    defaults nobody asks, and the world has to be installed as the weights know it.

    Refuses parameters without a solution, or which the prior leaves out; with `extrapolate` it says
    so on stderr.
    """
    from emulator.worlds import get_world, list_worlds
    from emulator.worlds.base import Status

    if not values or world not in list_worlds():
        return None
    try:
        solver = get_world(world)
        if not same_names(model.spec(world), solver.spec):
            return None
        status = Status(int(solver.check(solver.pack(values))[0]))
    except EmulatorError as error:
        typer.echo(f"emulator: whether there is a solution was not checked: {error}", err=True)
        return None
    if status not in (Status.OK, Status.OUT_OF_BOUNDS):
        found = f"world {world!r} at these parameters: {status.message.partition(' (')[0]}"
        if status is Status.INADMISSIBLE:
            found += f", see `emulator worlds {world}`"
        if not extrapolate:
            raise InputError(
                f"{found}; the weights were trained on none such; add --extrapolate to answer all "
                "the same"
            )
        typer.echo(f"emulator: {found}", err=True)
    return status.name


def solve(
    world: str, values: dict[str, float], shock: str | None, size: float, horizon: int
) -> tuple[NDArray[np.float64], str]:
    """The solved model's responses (S, H+1, 3), to one shock (1, H+1, 3), and the status."""
    from emulator.worlds import get_world, list_worlds
    from emulator.worlds.base import Status

    if world not in list_worlds():
        close = nearest(world, list_worlds())
        raise InputError(f"--exact: world {world!r} is not installed (nearest: {close})")
    model = get_world(world)
    answer = model.irf(model.pack(values), horizon=horizon, size=size)
    status = Status(int(answer.status[0]))
    if not status.solved:
        raise InputError(f"--exact: world {world!r}: {status.message}")
    block = answer.values[0]
    if shock is not None:
        block = block[[model.shock_names.index(shock)]]
    return block, status.name
