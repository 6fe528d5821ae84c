"""What a world says about itself, as plain data.

Worlds describe themselves with these records; data sets and weights store them as JSON, so that a
model knows names, bounds and transforms without importing any world.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Transform = Literal["bounded", "scaled", "log"]
Prior = Literal["uniform", "log_uniform", "normal"]

OBSERVABLE_NAMES = ("output", "inflation", "rate")


@dataclass(frozen=True)
class Parameter:
    """One structural parameter.

    transform: how models normalise it. `bounded`, the logit of its position within the bounds
        (probabilities and other strictly bounded parameters); `scaled`, centred and scaled by the
        bounds; `log`, the same on the logarithm (standard deviations).
    prior: `uniform` or `log_uniform` on [lower, upper], or `normal` with `mean` and `sd`,
        truncated at three s.d., which are then the bounds.
    prior_note: the prior in words where the world does not draw the parameter from `prior` alone;
        empty otherwise.
    """

    name: str
    description: str
    unit: str
    lower: float
    upper: float
    default: float
    transform: Transform = "scaled"
    prior: Prior = "uniform"
    mean: float | None = None
    sd: float | None = None
    prior_note: str = ""

    def __post_init__(self) -> None:
        if not self.lower <= self.default <= self.upper:
            raise ValueError(f"{self.name}: default {self.default} outside its bounds")
        if self.prior == "normal" and (self.mean is None or self.sd is None):
            raise ValueError(f"{self.name}: a normal prior needs mean and sd")
        if (self.prior == "log_uniform" or self.transform == "log") and self.lower <= 0:
            raise ValueError(f"{self.name}: a logarithm needs a positive lower bound")

    @property
    def prior_text(self) -> str:
        """The prior in words: the note where there is one."""
        if self.prior_note:
            return self.prior_note
        if self.prior == "normal":
            return f"N({self.mean:.4g}, {self.sd:.4g}) within 3 s.d."
        return self.prior.replace("_", "-")


def normal(
    name: str, description: str, mean: float, sd: float, *, default: float | None = None
) -> Parameter:
    """A parameter with a N(mean, sd) prior truncated at three s.d."""
    return Parameter(
        name=name,
        description=description,
        unit="1",
        lower=mean - 3.0 * sd,
        upper=mean + 3.0 * sd,
        default=mean if default is None else default,
        transform="scaled",
        prior="normal",
        mean=mean,
        sd=sd,
    )


@dataclass(frozen=True)
class Shock:
    """One structural innovation. `description` says what a positive one does.

    sigma: the parameter that is the innovation's s.d., where the world names one.
    """

    name: str
    description: str
    sigma: str | None = None


@dataclass(frozen=True)
class Observable:
    """One of the three observables, with its label in this world and its unit."""

    name: str
    label: str
    unit: str


MACRO_OBSERVABLES = (
    Observable("output", "Output", "percent"),
    Observable("inflation", "Inflation", "annualised percentage points"),
    Observable("rate", "Nominal interest rate", "annualised percentage points"),
)


# Lists of more states than that are cut to the first ones and the last.
_STATES_SHOWN, _FIRST_STATES = 30, 6


def box(parameters: Iterable[Parameter]) -> NDArray[np.float64]:
    """(3, P): lower and upper bounds and defaults. Not to be written to."""
    found = np.array([(p.lower, p.upper, p.default) for p in parameters], dtype=np.float64).T
    found.setflags(write=False)
    return found


@dataclass(frozen=True)
class WorldSpec:
    """A world's description without its code: names, bounds, transforms, units, state size.

    restrictions: what binds parameters together beyond their bounds, a sentence each. floors:
    observables that never fall below the negative of a parameter, each with its name. recursive:
    whether shock j moves no observable before the j-th on impact, and raises that one. siblings: of
    how many samples of a data set a group is that shares what is dear to solve, and a split.

    moves (P, S), size_moves (S,): which parameters, and whether the size, change the response to a
    shock from rest, per unit of size and over its own s.d. (`emulator.worlds.dependence`). Empty
    where it was not found; then everything may.
    """

    name: str
    title: str
    source: str
    linear: bool
    hidden_chain: bool
    flag: str | None
    state_names: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    shocks: tuple[Shock, ...]
    observables: tuple[Observable, ...]
    restrictions: tuple[str, ...] = ()
    floors: tuple[tuple[str, str], ...] = ()
    recursive: bool = False
    siblings: int = 1
    moves: tuple[tuple[bool, ...], ...] = ()
    size_moves: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        if (names := tuple(o.name for o in self.observables)) != OBSERVABLE_NAMES:
            raise ValueError(f"{self.name}: observables {names}, expected {OBSERVABLE_NAMES}")
        for kind, named in (("parameter", self.parameter_names), ("shock", self.shock_names)):
            if not named or len(set(named)) < len(named):
                raise ValueError(f"{self.name}: no {kind}, or one twice")
        for observable, parameter in self.floors:
            if observable not in OBSERVABLE_NAMES or parameter not in self.parameter_names:
                raise ValueError(f"{self.name}: no such floor, {observable} at {parameter}")
        if self.siblings < 1:
            raise ValueError(f"{self.name}: groups of {self.siblings} siblings")
        shocks = [len(self.shocks)] * len(self.parameters)
        if self.moves and [len(row) for row in self.moves] != shocks:
            raise ValueError(f"{self.name}: moves is not of its parameters and shocks")
        if self.size_moves and len(self.size_moves) != len(self.shocks):
            raise ValueError(f"{self.name}: size_moves is not of its shocks")

    @property
    def by_size(self) -> bool:
        """Whether the size moves the response to some shock from rest, or may."""
        return any(self.size_moves) if self.size_moves else True

    @cached_property
    def box(self) -> NDArray[np.float64]:
        """(3, P): lower and upper bounds and defaults of the parameters."""
        return box(self.parameters)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.parameters)

    @property
    def shock_names(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.shocks)

    @property
    def states(self) -> tuple[str, ...]:
        """The names of the state for a reader: of many, the first ones and the last."""
        if len(self.state_names) <= _STATES_SHOWN:
            return self.state_names
        return (*self.state_names[:_FIRST_STATES], "...", self.state_names[-1])

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy. Only worlds that are drawn by siblings have a word on them, so that
        the fingerprints of all others stay."""
        data = dataclasses.asdict(self)
        if self.siblings == 1:
            del data["siblings"]
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> WorldSpec:
        """The inverse of `to_dict` (JSON turns tuples into lists; this turns them back).

        Descriptions written before priors had notes and worlds stated restrictions, floors and what
        moves what have none of them; without a word on siblings there are none.
        Raises KeyError, TypeError or ValueError for what is no description.
        """
        spec = cls(
            name=data["name"],
            title=data["title"],
            source=data["source"],
            linear=data["linear"],
            hidden_chain=data["hidden_chain"],
            flag=data["flag"],
            state_names=tuple(data["state_names"]),
            parameters=tuple(Parameter(**p) for p in data["parameters"]),
            shocks=tuple(Shock(**s) for s in data["shocks"]),
            observables=tuple(Observable(**o) for o in data["observables"]),
            restrictions=tuple(data.get("restrictions", ())),
            floors=tuple((o, p) for o, p in data.get("floors", ())),
            recursive=data.get("recursive", False),
            siblings=data.get("siblings", 1),
            moves=tuple(map(tuple, data.get("moves", ()))),
            size_moves=tuple(data.get("size_moves", ())),
        )
        # Data classes take anything; text in the place of a number would be met much later.
        _schema().validate_json(json.dumps(spec.to_dict()), strict=True)
        return spec


@cache
def _schema() -> Any:
    from pydantic import TypeAdapter  # most programs read no description

    return TypeAdapter(WorldSpec)


def same_names(one: WorldSpec, other: WorldSpec) -> bool:
    """Whether two worlds name the same parameters and shocks, in the same order."""
    return (one.parameter_names, one.shock_names) == (other.parameter_names, other.shock_names)
