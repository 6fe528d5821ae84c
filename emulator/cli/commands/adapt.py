"""`emulator adapt WORLD`: a network of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import typer

from emulator.cli.console import FORMAT_OPTION, Format, print_json, progress_bar
from emulator.errors import unknown_name

EXAMPLE = "emulator adapt gap.yaml --minutes 10 --output runs/gap"


def adapt(
    world: str = typer.Argument(..., help="A world: its name, or a world file's path."),
    output: Path = typer.Option(..., help="The folder of the weights; a new one."),
    from_data: bool = typer.Option(
        False,
        "--from-data",
        help="Learn the posterior of the parameters given a history, which `emulator estimate` "
        "takes, instead of responses given parameters.",
    ),
    minutes: float = typer.Option(10.0, help="How long it may take, in all."),
    error: float | None = typer.Option(
        None, help="Stop at this NRMSE on validation draws, such as .01."
    ),
    start: str | None = typer.Option(
        None,
        metavar="shipped|scratch",
        help="Start from the shipped weights' part of matching names, or from nothing; whichever "
        "does better when left out.",
    ),
    draws: int | None = typer.Option(
        None, help="Train on a fixed set of so many draws; when left out, as their cost allows."
    ),
    steps: int | None = typer.Option(
        None, help="Train for so many steps in all, whatever the time: to repeat a run exactly."
    ),
    seed: int = typer.Option(42, help="Of draws and weights."),
    resume: bool = typer.Option(False, "--resume", help="Go on where it was stopped."),
    output_format: Format = FORMAT_OPTION,
) -> None:
    """Train a network of one world, in minutes: named, imported, or dear to solve.

    It answers where parameters are known, from rest; with --from-data, what a history says of
    parameters. What it is, is chosen by validation draws; how
    far off it is, is measured on others and said in its card. Stopped by SIGTERM it saves a
    checkpoint and exits with code 143.
    """
    from emulator.adapt import Order
    from emulator.adapt import adapt as run
    from emulator.adapt.card import read_card
    from emulator.training.interruption import TERMINATED

    order = Order(world, minutes, error, _start(start), draws, steps, seed, from_data)
    with progress_bar(f"adapt {world}") as progress:
        finished = run(order, output, resume=resume, progress=progress)
    if not finished:
        typer.echo(f"stopped with a checkpoint: {output} (go on with --resume)")
        raise typer.Exit(TERMINATED)
    card = read_card(output)
    if output_format is Format.json:
        print_json(card)
        return
    test = card["test"]
    if from_data:
        typer.echo(
            f"{card['world']}: minus log density {test['minus_log_density']:.2f} over its prior's "
            f"histories (the prior's {test['prior_minus_log_density']:.2f}), 90 % intervals hold "
            f"{test['coverage_90']:.1%}; {card['steps']:,} steps in {card['seconds']:.0f} seconds"
        )
        typer.echo(
            f"card: {output}/README.md; next: emulator estimate {card['world']} --history FILE.csv "
            f"--weights {output} --instant"
        )
        return
    typer.echo(
        f"{card['world']}: NRMSE {test['nrmse']:.4f} over its prior ({test['draws']:,} test "
        f"draws), {card['steps']:,} steps in {card['seconds']:.0f} seconds"
    )
    if error is not None and card["validation"]["nrmse"] > error:
        typer.echo(f"the error asked for, {error:g}, was not reached in the time")
    typer.echo(f"card: {output}/README.md; next: emulator irf {card['world']} --weights {output}")


def _start(start: str | None) -> Literal["shipped", "scratch"] | None:
    starts: dict[str, Literal["shipped", "scratch"]] = {"shipped": "shipped", "scratch": "scratch"}
    if start is not None and start not in starts:
        raise unknown_name("start", start, starts)
    return None if start is None else starts[start]
