"""`emulator worlds [NAME]`: the world bank, or one world in full."""

from __future__ import annotations

import typer

from emulator.cli.app import app
from emulator.cli.console import FORMAT_OPTION, Format, print_json, print_table


@app.command(epilog="Example: emulator worlds nk")
def worlds(
    name: str | None = typer.Argument(None, help="A world; all of them when left out."),
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Show which worlds, parameters, shocks, units and bounds exist."""
    from emulator.worlds import get_world, list_worlds

    if name is None:
        specs = [get_world(world).spec for world in list_worlds()]
        if output_format is Format.json:
            print_json([spec.to_dict() for spec in specs])
            return
        rows = [
            [s.name, s.title, str(len(s.parameters)), ", ".join(s.shock_names), s.source]
            for s in specs
        ]
        print_table("Worlds", ["name", "title", "parameters", "shocks", "source"], rows)
        return
    spec = get_world(name).spec
    if output_format is Format.json:
        print_json(spec.to_dict())
        return
    typer.echo(f"{spec.name}: {spec.title}\nSource: {spec.source}")
    print_table(
        "Parameters",
        ["name", "description", "unit", "lower", "upper", "default", "prior", "transform"],
        [
            [p.name, p.description, p.unit, *(f"{v:.6g}" for v in (p.lower, p.upper, p.default)),
             p.prior if p.sd is None else f"N({p.mean:g}, {p.sd:g})", p.transform]
            for p in spec.parameters
        ],
    )  # fmt: skip
    print_table(
        "Shocks (size 1 is one standard deviation)",
        ["name", "a positive one", "s.d. parameter"],
        [[s.name, s.description, s.sigma or "-"] for s in spec.shocks],
    )
    print_table(
        "Observables (deviations from steady state, quarterly)",
        ["name", "label", "unit"],
        [[o.name, o.label, o.unit] for o in spec.observables],
    )
