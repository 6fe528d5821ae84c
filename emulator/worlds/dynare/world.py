"""The world that a model file becomes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from emulator.errors import InputError, unknown_name
from emulator.specs import MACRO_OBSERVABLES, Observable, Parameter, Shock
from emulator.worlds.base import FloatArray, Status
from emulator.worlds.dynare import boxes
from emulator.worlds.dynare.boxes import Bounds, Choice
from emulator.worlds.dynare.graph import Symbol
from emulator.worlds.dynare.model import Model, Prior
from emulator.worlds.dynare.observables import expressions, recognise
from emulator.worlds.dynare.places import Note, Place, Refusal
from emulator.worlds.dynare.rest import Given, Rest
from emulator.worlds.dynare.solution import FirstOrder
from emulator.worlds.dynare.syntax import MAX_QUARTERS
from emulator.worlds.dynare.timing import first_order
from emulator.worlds.linear import LinearWorld, StateSpace

_OPENS = re.compile(r"model( ?\(.*\))?;")
# Blanks beside brackets, before semicolons and around powers, and within leads: `( + 1 )`.
_SPACES = re.compile(r"(?<=\w)\s+(?=\()|(?<=[(\[])\s+|\s+(?=[)\];,])|\s*(\^)\s*")
_LEADS = re.compile(r"\(([+-])\s+(\d+)\)")


@dataclass(frozen=True)
class Found:
    """What the reader found in a file, for whoever imports it.

    text: the file without macros, comments and what does not count. observables: expressions by
    name. fixed: why each number that draws do not set stays where it is; set_values: those of them
    that do not have the file's value. names: of shocks and parameters that have others in the
    world. idle: shocks without an s.d. solved: how many variables are solved, of how many.
    unit_roots: whether it has some. rule: the policy rule in place of the file's own. notes: what
    was left out.
    """

    file: str
    text: str
    observables: dict[str, str]
    fixed: dict[str, str]
    names: dict[str, str]
    set_values: dict[str, float]
    idle: tuple[str, ...]
    solved: tuple[int, int]
    unit_roots: bool
    rule: str | None
    notes: tuple[Note, ...] = field(repr=False)

    @property
    def equations(self) -> list[str]:
        """The statements of the model block, after macros."""
        lines = self.text.splitlines()
        start = next(i for i, line in enumerate(lines) if _OPENS.match(line))
        block = lines[start + 1 : lines.index("end;", start)]
        return [_LEADS.sub(r"(\1\2)", _SPACES.sub(r"\1", line.strip())) for line in block]


class DynareWorld(LinearWorld[StateSpace]):
    """A model file as a world: first-order responses, as Dynare's stoch_simul(order=1).

    found: what the file holds; priors: those of its estimated_params. `imported` makes one.
    """

    found: ClassVar[Found]
    priors: ClassVar[tuple[Prior, ...]]
    _model: ClassVar[FirstOrder]
    _leaves: ClassVar[tuple[Symbol, ...]]
    _constants: ClassVar[dict[Symbol, float]]

    def _solve(self, theta: FloatArray) -> StateSpace:
        free: Given = {s: np.float64(v) for s, v in self._constants.items()}
        # contiguous columns: NumPy's functions may round strided ones otherwise
        columns = np.ascontiguousarray(theta.T)
        free |= dict(zip(self._leaves, columns, strict=True))
        return self._model.solve(free, len(theta))

    def steady_state(self, values: Mapping[str, float] | None = None) -> dict[str, float]:
        """The file's variables at rest, at named parameters and defaults for the rest.

        NaN where there is no steady state; empty for a model whose solution needs none.
        """
        theta = self.pack(values)
        free: Given = {s: np.float64(v) for s, v in self._constants.items()}
        free |= {s: np.array([v]) for s, v in zip(self._leaves, theta, strict=True)}
        with np.errstate(all="ignore"):
            given, solved = self._model.rest(free, 1)
        return {
            symbol.name: float(np.ravel(value)[0]) if solved[0] else np.nan
            for symbol, value in given.items()
            if symbol.kind == "steady" and symbol.name in self._model.model.endogenous
        }

    @property
    def estimated(self) -> dict[str, Prior]:
        """The priors of estimated_params by the parameters of the world that they are of."""
        priors = {(p.kind, p.name): p for p in self.priors}
        found: dict[str, Prior] = {}
        for name, leaf in zip(self.parameter_names, self._leaves, strict=True):
            of = leaf.name.removeprefix("stderr ")
            prior = priors.get(("parameter" if of == leaf.name else "stderr", of))
            if prior is not None:
                found[name] = prior
        return found

    def shock_sds(self) -> dict[str, float]:
        """Each shock's s.d. at the defaults."""
        free: Given = {s: np.float64(v) for s, v in self._constants.items()}
        free |= {s: np.array([v]) for s, v in zip(self._leaves, self.pack(), strict=True)}
        with np.errstate(all="ignore"):
            factor = self._model.factor(self._model.rest(free, 1)[0], 1)[0]
        sds = np.sqrt(np.square(factor).sum(axis=1))
        return dict(zip(self.shock_names, sds.tolist(), strict=True))


