"""What the page shows, and the link that restores it.

    ?worlds=nk,rbc&shock=monetary&size=1.5&quarters=40&set=phi_pi=2.0&set=rbc.rho_a=0.5

`set` is `--set` of the command line: it holds for every chosen world that has the parameter. Where
the name means different things in the chosen worlds, it is written `world.name`. Parameters that
are left out have the slider's start. What cannot be read is said and replaced by its default,
piece by piece.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl, quote

from emulator.errors import EmulatorError, InputError, unknown_name
from emulator.explorer.parameters import Control, Group, groups, nice_step
from emulator.inference.arguments import MAX_SIZE_ASKED
from emulator.limits import MAX_HORIZON
from emulator.specs import WorldSpec
from emulator.strict_yaml import read_number
from emulator.worlds import list_worlds

KEYS = ("worlds", "shock", "size", "quarters", "set")
QUARTERS = 40  # shown at first, where the weights were trained that far
LONGEST = 20_000  # characters of a link; one that sets all of sw07 has a tenth of that
MOST_SAID = 5  # problems of one link


@dataclass(frozen=True)
class State:
    """Chosen worlds, shock, size in s.d.s, last quarter, and the values set, by group key."""

    worlds: tuple[str, ...]
    shock: str
    size: float
    quarters: int
    values: Mapping[str, float] = field(default_factory=dict)


class Catalogue:
    """The worlds a page offers: their sliders, defaults and links."""

    def __init__(self, specs: Sequence[WorldSpec], trained: int) -> None:
        self.specs = {spec.name: spec for spec in specs}
        self.groups = groups(specs)
        self.trained = trained
        count = Counter(name for spec in specs for name in spec.shock_names)
        self.shocks = tuple(count)
        # The shock that most worlds have, in the first two that have it.
        shock = max(count, key=lambda name: count[name])
        worlds = tuple(spec.name for spec in specs if shock in spec.shock_names)[:2]
        self.default = State(worlds, shock, 1.0, min(QUARTERS, trained))

    def shown(self, worlds: Sequence[str]) -> list[Group]:
        """The groups that the given worlds have: shared ones first, then world by world."""
        chosen = [group for group in self.groups.values() if group.among(worlds)]

        def place(group: Group) -> tuple[int, int]:
            homes = [worlds.index(world) for world in worlds if world in group.parameters]
            return -len(homes), homes[0]

        return sorted(chosen, key=place)

    def controls(self, state: State) -> list[Control]:
        """The sliders of a state."""
        out = []
        for group in self.shown(state.worlds):
            homes = [world for world in state.worlds if world in group.parameters]
            first = group.parameters[homes[0]]
            lower, upper = group.bounds(homes)
            value = state.values.get(group.key, group.default(homes))
            out.append(
                Control(group.key, group.name, first.description, first.unit, homes, lower, upper,
                        nice_step(lower, upper), value)
            )  # fmt: skip
        return out

    def theta(self, state: State, world: str) -> dict[str, float]:
        """A chosen world's parameters by name, each the value of its slider."""
        found = {}
        for group in self.groups.values():
            if world in group.parameters:
                homes = [w for w in state.worlds if w in group.parameters]
                found[group.name] = state.values.get(group.key, group.default(homes))
        return found

    # ------------------------------------------------------------------ links

    def write(self, state: State) -> str:
        """The query string of a state, without the question mark. `read` is its inverse."""
        pairs = [
            ("worlds", ",".join(state.worlds)),
            ("shock", state.shock),
            ("size", repr(state.size)),
            ("quarters", str(state.quarters)),
        ]
        shown = self.shown(state.worlds)
        for group in shown:
            if group.key in state.values:
                name = _link_name(group, shown, state.worlds)
                pairs.append(("set", f"{name}={state.values[group.key]!r}"))
        return "&".join(f"{key}={quote(text, safe=',=.')}" for key, text in pairs)

    def read(self, query: str) -> tuple[State, list[str]]:
        """The state of a query string, and a sentence for each piece that could not be used."""
        if len(query) > LONGEST:
            return self.default, [f"the link is longer than {LONGEST} characters: ignored"]
        problems: list[str] = []
        given: dict[str, list[str]] = {key: [] for key in KEYS}
        for key, text in parse_qsl(query.removeprefix("?"), keep_blank_values=True):
            if key in given:
                given[key].append(text)
            else:
                problems.append(str(unknown_name("part of a link", key[:40], KEYS)))
        for key in KEYS[:-1]:
            if len(given[key]) > 1:
                problems.append(f"{key} is given {len(given[key])} times: the first is used")
        default = self.default
        worlds = default.worlds
        if given["worlds"]:
            worlds = self._worlds(given["worlds"][0], problems) or default.worlds
        known = [name for world in worlds for name in self.specs[world].shock_names]
        shock = default.shock if default.shock in known else known[0]
        shock = _read(self._shock, given["shock"], shock, problems)
        size = _read(_size, given["size"], default.size, problems)
        quarters = _read(_quarters, given["quarters"], default.quarters, problems)
        values = self._values(given["set"], worlds, problems)
        if len(problems) > MOST_SAID:
            problems[MOST_SAID:] = [f"and {len(problems) - MOST_SAID} more"]
        return State(worlds, shock, size, quarters, values), problems

    def _worlds(self, text: str, problems: list[str]) -> tuple[str, ...]:
        names: list[str] = []
        for name in text.split(","):
            if name not in self.specs and name in list_worlds():  # but no file: anyone makes links
                problems.append(
                    f"world {name!r}: these weights do not know it; its exact responses are shown "
                    f"by emulator explore --worlds {name}"
                )
            elif name not in self.specs:
                problems.append(str(unknown_name("world here", name[:40], self.specs)))
            elif name in names:
                problems.append(f"world {name!r} is named twice")
            else:
                names.append(name)
        return tuple(names)

    def _shock(self, name: str) -> str:
        if name not in self.shocks:
            raise unknown_name("shock", name[:40], self.shocks)
        return name

    def _values(
        self, assignments: list[str], worlds: tuple[str, ...], problems: list[str]
    ) -> dict[str, float]:
        values: dict[str, float] = {}
        shown = self.shown(worlds)
        for text in assignments:
            name, separator, number = text.partition("=")
            try:
                if not separator:
                    raise InputError(f"set: expected NAME=VALUE, got {_short(text)}")
                group = self._group(name, shown, worlds)
                if group.key in values:
                    raise InputError(f"{name} is set twice: the first is used")
                values[group.key] = _number(name, number, math.inf)
            except EmulatorError as error:
                problems.append(str(error))
        return values

    def _group(self, name: str, shown: list[Group], worlds: tuple[str, ...]) -> Group:
        """The group that `name` or `world.name` stands for in the chosen worlds."""
        world, dot, rest = name.rpartition(".")
        if dot and world in self.specs:
            found = [g for g in shown if g.name == rest and world in g.parameters]
        else:
            found = [g for g in shown if g.name == name]
        if not found:
            names = dict.fromkeys(group.name for group in shown)
            raise unknown_name("parameter of the chosen worlds", name[:40], names)
        if len(found) > 1:
            clear = [_link_name(group, shown, worlds) for group in found]
            raise InputError(
                f"{name} does not mean the same in the chosen worlds: write {' or '.join(clear)}"
            )
        return found[0]


