"""Parameters and the steady state of many draws.

The file's own steady_state_model is evaluated as it stands; where its residuals are not zero, or
there is none, Newton's method starts from it, from the calibration's steady state or from initval.
A model whose derivatives do not depend on its steady state needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root
from scipy.sparse import csr_matrix

from emulator.worlds.base import FloatArray
from emulator.worlds.dynare import dogleg, newton
from emulator.worlds.dynare.elimination import Elimination
from emulator.worlds.dynare.graph import Graph, Symbol
from emulator.worlds.dynare.model import Model
from emulator.worlds.dynare.places import Place, Refusal
from emulator.worlds.dynare.program import Program
from emulator.worlds.dynare.scopes import at_rest
from emulator.worlds.dynare.timing import System

Given = dict[Symbol, Any]
# Of each slower search; those that find a steady state take a tenth.
_SEARCH_STEPS = 100
# A variable as near to zero as this counts as one that is zero at rest.
_ZERO = 1e-8
# Numbers in the dense Jacobians of the draws worked on at a time: 8 MB.
_ENTRIES = 1_000_000


class Rest:
    """The steady state of a system, draw by draw.

    Raises Refusal where a parameter that is needed has no value, or where the calibration has no
    steady state that can be found.
    """

    def __init__(self, model: Model, system: System) -> None:
        self.model, self.system = model, system
        graph = model.graph
        self._names = [name for name in model.parameters if name in model.values]
        self._values = Program(graph, [model.values[name] for name in self._names])
        own = model.steady or []
        steady = {name: node for name, node in own if name in model.endogenous}
        self._set = {name: node for name, node in own if name in model.parameters}
        self._own = Program(graph, [*self._at_rest(steady), *self._set.values()])
        self._initial = Program(graph, self._at_rest(model.initial))
        self._leaves = [graph.leaf(Symbol("steady", name)) for name in system.variables]
        self._symbols = [graph.symbol[leaf] for leaf in self._leaves]
        self._residual = Program(graph, system.static)
        self._jacobian = Program(graph, [node for *_, node in system.static_jacobian])
        self._cells = (
            np.array([i for i, _, _ in system.static_jacobian], dtype=np.intp),
            np.array([j for _, j, _ in system.static_jacobian], dtype=np.intp),
        )
        count = len(system.static_jacobian)
        self._sum_cells = csr_matrix(
            (np.ones(count), (self._cells[0], np.arange(count))), shape=(len(system.static), count)
        )
        self._anchor: FloatArray | None = None
        self._direct = True  # whether Newton's method finds it from initval
        self._border: FloatArray | None = None
        self._elimination: Elimination | None = None
        self._check_parameters()
        if len(system.static) != len(system.variables):
            raise Refusal(
                system.places[0],
                f"{len(system.static)} equations hold at rest, for {len(system.variables)} "
                "variables; tag as many equations [static] as [dynamic]",
            )

    def _at_rest(self, values: Mapping[str, int]) -> list[int]:
        """Nodes for all variables at rest: `values`, zero for others, auxiliaries from theirs."""
        graph, known = self.model.graph, dict(values)
        for name in self.model.endogenous:
            if name not in self.system.auxiliary:
                known.setdefault(name, graph.zero)
        waiting = dict(self.system.auxiliary)
        while waiting:
            before = len(waiting)
            for name, node in list(waiting.items()):
                rest = graph.substitute([node], lambda s: at_rest(self.model, s))[0]
                needs = {s.name for s in graph.symbols([rest]) if s.kind == "steady"}
                if needs <= known.keys():
                    known[name] = _replaced(graph, rest, known)
                    del waiting[name]
            if len(waiting) == before:  # expectations of each other
                known |= dict.fromkeys(waiting, graph.zero)
                break
        return [known[name] for name in self.system.variables]

    def _check_parameters(self) -> None:
        system, model = self.system, self.model
        entries = [*system.lead, *system.now, *system.lag, *system.load]
        roots = [*system.static, *(node for *_, node in entries), *self._set.values()]
        roots += [m.node for m in model.covariance.values()]
        if model.steady is not None:
            roots += [node for _, node in model.steady]
        for symbol in model.graph.symbols(roots):
            name = symbol.name
            missing = name not in model.values and name not in self._set
            if symbol.kind == "parameter" and missing:
                reason = model.unread.get(name)
                place = model.parameters.get(name, Place(model.file, 1))
                why = f" ({reason.reason})" if reason else ""
                raise Refusal(
                    reason.place if reason else place,
                    f"parameter {name} has no value that can be read here{why}; write "
                    f"`{name} = ...;` before the first command, or give it in a values file "
                    "(--values)",
                )

    # ------------------------------------------------------------------ draws

    def parameters(self, free: Given) -> Given:
        """`free` leaves' values and all parameters' besides, without the steady state."""
        given = dict(free)
        values = self._values(given)
        given |= {Symbol("parameter", n): v for n, v in zip(self._names, values, strict=True)}
        return given

    def __call__(self, free: Given, rows: int) -> tuple[Given, NDArray[np.bool_]]:
        """Values of free leaves, parameters and steady states, each (B,) or a number, and which
        rows (B,) have a steady state.

        free: values of the free leaves.
        """
        given = self.parameters(free)
        own = self._own(given)
        count = len(self.system.variables)
        given |= {
            Symbol("parameter", name): value
            for name, value in zip(self._set, own[count:], strict=True)
        }
        solved = np.ones(rows, dtype=np.bool_)
        if not self.system.needs_rest:
            return given, solved
        points, solved = np.empty((rows, count)), np.zeros(rows, dtype=np.bool_)
        for start in self._starts:
            left = np.flatnonzero(~solved)
            if not left.size:
                break
            some = _pick(given, left)
            first = np.empty((len(left), count))
            if start == "anchor":
                first[:] = self._anchor
            elif start == "initval":
                first[:] = self._initial.columns(some, len(left))
            else:
                for j, value in enumerate(own[:count]):
                    first[:, j] = value[left] if np.ndim(value) else value
            if start == "own" and self.model.unchecked:
                points[left], solved[left] = first, np.isfinite(first).all(axis=1)
            else:
                points[left], solved[left] = self._newton(some, first)
        given |= {s: np.ascontiguousarray(points[:, j]) for j, s in enumerate(self._symbols)}
        return given, solved

    @property
    def _starts(self) -> list[str]:
        """Where Newton's method starts, in turn. An initval that moves with the parameters says in
        each draw which of several steady states is meant, where Newton's method finds that one; one
        of numbers says so at the calibration, whose steady state then leads."""
        if self.model.steady is not None:
            return ["own", "initval"]
        if self._anchor is None:
            return ["initval"]
        moves = any(symbol.kind in ("free", "parameter") for symbol in self._initial.symbols)
        return ["initval", "anchor"] if moves and self._direct else ["anchor", "initval"]

    def _newton(self, given: Given, points: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        return newton.solve(
            points,
            lambda rows, x: self._residuals(given, rows, x),
            lambda rows, x, r: self._steps(given, rows, x, r),
            lambda rows, x: self._scales(given, rows, x),
        )

    def _residuals(self, given: Given, rows: newton.IndexArray, x: FloatArray) -> FloatArray:
        """Residuals (k, n) of `rows` at the steady states `x` (k, n)."""
        return self._residual.columns(self._with(given, rows, x), len(rows))

    def _steps(
        self, given: Given, rows: newton.IndexArray, x: FloatArray, r: FloatArray
    ) -> FloatArray:
        """Newton steps (k, n) at `x` (k, n) with residuals `r`."""
        out = np.full(r.shape, np.nan)
        if self._elimination is not None:
            values = self._jacobian(self._with(given, rows, x))
            out = self._elimination.solve(values, -np.ascontiguousarray(r.T)).T
        left = np.flatnonzero(~np.isfinite(out).all(axis=1))
        step = max(1, _ENTRIES // x.shape[1] ** 2)
        for start in range(0, len(left), step):
            some = left[start : start + step]
            jacobian = self._jacobians(given, rows[some], x[some])
            jacobian += 0.0 if self._border is None else self._border
            out[some] = newton.dense_steps(jacobian, r[some])
        return out

    def _jacobians(self, given: Given, rows: newton.IndexArray, x: FloatArray) -> FloatArray:
        """Derivatives of the residuals (k, n, n)."""
        out = np.zeros((*x.shape, x.shape[1]))
        values = self._jacobian.columns(self._with(given, rows, x), len(rows))
        out[:, self._cells[0], self._cells[1]] = values
        return out

    def _scales(self, given: Given, rows: newton.IndexArray, x: FloatArray) -> FloatArray:
        """How large each equation (k, n) is at `x`: its derivatives, times the variables' sizes."""
        values = self._jacobian.columns(self._with(given, rows, x), len(rows))
        values = np.abs(values) * _sizes(x)[:, self._cells[1]]
        return np.ascontiguousarray((self._sum_cells @ values.T).T)

    def _with(self, given: Given, rows: newton.IndexArray, x: FloatArray) -> Given:
        """The given values of `rows`, with the steady states `x` (k, n)."""
        picked = _pick(given, rows)
        return picked | {s: np.ascontiguousarray(x[:, j]) for j, s in enumerate(self._symbols)}

    # ------------------------------------------------------------------ the calibration

    def calibrate(self, free: Given) -> None:
        """Find the calibration's steady state, from which draws start. Raises Refusal."""
        if not self.system.needs_rest:
            return
        with np.errstate(all="ignore"):
            given, solved = self(free, 1)
            point = np.array([float(np.ravel(given[s])[0]) for s in self._symbols])
            first = point
            near = self._near(given) if self.model.steady is None else None
            if near is not None:
                point = near if not solved[0] else self._nearer(given, near, point)
            elif not solved[0]:
                self._check_file()
                point = self._search(given, point)
        self._anchor, self._direct = point, point is first
        self._find_order(free)

    def _find_order(self, free: Given) -> None:
        """How steps are solved.

        Where levels are not determined (price levels, random walks), the Jacobian is singular in
        every draw. Adding what links its null spaces makes it regular; a step then leaves such a
        level where it is.
        """
        assert self._anchor is not None
        with np.errstate(all="ignore"):
            given, _ = self(free, 1)
            row = np.zeros(1, dtype=np.intp)
            jacobian = self._jacobians(given, row, self._anchor[None])[0]
        if not np.isfinite(jacobian).all():
            return
        border, count = _bordered(jacobian)
        if count:
            # in other units fewer levels may be open
            columns = _sizes(self._anchor[None])[0]
            rows = np.abs(jacobian * columns).sum(axis=1)
            rows = np.where(rows > 0.0, rows, 1.0)
            plain, fewer = _bordered(jacobian * columns / rows[:, None])
            if fewer < count:
                border, count = plain * rows[:, None] / columns, fewer
        if count:
            self._border = border
        else:
            cells = list(zip(*(x.tolist() for x in self._cells), strict=True))
            self._elimination = Elimination(len(jacobian), cells, jacobian[self._cells])

    def _check_file(self) -> None:
        """A search from anywhere may find another steady state than MATLAB code computes."""
        if self.model.steady_file is not None and self.model.steady is None:
            raise Refusal(
                Place(self.model.file, 1),
                f"the steady state is computed in {self.model.steady_file}, which is not run; give "
                "it in initval, in a steady_state_model, or in a values file (--values)",
            )

    def _near(self, given: Given) -> FloatArray | None:
        """The steady state that is found from initval in guarded steps; None where none is."""
        row = np.zeros(1, dtype=np.intp)
        try:
            found = dogleg.solve(
                self._initial.columns(given, 1)[0],
                lambda x: self._residuals(given, row, x[None])[0],
                lambda x: self._jacobians(given, row, x[None])[0],
                newton.FINISHED,
            )
        except np.linalg.LinAlgError:  # the singular values did not converge
            return None
        x, solved = self._newton(given, found[None])
        return np.asarray(x[0], dtype=np.float64) if solved[0] else None

    def _nearer(self, given: Given, one: FloatArray, two: FloatArray) -> FloatArray:
        """Of two steady states the one nearer to initval; the second where they are the same."""
        start = self._initial.columns(given, 1)[0]
        away = [np.linalg.norm((x - start) / np.maximum(np.abs(start), 1.0)) for x in (one, two)]
        return one if away[0] < 0.999 * away[1] else two

    def _search(self, given: Given, point: FloatArray) -> FloatArray:
        """Slower ways to a steady state; the equation furthest from zero is named in the end."""
        row = np.zeros(1, dtype=np.intp)
        count = len(point)

        def residual(x: FloatArray) -> FloatArray:
            return _bounded(self._residuals(given, row, x[None])[0])

        def jacobian(x: FloatArray) -> FloatArray:
            return _bounded(self._jacobians(given, row, x[None])[0])

        search: Callable[..., Any] = root  # its stubs ask for each method's options apart
        starts = [self._initial.columns(given, 1)[0], point, np.zeros(count), np.ones(count)]
        for start in starts:
            if not np.isfinite(start).all():
                continue
            for method, limit in (("hybr", "maxfev"), ("lm", "maxiter")):
                try:
                    options = {limit: _SEARCH_STEPS}
                    found = search(residual, start, jac=jacobian, method=method, options=options).x
                except (ValueError, TypeError, np.linalg.LinAlgError, FloatingPointError):
                    continue
                x, solved = self._newton(given, np.asarray(found, dtype=np.float64)[None])
                if solved[0]:
                    return np.asarray(x[0], dtype=np.float64)
        raise self._nowhere(given, starts[0])

    def _nowhere(self, given: Given, start: FloatArray) -> Refusal:
        row = np.zeros(1, dtype=np.intp)
        r = self._residuals(given, row, start[None])[0]
        places = self.system.places
        bad = np.flatnonzero(~np.isfinite(r))
        worst = int(bad[0]) if bad.size else int(np.argmax(np.abs(r)))
        shown = "is no number" if bad.size else f"is off by {abs(r[worst]):.3g}"
        place = places[worst] if worst < len(places) else places[0]
        return Refusal(
            place,
            f"no steady state was found; at the start this equation {shown}. Give values near it "
            "in initval, in a steady_state_model, or in a values file (--values)",
        )


def _sizes(x: FloatArray) -> FloatArray:
    """How large variables are (k, n) at the steady states `x`; one where that is zero."""
    size = np.abs(x)
    return np.where(size > _ZERO, size, 1.0)


def _bordered(jacobian: FloatArray) -> tuple[FloatArray, int]:
    """What links a Jacobian's null spaces (n, n), and how many dimensions they have."""
    left, size, right = np.linalg.svd(jacobian)
    null = size <= 1e-11 * size.max(initial=0.0)
    border = left[:, null] @ right[null] * size.mean()
    return np.asarray(border, dtype=np.float64), int(null.sum())


def _replaced(graph: Graph, node: int, known: Mapping[str, int]) -> int:
    """The expression with steady states replaced by what they are."""
    return graph.substitute([node], lambda s: known[s.name] if s.kind == "steady" else None)[0]


def _bounded(values: FloatArray) -> FloatArray:
    """What is no number as a large one, which a search turns away from."""
    return np.where(np.isfinite(values), np.clip(values, -1e12, 1e12), 1e6)


def _pick(given: Given, rows: newton.IndexArray) -> Given:
    """Each value at `rows`; numbers as they are."""
    return {symbol: v[rows] if np.ndim(v) else v for symbol, v in given.items()}