def imported(
    model: Model,
    *,
    name: str,
    observables: Mapping[str, str] | None = None,
    bounds: Bounds | None = None,
    title: str | None = None,
    parameters: tuple[Parameter, ...] | None = None,
    names: Mapping[str, str] | None = None,
) -> DynareWorld:
    """The world that `model` becomes; what is not given is recognised or follows from the file.

    parameters: those of a stored world, instead of the boxes that the file implies. names: what
    shocks and parameters of the file are called in the world; bounds and parameters have new names.
    Raises Refusal where the file has no steady state or no unique stable solution at its
    calibration, and InputError where observables or bounds do not fit it.
    """
    _give_estimated(model)
    _give_sds(model)
    recognised = {} if observables is not None and len(observables) == 3 else _recognised(model)
    chosen = {**recognised, **(observables or {})}
    nodes = expressions(model, chosen)
    chosen = {key: " ".join(chosen[key].split()) for key in nodes}
    inner = {f"observable {key}": node for key, node in nodes.items()}
    system = first_order(model, inner)
    solver = FirstOrder(model, system, list(inner))
    numbers = boxes.leaf_names(model, system)
    new = _checked(dict(names or {}), list(numbers.values()), list(model.exogenous))
    numbers = {leaf: new.get(old, old) for leaf, old in numbers.items()}
    choice = boxes.choose(model, numbers, bounds)
    if parameters is not None:
        choice = _as_stored(choice, parameters, numbers)
    constants = {**model.defaults, **choice.fixed}
    default = np.array([p.default for p in choice.parameters])
    at_default = {**constants, **dict(zip(choice.leaves, default.tolist(), strict=True))}
    status = solver.calibrate(at_default)
    if status != Status.OK:
        _refuse_dependent(solver, at_default)
        raise Refusal(
            system.places[0],
            f"at the file's calibration: {status.message}; check the timing of predetermined "
            "variables and the values",
        )
    if parameters is None:
        choice = _without_effect(solver, choice, at_default, (bounds or {}).keys())
        constants = {**model.defaults, **choice.fixed}
    if not choice.parameters:
        raise Refusal(
            Place(model.file, 1),
            "nothing is left to vary: every parameter and s.d. is a whole number, fixed, or moves "
            "none of the three responses; give bounds of one (--bounds), or check the equations",
        )
    shocks = tuple(
        dataclasses.replace(s, name=new.get(s.name, s.name))
        for s in _shocks(model, solver, choice, at_default)
    )
    structure = solver.structure
    states = [system.variables[structure.variables[b]] for b in structure.lagged]
    states += [system.variables[j] for j in structure.exogenous]
    states += [system.shocks[e] for e in structure.direct]
    found = Found(
        model.file,
        model.print(),
        chosen,
        choice.reasons,
        new,
        {numbers[s]: v for s, v in choice.fixed.items()},
        tuple(e for i, e in enumerate(system.shocks) if i not in solver.active),
        (len(structure.variables), len(system.variables)),
        solver.plan.threshold > 1.0,
        model.rule,
        tuple(model.notes),
    )
    attributes: dict[str, Any] = {
        "name": name,
        "title": title or f"Imported from {model.file}",
        "source": model.file,
        "parameters": choice.parameters,
        "shocks": shocks,
        "observables": tuple(
            Observable(o.name, f"{o.label} ({chosen[o.name]})", o.unit) for o in MACRO_OBSERVABLES
        ),
        "state_names": tuple(states),
        "found": found,
        "priors": tuple(model.priors),
        "_model": solver,
        "_leaves": choice.leaves,
        "_constants": {s: v for s, v in constants.items() if s not in choice.leaves},
        "__doc__": f"The world of {model.file}.",
    }
    made = type(f"Dynare_{name}", (DynareWorld,), attributes)()
    assert isinstance(made, DynareWorld)
    return made


