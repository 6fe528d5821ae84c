"""What the page shows of a state: the emulator's answer beside the exact one, and its error."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emulator.errors import InputError
from emulator.evaluation.metrics.peak import peak
from emulator.evaluation.report.canvas import short_unit
from emulator.explorer.state import Catalogue, State
from emulator.inference import Bank, Emulator
from emulator.inference.trust import Caveat, Found
from emulator.limits import QUANTILES
from emulator.specs import Shock, WorldSpec, same_names
from emulator.worlds import World, get_world, has_world, list_worlds
from emulator.worlds.base import Status
from emulator.worlds.dynare import DynareWorld

Array = NDArray[np.float64]

# Responses that never exceed this are zero but for rounding (rbc's output after a monetary shock):
# an error has no share of them.
NOTHING = 1e-9
_EXACT_ALONE = "the exact response alone: these weights do not know this world"
_EMULATED_ALONE = "without the exact response, which takes long to find"
MOST_DROPPED = 8  # models kept; each is a panel of every page
MOST_NOTES = 3  # of what a model's reader left out
MOST_PLACES = 300  # to round to: ten to a higher power is not finite


@dataclass(frozen=True)
class Panel:
    """One world's part of the page.

    exact, point: (H+1, 3) in the observables' units; bands: (H+1, 3, 5) at the levels of
    `QUANTILES`. None is what there is not. level: `ok`, `warning` or `error`, of which `notes` are
    the reasons, a sentence each.
    """

    spec: WorldSpec
    shock: Shock | None
    exact: Array | None
    point: Array | None
    bands: Array | None
    level: str
    notes: tuple[str, ...]


class Answers:
    """The emulator and the exact solutions of the worlds that both know; of `others`, names or
    paths of worlds, those that the weights do not know have exact answers alone. Worlds that are
    dear to solve have the emulator's alone, where the weights know them.

    Raises InputError where there is no such world, for weights of a regime without theta, and for
    two worlds of one name.
    """

    def __init__(self, model: Emulator | Bank, others: Sequence[str] = ()) -> None:
        for regime in dict.fromkeys(model.of(w).provenance["regime"] for w in model.worlds):
            if regime not in ("A", "all"):
                raise InputError(
                    f"these weights were trained in regime {regime}; the explorer answers from "
                    "parameters, which needs weights trained in A or all"
                )
        names = dict.fromkeys([*list_worlds(), *filter(has_world, model.worlds)])
        self.worlds = {name: get_world(name) for name in names if _known(model, name)}
        self.emulated = frozenset(self.worlds)
        for other in others:
            world = get_world(other)
            if world.name in self.worlds:
                raise InputError(f"{other}: a world {world.name!r} is shown already")
            self.worlds[world.name] = world
        if not self.worlds:
            raise InputError(
                f"these weights know {', '.join(model.worlds)}, none of which is installed as they "
                "know it; install the package that has the worlds, or train again"
            )
        self.model = model
        self.dropped: dict[str, DynareWorld] = {}
        self.edition = 0  # counts the models dropped, each of which changes what there is
        self.catalogue = self._catalogue()

    def beside(self, world: DynareWorld) -> Answers:
        """These and the exact ones of a dropped model, in place of one dropped before that has its
        name or, where `MOST_DROPPED` are there, of the first. Raises InputError where any other
        world has its name."""
        if world.name in self.worlds.keys() - self.dropped.keys():
            raise InputError(f"a world {world.name!r} is shown already; rename the file")
        found = copy(self)
        kept = [other for other in self.dropped.values() if other.name != world.name]
        found.dropped = {w.name: w for w in (*kept[1 - MOST_DROPPED :], world)}
        others = {n: w for n, w in self.worlds.items() if n not in self.dropped}
        found.worlds = {**others, **found.dropped}
        found.edition = self.edition + 1
        found.catalogue = found._catalogue()
        return found

    def _catalogue(self) -> Catalogue:
        """Of the worlds, as the weights know them or as they are."""
        known = self.emulated
        specs = [self.model.spec(n) if n in known else w.spec for n, w in self.worlds.items()]
        return Catalogue(specs, min(self.model.of(n).model.horizon for n in self.model.worlds))

    def panels(self, state: State) -> list[Panel]:
        """One panel a chosen world. Nothing about the values of a state raises."""
        return [self._panel(state, self.catalogue.specs[world]) for world in state.worlds]

    def _panel(self, state: State, spec: WorldSpec) -> Panel:
        shock = next((s for s in spec.shocks if s.name == state.shock), None)
        if shock is None:
            note = f"{spec.name} has no {state.shock} shock; it has {', '.join(spec.shock_names)}"
            having = [n for n, w in self.worlds.items() if state.shock in w.shock_names]
            if having and all(name in self.dropped for name in having):
                note += (
                    f'; where one of these is the same, name it under "Its observables and names", '
                    f"as in {state.shock}={spec.shock_names[0]}"
                )
            return Panel(spec, None, None, None, None, "error", (note,))
        if state.size == 0.0:
            note = "a shock of size zero is no shock"
            return Panel(spec, shock, None, None, None, "error", (note,))
        theta = self.catalogue.theta(state, spec.name)
        alone = self._alone(spec.name)
        exact, status = None, Status.OK
        if alone is None:
            exact, status = _solved(self.worlds[spec.name], theta, state)
        if spec.name not in self.emulated:
            outside = () if status is Status.OK else (status.message,)
            level = "error" if exact is None else "warning" if outside else "ok"
            notes = [_EXACT_ALONE, *outside, *self._left_out(spec.name)]
            return Panel(spec, shock, exact, None, None, level, tuple(notes))
        point = bands = None
        caveats: tuple[Found, ...] = ()
        notes = []
        model = self.model.of(spec.name)
        try:
            answer = model.respond(
                spec.name, theta, shock=state.shock, size=state.size, horizon=state.quarters,
                bands=model.model.config.bands and state.quarters <= self.catalogue.trained,
            )  # fmt: skip
            point = answer.point[0, 0]
            bands = answer.values[0, 0] if answer.levels else None
            caveats = answer.attrs["caveats"]
        except InputError as error:
            notes.append(f"emulator: {error}")
        if alone is not None:
            caveats = tuple(found for found in caveats if found.caveat is not Caveat.UNCHECKED)
        notes += [found.sentence for found in caveats]
        said = any(found.caveat is Caveat.NO_SOLUTION for found in caveats)
        missing = exact is None and alone is None
        if missing and not said:
            notes.append(f"there is no exact response: {status.message}")
        level = "error" if missing or point is None else "warning" if notes else "ok"
        notes = notes if alone is None else [alone, *notes]
        return Panel(spec, shock, exact, point, bands, level, tuple(notes))

    def _left_out(self, world: str) -> list[str]:
        """What a dropped model's reader left out or took for granted; nothing of others."""
        if world not in self.dropped:
            return []
        notes = [str(note) for note in self.dropped[world].found.notes]
        if len(notes) > MOST_NOTES:
            notes[MOST_NOTES:] = [f"{len(notes) - MOST_NOTES} more notes, see `emulator import`"]
        return notes

    def _alone(self, world: str) -> str | None:
        """What is said of a world whose exact response is not shown, for it is dear to solve and
        these weights know it; None of others."""
        if world not in self.emulated or not self.worlds[world].dear:
            return None
        error = self.model.of(world).provenance.get("nrmse", {}).get(world)
        if error is None:
            return f"{_EMULATED_ALONE}; how far off this network is was not measured"
        return f"{_EMULATED_ALONE}; over the prior this network is off by {100.0 * error:.2g} %"


