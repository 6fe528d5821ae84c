"""What of a system has to be solved, found once a file.

Variables that nothing else needs are left out with the equations that define them, exact
accumulators (price levels) among them. Processes that move on their own, whatever the rest does, go
to the exogenous part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from emulator.worlds.dynare.timing import System


@dataclass(frozen=True)
class Structure:
    """Positions in a system.

    variables, equations: what is solved, n of each. exogenous, processes: variables of the
    exogenous part and their equations. direct: shocks that enter the equations solved. dropped:
    variables left out. forward: of the equations solved, those with a lead (positions among them);
    lagged: of the variables solved, those with a lag.
    """

    variables: list[int]
    equations: list[int]
    exogenous: list[int]
    processes: list[int]
    direct: list[int]
    dropped: list[int]
    forward: list[int]
    lagged: list[int]


def find(
    system: System, wanted: Iterable[int], accumulates: Callable[[int, int], bool]
) -> Structure:
    """The structure of `system` when the variables `wanted` are asked for.

    accumulates(equation, variable): whether the variable's lag has exactly minus the coefficient
    that the variable has now, so that the equation adds up the rest.
    """
    return _Finder(system, set(wanted), accumulates).run()


class _Finder:
    def __init__(
        self, system: System, wanted: set[int], accumulates: Callable[[int, int], bool]
    ) -> None:
        self.wanted, self.accumulates = wanted, accumulates
        self.ahead = {(i, j) for i, j, _ in system.lead}
        self.now = {(i, j) for i, j, _ in system.now}
        self.back = {(i, j) for i, j, _ in system.lag}
        self.hit = {(i, e) for i, e, _ in system.load}
        count = len(system.variables)
        self.users: list[set[int]] = [set() for _ in range(count)]
        self.inside: list[set[int]] = [set() for _ in range(count)]
        for i, j in self.ahead | self.now | self.back:
            self.users[j].add(i)
            self.inside[i].add(j)
        self.variables, self.equations = set(range(count)), set(range(count))

    def run(self) -> Structure:
        dropped = self.drop()
        pairs = self.processes()
        variables = sorted(self.variables - pairs.keys())
        equations = sorted(self.equations - set(pairs.values()))
        held = set(equations)
        place = {j: b for b, j in enumerate(variables)}
        forward = [a for a, i in enumerate(equations) if any((i, j) in self.ahead for j in place)]
        lagged = [b for b, j in enumerate(variables) if any((i, j) in self.back for i in held)]
        return Structure(
            variables,
            equations,
            list(pairs),
            list(pairs.values()),
            sorted({e for i, e in self.hit if i in held}),
            dropped,
            forward,
            lagged,
        )

    def drop(self) -> list[int]:
        """Take out what serves nothing but itself, again and again."""
        dropped: list[int] = []
        changed = True
        while changed:
            changed = False
            for j in sorted(self.variables - self.wanted):
                users = self.users[j] & self.equations
                if len(users) != 1:
                    continue
                (i,) = users
                if (i, j) not in self.now or (i, j) in self.ahead:
                    continue  # its own lead: its root counts for determinacy
                if (i, j) in self.back and not self.accumulates(i, j):
                    continue  # its own root, if not one, counts for stability
                self.variables.discard(j)
                self.equations.discard(i)
                dropped.append(j)
                changed = True
        return dropped

    def processes(self) -> dict[int, int]:
        """Variable to equation, of those that move on their own."""
        candidates: dict[int, list[int]] = {}
        for i in sorted(self.equations):
            present = self.inside[i] & self.variables
            current = [j for j in present if (i, j) in self.now]
            if len(current) == 1 and not any((i, j) in self.ahead for j in present):
                candidates.setdefault(current[0], []).append(i)
        pairs = {j: found[0] for j, found in sorted(candidates.items()) if len(found) == 1}
        pairs = self.closed(pairs)
        grown = True
        while grown:
            more = self.closed(self.extended(pairs))
            grown = len(more) > len(pairs)
            pairs = more if grown else pairs
        return pairs

    def extended(self, pairs: dict[int, int]) -> dict[int, int]:
        """Pairs besides `pairs`: equations without leads with one variable that is not in them."""
        out = dict(pairs)
        for i in sorted(self.equations - set(pairs.values())):
            present = self.inside[i] & self.variables
            new = present - out.keys()
            if len(new) == 1 and not any((i, j) in self.ahead for j in present):
                (j,) = new
                if (i, j) in self.now:
                    out[j] = i
        return out

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
                or any((e, j) in self.back for e in (self.users[j] & self.equations) - own)
            }
            if not bad:
                return pairs
            for j in bad:
                del pairs[j]
