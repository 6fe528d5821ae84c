"""What of a system has to be solved, found once a file.

Variables that nothing else needs are left out with the equations that define them, exact
accumulators (price levels) among them. Processes that move on their own, whatever the rest does, go
to the exogenous part. Variables without leads and lags are substituted where an equation without
leads defines them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from emulator.worlds.base import FloatArray
from emulator.worlds.dynare.graph import Graph
from emulator.worlds.dynare.timing import Entries, System

Table = dict[tuple[int, int], int]
# Values (draws, nodes) of nodes at the calibration and near it.
Sample = Callable[[Sequence[int]], FloatArray]
# What an equation is divided by to substitute must not be small beside its other coefficients.
_PIVOT = 0.02


@dataclass(frozen=True)
class Structure:
    """Positions in a system, and the derivatives that are left.

    variables, equations: what is solved, n of each. exogenous, processes: variables of the
    exogenous part and their equations. direct: shocks that enter the equations solved. dropped,
    substituted: variables left out. lead, now, lag, load: by equation and variable (shock), nodes.
    forward: of the equations solved, those with a lead (positions among them); lagged: of the
    variables solved, those with a lag.
    """

    variables: list[int]
    equations: list[int]
    exogenous: list[int]
    processes: list[int]
    direct: list[int]
    dropped: list[int]
    substituted: list[int]
    lead: Table
    now: Table
    lag: Table
    load: Table
    forward: list[int]
    lagged: list[int]


def find(system: System, wanted: Iterable[int], sample: Sample) -> Structure:
    """The structure of `system` when the variables `wanted` are asked for."""
    return _Finder(system, set(wanted), sample).run()


class _Finder:
    def __init__(self, system: System, wanted: set[int], sample: Sample) -> None:
        self.wanted, self.sample, self.graph = wanted, sample, system.graph
        self.lead, self.now, self.lag, self.load = map(
            _table, (system.lead, system.now, system.lag, system.load)
        )
        count = len(system.variables)
        self.users: list[set[int]] = [set() for _ in range(count)]
        self.inside: list[set[int]] = [set() for _ in range(count)]
        for i, j in {**self.lead, **self.now, **self.lag}:
            self.users[j].add(i)
            self.inside[i].add(j)
        self.variables, self.equations = set(range(count)), set(range(count))

    def run(self) -> Structure:
        dropped = self.drop()
        pairs = self.processes()
        self.variables -= pairs.keys()
        self.equations -= set(pairs.values())
        substituted = self.substitute()
        variables, equations = sorted(self.variables), sorted(self.equations)
        return Structure(
            variables,
            equations,
            list(pairs),
            list(pairs.values()),
            sorted({e for i, e in self.load if i in self.equations}),
            dropped,
            substituted,
            self.lead,
            self.now,
            self.lag,
            self.load,
            [a for a, i in enumerate(equations) if any((i, j) in self.lead for j in variables)],
            [b for b, j in enumerate(variables) if any((i, j) in self.lag for i in equations)],
        )

    # ------------------------------------------------------------------ leaving out

    def drop(self) -> list[int]:
        """Take out what serves nothing but itself, again and again."""
        adds_up = self.accumulators()
        dropped: list[int] = []
        changed = True
        while changed:
            changed = False
            for j in sorted(self.variables - self.wanted):
                users = self.users[j] & self.equations
                if len(users) != 1:
                    continue
                (i,) = users
                if (i, j) not in self.now or (i, j) in self.lead:
                    continue  # its own lead: its root counts for determinacy
                if (i, j) in self.lag and (i, j) not in adds_up:
                    continue  # its own root, if not one, counts for stability
                self.variables.discard(j)
                self.equations.discard(i)
                dropped.append(j)
                changed = True
        return dropped

    def accumulators(self) -> set[tuple[int, int]]:
        """Where a variable's lag has exactly minus the coefficient that it has now."""
        both = [key for key in self.lag if key in self.now]
        now = self.sample([self.now[key] for key in both])
        lag = self.sample([self.lag[key] for key in both])
        # but for rounding in the derivatives
        zero = np.all(np.abs(now + lag) <= 1e-11 * np.abs(now), axis=0)
        return {both[place] for place in np.flatnonzero(zero)}

    # ------------------------------------------------------------------ the exogenous part

    def processes(self) -> dict[int, int]:
        """Variable to equation, of those that move on their own."""
        candidates: dict[int, list[int]] = {}
        for i in sorted(self.equations):
            present = self.inside[i] & self.variables
            current = [j for j in present if (i, j) in self.now]
            if len(current) == 1 and not any((i, j) in self.lead for j in present):
                candidates.setdefault(current[0], []).append(i)
        pairs = {j: found[0] for j, found in sorted(candidates.items()) if len(found) == 1}
        count = -1
        while count < len(pairs):
            count = len(pairs)
            self.extend(pairs)
        return self.closed(pairs)

    def extend(self, pairs: dict[int, int]) -> None:
        """Add equations without leads that hold one variable which is not in `pairs` yet."""
        for i in sorted(self.equations - set(pairs.values())):
            present = self.inside[i] & self.variables
            new = present - pairs.keys()
            if len(new) == 1 and not any((i, j) in self.lead for j in present):
                (j,) = new
                if (i, j) in self.now:
                    pairs[j] = i

    def closed(self, pairs: dict[int, int]) -> dict[int, int]:
        """Those pairs whose equations hold only variables of the pairs, that nobody asks for, and
        whose lags enter no other equation."""
        pairs = dict(pairs)
        while True:
            own = set(pairs.values())
            bad = {
                j
                for j, i in pairs.items()
                if j in self.wanted
                or not (self.inside[i] & self.variables) <= pairs.keys()
                or any((e, j) in self.lag for e in (self.users[j] & self.equations) - own)
            }
            if not bad:
                return pairs
            for j in bad:
                del pairs[j]

    # ------------------------------------------------------------------ substitution

    def substitute(self) -> list[int]:
        """Take static variables out with an equation without leads each, by elimination."""
        out: list[int] = []
        moving = {j for i, j in (*self.lead, *self.lag) if i in self.equations}
        leading = {i for i, _ in self.lead}
        for j in sorted(self.variables - self.wanted - moving):
            column = [i for i in sorted(self.equations) if (i, j) in self.now]
            rows = [i for i in column if i not in leading and self.usable(i, j)]
            if rows:
                pivot = min(rows, key=lambda i: (self.entries(i), i))
                self.eliminate(pivot, j, [i for i in column if i != pivot])
                out.append(j)
        return out

    def entries(self, row: int) -> int:
        return sum(i == row for table in (self.now, self.lag, self.load) for i, _ in table)

    def usable(self, row: int, column: int) -> bool:
        """Whether the coefficient is large enough, at the calibration and near it, to divide by."""
        nodes = [node for (i, _), node in self.now.items() if i == row]
        values = np.abs(self.sample([self.now[row, column], *nodes]))
        return bool(
            (values[:, 0] >= _PIVOT * values.max(axis=1)).all() and (values > 0)[:, 0].all()
        )

    def eliminate(self, pivot: int, column: int, others: list[int]) -> None:
        graph = self.graph
        own = self.now[pivot, column]
        for row in others:
            factor = graph.apply("divide", self.now.pop((row, column)), own)
            for table in (self.now, self.lag, self.load):
                for (i, k), node in list(table.items()):
                    if i == pivot and (table is not self.now or k != column):
                        _subtract(graph, table, (row, k), graph.apply("multiply", factor, node))
        self.variables.discard(column)
        self.equations.discard(pivot)


def _table(entries: Entries) -> Table:
    return {(i, j): node for i, j, node in entries}


def _subtract(graph: Graph, table: Table, key: tuple[int, int], node: int) -> None:
    difference = graph.apply("subtract", table.get(key, graph.zero), node)
    if difference == graph.zero:
        table.pop(key, None)
    else:
        table[key] = difference
