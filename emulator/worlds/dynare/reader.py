"""A model file read into a `Model`: the script's statements in their order.

What counts ends at the first command that answers something (stoch_simul, estimation, ...); after
it only priors and the names of observed variables are still taken in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from emulator.errors import InputError, short, unknown_name
from emulator.worlds.dynare import blocks
from emulator.worlds.dynare.graph import Symbol
from emulator.worlds.dynare.macro_values import Value
from emulator.worlds.dynare.macros import expand, expand_content
from emulator.worlds.dynare.model import Equation, Model
from emulator.worlds.dynare.places import Place, Refusal
from emulator.worlds.dynare.policy import ramsey
from emulator.worlds.dynare.rules import swapped
from emulator.worlds.dynare.scopes import ModelScope, at_rest
from emulator.worlds.dynare.script import Script
from emulator.worlds.dynare.statements import ANSWERS, BLOCKS, RESERVED, Statement, declared, split
from emulator.worlds.dynare.syntax import COMPARISONS, parse, split_equation, split_tags
from emulator.worlds.dynare.text import Line, split_lines
from emulator.worlds.dynare.tokens import Token, spell, tokenize

_LATE = ("estimated_params", "estimated_params_init", "estimated_params_bounds", "varobs")
_DECLARES = {"var": "endogenous", "varexo": "exogenous", "parameters": "parameters"}


def read(
    path: Path,
    defines: Mapping[str, Value] | None = None,
    values: Mapping[str, float] | None = None,
    rule: str | None = None,
) -> Model:
    """The model in the file at `path`.

    defines: macro variables set beforehand. values: numbers for parameters, which the file's own
    do not replace, and starting values of variables. rule: the policy rule that replaces the
    file's, as in `rules.swapped`.
    Raises Refusal, one line with file, line and remedy; InputError for values of other names.
    """
    lines = expand(path, {k: _macro(v) for k, v in (defines or {}).items()})
    tokens, known = tokenize(lines), None
    if rule is not None:
        tokens, known = swapped(tokens, rule, path.name)
    given = {name: _value(name, value) for name, value in (values or {}).items()}
    model = _Reader(path.name, given, path.parent).run(tokens)
    model.rule = known
    beside = (path.with_name(f"{path.stem}_steadystate{end}.m") for end in ("", "2"))
    model.steady_file = next((p.name for p in beside if p.is_file()), None)
    return model


def read_content(data: bytes, shown: str) -> Model:
    """The model in a file of this content, called `shown` in messages. Nothing is opened: what it
    includes is refused, and what it loads is left out. Raises Refusal."""
    return _Reader(shown, {}, None).run(tokenize(expand_content(data, shown)))


def read_text(text: str, shown: str) -> Model:
    """The model in `text`, which has no macros, called `shown` in messages. Raises Refusal."""
    return _Reader(shown, {}, None).run(tokenize(split_lines(text, shown)))


def _value(name: str, value: object) -> float:
    """A number given from outside, of whatever type, as one that prints as the file's own do."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError(f"value of {name}: expected a number, got {short(value)}") from None


