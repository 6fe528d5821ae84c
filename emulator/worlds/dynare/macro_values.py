"""Expressions of the macro language: their values, and the parser that computes them at once.

A value is a real number, a truth value, a string, or an array or tuple of values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from emulator.worlds.dynare.places import Place, Refusal, shorten
from emulator.worlds.dynare.text import Line
from emulator.worlds.dynare.tokens import Token, tokenize

Value: TypeAlias = "float | bool | str | list[Value] | tuple[Value, ...]"

# What keeps a hostile file from filling the memory; public files stay a hundred times below.
MAX_ITEMS = 100_000
MAX_DEPTH = 60

_BINDS = {
    "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, ">": 4, "<=": 4, ">=": 4, "in": 5, ":": 6, "|": 7,
    "&": 8, "+": 9, "-": 9, "*": 10, "/": 10, "^": 12,
}  # fmt: skip
_UNARY = 11
# Where the left side is this, it is the value, and the right side is not computed.
_DECIDED = {"||": True, "&&": False}


@dataclass
class Macros:
    """Macro variables and functions defined so far."""

    values: dict[str, Value] = field(default_factory=dict)
    functions: dict[str, tuple[list[str], str]] = field(default_factory=dict)

    def value(self, text: str, place: Place, depth: int = 0) -> Value:
        """What the expression `text` is worth. Raises Refusal."""
        try:
            return _Parser(text, place, self, depth).whole()
        except Refusal:
            raise
        except (TypeError, ValueError, ArithmeticError, IndexError, AttributeError, KeyError):
            raise Refusal(place, f"macro expression {shorten(text)!r} has no value") from None

    def interpolate(self, text: str, place: Place, depth: int = 0) -> str:
        """`text` with every @{...} replaced by its value."""
        return re.sub(r"@\{([^{}]*)\}", lambda m: show(self.value(m.group(1), place, depth)), text)


def show(value: Value) -> str:
    """A value as it appears in the text; whole numbers without a point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "[" + ", ".join(map(show, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(show, value)) + ")"
    whole = math.isfinite(value) and value == int(value) and abs(value) < 1e15
    return str(int(value)) if whole else repr(value)


def truth(value: Value) -> bool:
    """Whether a condition holds: truth values and numbers have one."""
    if isinstance(value, (bool, float)):
        return bool(value)
    raise TypeError("neither true nor false")


def _number(value: Value) -> float:
    if isinstance(value, float):
        return value
    raise TypeError("not a number")


def _sequence(value: Value) -> list[Value]:
    if isinstance(value, (list, tuple)):
        return list(value)
    raise TypeError("not an array")


class _Parser:
    """Precedence climbing over the tokens of one expression."""

    def __init__(self, text: str, place: Place, macros: Macros, depth: int) -> None:
        self.tokens = tokenize([Line(text, place)])
        self.tokens.append(Token("end", "", place, 0))
        self.text, self.place, self.macros = text, place, macros
        self.at, self.depth = 0, depth

    def whole(self) -> Value:
        value = self.expression(0)
        if self.peek().kind != "end":
            raise self.refusal(f"unexpected {self.peek().text!r}")
        return value

    def peek(self) -> Token:
        return self.tokens[self.at]

    def next(self) -> Token:
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def take(self, text: str) -> bool:
        """Step over `text` where it is next."""
        if self.peek().text != text or self.peek().kind == "string":
            return False
        self.next()
        return True

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise self.refusal(f"expected {text!r}, got {self.peek().text!r}")

    def refusal(self, reason: str) -> Refusal:
        return Refusal(self.place, f"macro expression {shorten(self.text)!r}: {reason}")

    def expression(self, binding: int) -> Value:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.refusal("nested too deeply")
        left = self.operand()
        while True:
            if self.take("["):
                left = _index(left, self.expression(0))
                self.expect("]")
                continue
            sign = self.peek()
            binds = _BINDS.get(sign.text, 0) if sign.kind in ("sign", "name") else 0
            if binds <= binding:
                self.depth -= 1
                return left
            self.next()
            left = self.combine(sign.text, left, binds)

    def combine(self, sign: str, left: Value, binds: int) -> Value:
        if sign == ":":
            middle = self.expression(binds)
            if self.take(":"):
                return _range(_number(left), _number(middle), _number(self.expression(binds)))
            return _range(_number(left), 1.0, _number(middle))
        if sign in _DECIDED and truth(left) == _DECIDED[sign]:
            self.pass_over(binds)
            return _DECIDED[sign]
        right = self.expression(binds)
        value = _OPERATIONS[sign](left, right)
        if isinstance(value, (str, list)) and len(value) > MAX_ITEMS:
            raise self.refusal("the value is too long")
        return value

    def pass_over(self, binds: int) -> None:
        """Step over an operand that is not computed: to what does not bind closer than `binds`."""
        start, level = self.at, 0
        while self.peek().kind != "end":
            token = self.peek()
            plain = token.kind != "string"
            if plain and level == 0 and self.at > start:
                ends = token.text in (")", "]", ",", "for", "when")
                if ends or 0 < _BINDS.get(token.text, 0) <= binds:
                    return
            level += plain * ((token.text in ("(", "[")) - (token.text in (")", "]")))
            if level < 0:
                break
            self.next()
        if self.at == start or level:
            raise self.refusal(f"unexpected {self.peek().text!r}")

    def operand(self) -> Value:
        token = self.next()
        if token.kind == "number":
            return float(token.text.lower().replace("d", "e"))
        if token.kind == "string":
            return self.macros.interpolate(token.text[1:-1], self.place, self.depth)
        if token.text == "-":
            return -_number(self.expression(_UNARY))
        if token.text == "+":
            return _number(self.expression(_UNARY))
        if token.text in ("!", "~"):
            return not truth(self.expression(_UNARY))
        if token.text == "(":
            return self.parenthesis()
        if token.text == "[":
            return self.array()
        if token.kind == "name":
            return self.call(token.text) if self.take("(") else self.variable(token.text)
        raise self.refusal(f"unexpected {token.text!r}")

    def variable(self, name: str) -> Value:
        if name in self.macros.values:
            return self.macros.values[name]
        if name in ("true", "false"):
            return name == "true"
        if name.lower() in ("inf", "nan"):
            return float(name)
        raise self.refusal(f"{name} is not defined; add `@#define {name} = ...` above")

    def parenthesis(self) -> Value:
        value = self.expression(0)
        if self.peek().text == ",":
            items = [value]
            while self.take(","):
                items.append(self.expression(0))
            value = tuple(items)
        self.expect(")")
        return value

    def array(self) -> Value:
        if self.take("]"):
            return []
        mark, condition = self.find("for"), self.find("when")
        if mark is not None or condition is not None:
            return self.comprehension(mark)
        items = [self.expression(0)]
        while self.take(","):
            items.append(self.expression(0))
        self.expect("]")
        # [1:3] is the range itself
        return items[0] if len(items) == 1 and isinstance(items[0], list) else items

    def comprehension(self, mark: int | None) -> Value:
        """`[expression for names in array when condition]`, or without `expression for`, up to and
        with the bracket; `mark` is where the `for` stands."""
        start = self.at
        self.at = start if mark is None else mark + 1
        names = self.names()
        self.expect("in")
        items = _sequence(self.expression(0))
        condition = self.at if self.take("when") else None
        end = self.at
        saved = dict(self.macros.values)
        out: list[Value] = []
        for item in items:
            bind(self.macros.values, names, item)
            if condition is not None:
                self.at = condition
                keep = truth(self.expression(0))
                end = self.at
                if not keep:
                    continue
            if mark is None:
                out.append(item)
            else:
                self.at = start
                out.append(self.expression(0))
        self.macros.values.clear()
        self.macros.values.update(saved)
        self.at = end
        while not items and self.peek().text not in ("]", ""):  # the condition was never read
            self.next()
        self.expect("]")
        return out

    def find(self, word: str) -> int | None:
        """Where `word` stands in the bracket that opens here, outside inner ones."""
        level = 0
        for position in range(self.at, len(self.tokens)):
            token = self.tokens[position]
            if token.kind == "string":
                continue
            level += (token.text in ("(", "[")) - (token.text in (")", "]"))
            if level < 0:
                return None
            if level == 0 and token.text == word:
                return position
        return None

    def names(self) -> list[str]:
        grouped = self.take("(")
        names = [self.next().text]
        while self.take(","):
            names.append(self.next().text)
        if grouped:
            self.expect(")")
        return names

    def call(self, name: str) -> Value:
        if name == "defined":
            asked = self.next().text
            self.expect(")")
            return asked in self.macros.values
        arguments: list[Value] = []
        if not self.take(")"):
            arguments.append(self.expression(0))
            while self.take(","):
                arguments.append(self.expression(0))
            self.expect(")")
        if name in self.macros.functions:
            parameters, body = self.macros.functions[name]
            inner = {**self.macros.values, **dict(zip(parameters, arguments, strict=True))}
            return Macros(inner, self.macros.functions).value(body, self.place, self.depth + 1)
        if name not in _FUNCTIONS:
            raise self.refusal(f"{name} is not a function of the macro language")
        return _FUNCTIONS[name](*arguments)


def bind(values: dict[str, Value], names: list[str], item: Value) -> None:
    """Give `names` the value `item`: one name takes it whole, several take its parts."""
    if len(names) == 1:
        values[names[0]] = item
        return
    parts = _sequence(item)
    values.update(zip(names, parts, strict=True))


def _range(first: float, step: float, last: float) -> list[Value]:
    if step == 0 or abs(last - first) / abs(step) > MAX_ITEMS:
        raise ValueError("range too long")
    count = math.floor((last - first) / step + 1e-9) + 1
    return [first + step * i for i in range(max(count, 0))]


def _index(array: Value, position: Value) -> Value:
    if isinstance(position, list):
        parts = [_index(array, p) for p in position]
        return "".join(map(str, parts)) if isinstance(array, str) else parts
    where = int(_number(position)) - 1
    if where < 0:
        raise IndexError
    return array[where] if isinstance(array, str) else _sequence(array)[where]


def _add(a: Value, b: Value) -> Value:
    if isinstance(a, str) and isinstance(b, str):
        return a + b
    if isinstance(a, list):
        return a + _sequence(b)
    return _number(a) + _number(b)


def _subtract(a: Value, b: Value) -> Value:
    if isinstance(a, list):
        taken = _sequence(b)
        return [x for x in a if x not in taken]
    return _number(a) - _number(b)


def _multiply(a: Value, b: Value) -> Value:
    if isinstance(a, list):
        other = _sequence(b)
        if len(a) * len(other) > MAX_ITEMS:
            raise ValueError("product too long")
        return [(*(x if isinstance(x, tuple) else (x,)), y) for x in a for y in other]
    return _number(a) * _number(b)


def _union(a: Value, b: Value) -> Value:
    first = _sequence(a)
    return first + [x for x in _sequence(b) if x not in first]


def _cast_real(value: Value) -> Value:
    return float(value) if isinstance(value, (str, float)) else math.nan


_OPERATIONS: dict[str, Callable[[Value, Value], Value]] = {
    "||": lambda a, b: truth(a) or truth(b),
    "&&": lambda a, b: truth(a) and truth(b),
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: _number(a) < _number(b),
    ">": lambda a, b: _number(a) > _number(b),
    "<=": lambda a, b: _number(a) <= _number(b),
    ">=": lambda a, b: _number(a) >= _number(b),
    "in": lambda a, b: a in _sequence(b),
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": lambda a, b: _number(a) / _number(b),
    "^": lambda a, b: math.pow(_number(a), _number(b)),
    "|": _union,
    "&": lambda a, b: [x for x in _sequence(a) if x in _sequence(b)],
}

_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "length": lambda x: float(len(x)),
    "isempty": lambda x: len(x) == 0,
    "max": lambda a, b: max(_number(a), _number(b)),
    "min": lambda a, b: min(_number(a), _number(b)),
    "mod": lambda a, b: math.fmod(_number(a), _number(b)),
    "exp": lambda x: math.exp(_number(x)),
    "log": lambda x: math.log(_number(x)),
    "ln": lambda x: math.log(_number(x)),
    "sqrt": lambda x: math.sqrt(_number(x)),
    "floor": lambda x: float(math.floor(_number(x))),
    "ceil": lambda x: float(math.ceil(_number(x))),
    "abs": lambda x: abs(_number(x)),
    "power": lambda a, b: math.pow(_number(a), _number(b)),
    "sum": lambda x: math.fsum(map(_number, _sequence(x))),
    "isstring": lambda x: isinstance(x, str),
    "isreal": lambda x: isinstance(x, float),
    "isinteger": lambda x: isinstance(x, float) and x == math.floor(x),
    "isboolean": lambda x: isinstance(x, bool),
    "isarray": lambda x: isinstance(x, list),
    "istuple": lambda x: isinstance(x, tuple),
    "strlen": lambda x: float(len(x)),
    "string": show,
    "real": _cast_real,
    "bool": truth,
}
