"""What is made of responses before they are shown: a stated impact, sums over quarters.

Outputs are summed as they are, percent times quarters; annualised rates by their quarterly part, a
fourth, which makes of inflation the price level's change in percent.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import typer
from numpy.typing import NDArray

from emulator.cli.responses import Responses, parse_assignments, split_names
from emulator.errors import InputError, unknown_name
from emulator.specs import OBSERVABLE_NAMES

NORMALIZE_OPTION = typer.Option(
    None,
    metavar="NAME=IMPACT",
    help="Scale every response to this impact, such as rate=1: one point on the rate.",
)
CUMULATE_OPTION = typer.Option(
    None,
    metavar="NAMES",
    help="Sum these observables over quarters, between commas; annualised ones by a fourth.",
)


def impact_of(text: str | None) -> tuple[int, float] | None:
    """The observable's place and its impact, of `rate=1`; None of None."""
    if text is None:
        return None
    ((name, value),) = parse_assignments("--normalize", [text]).items()
    if name not in OBSERVABLE_NAMES:
        raise unknown_name("observable", name, OBSERVABLE_NAMES)
    if not 0 < abs(value) < 1e6:
        raise InputError(f"--normalize {name}: expected an impact other than zero, got {value:g}")
    return OBSERVABLE_NAMES.index(name), value


def named(impact: tuple[int, float]) -> dict[str, float]:
    """The impact by the observable's name."""
    return {OBSERVABLE_NAMES[impact[0]]: impact[1]}


def summed_of(text: str | None) -> tuple[str, ...]:
    """The observables to be summed, of `output,inflation`."""
    names = () if text is None else tuple(split_names("--cumulate", text))
    for name in names:
        if name not in OBSERVABLE_NAMES:
            raise unknown_name("observable to cumulate", name, OBSERVABLE_NAMES)
    return names


def factor(source: str, response: NDArray[np.float64], place: int, impact: float) -> float:
    """What scales a response (H+1, 3) to the impact. InputError where it hardly moves then."""
    from emulator.estimation.bands import NEAR_ZERO

    path = response[:, place]
    peak = abs(path).max()
    if abs(path[0]) <= NEAR_ZERO * peak or peak < 1e-6:
        raise InputError(
            f"--normalize: {source}: {OBSERVABLE_NAMES[place]} moves by {path[0]:.2g} on impact "
            f"and {peak:.2g} at its peak: too near zero to scale by; take another observable"
        )
    return float(impact / path[0])


def presented(
    answer: Responses, impact: tuple[int, float] | None, summed: tuple[str, ...]
) -> tuple[Responses, dict[str, NDArray[np.float64]]]:
    """The responses scaled and summed, and what each source's shocks (S,) were scaled by. Raises
    InputError as `factor` does."""
    from emulator.estimation.bands import cumulated, summed_units

    values, factors = dict(answer.values), {}
    if impact is not None:
        for source, found in answer.values.items():
            factors[source] = np.array([factor(source, one, *impact) for one in found])
            values[source] = found * factors[source][:, None, None]
    values = {source: cumulated(found, summed) for source, found in values.items()}
    observables = summed_units(answer.observables, summed)
    return replace(answer, observables=observables, values=values), factors
