"""`emulator compare --worlds nk,rbc --shock monetary`: one shock through several models.

As the Macroeconomic Model Data Base does (Wieland et al. 2012, JEBO 83(3)): the same rule, the same
impact, different models.
"""

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
    split_names,
)
from emulator.cli.scaling import NORMALIZE_OPTION, factor, impact_of
from emulator.errors import InputError, unknown_name
from emulator.specs import WorldSpec

EXACT_QUARTERS = 40  # where no weights say how far they were trained; the shipped ones so far

EXAMPLE = (
    "emulator compare --worlds nk,rbc,zlb --shock monetary --normalize rate=1 --set phi_pi=2.0 "
    "--plot compare.png"
)


def compare(
    worlds: str = typer.Option(..., metavar="NAME,NAME,...", help="Worlds that have the shock."),
    shock: str = typer.Option(..., help="The shock."),
    normalize: str | None = NORMALIZE_OPTION,
    assignments: list[str] = SET_OPTION,
    size: float = typer.Option(1.0, help="Size of the shock in standard deviations."),
    horizon: int | None = HORIZON_OPTION,
    exact: bool = typer.Option(False, "--exact", help="Solve the models; needs no weights."),
    plot: Path | None = PLOT_OPTION,
    output_format: ResponseFormat = RESPONSE_FORMAT_OPTION,
    weights: list[Path] = WEIGHTS_OPTION,
    extrapolate: bool = EXTRAPOLATE_OPTION,
) -> None:
    """Compare the responses of several models to one shock.

    --set holds for every world that has the parameter; the others keep their defaults. Scaling
    multiplies a response, also of a model in which the size matters (zlb): there --size decides
    which response is scaled.
    """
    check_target("--plot", plot, ".png")
    names = split_names("--worlds", worlds)
    values = parse_assignments("--set", assignments)
    impact = impact_of(normalize)
    if exact:
        if weights or extrapolate:
            given = "--weights" if weights else "--extrapolate"
            raise InputError(f"--exact solves the models and asks no weights: leave out {given}")
        specs = _installed(names, shock)
        thetas = _share_out(names, specs, values)
        quarters = EXACT_QUARTERS if horizon is None else horizon
        found = {}
        with progress_bar("compare") as progress:
            for done, name in enumerate(names):
                progress(done, len(names), name)
                found[name] = solve(name, thetas[name], shock, size, quarters)
        caveats = {}
    else:
        import emulator

        model = emulator.load_bank(weights)
        known = {name: known_as(model, name) for name in names}
        specs = [model.spec(known[name]) for name in names]
        thetas = _share_out(names, specs, values)
        if horizon is None:  # as far as all were trained
            horizon = min(model.of(name).model.horizon for name in known.values())
        asked: dict[str, Any] = {"shock": shock, "size": size, "horizon": horizon}
        with progress_bar("compare"):
            answers = {name: model.respond(known[name], thetas[name], **asked) for name in names}
        found = {name: response.values[0] for name, response in answers.items()}
        caveats = {name: response.attrs["caveats"] for name, response in answers.items()}
    for name, of_world in caveats.items():
        refuse(of_world, extrapolate, f"{name}: ")
    _check_units(specs)
    factors = dict.fromkeys(names, 1.0)
    if impact is not None:
        factors = {name: factor(name, found[name][0], *impact) for name in names}
        found = {name: factors[name] * found[name] for name in names}
    for name, of_world in caveats.items():
        warn(of_world, f"{name}: ")
    answer = Responses((shock,), specs[0].observables, found, {}, ())
    if plot is not None:
        draw_responses(answer, plot)
    if output_format is ResponseFormat.json:
        about: dict[str, Any] = {
            "worlds": names,
            "shock": shock,
            "size": size,
            "source": "exact" if exact else "emulator",
            "units": {o.name: o.unit for o in answer.observables},
            "scaled_by": factors,
            "caveats": {name: [c.to_dict() for c in caveats.get(name, ())] for name in names},
            "horizon": list(range(len(found[names[0]][0]))),
        }
        print_json({**about, "responses": as_dict(answer)})
    elif output_format is ResponseFormat.csv:
        typer.echo(as_csv(answer), nl=False)
    else:
        print_responses("Exact" if exact else "Emulated", answer)
        if normalize is not None:
            scaled = ", ".join(f"{name} by {factor:.4g}" for name, factor in factors.items())
            typer.echo(f"scaled to {normalize} on impact: {scaled}")
        if plot is not None:
            typer.echo(f"drawn: {plot}")


def _share_out(
    names: list[str], specs: list[WorldSpec], values: dict[str, float]
) -> dict[str, dict[str, float]]:
    """Each world's part of the parameters, by the name it was asked for with, which for a file is a
    path; UnknownNameError for one that none has."""
    known = dict.fromkeys(name for spec in specs for name in spec.parameter_names)
    for parameter in values:
        for asked in names:
            _require_free(asked, parameter)
        if parameter not in known:
            raise unknown_name("parameter of these worlds", parameter, known)
    return {
        asked: {k: v for k, v in values.items() if k in spec.parameter_names}
        for asked, spec in zip(names, specs, strict=True)
    }


def _require_free(world: str, parameter: str) -> None:
    """InputError where an imported world has the parameter, but keeps it at its value."""
    from emulator.worlds import get_world, has_world, list_worlds

    if world in list_worlds() or not has_world(world):
        return
    found = getattr(get_world(world), "found", None)
    if found is not None and parameter in found.fixed:
        raise InputError(
            f"--set {parameter}: world {world!r} keeps it at its value ({found.fixed[parameter]}); "
            "import the model with --bounds that name it"
        )


def _installed(names: list[str], shock: str) -> list[WorldSpec]:
    """The installed worlds' descriptions; all have the shock."""
    from emulator.worlds import get_world

    specs = [get_world(name).spec for name in names]
    for spec in specs:
        if shock not in spec.shock_names:
            raise unknown_name(f"shock of world {spec.name!r}", shock, spec.shock_names)
    return specs


def _check_units(specs: list[WorldSpec]) -> None:
    """Worlds whose observables are in different units cannot be drawn together."""
    first = specs[0]
    for spec in specs[1:]:
        if [o.unit for o in spec.observables] != [o.unit for o in first.observables]:
            raise InputError(
                f"--worlds: {first.name} and {spec.name} have observables in different units"
            )
