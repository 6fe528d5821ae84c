"""Expressions as one graph in which equal subexpressions are the same node.

A node is a number; its operands are smaller numbers, so that ascending order is an order of
evaluation and no walk needs recursion. Building simplifies: constants are folded, sums with zero
and products with zero or one vanish.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from emulator.worlds.dynare.operations import COMMUTATIVE, OPERATIONS

Kind = Literal["endogenous", "exogenous", "steady", "parameter", "free"]
NO_SYMBOLS: frozenset[int] = frozenset()


class Symbol(NamedTuple):
    """A leaf with a name.

    kind: `endogenous` and `exogenous` variables `shift` quarters ahead (back where negative); the
    `steady` state of a variable; a `parameter`; `free`, a number that a draw may set, of which
    `shift` counts the versions where a file sets it again.
    """

    kind: Kind
    name: str
    shift: int = 0


Key: TypeAlias = "float | Symbol | tuple[str, tuple[int, ...]]"


class Graph:
    """Nodes, made once each. All methods that build return a node's number."""

    def __init__(self) -> None:
        self.operation: list[str] = []  # "number", "symbol" or a name of OPERATIONS
        self.operands: list[tuple[int, ...]] = []
        self.symbol: dict[int, Symbol] = {}
        self.value: dict[int, float] = {}
        # per node, the variables and steady states below it
        self.variables: list[frozenset[int]] = []
        self._index: dict[Key, int] = {}
        self.zero: int = self.number(0.0)
        self.one: int = self.number(1.0)

    def __len__(self) -> int:
        return len(self.operation)

    def __contains__(self, key: Key) -> bool:
        """Whether a node was made for a number, a symbol, or an operation on nodes."""
        return key in self._index

    def _new(self, key: Key, operation: str, operands: tuple[int, ...] = ()) -> int:
        node = self._index.get(key)
        if node is None:
            node = self._index[key] = len(self.operation)
            self.operation.append(operation)
            self.operands.append(operands)
            below = [self.variables[x] for x in operands if self.variables[x]]
            joined = below[0].union(*below[1:]) if below else NO_SYMBOLS
            self.variables.append(joined)
        return node

    def number(self, value: float) -> int:
        node = self._new(float(value), "number")
        self.value[node] = float(value)
        return node

    def leaf(self, symbol: Symbol) -> int:
        node = self._new(symbol, "symbol")
        self.symbol[node] = symbol
        if symbol.kind in ("endogenous", "exogenous", "steady"):
            self.variables[node] = frozenset((node,))
        return node

    def apply(self, operation: str, *operands: int) -> int:
        """The operation on its operands, simplified."""
        if all(x in self.value for x in operands):
            with np.errstate(all="ignore"):
                known = OPERATIONS[operation](*(np.float64(self.value[x]) for x in operands))
            return self.number(float(known))
        simple = self._simplified(operation, operands)
        if simple is not None:
            return simple
        if operation in COMMUTATIVE:
            operands = tuple(sorted(operands))
        return self._new((operation, operands), operation, operands)

    def _simplified(self, operation: str, operands: tuple[int, ...]) -> int | None:
        zero, one = self.zero, self.one
        if operation == "negative":
            (a,) = operands
            return self.operands[a][0] if self.operation[a] == "negative" else None
        if len(operands) != 2:
            return None
        a, b = operands
        if operation == "add":
            if a == zero or b == zero:
                return b if a == zero else a
            if self.operation[b] == "negative":
                return self.apply("subtract", a, self.operands[b][0])
        elif operation == "subtract":
            if b == zero or a == b:
                return a if b == zero else zero
            if a == zero:
                return self.apply("negative", b)
            if self.operation[b] == "negative":
                return self.apply("add", a, self.operands[b][0])
        elif operation == "multiply":
            if zero in operands:
                return zero
            if a == one or b == one:
                return b if a == one else a
        elif operation == "divide":
            if a == zero or b == one:
                return a
        elif operation == "power":
            exponent = self.value.get(b)
            if exponent == 1.0:
                return a
            if exponent == 0.0:
                return one
            if exponent == 2.0:
                return self.apply("multiply", a, a)
            if exponent == -1.0:
                return self.apply("divide", one, a)
        return None

    def below(self, roots: Iterable[int]) -> list[int]:
        """The nodes that `roots` need, themselves included, in ascending order."""
        seen: set[int] = set()
        stack = list(roots)
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(self.operands[node])
        return sorted(seen)

    def symbols(self, roots: Iterable[int]) -> list[Symbol]:
        """The leaves with names that `roots` need, in the order they were made."""
        return [self.symbol[x] for x in self.below(roots) if x in self.symbol]

    def substitute(self, roots: list[int], change: Callable[[Symbol], int | None]) -> list[int]:
        """`roots` with every leaf that `change` gives a node for replaced by it."""
        changed: dict[int, int] = {}
        for node in self.below(roots):
            if node in self.symbol:
                new = change(self.symbol[node])
                changed[node] = node if new is None else new
            elif node in self.value:
                changed[node] = node
            else:
                old = self.operands[node]
                operands = tuple(changed[x] for x in old)
                same = operands == old
                changed[node] = node if same else self.apply(self.operation[node], *operands)
        return [changed[x] for x in roots]

    def shift(self, node: int, quarters: int) -> int:
        """The expression `quarters` later."""

        def later(symbol: Symbol) -> int | None:
            if symbol.kind not in ("endogenous", "exogenous"):
                return None
            return self.leaf(symbol._replace(shift=symbol.shift + quarters))

        return self.substitute([node], later)[0]
