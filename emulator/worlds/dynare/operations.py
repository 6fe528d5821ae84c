"""What expressions are made of: operations on arrays, and their derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import erf, erfc, ndtr, ndtri

if TYPE_CHECKING:
    from emulator.worlds.dynare.graph import Graph


def _compare(ufunc: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A comparison that is one where it holds and zero elsewhere."""
    return lambda a, b: np.asarray(ufunc(a, b), dtype=np.float64)[()]


OPERATIONS: dict[str, Callable[..., Any]] = {
    "negative": np.negative,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "abs": np.abs,
    "sign": np.sign,
    "floor": np.floor,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "erf": erf,
    "erfc": erfc,
    "normcdf": ndtr,
    "norminv": ndtri,
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": np.power,
    "max": np.maximum,
    "min": np.minimum,
    "less": _compare(np.less),
    "less_equal": _compare(np.less_equal),
    "equal": _compare(np.equal),
    "not_equal": _compare(np.not_equal),
}
COMMUTATIVE = frozenset(("add", "multiply", "max", "min", "equal", "not_equal"))
_UNARY = (
    "exp", "log", "log10", "sqrt", "cbrt", "abs", "sign", "sin", "cos", "tan", "asin", "acos",
    "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "floor",
)  # fmt: skip
# What a file calls its functions of one argument.
FUNCTIONS = {name: name for name in _UNARY} | {"ln": "log"}


def derivative(graph: Graph, node: int, operands: tuple[int, ...], known: tuple[int, ...]) -> int:
    """The derivative of `node`, an operation on `operands` whose derivatives are `known`."""
    operation = graph.operation[node]
    if len(operands) == 1:
        rule = _CHAIN.get(operation)
        return graph.zero if rule is None else rule(graph, node, operands[0], known[0])
    a, b = operands
    da, db = known
    apply = graph.apply
    if operation in ("add", "subtract"):
        return apply(operation, da, db)
    if operation == "multiply":
        return apply("add", apply("multiply", da, b), apply("multiply", a, db))
    if operation == "divide":
        return apply("divide", apply("subtract", da, apply("multiply", node, db)), b)
    if operation == "power":
        lower = apply("power", a, apply("subtract", b, graph.one))
        base = apply("multiply", apply("multiply", b, lower), da)
        if db == graph.zero:
            return base
        return apply("add", apply("multiply", apply("multiply", node, apply("log", a)), db), base)
    if operation in ("max", "min"):
        first = apply("less", b, a) if operation == "max" else apply("less", a, b)
        second = apply("subtract", graph.one, first)
        return apply("add", apply("multiply", first, da), apply("multiply", second, db))
    return graph.zero  # comparisons are steps


_Rule = Callable[["Graph", int, int, int], int]


def _times(factor: Callable[[Graph, int, int], int]) -> _Rule:
    """The chain rule where the outer derivative is `factor`, of the node y and its operand x."""
    return lambda g, y, x, dx: g.apply("multiply", dx, factor(g, y, x))


def _over(divisor: Callable[[Graph, int, int], int]) -> _Rule:
    return lambda g, y, x, dx: g.apply("divide", dx, divisor(g, y, x))


def _square(g: Graph, x: int) -> int:
    return g.apply("multiply", x, x)


def _one_less_square(g: Graph, x: int) -> int:
    return g.apply("subtract", g.one, _square(g, x))


def _one_plus_square(g: Graph, x: int) -> int:
    return g.apply("add", g.one, _square(g, x))


def density(g: Graph, x: int, factor: float, scale: float) -> int:
    """factor exp(-x^2 / scale), the slope of `erf` and `normcdf`."""
    exponent = g.apply("divide", _square(g, x), g.number(-scale))
    return g.apply("multiply", g.number(factor), g.apply("exp", exponent))


_BELL = 1.0 / math.sqrt(2.0 * math.pi)

_CHAIN: dict[str, _Rule] = {
    "negative": lambda g, y, x, dx: g.apply("negative", dx),
    "exp": _times(lambda g, y, x: y),
    "log": _over(lambda g, y, x: x),
    "log10": _over(lambda g, y, x: g.apply("multiply", g.number(math.log(10.0)), x)),
    "sqrt": _over(lambda g, y, x: g.apply("multiply", g.number(2.0), y)),
    "cbrt": _over(lambda g, y, x: g.apply("multiply", g.number(3.0), _square(g, y))),
    "abs": _times(lambda g, y, x: g.apply("sign", x)),
    "sin": _times(lambda g, y, x: g.apply("cos", x)),
    "cos": _times(lambda g, y, x: g.apply("negative", g.apply("sin", x))),
    "tan": _times(lambda g, y, x: _one_plus_square(g, y)),
    "asin": _over(lambda g, y, x: g.apply("sqrt", _one_less_square(g, x))),
    "acos": _over(lambda g, y, x: g.apply("negative", g.apply("sqrt", _one_less_square(g, x)))),
    "atan": _over(lambda g, y, x: _one_plus_square(g, x)),
    "sinh": _times(lambda g, y, x: g.apply("cosh", x)),
    "cosh": _times(lambda g, y, x: g.apply("sinh", x)),
    "tanh": _times(lambda g, y, x: _one_less_square(g, y)),
    "asinh": _over(lambda g, y, x: g.apply("sqrt", _one_plus_square(g, x))),
    "acosh": _over(lambda g, y, x: g.apply("sqrt", g.apply("subtract", _square(g, x), g.one))),
    "atanh": _over(lambda g, y, x: _one_less_square(g, x)),
    "erf": _times(lambda g, y, x: density(g, x, 2.0 / math.sqrt(math.pi), 1.0)),
    "erfc": _times(lambda g, y, x: density(g, x, -2.0 / math.sqrt(math.pi), 1.0)),
    "normcdf": _times(lambda g, y, x: density(g, x, _BELL, 2.0)),
    "norminv": _over(lambda g, y, x: density(g, y, _BELL, 2.0)),
}


def gradient(graph: Graph, root: int) -> dict[int, int]:
    """The derivative of `root` in every variable and steady state below it: leaf to node.

    One sweep up for each leaf, over the nodes that depend on it.
    """
    order = [x for x in graph.below([root]) if graph.variables[x]]
    out: dict[int, int] = {}
    for leaf in sorted(graph.variables[root]):
        known = {leaf: graph.one}
        for node in order:
            if node != leaf and leaf in graph.variables[node]:
                operands = graph.operands[node]
                parts = tuple(known.get(x, graph.zero) for x in operands)
                known[node] = derivative(graph, node, operands, parts)
        out[leaf] = known[root]
    return out
