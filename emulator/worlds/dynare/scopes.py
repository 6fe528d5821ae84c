"""What names mean in a model block, in a script, and in a steady state."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.worlds.dynare.graph import Symbol
from emulator.worlds.dynare.model import Model
from emulator.worlds.dynare.places import Place


class ModelScope:
    """Equations: variables with leads and lags, parameters by name, `#` locals."""

    def __init__(self, model: Model) -> None:
        self.model, self.graph = model, model.graph
        self.locals: dict[str, int] = {}

    def knows(self, name: str) -> bool:
        m = self.model
        return any(name in d for d in (self.locals, m.endogenous, m.exogenous, m.parameters))

    def names(self) -> list[str]:
        m = self.model
        return [*self.locals, *m.endogenous, *m.exogenous, *m.parameters]

    def look_up(self, name: str, shift: int) -> int | None:
        m = self.model
        if name in self.locals:
            node = self.locals[name]
            return self.graph.shift(node, shift) if shift else node
        if name in m.endogenous:
            shift -= name in m.predetermined
            return self.graph.leaf(Symbol("endogenous", name, shift))
        if name in m.exogenous:
            return self.graph.leaf(Symbol("exogenous", name, shift))
        if name in m.parameters:  # Dynare lets a parameter have a lead, which changes nothing
            return self.graph.leaf(Symbol("parameter", name))
        return None

    def steady(self, node: int) -> int:
        return self.graph.substitute([node], self._rest_leaf)[0]

    def _rest_leaf(self, symbol: Symbol) -> int | None:
        if symbol.kind not in ("endogenous", "exogenous"):
            return None
        return self.graph.leaf(Symbol("steady", symbol.name))

    def expected(self, node: int, earlier: int, place: Place) -> int:
        """E_{t-k} of an expression: a variable that is its expectation now, lagged k quarters (or
        led, where k is negative)."""
        if not earlier:
            return node
        name = f"AUX_EXPECTED_{len(self.model.auxiliary) + 1}"
        self.model.endogenous[name] = place
        self.model.auxiliary[name] = self.graph.shift(node, earlier)
        return self.graph.leaf(Symbol("endogenous", name, -earlier))


def at_rest(model: Model, symbol: Symbol) -> int | None:
    """What a variable is in the steady state: a leaf, or the value the file gives the shock.

    Only a file that was read to its end says what a shock is: `initval` may stand anywhere.
    """
    if symbol.kind == "endogenous":
        return model.graph.leaf(Symbol("steady", symbol.name))
    shock_at_rest = symbol.kind == "steady" and symbol.name in model.exogenous
    if symbol.kind == "exogenous" or shock_at_rest:
        return model.exogenous_steady.get(symbol.name, model.graph.zero)
    return None


class ScriptScope:
    """A script's lines in order: names mean what they were last set to.

    parameters: whether a parameter may be named besides (blocks), rather than only its value.
    """

    def __init__(self, model: Model, values: Mapping[str, int], parameters: bool) -> None:
        self.model, self.graph = model, model.graph
        self.values, self.parameters = values, parameters

    def knows(self, name: str) -> bool:
        m = self.model
        return name in m.endogenous or name in m.exogenous

    def names(self) -> list[str]:
        return [*self.values, *self.model.parameters]

    def look_up(self, name: str, shift: int) -> int | None:
        if shift:
            return None
        if name in self.values:
            return self.values[name]
        if self.parameters and name in self.model.parameters:
            return self.graph.leaf(Symbol("parameter", name))
        if self.parameters and name in self.model.exogenous:
            return self.model.exogenous_steady.get(name, self.graph.zero)
        return None

    def steady(self, node: int) -> int | None:
        return None

    def expected(self, node: int, earlier: int, place: Place) -> int | None:
        return None


class SteadyScope(ScriptScope):
    """A steady_state_model: shocks are what they are at rest in the end."""

    def look_up(self, name: str, shift: int) -> int | None:
        if not shift and name not in self.values and name in self.model.exogenous:
            return self.graph.leaf(Symbol("steady", name))
        return super().look_up(name, shift)