def _known(model: Emulator | Bank, world: str) -> bool:
    """Whether the weights know an installed world, with its parameters and shocks."""
    if world not in model.worlds:
        return False
    return same_names(model.spec(world), get_world(world).spec)


def _solved(
    world: World[Any], theta: dict[str, float], state: State
) -> tuple[Array | None, Status]:
    """The exact response (H+1, 3), None where there is none, and the verdict on the draw."""
    answer = world.irf(world.pack(theta), horizon=state.quarters, size=state.size)
    status = Status(int(answer.status[0]))
    if not status.solved:
        return None, status
    return answer.values[0, world.shock_names.index(state.shock)], status


def errors(found: Panel) -> list[dict[str, Any]]:
    """The error in figures, one row an observable; empty without both answers.

    rmse: sqrt(mean over quarters of the squared error), in the observable's unit. peak: of the
    exact response, its value furthest from zero. share: rmse / |peak|, None where the exact
    response is zero. inside: quarters in which it lies within the 90 % band.
    """
    if found.exact is None or found.point is None:
        return []
    top = peak(found.exact.T)[0]
    rmse = np.sqrt(np.square(found.point - found.exact).mean(axis=0))
    rows = []
    for j, observable in enumerate(found.spec.observables):
        inside = None
        if found.bands is not None:
            low, high = found.bands[:, j, 0], found.bands[:, j, -1]
            inside = int(((found.exact[:, j] >= low) & (found.exact[:, j] <= high)).sum())
        rows.append(
            {
                "observable": observable.label,
                "unit": short_unit(observable.unit),
                "peak": float(top[j]),
                "rmse": float(rmse[j]),
                "share": float(rmse[j] / abs(top[j])) if abs(top[j]) > NOTHING else None,
                "inside": inside,
            }
        )
    return rows


