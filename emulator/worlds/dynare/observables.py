"""Output, inflation and the rate of a file: named by the user, or recognised.

Recognised are the names that files commonly give them. The factor follows from what the variable is
at rest: near one a gross rate, whose logarithm is taken; within an exponential a logarithm; else a
level, or, where the steady state is zero, a deviation. Linear files whose shocks are large count in
percent already.
"""

from __future__ import annotations

from collections.abc import Mapping

from emulator.errors import InputError, unknown_name
from emulator.specs import OBSERVABLE_NAMES
from emulator.worlds.dynare.graph import Symbol
from emulator.worlds.dynare.model import Model
from emulator.worlds.dynare.places import Place, Refusal
from emulator.worlds.dynare.scopes import ModelScope
from emulator.worlds.dynare.syntax import parse
from emulator.worlds.dynare.text import Line
from emulator.worlds.dynare.tokens import tokenize

# In order of preference; letter case does not count.
_NAMES = {
    "output": "output y gdp y_t yy ygdp log_y y_hat yhat y_d yd outputgap y_gap ygap x",
    "inflation": "inflationq inflation pi pinf infl pie pi_t pi_hat pihat log_pi pic pi_p dp p_inf",
    "rate": "interest rate i ii r_n rn rnom r_nom nom_rate i_t i_hat ihat rs int r",
}
_WORDS = {
    "output": ("output", "gdp"),
    "inflation": ("inflation",),
    "rate": ("nominal interest", "nominal rate", "policy rate", "interest rate"),
}
# A linear file's largest s.d.: a shock of 5 percent or more is rare, one of .05 percent too.
_PERCENT = 0.05
# The convention of the Macroeconomic Model Data Base: percent, annualised.
_DATA_BASE = {"output": "output", "inflation": "inflationq", "rate": "interest"}


def expressions(model: Model, given: Mapping[str, str]) -> dict[str, int]:
    """The nodes of the three observables' expressions, in their order.

    Raises UnknownNameError for a name that is no observable, InputError where one is missing or
    cannot be read.
    """
    for name in given:
        if name not in OBSERVABLE_NAMES:
            raise unknown_name("observable", name, OBSERVABLE_NAMES)
    missing = [name for name in OBSERVABLE_NAMES if name not in given]
    if missing:
        raise InputError(
            f"observables: {', '.join(missing)} not recognised; give expressions for output in "
            "percent, inflation and rate in annualised percentage points, or for any other series "
            "in the place of one that the model does not have, in the file's variables: "
            f"{', '.join(list(model.endogenous)[:40])}"
        )
    return {name: _expression(model, name, given[name]) for name in OBSERVABLE_NAMES}


def _expression(model: Model, name: str, text: str) -> int:
    place = Place(f"observable {name}", 1)
    if not isinstance(text, str):
        raise InputError(f"observable {name}: expected an expression, got {text!r}")
    try:
        node = parse(tokenize([Line(text, place)]), ModelScope(model), place)
    except Refusal as refusal:
        raise InputError(f"observable {name}: {refusal.reason}") from None
    leaves = model.graph.symbols([node])
    if not any(symbol.kind == "endogenous" for symbol in leaves):
        raise InputError(f"observable {name}: {text!r} holds no variable of the file")
    return node


def recognise(model: Model, levels: Mapping[str, float] | None) -> dict[str, str]:
    """Expressions for the observables whose names are common ones.

    levels: the variables' steady states; None for a file that is linear.
    """
    if all(name in model.endogenous for name in _DATA_BASE.values()):
        return dict(_DATA_BASE)
    percent = levels is None and max(_sds(model), default=0.0) >= _PERCENT
    out = {}
    for observable in OBSERVABLE_NAMES:
        name = _named(model, observable, levels)
        if name is not None:
            out[observable] = _scaled(model, observable, name, levels, percent)
    return out


def _named(model: Model, observable: str, levels: Mapping[str, float] | None) -> str | None:
    by_case: dict[str, list[str]] = {}
    for name in model.endogenous:
        by_case.setdefault(name.lower(), []).append(name)
    candidates = [n for c in _NAMES[observable].split() for n in by_case.get(c, [])]
    labels = {name: model.labels.get(name, "").lower() for name in model.endogenous}
    candidates += [
        name
        for word in _WORDS[observable]
        for name, label in labels.items()
        if word in label and "expected" not in label
    ]
    named = [n for n in candidates if any(word in labels[n] for word in _WORDS[observable])]
    for name in [*named, *candidates]:
        level = 0.0 if levels is None else levels.get(name, 0.0)
        # inflation and rates are near zero, or gross; investment and real rates share their names
        rate = abs(level) < 0.06 or 0.9 < level < 1.3
        if observable == "output" or (rate and "real" not in labels[name]):
            return name
    return None


def _scaled(
    model: Model,
    observable: str,
    name: str,
    levels: Mapping[str, float] | None,
    percent: bool,
) -> str:
    factor = 100 if observable == "output" else 400
    if percent:
        return name if observable == "output" else f"4*{name}"
    level = 0.0 if levels is None else levels.get(name, 0.0)
    graph = model.graph
    # looked up without making the node
    logarithm = ("exp", (graph.leaf(Symbol("endogenous", name)),)) in graph
    gross = 0.9 < level < 1.3 if observable != "output" else level > 1e-8
    if gross and not logarithm and not name.lower().startswith("log"):
        return f"{factor}*log({name})"
    return f"{factor}*{name}"


def _sds(model: Model) -> list[float]:
    return [v for s, v in model.defaults.items() if s.name.startswith("stderr ")]
