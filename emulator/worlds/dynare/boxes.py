"""Which numbers of a file become parameters of a world, and their boxes.

A prior gives its 5 to 95 % interval; other numbers get 25 % around the calibration, shares within
(0, 1) on the odds scale. Whole numbers, zero among them, stay fixed, but for shocks' s.d.s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

from emulator.errors import InputError, unknown_name
from emulator.specs import Parameter, Transform
from emulator.worlds.dynare.graph import Symbol
from emulator.worlds.dynare.model import Model, Prior
from emulator.worlds.dynare.quantiles import box as prior_box
from emulator.worlds.dynare.timing import System

AROUND = 0.25
# Bounds given by the user: (lower, upper), or a number at which the parameter stays.
Bounds = Mapping[str, "tuple[float, float] | float"]


@dataclass(frozen=True)
class Choice:
    """What draws set: parameters and their leaves, in one order. fixed: leaves that keep a number
    other than the file's; reasons: by name, why the others stay where they are."""

    parameters: tuple[Parameter, ...]
    leaves: tuple[Symbol, ...]
    fixed: dict[Symbol, float]
    reasons: dict[str, str]


def choose(model: Model, names: Mapping[Symbol, str], bounds: Bounds | None = None) -> Choice:
    """The parameters of the world that `model` becomes; names: what its numbers are called there.

    Raises UnknownNameError for a bound on what is none of the file's numbers, InputError for one
    that cannot be.
    """
    priors = {(p.kind, p.name): p for p in model.priors}
    given = dict(bounds or {})
    parameters: list[Parameter] = []
    leaves: list[Symbol] = []
    fixed: dict[Symbol, float] = {}
    reasons: dict[str, str] = {}
    for leaf, name in names.items():
        is_sd = leaf.name.startswith("stderr ")
        kind = "stderr" if is_sd else "parameter"
        prior = priors.get((kind, leaf.name.removeprefix("stderr ")))  # type: ignore[arg-type]
        value = _default(model.defaults[leaf], prior)
        bound = given.pop(name, None)
        if isinstance(bound, (int, float, Real)):  # NumPy's numbers too
            fixed[leaf] = float(bound)
            reasons[name] = f"fixed at {bound:g} by the bounds given"
            continue
        found = _box(value, prior, is_sd) if bound is None else _checked(name, bound, value)
        if found is None:
            reasons[name] = f"{value:g} is a whole number; give bounds to draw it"
            continue
        lower, upper = found
        parameters.append(
            Parameter(
                name,
                _description(model, leaf, prior if bound is None else None),
                "1",
                lower,
                upper,
                min(max(value, lower), upper),
                _transform(lower, upper, is_sd or _is_sd(model, leaf.name)),
            )
        )
        leaves.append(leaf)
    if given:
        raise unknown_name("parameter with bounds", next(iter(given)), names.values())
    return Choice(tuple(parameters), tuple(leaves), fixed, reasons)


def leaf_names(model: Model, system: System) -> dict[Symbol, str]:
    """The numbers of the file that its responses may depend on, and what each is called."""
    graph = model.graph
    roots = [*system.static, *(n for *_, n in (*system.lead, *system.now, *system.lag))]
    roots += [n for *_, n in system.load] + [m.node for m in model.covariance.values()]
    roots += [node for _, node in model.steady or []]
    seen: set[str] = set()
    used: set[Symbol] = set()
    while roots:
        symbols = graph.symbols(roots)
        used |= {s for s in symbols if s.kind == "free"}
        new = {s.name for s in symbols if s.kind == "parameter"} - seen
        seen |= new
        roots = [model.values[name] for name in sorted(new) if name in model.values]
    latest = {s.name: s for s in model.defaults}
    out: dict[Symbol, str] = {}
    taken = set(model.parameters)
    for leaf in model.defaults:
        if leaf not in used or latest[leaf.name] != leaf:
            continue
        name = leaf.name
        if name.startswith("stderr "):
            name = f"sd_{name.removeprefix('stderr ')}"
            while name in taken:
                name += "_"
        out[leaf] = name
        taken.add(name)
    return out


def sigma_of(model: Model, choice: Choice, shock: str) -> str | None:
    """The parameter that is the shock's s.d., where one is."""
    moment = model.covariance[shock, shock]
    graph = model.graph
    for parameter, leaf in zip(choice.parameters, choice.leaves, strict=True):
        if moment.kind == "stderr" and moment.node == graph.leaf(leaf):
            return parameter.name
        if moment.kind == "variance":
            square = graph.apply("multiply", graph.leaf(leaf), graph.leaf(leaf))
            if moment.node == square:
                return parameter.name
    return None


def _is_sd(model: Model, name: str) -> bool:
    """Whether the parameter is a shock's s.d. as it stands."""
    node = model.values.get(name)
    return node is not None and any(
        m.kind == "stderr" and m.node == node for m in model.covariance.values()
    )


def _default(value: float, prior: Prior | None) -> float:
    """The file's number; the start or mean of an estimated one that it leaves at zero or NaN."""
    if prior is None or (math.isfinite(value) and value != 0.0):
        return value
    for other in (prior.initial, prior.mean):
        if other is not None and math.isfinite(other):
            return other
    return value


def _box(value: float, prior: Prior | None, is_sd: bool) -> tuple[float, float] | None:
    found = prior_box(prior) if prior is not None else None
    if found is not None and prior is not None:
        lower = max(found[0], -math.inf if prior.lower is None else prior.lower)
        upper = min(found[1], math.inf if prior.upper is None else prior.upper)
        lower, upper = min(lower, value), max(upper, value)  # the calibration belongs to the world
        if lower < upper and math.isfinite(value):
            return lower, upper
    if not math.isfinite(value) or value == 0.0 or (value == round(value) and not is_sd):
        return None
    if 0.0 < value < 1.0 and not is_sd:
        odds = value / (1.0 - value)
        low, high = odds * (1.0 - AROUND), odds * (1.0 + AROUND)
        return low / (1.0 + low), high / (1.0 + high)
    ends = sorted((value * (1.0 - AROUND), value * (1.0 + AROUND)))
    return ends[0], ends[1]


def _checked(name: str, bound: tuple[float, float], value: float) -> tuple[float, float]:
    try:
        lower, upper = (float(x) for x in bound)
    except (TypeError, ValueError):
        raise InputError(
            f"bounds of {name}: expected [lower, upper], or a number that fixes it, got {bound!r}"
        ) from None
    if not (math.isfinite(lower) and math.isfinite(upper) and lower < upper):
        raise InputError(f"bounds of {name}: expected lower < upper, got [{lower:g}, {upper:g}]")
    if not lower <= value <= upper:
        raise InputError(
            f"bounds of {name}: [{lower:g}, {upper:g}] leave out the file's {value:g}; widen them, "
            "or change the value"
        )
    return lower, upper


def _transform(lower: float, upper: float, is_sd: bool) -> Transform:
    if is_sd and lower > 0.0:
        return "log"
    return "bounded" if lower >= 0.0 and upper <= 1.0 else "scaled"


def _description(model: Model, leaf: Symbol, prior: Prior | None) -> str:
    name = leaf.name.removeprefix("stderr ")
    is_sd = name != leaf.name
    text = model.labels.get(name, name)
    text = f"s.d. of {text}" if is_sd else text
    if prior is None or prior.shape == "none" or prior_box(prior) is None:
        return text
    mean, sd = (f"{x:g}" if x is not None else "-" for x in (prior.mean, prior.sd))
    return f"{text}; 5 to 95 % of {prior.shape}({mean}, {sd})"
