"""Evaluating nodes of a graph over many draws at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from emulator.worlds.base import FloatArray
from emulator.worlds.dynare.graph import Graph, Symbol
from emulator.worlds.dynare.operations import OPERATIONS


class Program:
    """A list of NumPy calls that computes `roots`, each shared subexpression once.

    symbols: the leaves it has to be given.
    """

    def __init__(self, graph: Graph, roots: Sequence[int]) -> None:
        order = graph.below(roots)
        slot = {node: i for i, node in enumerate(order)}
        last = {x: node for node in order for x in graph.operands[node]}
        keep = set(roots)
        self._numbers = [(slot[x], np.float64(graph.value[x])) for x in order if x in graph.value]
        self._leaves = [(slot[x], graph.symbol[x]) for x in order if x in graph.symbol]
        self._calls: list[tuple[Callable[..., Any], int, tuple[int, ...], tuple[int, ...]]] = []
        for node in order:
            operands = graph.operands[node]
            if operands:
                # values that nothing reads again are let go, which keeps a chunk in the cache
                done = tuple(slot[x] for x in set(operands) if last[x] == node and x not in keep)
                places = tuple(slot[x] for x in operands)
                self._calls.append((OPERATIONS[graph.operation[node]], slot[node], places, done))
        self._size = len(order)
        self._roots = [slot[x] for x in roots]
        self.symbols = tuple(symbol for _, symbol in self._leaves)

    def __call__(self, given: Mapping[Symbol, Any]) -> list[Any]:
        """The roots' values: (B,), or a number where no leaf below is an array.

        given: each leaf's values, (B,) and contiguous, or a number; what is left out is NaN.
        """
        values: list[Any] = [None] * self._size
        for place, number in self._numbers:
            values[place] = number
        for place, symbol in self._leaves:
            values[place] = given.get(symbol, np.float64(np.nan))
        for function, place, operands, done in self._calls:
            if len(operands) == 1:
                values[place] = function(values[operands[0]])
            else:
                values[place] = function(values[operands[0]], values[operands[1]])
            for finished in done:
                values[finished] = None
        return [values[place] for place in self._roots]

    def columns(self, given: Mapping[Symbol, Any], rows: int) -> FloatArray:
        """The roots' values as (rows, roots)."""
        out = np.empty((rows, len(self._roots)))
        for j, value in enumerate(self(given)):
            out[:, j] = value
        return out
