"""What is said of a world that was made of a Dynare model, by `emulator import` and `worlds`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from emulator.cli.console import print_table, progress_bar

if TYPE_CHECKING:
    from emulator.worlds.dynare import DynareWorld

# Draws of the box whose verdicts are counted.
_TRIED = 1000


def as_dict(world: DynareWorld) -> dict[str, Any]:
    """The world as plain data: its spec, and what the file holds besides."""
    from emulator.worlds import Status

    found = world.found
    verdicts = _verdicts(world)
    return {
        **world.spec.to_dict(),
        "file": found.file,
        "expressions": found.observables,
        "rule": found.rule,
        "fixed": found.fixed,
        "renamed": found.names,
        "shock_sds": world.shock_sds(),
        "shocks_without_sd": list(found.idle),
        "solved_variables": found.solved[0],
        "all_variables": found.solved[1],
        "unit_roots": found.unit_roots,
        "verdicts": {Status(s).name: n for s, n in sorted(verdicts.items())},
        "left_out": [str(note) for note in found.notes],
        "equations": found.equations,
    }


def print_imported(world: DynareWorld) -> None:
    """What the file holds, what is drawn, what stays, and which draws have a solution."""
    from emulator.worlds import Status

    found = world.found
    typer.echo(f"{world.name}: {found.file}, {found.solved[0]} variables to solve of "
               f"{found.solved[1]}{', with unit roots' if found.unit_roots else ''}")  # fmt: skip
    for key, expression in found.observables.items():
        typer.echo(f"  {key} = {expression}")
    if found.rule is not None:
        typer.echo(f"Policy rule in place of the file's own: {found.rule}")
    print_table(
        "Parameters (--bounds of `emulator import` changes their boxes)",
        ["name", "description", "lower", "upper", "default"],
        [
            [p.name, p.description, *(f"{v:.6g}" for v in (p.lower, p.upper, p.default))]
            for p in world.parameters
        ],
        prose=("description",),
    )
    if found.fixed:
        print_table(
            "Numbers that stay",
            ["name", "why"],
            [[name, why] for name, why in found.fixed.items()],
            prose=("why",),
        )
    sds = world.shock_sds()
    print_table(
        "Shocks (size 1 is one standard deviation)",
        ["name", "a positive one", "s.d.", "s.d. parameter"],
        [[s.name, s.description, f"{sds[s.name]:.6g}", s.sigma or "-"] for s in world.shocks],
        prose=("a positive one",),
    )
    if found.names:
        renamed = ", ".join(f"{old} = {new}" for old, new in found.names.items())
        typer.echo(f"Names in the file and here: {renamed}")
    if found.idle:
        typer.echo(
            f"Shocks without an s.d., left out: {', '.join(found.idle)}. One counts whose s.d. "
            "stands in the file before the first command that answers something"
        )
    shares = ", ".join(
        f"{Status(s).message} {n / _TRIED:.1%}" for s, n in _verdicts(world).most_common()
    )
    typer.echo(f"Of {_TRIED:,} draws: {shares}")


def print_equations(world: DynareWorld) -> None:
    """The model block, after macros."""
    typer.echo("Equations, as in the file after its macros:")
    for equation in world.found.equations:
        typer.echo(f"  {equation}")


def _verdicts(world: DynareWorld) -> Counter[int]:
    draws = world.from_uniforms(np.random.default_rng(0).random((_TRIED, len(world.parameters))))
    with progress_bar(f"{_TRIED:,} draws of {world.name}"):
        return Counter(int(s) for s in world.check(draws))