def _refuse_dependent(solver: FirstOrder, at_default: Given) -> None:
    """Raise Refusal where equations say the same twice, which leaves some variables open."""
    found = solver.dependent(at_default)
    if found:
        places = solver.system.places
        lines = sorted({places[i] for i in found})
        shown = _listed([str(place.line) for place in lines[:6]])
        among = "among the equations of lines" if len(lines) > 6 else "the equations of lines"
        raise Refusal(
            lines[-1],
            f"at the file's calibration {among} {shown} are linearly dependent: one follows from "
            "the others or contradicts them; replace it",
        )


def _give_estimated(model: Model) -> None:
    """A value for parameters that the file only estimates: where the estimation starts."""
    for prior in model.priors:
        value = prior.initial if prior.initial is not None else prior.mean
        if prior.kind == "parameter" and prior.name not in model.values and value is not None:
            leaf = Symbol("free", prior.name)
            model.defaults[leaf] = value
            model.values[prior.name] = model.graph.leaf(leaf)
            model.note(prior.place, f"{prior.name} is only estimated; {value:g} is taken for it")


def _give_sds(model: Model) -> None:
    """An s.d. for estimated shocks that no shocks block names, and for all where none has one."""
    from emulator.worlds.dynare.blocks import sd_leaf
    from emulator.worlds.dynare.model import Moment

    def give(shock: str, value: float, place: Place) -> None:
        model.defaults[sd_leaf(shock)] = value
        leaf = model.graph.leaf(sd_leaf(shock))
        model.covariance[shock, shock] = Moment("stderr", leaf, place)

    for prior in model.priors:
        if prior.kind == "stderr" and (prior.name, prior.name) not in model.covariance:
            value = prior.initial if prior.initial is not None else prior.mean
            give(prior.name, value or ASSUMED_SD, prior.place)
    if not any(one == two for one, two in model.covariance):
        place = next(iter(model.exogenous.values()))
        for shock in model.exogenous:
            give(shock, ASSUMED_SD, place)
        model.note(place, f"no shock has an s.d.; {ASSUMED_SD:g} is taken for each")
    for shock in [one for one, two in model.covariance if one == two]:
        if model.defaults.get(sd_leaf(shock)) == 0.0:
            del model.covariance[shock, shock], model.defaults[sd_leaf(shock)]


ASSUMED_SD = 0.01
# Quarters of responses: in which a shock's effect is described, where it has one by then; and in
# which a number may have an effect, longer than any lag that is read.
_SHORT = 12
_LONG = MAX_QUARTERS + 20


def _recognised(model: Model) -> dict[str, str]:
    """What the file calls output, inflation and the rate, from names and steady states."""
    system = first_order(model, {})
    if not system.needs_rest:
        return recognise(model, None)
    rest = Rest(model, system)
    free: Given = dict(model.defaults)
    rest.calibrate(free)
    with np.errstate(all="ignore"):
        given, _ = rest(free, 1)
    levels = {s.name: float(np.ravel(v)[0]) for s, v in given.items() if s.kind == "steady"}
    return recognise(model, levels)


def _as_stored(
    choice: Choice, parameters: tuple[Parameter, ...], names: Mapping[Symbol, str]
) -> Choice:
    """The choice that a world file records."""
    leaves = {name: leaf for leaf, name in names.items()}
    for parameter in parameters:
        if parameter.name not in leaves:
            raise InputError(f"parameter {parameter.name}: the model text has none of this name")
    chosen = tuple(leaves[p.name] for p in parameters)
    left = {
        name: choice.reasons.get(name, "no parameter of the world file")
        for name, leaf in leaves.items()
        if leaf not in chosen
    }
    return Choice(parameters, chosen, choice.fixed, left)