def _link_name(group: Group, shown: list[Group], worlds: Sequence[str]) -> str:
    """A group's name in a link, with a world before it where the name alone is not clear."""
    if sum(other.name == group.name for other in shown) == 1:
        return group.name
    return f"{next(world for world in worlds if world in group.parameters)}.{group.name}"


T = TypeVar("T")


def _read(reader: Callable[[str], T], given: list[str], default: T, problems: list[str]) -> T:
    """What the first text given says, or the default, with the reason among the problems."""
    if not given:
        return default
    try:
        return reader(given[0])
    except EmulatorError as error:
        problems.append(str(error))
        return default


def _size(text: str) -> float:
    return _number("size", text, MAX_SIZE_ASKED)


def _number(name: str, text: str, largest: float) -> float:
    try:
        value = read_number(text)
    except ValueError:
        raise InputError(f"{name}: expected a number, got {_short(text)}") from None
    if not math.isfinite(value) or abs(value) > largest:
        most = "" if math.isinf(largest) else f" of at most {largest:g}"
        raise InputError(f"{name}: expected a finite number{most}, got {_short(text)}")
    return value


def _quarters(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MAX_HORIZON):
        raise InputError(f"quarters: expected 1 to {MAX_HORIZON}, got {_short(text)}")
    return int(text)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
