"""A model with leads and lags of any length as one with leads and lags of one quarter.

Longer leads and lags go through auxiliary variables, one a quarter; lagged shocks through a
variable that is the shock. A shock's lead is expected to be at its steady state. Observables join
as variables of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emulator.worlds.dynare.graph import Graph, Symbol
from emulator.worlds.dynare.model import Model
from emulator.worlds.dynare.operations import gradient
from emulator.worlds.dynare.places import Place
from emulator.worlds.dynare.scopes import at_rest

# Entries of a Jacobian: (row, column, node).
Entries = list[tuple[int, int, int]]


@dataclass
class System:
    """The model to first order: n equations in n variables, S shocks.

    variables, places: names of the variables, and where each equation stands. auxiliary: variables
    that are not the file's own, and what each is. static: the equations at rest, over `steady`
    leaves; static_jacobian: their derivatives. lead, now, lag, load: derivatives of the equations
    in the variables a quarter ahead, now and a quarter back, and in the shocks, at rest.
    """

    graph: Graph
    variables: list[str]
    shocks: list[str]
    places: list[Place]
    auxiliary: dict[str, int]
    static: list[int]
    static_jacobian: Entries
    lead: Entries
    now: Entries
    lag: Entries
    load: Entries

    @property
    def needs_rest(self) -> bool:
        """Whether the derivatives depend on the steady state; they do not in a linear model."""
        entries = [*self.lead, *self.now, *self.lag, *self.load]
        return any(self.graph.variables[node] for _, _, node in entries)


def first_order(model: Model, observables: Mapping[str, int]) -> System:
    """The model with `observables`, expressions by name, as further variables."""
    return _Companion(model).build(observables)


class _Companion:
    def __init__(self, model: Model) -> None:
        self.model, self.graph = model, model.graph
        # in the order they are made, so that each is stated in terms of earlier ones
        self.made: dict[str, int] = {}
        self.places: dict[str, Place] = {}

    def build(self, observables: Mapping[str, int]) -> System:
        model, graph = self.model, self.graph
        equations = [e.node for e in model.equations]
        places = [e.place for e in model.equations]
        top = Place(model.file, 1)
        for name, node in observables.items():
            leaf = graph.leaf(Symbol("endogenous", name))
            equations.append(graph.apply("subtract", leaf, node))
            places.append(top)
        equations = graph.substitute(equations, self.one_quarter)
        defined = {**model.auxiliary, **observables}
        nodes = graph.substitute(list(defined.values()), self.one_quarter)
        auxiliary = dict(zip(defined, nodes, strict=True))
        for name, node in self.made.items():
            equations.append(graph.apply("subtract", graph.leaf(Symbol("endogenous", name)), node))
            places.append(top)
        auxiliary = {**auxiliary, **self.made}
        variables = [*model.endogenous, *observables, *self.made]
        return self.differentiate(variables, equations, places, auxiliary)

    def one_quarter(self, symbol: Symbol) -> int | None:
        """What replaces a variable with a longer lead or lag, or a shock off its quarter."""
        kind, name, shift = symbol
        if kind == "endogenous" and abs(shift) > 1:
            return self.step(name, shift)
        if kind == "exogenous" and shift > 0:
            return self.model.exogenous_steady.get(name, self.graph.zero)
        if kind == "exogenous" and shift < 0:
            stand_in = f"AUX_{name}"
            shock = self.graph.leaf(Symbol("exogenous", name))
            self.made.setdefault(stand_in, shock)
            return self.step(stand_in, shift)
        return None

    def step(self, name: str, shift: int) -> int:
        """`name` at `shift`, as a variable one quarter away at most."""
        sign = 1 if shift > 0 else -1
        last = name
        for quarters in range(1, abs(shift)):
            word = "LEAD" if sign > 0 else "LAG"
            stand_in = f"AUX_{name}_{word}_{quarters}"
            if stand_in not in self.made:
                self.made[stand_in] = self.graph.leaf(Symbol("endogenous", last, sign))
            last = stand_in
        return self.graph.leaf(Symbol("endogenous", last, sign))

    def differentiate(
        self,
        variables: list[str],
        equations: list[int],
        places: list[Place],
        auxiliary: dict[str, int],
    ) -> System:
        graph, model = self.graph, self.model
        column = {name: j for j, name in enumerate(variables)}
        shock = {name: j for j, name in enumerate(model.exogenous)}
        found: dict[tuple[str, int], Entries] = {
            ("endogenous", 1): [], ("endogenous", 0): [], ("endogenous", -1): [],
            ("exogenous", 0): [],
        }  # fmt: skip
        for row, node in enumerate(equations):
            for leaf, slope in gradient(graph, node).items():
                kind, name, shift = graph.symbol[leaf]
                if slope != graph.zero and kind != "steady":
                    index = column if kind == "endogenous" else shock
                    found[kind, shift].append((row, index[name], slope))
        jacobians = {
            key: [(i, j, x) for (i, j, _), x in zip(e, self.rest([x for *_, x in e]), strict=True)]
            for key, e in found.items()
        }
        held = [e for i, e in enumerate(equations) if i not in model.dynamic_only]
        held += [e.node for e in model.static_only]
        static = self.rest(held)
        static_jacobian = [
            (row, column[graph.symbol[leaf].name], slope)
            for row, node in enumerate(static)
            for leaf, slope in gradient(graph, node).items()
            if slope != graph.zero
        ]
        return System(
            graph, variables, list(model.exogenous), places, auxiliary, static, static_jacobian,
            jacobians["endogenous", 1], jacobians["endogenous", 0], jacobians["endogenous", -1],
            jacobians["exogenous", 0],
        )  # fmt: skip

    def rest(self, nodes: list[int]) -> list[int]:
        """The nodes with every variable at its steady state."""
        return self.graph.substitute(nodes, lambda symbol: at_rest(self.model, symbol))
