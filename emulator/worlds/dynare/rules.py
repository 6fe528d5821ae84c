"""Policy rules, put in place of the one that a file marks as its own.

A file marks its rule as the Macroeconomic Model Data Base does (Wieland, Cwik, Mueller, Schmidt and
Wolters 2012, JEBO 83(3)), by the shock `interest_` in it, or by an equation's tag, such as
[name = 'Taylor rule']. The published rules are in that data base's variables: interest and
inflationq (annualised, of a quarter) in percent, outputgap in percent. Their coefficients become
parameters, of one name in all models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from emulator.errors import unknown_name
from emulator.worlds.dynare.places import Place, Refusal
from emulator.worlds.dynare.statements import Statement, declared, split
from emulator.worlds.dynare.syntax import split_equation, split_tags
from emulator.worlds.dynare.text import Line
from emulator.worlds.dynare.tokens import Token, spell, tokenize


class Rule(NamedTuple):
    """A rule as an equation, its coefficients, and where both are from."""

    equation: str
    coefficients: dict[str, float]
    source: str


_YEAR = "(inflationq + inflationq(-1) + inflationq(-2) + inflationq(-3))/4"

RULES = {
    "taylor": Rule(
        f"interest = rule_inflation*{_YEAR} + rule_gap*outputgap",
        {"rule_inflation": 1.5, "rule_gap": 0.5},
        "Taylor (1993, Carnegie-Rochester Conference Series 39)",
    ),
    "gerdesmeier-roffia": Rule(
        f"interest = rule_lag*interest(-1) + rule_inflation*{_YEAR} + rule_gap*outputgap",
        # .87 a month, and 1.93 and .28 in the long run
        {"rule_lag": 0.66, "rule_inflation": 0.66, "rule_gap": 0.1},
        "Gerdesmeier and Roffia (2003, ECB Working Paper 206)",
    ),
    "levin-wieland-williams": Rule(
        f"interest = rule_lag*interest(-1) + rule_inflation*{_YEAR} + rule_gap*outputgap"
        " + rule_gap_lag*outputgap(-1)",
        {"rule_lag": 0.76, "rule_inflation": 0.6, "rule_gap": 1.18, "rule_gap_lag": -0.97},
        "Levin, Wieland and Williams (2003, AER 93(3)), estimated",
    ),
    "christiano-eichenbaum-evans": Rule(
        "interest = rule_lag*interest(-1) + rule_inflation*inflationq(+1) + rule_gap*outputgap",
        {"rule_lag": 0.8, "rule_inflation": 0.3, "rule_gap": 0.08},
        "Christiano, Eichenbaum and Evans (2005, JPE 113(1))",
    ),
    "smets-wouters": Rule(
        "interest = rule_lag*interest(-1) + rule_inflation*inflationq + rule_gap*outputgap"
        " + rule_gap_lag*outputgap(-1)",
        {"rule_lag": 0.81, "rule_inflation": 0.39, "rule_gap": 0.97, "rule_gap_lag": -0.9},
        "Smets and Wouters (2007, AER 97(3)), posterior mode",
    ),
}
_VARIABLES = ("interest", "inflationq", "outputgap")
# The data base's name for what monetary policy does beside its rule.
_SHOCK = "interest_"
_MARKS = re.compile(r"(policy|taylor|interest[ _-]?rate|monetary)[ _-]*(policy[ _-]*)?rule", re.I)


def swapped(tokens: list[Token], rule: str, shown: str) -> tuple[list[Token], str]:
    """The tokens of a file with another rule, its shock kept, and what the rule is, for messages.

    rule: a name of RULES, or an equation in the file's variables; one without a shock gets the old
    rule's. Raises Refusal where the file marks no rule or several, or has not the variables that a
    published rule needs, UnknownNameError for a rule that is none.
    """
    known = RULES.get(rule)
    if known is None and "=" not in rule:
        raise unknown_name("policy rule (or write an equation)", rule, RULES)
    symbols, bodies, start = _model(tokens, shown)
    old = _marked(bodies, symbols["varexo"], start.place)
    place = old[0].place
    if known is not None:
        missing = [name for name in _VARIABLES if name not in symbols["var"]]
        if missing:
            raise Refusal(
                place,
                f"{', '.join(missing)} not declared, which rule {rule!r} needs; write the rule as "
                "an equation in the file's variables, or add these with their definitions",
            )
        taken = [n for n in known.coefficients if any(n in names for names in symbols.values())]
        if taken:
            raise Refusal(place, f"{taken[0]} is the file's own; write the rule as an equation")
    text = known.equation if known else rule.strip().rstrip(";")
    new = tokenize([Line(text, place)], old[0].row)
    if not any(t.text in symbols["varexo"] for t in new):
        new += _shock(old, new, symbols)
    declaration: list[Token] = []
    if known:
        numbers = " ".join(f"{name} = {value!r};" for name, value in known.coefficients.items())
        line = f"parameters {' '.join(known.coefficients)}; {numbers}"
        declaration = tokenize([Line(line, start.place)], start.row)
    at, first = _position(tokens, start), _position(tokens, old[0])
    out = [*tokens[:at], *declaration, *tokens[at:first], *new, *tokens[first + len(old) :]]
    return out, f"{rule}: {text}; {known.source}" if known else text


def _model(
    tokens: list[Token], shown: str
) -> tuple[dict[str, set[str]], list[tuple[Token, ...]], Token]:
    """The names declared, by keyword, the model's equations, and the token that opens it."""
    symbols: dict[str, set[str]] = {"var": set(), "varexo": set(), "parameters": set()}
    for statement in split(tokens):
        if statement.keyword in symbols:
            symbols[statement.keyword] |= {t.text for t in declared(statement.tokens)}
        if statement.keyword == "model":
            return symbols, list(statement.body), _opening(tokens, statement)
    raise Refusal(Place(shown, 1), "has no model block; name the .mod file that holds the model")