def _without_effect(
    solver: FirstOrder, choice: Choice, at_default: Given, bounded: Container[str]
) -> Choice:
    """The choice less the parameters that move no observable's response from end to end; those
    `bounded` by the user stay."""
    count = len(choice.parameters)
    theta = np.tile([p.default for p in choice.parameters], (2 * count + 1, 1))
    for j, parameter in enumerate(choice.parameters):
        theta[1 + j, j], theta[1 + count + j, j] = parameter.lower, parameter.upper
    free: Given = {s: v for s, v in at_default.items() if s not in choice.leaves}
    free |= dict(zip(choice.leaves, np.ascontiguousarray(theta.T), strict=True))
    with np.errstate(all="ignore"):
        values = _responses(solver, free, len(theta), _LONG)
    away = np.abs(values[1:] - values[0]).max(axis=(1, 2, 3), initial=0.0)
    quiet = ~(away > 1e-12 * np.abs(values[0]).max(initial=0.0))
    quiet &= np.isfinite(values[1:]).all(axis=(1, 2, 3))
    keep = ~(quiet[:count] & quiet[count:])
    keep |= np.array([p.name in bounded for p in choice.parameters], dtype=np.bool_)
    reasons = dict(choice.reasons)
    for parameter, kept in zip(choice.parameters, keep, strict=True):
        if not kept:
            reasons[parameter.name] = f"{parameter.default:g} moves none of the three responses"
    return Choice(
        tuple(p for p, kept in zip(choice.parameters, keep, strict=True) if kept),
        tuple(s for s, kept in zip(choice.leaves, keep, strict=True) if kept),
        choice.fixed,
        reasons,
    )


def _responses(solver: FirstOrder, free: Given, rows: int, horizon: int) -> FloatArray:
    """Responses (B, S, H+1, 3) to one s.d."""
    from emulator.worlds.linear import responses

    space = solver.solve(free, rows)
    size = np.ones((rows, len(solver.active)))
    return responses(space.a, space.b, space.c, space.d, size, horizon)


def _shocks(
    model: Model, solver: FirstOrder, choice: Choice, at_default: Given
) -> tuple[Shock, ...]:
    """The shocks, with what a positive one does at the calibration, and the file's name of each."""
    with np.errstate(all="ignore"):
        values = _responses(solver, at_default, 1, _LONG)[0]
    out = []
    for place, position in enumerate(solver.active):
        name = model.labels.get(solver.system.shocks[position])
        shock = solver.system.shocks[position]
        early = values[place, : _SHORT + 1]
        what = _effects(early if early.any() else values[place])
        text = f"{what}; the file calls it {name}" if name else what
        out.append(Shock(shock, text, boxes.sigma_of(model, choice, shock)))
    return tuple(out)


def _checked(names: dict[str, str], numbers: list[str], shocks: list[str]) -> dict[str, str]:
    """`names`, which are of the file's numbers and shocks and leave no two the same. Raises
    UnknownNameError and InputError."""
    for name in names:
        if name not in numbers and name not in shocks:
            raise unknown_name("shock or parameter to rename", name, [*shocks, *numbers])
    for kind, known in (("parameters", numbers), ("shocks", shocks)):
        new = [names.get(name, name) for name in known]
        twice = next((name for name in new if new.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"names: two {kind} would be called {twice!r}")
    return names


def _effects(values: FloatArray) -> str:
    """In words, the sign of each observable's response where it is largest, of (H+1, 3)."""
    raised: list[str] = []
    lowered: list[str] = []
    scale = np.abs(values).max(initial=0.0)
    for j, observable in enumerate(MACRO_OBSERVABLES):
        column = values[:, j]
        peak = column[int(np.argmax(np.abs(column)))]
        if abs(peak) > 1e-9 * scale:
            name = "the rate" if observable.name == "rate" else observable.name
            (raised if peak > 0.0 else lowered).append(name)
    moved = (("raises", raised), ("lowers", lowered))
    words = [f"{verb} {_listed(names)}" for verb, names in moved if names]
    return (", ".join(words) or "raises none of the three") + " at the calibration"


def _listed(names: list[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