def as_json(found: Panel, size: float) -> dict[str, Any]:
    """A panel as the page's script takes it: per observable a list over quarters."""
    about = ""
    if found.shock is not None:
        unit = f" (one s.d. is {found.shock.sigma})" if found.shock.sigma else ""
        about = (
            f"{found.shock.name}, {size:g} s.d.{unit}. A positive one {found.shock.description}."
        )
    bands = None
    if found.bands is not None:
        bands = [_lists(found.bands[..., q]) for q in (0, 1, 3, 4)]
    return {
        "level": found.level,
        "status": ". ".join(found.notes) or Status.OK.message,
        "shock": about,
        "exact": _lists(found.exact),
        "point": _lists(found.point),
        "bands": bands,
        "errors": errors(found),
    }


def _lists(values: Array | None) -> list[list[float]] | None:
    """(H+1, 3) as three lists, to six digits of the peak: more than a screen shows."""
    if values is None:
        return None
    values = values.astype(np.float64)
    peaks = np.abs(values).max(axis=0)
    power = np.floor(np.log10(np.where(peaks > 0.0, peaks, 1.0))).astype(int)
    return [
        np.round(row, min(5 - p, MOST_PLACES)).tolist()
        for row, p in zip(values.T, power, strict=True)
    ]


def as_csv(panels: list[Panel], state: State) -> str:
    """One row a world, observable and quarter: exact, emulator, a column a quantile, and what is
    to be said of the answer."""
    frames = []
    for found in panels:
        for j, observable in enumerate(found.spec.observables):
            columns: dict[str, Any] = {
                "world": found.spec.name, "shock": state.shock, "size": state.size,
                "observable": observable.name, "unit": observable.unit,
                "quarter": range(state.quarters + 1),
            }  # fmt: skip
            for name, values in (("exact", found.exact), ("emulator", found.point)):
                columns[name] = np.nan if values is None else values[:, j]
            for q, level in enumerate(QUANTILES):
                name = f"q{100 * level:02.0f}"
                columns[name] = np.nan if found.bands is None else found.bands[:, j, q]
            columns["notes"] = ". ".join(found.notes)
            frames.append(pd.DataFrame(columns))
    return pd.concat(frames).to_csv(index=False)
