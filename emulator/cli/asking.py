"""What commands that ask weights share: which they ask, caveats, exact solutions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from emulator.errors import InputError, nearest
from emulator.limits import MAX_HORIZON

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emulator.inference import Bank
    from emulator.inference.trust import Found

EXTRAPOLATE_OPTION = typer.Option(
    False, "--extrapolate", help="Answer outside what the weights were trained on too."
)
HORIZON_OPTION = typer.Option(
    None,
    min=0,
    max=MAX_HORIZON,
    help="Last quarter of the responses; the last one trained on unless given.",
)


WEIGHTS_OPTION = typer.Option(
    [],
    "--weights",
    metavar="FOLDER",
    help="A weights or run folder, instead of the shipped weights; may be given several times. Of "
    "those that know a world the last answers for it.",
)


def known_as(model: Bank, world: str) -> str:
    """The name by which weights know a world: itself, or that of the world in the file at this
    path."""
    if world in model.worlds:
        return world
    from emulator.worlds import get_world, has_world, list_worlds

    if world in list_worlds() or not has_world(world):
        return world
    name = get_world(world).name
    return name if name in model.worlds else world


def refuse(caveats: Iterable[Found], extrapolate: bool, about: str = "") -> None:
    """Raise InputError where caveats ask for --extrapolate and it is not given. about: what the
    line begins with."""
    reasons = [found.sentence for found in caveats if found.refused]
    if reasons and not extrapolate:
        raise InputError(f"{about}{'. '.join(reasons)}. Add --extrapolate to answer all the same")


def warn(caveats: Iterable[Found], about: str = "") -> None:
    """Say on stderr what makes an answer less trustworthy than most."""
    for found in caveats:
        typer.echo(f"emulator: {about}{found.sentence}", err=True)


def solve(
    world: str, values: dict[str, float], shock: str | None, size: float, horizon: int
) -> NDArray[np.float64]:
    """The solved model's responses (S, H+1, 3), to one shock (1, H+1, 3)."""
    from emulator.worlds import get_world, has_world, list_worlds
    from emulator.worlds.base import Status

    if not has_world(world):
        close = nearest(world, list_worlds())
        raise InputError(f"--exact: world {world!r} is not installed (nearest: {close})")
    model = get_world(world)
    answer = model.irf(model.pack(values), horizon=horizon, size=size)
    status = Status(int(answer.status[0]))
    if not status.solved:
        raise InputError(f"--exact: world {world!r}: {status.message}")
    shocks = slice(None) if shock is None else [model.shock_names.index(shock)]
    block: NDArray[np.float64] = answer.values[0][shocks]
    return block