def _macro(value: Value) -> Value:
    """What is given from outside as the macro language has it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list):
        return [_macro(x) for x in value]
    if isinstance(value, tuple):
        return tuple(_macro(x) for x in value)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class _Reader:
    def __init__(self, shown: str, given: dict[str, float], folder: Path | None) -> None:
        self.given = given
        self.model = Model(shown)
        self.graph = self.model.graph
        self.top = Place(shown, 1)
        self.script = Script(self.model, given, folder)
        self.scope = ModelScope(self.model)
        self.model_place: Place | None = None
        self.objective: Statement | None = None
        self.planner: Statement | None = None

    def run(self, tokens: list[Token]) -> Model:
        answered = False
        statements = split(tokens)
        while True:
            try:
                statement = next(statements)
                if answered and statement.keyword in _LATE:
                    self.take(statement)
            except StopIteration:
                break
            except Refusal:
                if answered:  # nothing after the first command is needed
                    break
                raise
            if not answered and statement.keyword in ANSWERS:
                answered = self.script.state != "skipped"
                if answered and statement.keyword == "ramsey_policy":
                    self.take(replace(statement, keyword="ramsey_model"))
            elif not answered:
                self.take(self.script.fill(statement))
        return self.finish()

    def take(self, statement: Statement) -> None:
        """One statement, kept for printing where it counts."""
        word, kept = statement.keyword, True
        if word in _DECLARES:
            self.declare(statement)
        elif word == "varexo_det":
            self.declare(Statement("varexo", statement.tokens, statement.place))
        elif word == "predetermined_variables":
            self.model.predetermined |= {t.text for t in declared(statement.tokens)}
        elif word == "varobs":
            self.model.observed += [t.text for t in declared(statement.tokens)]
        elif word == "model":
            self.equations(statement)
        elif word == "control":
            self.script.control(statement)
            kept = False
        elif self.script.state == "skipped" and word != "steady_state_model":
            kept = False
        elif word == "=":
            kept = self.script.assign(statement)
        elif word == "native":
            kept = self.script.native(statement)
        elif word in ("steady", "check") and any(t.text == "nocheck" for t in statement.tokens):
            self.model.unchecked = True
        elif word == "planner_objective":
            self.objective = statement
        elif word == "ramsey_model":
            self.planner = statement
        elif word == "load_params_and_steady_state":
            kept = False
            for one in self.script.saved(statement):
                self.take(one)
        elif word in blocks.READERS:
            kept = blocks.READERS[word](self.model, statement, self.script.values)
        else:
            kept = False
            if word in BLOCKS:
                self.model.note(statement.place, f"{word} block left out")
        if kept:
            self.model.kept.append(statement)

    # ------------------------------------------------------------------ declarations

    def declare(self, statement: Statement) -> None:
        table: dict[str, Place] = getattr(self.model, _DECLARES[statement.keyword])
        option = statement.tokens[:2]
        if len(option) == 2 and option[0].text == "(" and option[1].text == "deflator":
            raise Refusal(
                statement.place,
                "var(deflator = ...): models stated with their trends are not detrended here; "
                "state the model in detrended variables",
            )
        level = 0
        for token, following in pairwise([*statement.tokens, None]):
            assert token is not None
            level += (token.text == "(") - (token.text == ")")
            assigned = following is not None and following.text == "=" and level == 0
            if token.kind == "name" and level == 0 and (assigned or token.text in RESERVED):
                what = f"`{token.text} = ...`" if assigned else f"`{token.text}`"
                raise Refusal(
                    token.place,
                    f"{statement.keyword}: {what} stands among the names declared; end the "
                    "declaration before it with `;`",
                )
        for token in declared(statement.tokens):
            for other in ("endogenous", "exogenous", "parameters"):
                if (
                    token.text in getattr(self.model, other)
                    and getattr(self.model, other) is not table
                ):
                    raise Refusal(token.place, f"{token.text} is declared twice, as {other} before")
            if "." in token.text:
                raise Refusal(token.place, f"{token.text} is no name; a comma or blank is missing")
            table.setdefault(token.text, token.place)
            if statement.keyword == "parameters" and token.text in self.given:
                self.script.set(token.text, self.graph.number(self.given[token.text]))
        self.model.labels |= _long_names(statement.tokens)

    # ------------------------------------------------------------------ equations

    def equations(self, statement: Statement) -> None:
        self.model_place = self.model_place or statement.place
        self.model.linear = any(t.text == "linear" for t in statement.tokens)
        for tokens in statement.body:  # variables may be declared by the equations they belong to
            name = split_tags(tokens)[0].get("endogenous", "")
            if name and not self.scope.knows(name):
                self.model.endogenous[name] = tokens[0].place
        for tokens in statement.body:
            tags, rest = split_tags(tokens)
            place = rest[0].place if rest else statement.place
            if rest and rest[0].text == "#":
                self.local(rest, place)
            elif rest and "bind" not in tags:
                self.equation(tags, rest, place)

    def local(self, tokens: tuple[Token, ...], place: Place) -> None:
        left, right = split_equation(tokens)
        if right is None or len(left) != 2 or left[1].kind != "name":
            raise Refusal(place, f"expected `# name = expression`, got {spell(tokens, 60)!r}")
        self.scope.locals[left[1].text] = parse(right, self.scope, place)

    def equation(self, tags: dict[str, str], tokens: tuple[Token, ...], place: Place) -> None:
        left, right = split_equation(tokens)
        if right is None:
            _refuse_comparison(tokens)
        node = parse(left, self.scope, place)
        if right is not None:
            node = self.graph.apply("subtract", node, parse(right, self.scope, place))
        equation = Equation(node, place, tags)
        if "mcp" in tags:
            self.model.note(place, f"the bound {tags['mcp']!r} is left out: responses are linear")
        if "static" in tags:
            self.model.static_only.append(equation)
            return
        if "dynamic" in tags:
            self.model.dynamic_only.add(len(self.model.equations))
        self.model.equations.append(equation)

    def finish(self) -> Model:
        model = self.model
        self.keep_given()
        if self.model_place is None:
            unread = next(iter(model.unread.values()), None)  # what may have run into it
            why = f" ({unread})" if unread else ""
            raise Refusal(
                self.top, f"has no model block{why}; name the .mod file that holds the model"
            )
        for name, node in model.auxiliary.items():
            leaf = self.graph.leaf(Symbol("endogenous", name))
            equation = self.graph.apply("subtract", leaf, node)
            model.equations.append(Equation(equation, model.endogenous[name], {}))
        if self.planner is not None:
            ramsey(self.model, self.scope, self.objective, self.planner)
        if model.steady is not None:
            names, nodes = [n for n, _ in model.steady], [node for _, node in model.steady]
            nodes = self.graph.substitute(nodes, lambda symbol: at_rest(model, symbol))
            model.steady = list(zip(names, nodes, strict=True))
        equations, variables = len(model.equations), len(model.endogenous)
        if equations != variables:
            raise Refusal(
                self.model_place,
                f"{equations} equations for {variables} endogenous variables; add the equations or "
                "declarations that are missing",
            )
        if not model.exogenous:
            raise Refusal(self.top, "declares no shocks (varexo)")
        return model

    def keep_given(self) -> None:
        """Values from beside the file, as statements that print with the rest."""
        model = self.model
        starts = {k: v for k, v in self.given.items() if k in model.endogenous}
        unknown = [k for k in self.given if k not in starts and k not in model.parameters]
        if unknown:
            raise unknown_name("value", unknown[0], [*model.parameters, *model.endogenous])
        for name, value in starts.items():
            model.initial[name] = self.graph.number(value)
        place = Place("values", 1)
        fixed = [f"{k} = {v!r};" for k, v in self.given.items() if k in model.parameters]
        lines = [Line(text, place) for text in fixed]
        if starts:
            body = " ".join(f"{k} = {v!r};" for k, v in starts.items())
            lines.append(Line(f"initval; {body} end;", place))
        declarations = [s for s in model.kept if s.keyword in _DECLARES]
        others = [s for s in model.kept if s.keyword not in _DECLARES]
        first = [f"parameters {' '.join(k for k in self.given if k in model.parameters)};"]
        made = list(split(tokenize([Line(first[0], place), *lines]))) if lines and fixed else []
        if starts and not fixed:
            made = list(split(tokenize(lines)))
        settings = [s for s in made if s.keyword == "="]
        blocks_made = [s for s in made if s.keyword == "initval"]
        if made:
            model.kept[:] = [*declarations, *settings, *others, *blocks_made]


def _refuse_comparison(tokens: tuple[Token, ...]) -> None:
    """An equation without `=` whose sides are compared would only ever be true or false."""
    level = 0
    for token in tokens:
        level += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if level == 0 and token.kind == "sign" and token.text in COMPARISONS:
            raise Refusal(
                token.place,
                f"{token.text!r} only compares the sides of {spell(tokens, 60)!r}; write `=` for "
                "an equation",
            )


def _long_names(tokens: tuple[Token, ...]) -> dict[str, str]:
    """What `name (long_name = '...')` says of each name declared."""
    out: dict[str, str] = {}
    name = ""
    level = 0
    for i, token in enumerate(tokens):
        level += (token.text == "(") - (token.text == ")")
        if level == 0 and token.kind == "name":
            name = token.text
        if name and token.kind == "string" and tokens[i - 2].text == "long_name":
            out[name] = " ".join(token.text[1:-1].split())
    return out
