"""Blocks other than the model: steady states, starting values, shocks, priors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import numpy as np

from emulator.worlds.dynare.graph import Symbol
from emulator.worlds.dynare.model import Model, Moment, Prior
from emulator.worlds.dynare.places import Place, Refusal
from emulator.worlds.dynare.program import Program
from emulator.worlds.dynare.scopes import ScriptScope, SteadyScope
from emulator.worlds.dynare.statements import Statement
from emulator.worlds.dynare.syntax import parse, split_equation
from emulator.worlds.dynare.tokens import Token, spell

Tokens: TypeAlias = tuple[Token, ...]

_SHAPES = {
    "beta_pdf": "beta",
    "gamma_pdf": "gamma",
    "normal_pdf": "normal",
    "uniform_pdf": "uniform",
    "inv_gamma_pdf": "inv_gamma",
    "inv_gamma1_pdf": "inv_gamma",
    "inv_gamma2_pdf": "inv_gamma2",
    "weibull_pdf": "weibull",
}


def sd_leaf(shock: str) -> Symbol:
    """The leaf for a shock's s.d. that the file gives as a number."""
    return Symbol("free", f"stderr {shock}")


# ---------------------------------------------------------------------- steady states


def _steady_state_model(model: Model, block: Statement, script: Mapping[str, int]) -> bool:
    values: dict[str, int] = {}
    scope = SteadyScope(model, values, parameters=True)
    assignments: list[tuple[str, int]] = []
    try:
        for tokens in block.body:
            left, right = split_equation(tokens)
            if right is None or len(left) != 1 or left[0].kind != "name":
                shown = spell(tokens, 60)
                raise Refusal(tokens[0].place, f"steady_state_model: {shown!r} is not read")
            node = parse(right, scope, tokens[0].place)
            values[left[0].text] = node
            assignments.append((left[0].text, node))
    except Refusal as refusal:
        model.note(refusal.place, f"{refusal.reason}; the steady state is solved from initval")
        return False
    model.steady = assignments
    return True


def _initval(model: Model, block: Statement, script: Mapping[str, int]) -> bool:
    values: dict[str, int] = dict(script)
    for name in model.parameters:
        values.pop(name, None)  # a parameter means its value in the draw
    scope = ScriptScope(model, values, parameters=True)
    for tokens in block.body:
        left, right = split_equation(tokens)
        if right is None or len(left) != 1:
            raise Refusal(tokens[0].place, f"initval: {spell(tokens, 60)!r} is not read")
        name = left[0].text
        try:
            node = parse(right, scope, tokens[0].place)
        except Refusal as refusal:
            model.note(refusal.place, f"initval: {refusal.reason}")
            continue
        values[name] = node
        if name in model.exogenous:
            model.exogenous_steady[name] = node
        else:
            model.initial[name] = node
    return True


# ---------------------------------------------------------------------- shocks


def _shocks(model: Model, block: Statement, script: Mapping[str, int]) -> bool:
    options = {t.text for t in block.tokens}
    if options & {"surprise", "learnt_in"}:
        model.note(block.place, "a shocks block of given paths is left out")
        return False
    if "overwrite" in options:
        model.covariance.clear()
    scope = ScriptScope(model, script, parameters=False)
    current: Token | None = None
    counts = False
    for tokens in block.body:
        word = tokens[0].text.lower()
        left, right = split_equation(tokens)
        names = [t.text for t in left[1:] if t.kind == "name"]
        if word == "var" and right is None and len(names) == 1 and len(tokens) == 2:
            current = tokens[1]
            counts |= _known(model, current)
        elif word == "stderr" and current is not None:
            node = parse(tokens[1:], scope, tokens[0].place)
            _one(model, current.text, "stderr", node, tokens[0].place)
        elif word in ("var", "corr") and right is not None and len(names) in (1, 2):
            node = parse(right, scope, tokens[0].place)
            _several(model, word, [t for t in left[1:] if t.kind == "name"], node, tokens[0].place)
            counts = True
        elif word in ("periods", "values", "scales"):
            if current is not None and word == "periods":
                model.note(tokens[0].place, f"the given path of {current.text} is left out")
        elif word in ("skew", "scale"):
            model.note(tokens[0].place, f"shocks: {word} is left out: responses are linear")
        else:
            raise Refusal(tokens[0].place, f"shocks: {spell(tokens, 60)!r} is not read")
    return counts


def _known(model: Model, token: Token) -> bool:
    if token.text in model.exogenous:
        return True
    if token.text not in model.endogenous:
        raise Refusal(token.place, f"shocks: {token.text} is not declared; add it to varexo")
    model.note(token.place, f"the measurement error of {token.text} is left out")
    return False


def _one(model: Model, name: str, kind: str, node: int, place: Place) -> None:
    """A shock's s.d. or variance; a number becomes a leaf that draws may set."""
    if name not in model.exogenous:
        return
    if node in model.graph.value:
        value = model.graph.value[node]
        sd = value if kind == "stderr" else math.sqrt(max(value, 0.0))
        if not (math.isfinite(sd) and sd >= 0.0):
            raise Refusal(place, f"shocks: the s.d. of {name} is {sd:g}; expected a number >= 0")
        model.defaults[sd_leaf(name)] = sd
        model.covariance[name, name] = Moment("stderr", model.graph.leaf(sd_leaf(name)), place)
    elif kind == "stderr":
        model.covariance[name, name] = Moment("stderr", node, place)
    else:
        model.covariance[name, name] = Moment("variance", node, place)


