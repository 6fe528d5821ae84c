"""`emulator worlds [NAME]`: the world bank, or one world in full."""

from __future__ import annotations

import typer

from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table, progress_bar
from emulator.cli.imported import as_dict, print_equations, print_imported
from emulator.errors import InputError
from emulator.specs import WorldSpec

EXAMPLE = "emulator worlds nk"


def worlds(
    name: str | None = typer.Argument(None, help="A world; all of them when left out."),
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Show which worlds, parameters, shocks, units and bounds exist."""
    from emulator.worlds import get_world

    if name is None:
        specs = _all_that_load()
        if output_format is Format.json:
            print_json([spec.to_dict() for spec in specs])
        else:
            _print_bank(specs)
        return
    world = get_world(name)
    from emulator.worlds.dynare import DynareWorld

    if isinstance(world, DynareWorld):
        if output_format is Format.json:
            print_json(as_dict(world))
            return
        typer.echo(f"State at the end of a quarter: {', '.join(world.spec.states)}")
        print_imported(world)
        print_equations(world)
        return
    from emulator.worlds.dependence import described

    with progress_bar(f"worlds {name}"):  # solved many times, to see what moves what
        found = described(world)
    if output_format is Format.json:
        print_json(found.to_dict())
    else:
        _print_world(found)


def _all_that_load() -> list[WorldSpec]:
    """Every world's description; a warning on stderr for one that another package broke."""
    from emulator.worlds import get_world, list_worlds

    specs = []
    for world in list_worlds():
        try:
            specs.append(get_world(world).spec)
        except InputError as error:
            line = " ".join(str(error).split())
            typer.echo(f"emulator: world {world!r} left out: {line}", err=True)
    return specs


def _print_bank(specs: list[WorldSpec]) -> None:
    rows = [
        [s.name, s.title, str(len(s.parameters)), ", ".join(s.shock_names), s.source] for s in specs
    ]
    header = ["name", "title", "parameters", "shocks", "source"]
    print_table("Worlds", header, rows, prose=("title", "shocks", "source"))


def _moved(spec: WorldSpec, which: tuple[bool, ...]) -> str:
    """The shocks that something moves, in words."""
    if all(which):
        return "all"
    names = [name for name, moved in zip(spec.shock_names, which, strict=True) if moved]
    return ", ".join(names) or "none"


def _print_world(spec: WorldSpec) -> None:
    typer.echo(f"{spec.name}: {spec.title}\nSource: {spec.source}")
    typer.echo(f"State at the end of a quarter: {', '.join(spec.states)}")
    if spec.flag:
        typer.echo(f"Flag of a quarter: {spec.flag}")
    print_table(
        "Parameters",
        ["name", "description", "unit", "lower", "upper", "default", "prior", "transform", "moves"],
        [
            [p.name, p.description, p.unit, *(f"{v:.6g}" for v in (p.lower, p.upper, p.default)),
             p.prior_text, p.transform, _moved(spec, row)]
            for p, row in zip(spec.parameters, spec.moves, strict=True)
        ],
        prose=("description", "unit", "prior", "transform", "moves"),
    )  # fmt: skip
    typer.echo(
        "moves: the shocks whose responses, over their own s.d., change with the parameter"
        + (f"; with the size: {_moved(spec, spec.size_moves)}" if any(spec.size_moves) else "")
    )
    if spec.restrictions:
        typer.echo("Draws must satisfy, besides their bounds:")
        for restriction in spec.restrictions:
            typer.echo(f"  - {restriction}")
    print_table(
        "Shocks (size 1 is one standard deviation)",
        ["name", "a positive one", "s.d. parameter"],
        [[s.name, s.description, s.sigma or "-"] for s in spec.shocks],
        prose=("a positive one", "s.d. parameter"),
    )
    print_table(
        "Observables (deviations from steady state, quarterly)",
        ["name", "label", "unit"],
        [[o.name, o.label, o.unit] for o in spec.observables],
        prose=("label", "unit"),
    )
