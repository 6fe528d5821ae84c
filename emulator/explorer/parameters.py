"""Sliders: which parameters of several worlds share one, and between which bounds.

Worlds name alike what means the same (phi_pi, beta), and sometimes what does not: rho_a is the
persistence of demand in nk and of technology in rbc. So parameters share a slider when name, unit
and description agree and their bounds overlap; the others have one each, called `world.name` where
the name alone would not tell them apart. A shared slider spans the narrowest bounds that hold in
all the worlds chosen, so that dragging never leaves any of their boxes. It starts at the default of
the one that binds parameters together in most ways (its defaults satisfy that, another's may not),
the first of several, brought within those bounds. Numbers typed or linked may lie outside, and are
used as they are: each world's status then says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from emulator.specs import Parameter, WorldSpec

STEPS = 200  # of a slider, at least: a step is then under a pixel or two of a slider's width


@dataclass(frozen=True)
class Group:
    """Parameters of one or more worlds that one slider moves.

    key: their name, or `world.name`, the first world's, where several groups share the name.
    restrictions: in how many ways each of the worlds binds parameters together.
    """

    key: str
    name: str
    parameters: dict[str, Parameter]
    restrictions: Mapping[str, int]

    def among(self, worlds: Iterable[str]) -> list[Parameter]:
        """Those of the given worlds, in the order of the worlds."""
        return [self.parameters[world] for world in worlds if world in self.parameters]

    def bounds(self, worlds: Iterable[str]) -> tuple[float, float]:
        """The narrowest bounds common to the given worlds."""
        members = self.among(worlds)
        return max(p.lower for p in members), min(p.upper for p in members)

    def default(self, worlds: Sequence[str]) -> float:
        """Where the slider starts."""
        lower, upper = self.bounds(worlds)
        homes = [world for world in worlds if world in self.parameters]
        leading = max(homes, key=self.restrictions.__getitem__)  # the first of equals
        return min(max(self.parameters[leading].default, lower), upper)


@dataclass(frozen=True)
class Control:
    """A slider as the page draws it; value may lie outside [lower, upper]."""

    key: str
    name: str
    description: str
    unit: str
    worlds: list[str]
    lower: float
    upper: float
    step: float
    value: float


def groups(specs: Sequence[WorldSpec]) -> dict[str, Group]:
    """The groups of all worlds offered, by key. They do not depend on which are chosen."""
    restrictions = {spec.name: len(spec.restrictions) for spec in specs}
    found: dict[str, list[dict[str, Parameter]]] = {}
    for spec in specs:
        for parameter in spec.parameters:
            alike = found.setdefault(parameter.name, [])
            home = next((members for members in alike if _fits(parameter, members)), None)
            if home is None:
                alike.append(home := {})
            home[spec.name] = parameter
    out = {}
    for name, alike in found.items():
        for members in alike:
            key = name if len(alike) == 1 else f"{next(iter(members))}.{name}"
            out[key] = Group(key, name, members, restrictions)
    return out


def _fits(parameter: Parameter, members: dict[str, Parameter]) -> bool:
    """Whether a parameter means what the members mean, and some value suits all."""
    first = next(iter(members.values()))
    lower = max(parameter.lower, *(p.lower for p in members.values()))
    upper = min(parameter.upper, *(p.upper for p in members.values()))
    same = (parameter.unit, parameter.description) == (first.unit, first.description)
    return same and lower < upper


def nice_step(lower: float, upper: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that makes STEPS steps or more."""
    # Bounds are decimals: .145 - .125 is a rounding below .02, and still 200 steps of .0001.
    widest = (upper - lower) / STEPS * (1.0 + 1e-9)
    power = 10.0 ** math.floor(math.log10(widest))
    digits = max(0, -math.floor(math.log10(widest)))
    return round(max(m * power for m in (1.0, 2.0, 5.0) if m * power <= widest), digits)
