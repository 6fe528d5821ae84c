"""Expressions: values, simplification and derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.worlds.dynare.graph import Graph, Symbol
from emulator.worlds.dynare.operations import FUNCTIONS, OPERATIONS, gradient
from emulator.worlds.dynare.program import Program

pytestmark = pytest.mark.fast

NAMES = ("a", "b", "c")
SYMBOLS = [Symbol("endogenous", name, 0) for name in NAMES]
# smooth ones, with what keeps their argument within their domain
SMOOTH = {
    "exp": "sin", "sin": None, "cos": None, "tan": "sin", "tanh": None, "sinh": "sin",
    "cosh": "sin", "atan": None, "asinh": None, "erf": None, "erfc": None, "normcdf": None,
    "log": "cosh", "log10": "cosh", "sqrt": "cosh", "cbrt": "cosh",
    "acosh": "far", "asin": "half", "acos": "half", "atanh": "half", "norminv": "normcdf",
}  # fmt: skip

recipes = st.recursive(
    st.one_of(st.sampled_from(NAMES), st.floats(0.5, 2.0).map(lambda x: round(x, 3))),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(sorted(SMOOTH)), inner),
        st.tuples(st.sampled_from(["add", "subtract", "multiply"]), inner, inner),
        st.tuples(st.just("divide"), inner, inner),
        st.tuples(st.just("power"), inner, inner),
    ),
    max_leaves=12,
)


def build(graph: Graph, recipe: object) -> int:
    if isinstance(recipe, str):
        return graph.leaf(Symbol("endogenous", recipe, 0))
    if isinstance(recipe, float):
        return graph.number(recipe)
    assert isinstance(recipe, tuple)
    operation, *inner = recipe
    nodes = [build(graph, x) for x in inner]
    if operation in SMOOTH:
        nodes[0] = _within(graph, SMOOTH[operation], nodes[0])
    elif operation in ("divide", "power"):  # by and of what is positive
        place = 1 if operation == "divide" else 0
        nodes[place] = graph.apply("cosh", graph.apply("sin", nodes[place]))
        if operation == "power":
            nodes[1] = graph.apply("sin", nodes[1])
    return graph.apply(operation, *nodes)


def _within(graph: Graph, how: str | None, node: int) -> int:
    bounded = graph.apply("sin", node)
    if how in ("half", "far"):
        bounded = graph.apply("multiply", graph.number(0.5), bounded)
        return bounded if how == "half" else graph.apply("add", bounded, graph.number(2.5))
    if how == "cosh":
        return graph.apply("cosh", bounded)
    return node if how is None else graph.apply(how, bounded if how == "normcdf" else node)


@settings(
    max_examples=200, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(recipe=recipes, at=st.tuples(*[st.floats(0.2, 1.5)] * 3))
def test_derivatives_are_those_of_finite_differences(
    recipe: object, at: tuple[float, float, float]
) -> None:
    graph = Graph()
    root = build(graph, recipe)
    slopes = gradient(graph, root)
    step = 1e-5
    point = np.array(at)
    # a row for the point and two for each direction
    rows = np.concatenate([point[None], point + step * np.eye(3), point - step * np.eye(3)])
    columns = {s: np.ascontiguousarray(rows[:, j]) for j, s in enumerate(SYMBOLS)}
    values = Program(graph, [root]).columns(columns, 7)[:, 0]
    found = Program(graph, list(slopes.values())).columns(columns, 7)[0]
    by_name = {graph.symbol[leaf].name: x for leaf, x in zip(slopes, found, strict=True)}
    for j, name in enumerate(NAMES):
        numeric = (values[1 + j] - values[4 + j]) / (2.0 * step)
        curvature = abs(values[1 + j] + values[4 + j] - 2.0 * values[0]) / step**2
        tolerance = 1e-5 * (1.0 + abs(numeric) + curvature + np.abs(values).max())
        assert abs(by_name.get(name, 0.0) - numeric) <= tolerance


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - set(SMOOTH) - {"negative"}))
def test_kinks_and_steps_have_the_slope_beside_them(name: str) -> None:
    graph = Graph()
    a, b = (graph.leaf(s) for s in SYMBOLS[:2])
    binary = name not in FUNCTIONS and name not in ("sign", "floor", "abs")
    root = graph.apply(name, a, b) if binary else graph.apply(name, a)
    for x, y in ((0.7, 0.3), (0.3, 0.7), (-1.3, 0.4)):
        if name == "power" and x < 0:
            continue
        given_ = {SYMBOLS[0]: np.float64(x), SYMBOLS[1]: np.float64(y)}
        up = {**given_, SYMBOLS[0]: np.float64(x + 1e-6)}
        numeric = (Program(graph, [root])(up)[0] - Program(graph, [root])(given_)[0]) / 1e-6
        slope = Program(graph, [gradient(graph, root)[a]])(given_)[0]
        assert slope == pytest.approx(numeric, abs=1e-4)


def test_equal_expressions_are_one_node() -> None:
    graph = Graph()
    a, b = (graph.leaf(s) for s in SYMBOLS[:2])
    assert graph.apply("add", a, b) == graph.apply("add", b, a)
    one = graph.apply("exp", graph.apply("multiply", a, b))
    assert one == graph.apply("exp", graph.apply("multiply", b, a))
    assert graph.apply("multiply", graph.one, a) == a
    assert graph.apply("subtract", a, a) == graph.zero
    assert graph.value[graph.apply("divide", graph.one, graph.number(4.0))] == 0.25


def test_long_and_deep_expressions_need_no_recursion() -> None:
    graph = Graph()
    a = graph.leaf(SYMBOLS[0])
    node = a
    for _ in range(5_000):
        node = graph.apply("sin", graph.apply("add", node, a))
    slope = gradient(graph, node)[a]
    assert np.isfinite(Program(graph, [slope])({SYMBOLS[0]: np.float64(0.3)})[0])
    assert graph.substitute([node], lambda s: graph.zero)[0] in graph.value