def _opening(tokens: list[Token], statement: Statement) -> Token:
    first = statement.body[0][0] if statement.body else tokens[-1]
    before = tokens[: _position(tokens, first)]
    return next(t for t in reversed(before) if t.text.lower() == "model" and t.kind == "name")


def _position(tokens: list[Token], token: Token) -> int:
    return next(i for i, t in enumerate(tokens) if t is token)


def _marked(bodies: list[tuple[Token, ...]], shocks: set[str], place: Place) -> tuple[Token, ...]:
    """The equation, tags and all, that is marked as the rule."""
    by_tag, by_shock = [], []
    for body in bodies:
        tags, equation = split_tags(body)
        if not equation or equation[0].text == "#":
            continue
        if any(_MARKS.search(value) for value in tags.values()):
            by_tag.append(body)
        if _SHOCK in shocks and any(t.text == _SHOCK for t in equation):
            by_shock.append(body)
    found = by_shock or by_tag
    if len(found) != 1:
        count = f"{len(found)} equations are" if found else "no equation is"
        raise Refusal(
            found[1][0].place if found else place,
            f"{count} marked as the policy rule; tag the one, [name = 'policy rule'], in the model",
        )
    return found[0]


def _shock(old: Sequence[Token], new: Sequence[Token], symbols: dict[str, set[str]]) -> list[Token]:
    """`+ term` for the old rule's terms in a shock, none where it has none.

    It keeps its size beside what the new rule sets: where the old rule has that twice, it is
    halved.
    """
    equation = split_tags(tuple(old))[1]
    left, right = split_equation(equation)
    if not any(t.text in symbols["varexo"] for t in equation):
        return []
    scale = _scale(equation, new, symbols)
    out: list[Token] = []
    for side, turned in ((right or (), False), (left, True)):
        for sign, term in _terms(side):
            if not any(t.text in symbols["varexo"] for t in term):
                continue
            if any(t.text in symbols["var"] for t in term):
                raise Refusal(
                    term[0].place,
                    f"the rule's shock enters in {spell(term, 60)!r}, which holds variables; write "
                    "the shock into the new rule",
                )
            minus = (sign == "-") != turned
            out += [Token("sign", "-" if minus else "+", term[0].place, term[0].row), *term]
            out += tokenize([Line(scale, term[0].place)], term[0].row) if scale else []
    return out


def _scale(old: Sequence[Token], new: Sequence[Token], symbols: dict[str, set[str]]) -> str:
    """What a shock's term in the old rule is multiplied by to be one in the new rule; empty for
    nothing. Raises Refusal where that cannot be told from what is written."""
    first = _terms(split_equation(new)[0])
    core = _factors(first[0][1], symbols["var"])[0] if first else None
    before = _coefficient(old, core, symbols) if core else None
    after = _coefficient(new, core, symbols) if core else None
    if not before or not after:
        shown = core or spell(split_equation(new)[0], 60)
        raise Refusal(
            old[0].place,
            f"the size of the rule's shock beside {shown!r} cannot be told; write the new rule as "
            "an equation that holds the shock",
        )
    return "" if before == after else f"*({after})/({before})"


def _coefficient(equation: Sequence[Token], core: str, symbols: dict[str, set[str]]) -> str | None:
    """What `core` is multiplied by, left less right; None where it does not enter like that."""
    left, right = split_equation(equation)
    inner = tokenize([Line(core, equation[0].place)])
    now = {t.text for i, t in enumerate(inner) if not _is_dated(inner, i)} & symbols["var"]
    out = ""
    for side, turned in ((left, False), (right or (), True)):
        for sign, term in _terms(side):
            found, factor = _factors(term, symbols["var"])
            if found == core:
                out += ("-" if (sign == "-") != turned else "+") + factor
            elif any(t.text in now and not _is_dated(term, i) for i, t in enumerate(term)):
                return None
    return out.removeprefix("+") or None


def _is_dated(tokens: Sequence[Token], at: int) -> bool:
    """Whether the name there has a lead or a lag."""
    after = [t.text for t in tokens[at + 1 : at + 3]]
    return after[:1] == ["("] and after[1:] != ["0"]


def _factors(term: Sequence[Token], variables: set[str]) -> tuple[str | None, str]:
    """The one factor of a product that holds variables, and the others as a product; None where
    several do, or one that is divided by or raised to a power."""
    core: str | None = None
    others = "1"
    level, start, sign = 0, 0, "*"
    for i, token in enumerate([*term, None]):
        if token is not None:
            level += (token.text in ("(", "[")) - (token.text in (")", "]"))
            if level or token.text not in ("*", "/", ".*", "./"):
                continue
        factor = term[start:i]
        if not any(t.text in variables for t in factor):
            others += sign + spell(factor)
        elif core is None and "*" in sign:
            core = spell(factor)
        else:
            return None, ""
        if token is not None:
            start, sign = i + 1, token.text
    return core, others.removeprefix("1*")


def _terms(tokens: Sequence[Token]) -> list[tuple[str, list[Token]]]:
    """What pluses and minuses outside parentheses separate, with the sign of each."""
    out: list[tuple[str, list[Token]]] = []
    level, sign = 0, "+"
    term: list[Token] = []
    for token in tokens:
        level += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if level == 0 and token.text in ("+", "-") and (not term or term[-1].text not in "*/^"):
            if term:
                out.append((sign, term))
            sign, term = token.text, []
        else:
            term.append(token)
    return [*out, (sign, term)] if term else out