def _several(model: Model, word: str, names: list[Token], node: int, place: Place) -> None:
    known = [_known(model, token) for token in names]  # each says what is wrong with it
    if not all(known):
        return
    if len(names) == 1:
        _one(model, names[0].text, "variance", node, place)
    elif names[0].text == names[1].text:
        raise Refusal(place, f"shocks: {names[0].text} with itself; expected two shocks")
    else:
        # the order in which the two were declared
        order = list(model.exogenous)
        one, two = sorted((names[0].text, names[1].text), key=order.index)
        kind = "correlation" if word == "corr" else "covariance"
        model.covariance[one, two] = Moment(kind, node, place)  # type: ignore[arg-type]


# ---------------------------------------------------------------------- priors


def _estimated_params(model: Model, block: Statement, script: Mapping[str, int]) -> bool:
    scope = ScriptScope(model, script, parameters=False)
    for tokens in block.body:
        fields = _fields(tokens)
        place = tokens[0].place
        word = tokens[0].text.lower()
        kind: Literal["parameter", "stderr", "correlation"]
        if word == "corr" and len(fields) > 1:
            kind, name, rest = "correlation", f"{_name(fields[0])},{_name(fields[1])}", fields[2:]
        else:
            kind = "stderr" if word == "stderr" else "parameter"
            name, rest = _name(fields[0]), fields[1:]
        known = {"parameter": model.parameters, "stderr": model.exogenous}.get(kind)
        if known is not None and name not in known:
            model.note(place, f"estimated_params: {name} is left out")
            continue
        shapes = [i for i, f in enumerate(rest) if f and f[0].text.lower() in _SHAPES]
        split_at = shapes[0] if shapes else len(rest)
        initial, lower, upper = _numbers(model, rest[:split_at], scope, 3)
        mean, sd, third, fourth = _numbers(model, rest[split_at + 1 :], scope, 4)
        shape = _SHAPES[rest[split_at][0].text.lower()] if shapes else "none"
        model.priors.append(
            Prior(kind, name, shape, mean, sd, third, fourth, initial, lower, upper, place)
        )
    return True


def _estimated_params_init(model: Model, block: Statement, script: Mapping[str, int]) -> bool:
    return _revise(model, block, script, ("initial",))


def _estimated_params_bounds(model: Model, block: Statement, script: Mapping[str, int]) -> bool:
    return _revise(model, block, script, ("lower", "upper"))


def _revise(
    model: Model, block: Statement, script: Mapping[str, int], what: tuple[str, ...]
) -> bool:
    """Starting values or bounds given in a block of their own."""
    scope = ScriptScope(model, script, parameters=False)
    for tokens in block.body:
        fields = _fields(tokens)
        word = tokens[0].text.lower()
        if word == "corr":
            continue
        kind, name = "stderr" if word == "stderr" else "parameter", _name(fields[0])
        numbers = [_number(model, f, scope) for f in fields[1 : 1 + len(what)]]
        for i, prior in enumerate(model.priors):
            if (prior.kind, prior.name) == (kind, name):
                known = dict(zip(what, numbers, strict=False))
                model.priors[i] = prior._replace(**known)  # type: ignore[arg-type]
    return True


def _fields(tokens: Tokens) -> list[Tokens]:
    """What commas outside parentheses separate; empty fields too."""
    out: list[Tokens] = []
    start = level = 0
    for i, token in enumerate(tokens):
        level += (token.text == "(") - (token.text == ")")
        if token.text == "," and level == 0:
            out.append(tokens[start:i])
            start = i + 1
    return [*out, tokens[start:]]


def _name(tokens: Tokens) -> str:
    names = [t.text for t in tokens if t.kind == "name"]
    return names[-1] if names else ""


def _numbers(
    model: Model, fields: list[Tokens], scope: ScriptScope, count: int
) -> list[float | None]:
    """The numbers in the first `count` fields; None for those that are empty or left out."""
    found = [_number(model, field, scope) for field in fields[:count]]
    return [*found, *[None] * (count - len(found))]


def _number(model: Model, tokens: Tokens, scope: ScriptScope) -> float | None:
    if not tokens:
        return None
    try:
        node = parse(tokens, scope, tokens[0].place)
    except Refusal as refusal:  # a prior is worth less than the model
        model.note(refusal.place, f"prior: {refusal.reason}")
        return None
    with np.errstate(all="ignore"):
        return float(Program(model.graph, [node])(model.defaults)[0])


Reader: TypeAlias = Callable[[Model, Statement, Mapping[str, int]], bool]

# Each takes a block into the model and says whether it counts.
READERS: dict[str, Reader] = {
    "steady_state_model": _steady_state_model,
    "initval": _initval,
    "shocks": _shocks,
    "estimated_params": _estimated_params,
    "estimated_params_init": _estimated_params_init,
    "estimated_params_bounds": _estimated_params_bounds,
}
