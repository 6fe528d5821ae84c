"""Optimal policy under commitment: the planner's first-order conditions join the model.

The planner maximises the discounted sum of `planner_objective` subject to the model's equations,
with a multiplier each, and is bound by what was promised before (the timeless perspective).
"""

from __future__ import annotations

from emulator.worlds.dynare.data import level_zero
from emulator.worlds.dynare.graph import Symbol
from emulator.worlds.dynare.model import Equation, Model
from emulator.worlds.dynare.operations import gradient
from emulator.worlds.dynare.places import Place, Refusal
from emulator.worlds.dynare.scopes import ModelScope
from emulator.worlds.dynare.statements import Statement
from emulator.worlds.dynare.syntax import parse


def ramsey(
    model: Model, scope: ModelScope, objective: Statement | None, planner: Statement
) -> None:
    """Add what `ramsey_model` asks for: multipliers MULT_1, MULT_2, ..., and the planner's
    conditions, one for each variable of the model.

    Raises Refusal where there is no objective, or the equations leave nothing to choose.
    """
    if objective is None:
        raise Refusal(planner.place, "ramsey_model: there is no planner_objective")
    tokens = planner.tokens
    given = [i for i, token in enumerate(tokens) if token.text == "planner_discount"]
    discount = model.graph.one
    if given:
        right = tokens[given[0] + 2 :]
        ends = level_zero(right, (",", ")"))
        discount = parse(right[: ends[0]] if ends else right, scope, planner.place)
    equations, chosen = len(model.equations), len(model.endogenous)
    if equations >= chosen:
        raise Refusal(
            planner.place,
            f"{equations} equations for {chosen} variables leave the planner no instrument; take "
            "the rule that it replaces out of the model",
        )
    node = parse(objective.tokens, scope, objective.place)
    _commit(model, node, discount, planner.place)


def _commit(model: Model, objective: int, discount: int, place: Place) -> None:
    graph = model.graph
    terms: dict[str, list[int]] = {name: [] for name in model.endogenous}

    def add(node: int, multiplier: int) -> None:
        for leaf, slope in gradient(graph, node).items():
            symbol = graph.symbol[leaf]
            if symbol.kind == "endogenous":
                # what y does to a constraint of another quarter counts discounted from there
                weight = graph.apply("power", discount, graph.number(-float(symbol.shift)))
                product = graph.shift(graph.apply("multiply", multiplier, slope), -symbol.shift)
                terms[symbol.name].append(graph.apply("multiply", weight, product))

    add(objective, graph.one)
    for number, equation in enumerate(list(model.equations), 1):
        name = f"MULT_{number}"
        model.endogenous[name] = equation.place
        add(equation.node, graph.leaf(Symbol("endogenous", name)))
    for parts in terms.values():
        total = graph.zero
        for part in parts:
            total = graph.apply("add", total, part)
        model.equations.append(Equation(total, place, {}))
