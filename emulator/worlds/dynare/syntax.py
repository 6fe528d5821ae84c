"""Expressions of the model language: tokens to nodes of a graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from emulator.errors import nearest
from emulator.worlds.dynare.graph import Graph
from emulator.worlds.dynare.operations import FUNCTIONS, density
from emulator.worlds.dynare.places import Place, Refusal
from emulator.worlds.dynare.tokens import Token, spell

# Each quarter is a variable. Of 405 public files one has a lag of 40, the others 19 at most.
MAX_QUARTERS = 60
# Deeper than any public file; a parser that calls itself needs some limit.
MAX_DEPTH = 100

_BINDS = {
    "||": 1, "&&": 2, "==": 3, "!=": 3, "~=": 3, "<": 4, ">": 4, "<=": 4, ">=": 4, "+": 5, "-": 5,
    "*": 6, "/": 6, ".*": 6, "./": 6, "^": 8, ".^": 8, "**": 8,
}  # fmt: skip
_UNARY = 7
COMPARISONS = frozenset(("==", "!=", "~=", "<", ">", "<=", ">="))
_OPERATION = {
    "+": "add", "-": "subtract", "*": "multiply", ".*": "multiply", "/": "divide", "./": "divide",
    "^": "power", ".^": "power", "**": "power", "==": "equal", "!=": "not_equal",
    "~=": "not_equal", "<": "less", "<=": "less_equal",
}  # fmt: skip
_CONSTANTS = {
    "pi": math.pi, "Inf": math.inf, "inf": math.inf, "NaN": math.nan, "nan": math.nan,
    "eps": 2.0**-52,
}  # fmt: skip


class Scope(Protocol):
    """What names mean where an expression stands."""

    graph: Graph

    def knows(self, name: str) -> bool:
        """Whether `name(...)` is a variable with a lead or lag, rather than a function."""
        ...

    def look_up(self, name: str, shift: int) -> int | None:
        """The node of `name`, `shift` quarters ahead; None where it means nothing here."""
        ...

    def names(self) -> list[str]:
        """The names that mean something here, for suggestions."""
        ...

    def steady(self, node: int) -> int | None:
        """The steady state of an expression; None where there is no such thing here."""
        ...

    def expected(self, node: int, earlier: int, place: Place) -> int | None:
        """The expectation of `node` formed `earlier` quarters ago, or ahead where that is negative;
        None as in `steady`."""
        ...


def parse(tokens: Sequence[Token], scope: Scope, place: Place) -> int:
    """The node of an expression. Raises Refusal with the line of the token that does not fit."""
    parser = _Parser(tokens, scope, place)
    node = parser.expression(0)
    if parser.at < len(parser.tokens):
        reason = f"unexpected {parser.peek().text!r}"
        if parser.peek().row > parser.tokens[parser.at - 1].row:
            reason += ", perhaps for want of a `;` in the line before,"
        raise parser.refusal(reason)
    return node


def split_equation(tokens: Sequence[Token]) -> tuple[Sequence[Token], Sequence[Token] | None]:
    """The sides of an equation; None for the right one where there is no `=`."""
    level = 0
    for i, token in enumerate(tokens):
        level += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if token.text == "=" and level == 0 and token.kind == "sign":
            return tokens[:i], tokens[i + 1 :]
    return tokens, None


def split_tags(tokens: tuple[Token, ...]) -> tuple[dict[str, str], tuple[Token, ...]]:
    """The tags before an equation, `[name = 'IS', static]`, and the equation."""
    tags: dict[str, str] = {}
    at = 0
    while at < len(tokens) and tokens[at].text == "[":
        start = at
        while at < len(tokens) and tokens[at].text != "]":
            at += 1
        if at == len(tokens):
            raise Refusal(tokens[start].place, "the `]` that closes an equation's tags is missing")
        inner = tokens[start + 1 : at]
        for i, token in enumerate(inner):
            if token.kind == "name":
                value = inner[i + 2] if i + 2 < len(inner) and inner[i + 1].text == "=" else None
                text = "" if value is None else value.text.strip("'\"")
                tags[token.text.lower()] = text
        at += 1
    return tags, tokens[at:]


class _Parser:
    def __init__(self, tokens: Sequence[Token], scope: Scope, place: Place) -> None:
        self.tokens, self.scope, self.graph = tokens, scope, scope.graph
        last = tokens[-1] if tokens else Token("end", "", place, 0)
        self.end = Token("end", "", last.place, last.row)
        self.at, self.depth = 0, 0

    def peek(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else self.end

    def next(self) -> Token:
        token = self.peek()
        self.at += 1
        return token

    def take(self, text: str) -> bool:
        if self.peek().text != text:
            return False
        self.at += 1
        return True

    def expect(self, text: str) -> None:
        if not self.take(text):
            found = self.peek().text
            reason = f"expected {text!r}, got {found!r}" if found else f"{text!r} is missing"
            raise self.refusal(reason)

    def refusal(self, reason: str, token: Token | None = None) -> Refusal:
        place = (token or self.peek()).place
        shown = spell(self.tokens, 60)
        return Refusal(place, f"{reason} in {shown!r}" if shown else "an expression is missing")

    def expression(self, binding: int) -> int:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Refusal(self.peek().place, "an expression is nested too deeply")
        left = self.operand()
        while True:
            sign = self.peek()
            binds = _BINDS.get(sign.text, 0) if sign.kind == "sign" else 0
            if binds <= binding:
                self.depth -= 1
                return left
            self.at += 1
            right = self.expression(binds)
            if sign.text in (">", ">="):
                left, right, operation = right, left, _OPERATION[sign.text.replace(">", "<")]
            elif sign.text in _OPERATION:
                operation = _OPERATION[sign.text]
            else:
                raise self.refusal(f"{sign.text!r} is not read", sign)
            left = self.graph.apply(operation, left, right)

    def operand(self) -> int:
        token = self.next()
        if token.kind == "number":
            return self.graph.number(float(token.text.lower().replace("d", "e")))
        if token.text == "(":
            node = self.expression(0)
            self.expect(")")
            return node
        if token.text == "-":
            return self.graph.apply("negative", self.expression(_UNARY))
        if token.text == "+":
            return self.expression(_UNARY)
        if token.kind != "name":
            shown = repr(token.text) if token.text else "end"
            raise self.refusal(f"unexpected {shown}", token)
        if self.peek().text != "(":
            return self.named(token, 0)
        self.at += 1
        if self.scope.knows(token.text):
            return self.named(token, self.quarters())
        if token.text.upper() == "EXPECTATION":
            return self.expectation(token)
        return self.call(token, self.arguments())

    def named(self, token: Token, shift: int) -> int:
        node = self.scope.look_up(token.text, shift)
        if node is None and not shift and token.text in _CONSTANTS:
            node = self.graph.number(_CONSTANTS[token.text])
        if node is None:
            names = self.scope.names()
            if token.text in names:
                raise Refusal(
                    token.place,
                    f"{token.text} has no value that can be read before this line; give it in a "
                    "values file (--values)",
                )
            close = nearest(token.text, names)
            hint = f"did you mean {close}?" if close else "declare it, or give it a value above"
            raise Refusal(token.place, f"{token.text} is not declared; {hint}")
        return node

    def quarters(self) -> int:
        """The whole number of a lead or lag, and the parenthesis that closes it."""
        sign = 1
        while self.peek().text in ("+", "-"):
            sign = -sign if self.next().text == "-" else sign
        token = self.next()
        if token.kind == "number" and token.text.isdigit() and int(token.text[:9]) > MAX_QUARTERS:
            raise self.refusal(
                f"leads and lags of over {MAX_QUARTERS} quarters are not read", token
            )
        if token.kind != "number" or not token.text.isdigit():
            raise self.refusal(f"expected a lead or lag in quarters, got {token.text!r}", token)
        self.expect(")")
        return sign * int(token.text)

    def arguments(self) -> list[int]:
        out: list[int] = []
        if self.take(")"):
            return out
        out.append(self.expression(0))
        while self.take(","):
            out.append(self.expression(0))
        self.expect(")")
        return out

    def expectation(self, token: Token) -> int:
        earlier = -self.quarters()
        self.expect("(")
        node = self.expression(0)
        self.expect(")")
        found = self.scope.expected(node, earlier, token.place)
        if found is None:
            raise self.refusal("EXPECTATION is only read in a model", token)
        return found

    def call(self, token: Token, arguments: list[int]) -> int:
        name, count, apply = token.text.lower(), len(arguments), self.graph.apply
        if name in FUNCTIONS and count == 1:
            return apply(FUNCTIONS[name], arguments[0])
        if name in ("max", "min") and count == 2:
            return apply(name, *arguments)
        if name == "power" and count == 2:
            return apply("power", *arguments)
        if name == "log2" and count == 1:
            return apply("divide", apply("log", arguments[0]), self.graph.number(math.log(2.0)))
        if name in ("normcdf", "normpdf", "norminv") and count in (1, 3):
            return self.normal(name, arguments)
        found = None
        if name == "steady_state" and count == 1:
            found = self.scope.steady(arguments[0])
        elif name == "diff" and count == 1:
            found = apply("subtract", arguments[0], self.graph.shift(arguments[0], -1))
        if found is None:
            close = nearest(name, [*FUNCTIONS, "max", "min", "normcdf", "normpdf", "steady_state"])
            hint = f"; did you mean {close}?" if close else "; write its formula instead"
            raise Refusal(
                token.place, f"{token.text}(...) with {count} arguments is not read{hint}"
            )
        return found

    def normal(self, name: str, arguments: list[int]) -> int:
        """The normal distribution's functions, standard or with mean and s.d."""
        apply, graph = self.graph.apply, self.graph
        x = arguments[0]
        if name == "norminv":
            node = apply("norminv", x)
            if len(arguments) == 3:
                node = apply("add", arguments[1], apply("multiply", arguments[2], node))
            return node
        if len(arguments) == 3:
            x = apply("divide", apply("subtract", x, arguments[1]), arguments[2])
        if name == "normcdf":
            return apply("normcdf", x)
        node = density(graph, x, 1.0 / math.sqrt(2.0 * math.pi), 2.0)
        return node if len(arguments) == 1 else apply("divide", node, arguments[2])
