"""From parameters to state spaces, for a batch of draws of one file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emulator.worlds.base import FloatArray, Status
from emulator.worlds.dynare.decide import Plan, decide, plan
from emulator.worlds.dynare.elimination import Elimination
from emulator.worlds.dynare.model import Model
from emulator.worlds.dynare.program import Program
from emulator.worlds.dynare.rest import Given, Rest
from emulator.worlds.dynare.structure import Structure, find
from emulator.worlds.dynare.timing import System
from emulator.worlds.equations import Matrices
from emulator.worlds.lanes import LANES
from emulator.worlds.linear import StateSpace
from emulator.worlds.rational_expectations import state_space

# Draws whose steady states and derivatives are evaluated at a time: enough that calls cost little.
_DRAWS = 2048
# Entries of a matrix (rows, n, n) that are worked on at a time: 2 MB.
_CHUNK_ENTRIES = 250_000


class FirstOrder:
    """The first-order solution of a model file.

    system: with the observables as variables; observed: their names. active: the shocks with an
    s.d. structure, plan: found at the calibration, by `calibrate`.
    """

    structure: Structure
    plan: Plan

    def __init__(self, model: Model, system: System, observed: Sequence[str]) -> None:
        self.model, self.system = model, system
        self.rest = Rest(model, system)
        self.observed = [system.variables.index(name) for name in observed]
        self.active = [
            i for i, name in enumerate(system.shocks) if (name, name) in model.covariance
        ]
        moments = model.covariance
        self._pairs = [key for key in moments if all(name in self._active_names for name in key)]
        self._moments = Program(model.graph, [moments[key].node for key in self._pairs])

    @property
    def _active_names(self) -> list[str]:
        return [self.system.shocks[i] for i in self.active]

    # ------------------------------------------------------------------ the calibration

    def calibrate(self, free: Given) -> Status:
        """Find the steady state, the structure and the plan at `free`; the verdict there.

        Raises Refusal where there is no steady state.
        """
        self.rest.calibrate(free)
        self._find_structure(free)
        with np.errstate(all="ignore"):
            given, _ = self.rest(free, 1)
            i, j, cells, (processes, _) = self._places["process_now"]
            values = self._program.columns(given, 1)[0, cells]
            self._current = Elimination(processes, list(zip(i, j, strict=True)), values)
            structure = self.structure
            i, j, _, _ = self._places["now"]
            self.plan = plan(
                self.matrices(given, 1),
                structure.forward,
                structure.lagged,
                list(zip(i, j, strict=True)),
            )
            return Status(int(self.solve(free, 1).status[0]))

    def dependent(self, free: Given) -> list[int]:
        """Equations (positions in the system) of which one follows from the others, or
        contradicts them, at `free`; none where that cannot be told."""
        system = self.system
        count = len(system.variables)
        parts = (system.lead, system.now, system.lag)
        cells = [(i, k * count + j, x) for k, part in enumerate(parts) for i, j, x in part]
        with np.errstate(all="ignore"):
            given, _ = self.rest(free, 1)
            values = Program(self.model.graph, [x for *_, x in cells]).columns(given, 1)[0]
        matrix = np.zeros((count, 3 * count))
        matrix[[i for i, *_ in cells], [j for _, j, _ in cells]] = values
        if not np.isfinite(matrix).all():
            return []
        for axis in (1, 0):
            largest = np.abs(matrix).max(axis=axis, keepdims=True)
            matrix /= np.where(largest > 0.0, largest, 1.0)
        left, size, _ = np.linalg.svd(matrix, full_matrices=False)
        if size[-1] > 1e-12 * size[0]:
            return []
        weight = np.abs(left[:, -1])
        return np.flatnonzero(weight > 1e-6 * weight.max()).tolist()

    def _find_structure(self, free: Given) -> None:
        """The structure; what numbers decide is looked up at the calibration and around it."""
        rng = np.random.default_rng(0)
        rows = 8
        near: Given = {}
        for leaf, value in free.items():
            near[leaf] = float(value) * (1.0 + 0.01 * rng.standard_normal(rows))
            near[leaf][0] = float(value)
        with np.errstate(all="ignore"):
            given, solved = self.rest(near, rows)

            def sample(nodes: Sequence[int]) -> FloatArray:
                return Program(self.model.graph, nodes).columns(given, rows)[solved]

            self.structure = find(self.system, self.observed, sample)
        self._prepare()

    def _prepare(self) -> None:
        """The programs of the matrices that are needed, cell by cell."""
        s = self.structure
        row = {i: a for a, i in enumerate(s.equations)}
        column = {j: b for b, j in enumerate(s.variables)}
        process = {i: a for a, i in enumerate(s.processes)}
        exogenous = {j: b for b, j in enumerate(s.exogenous)}
        shock = {e: e for e in range(len(self.system.shocks))}
        wanted = {
            "lead": (s.lead, row, column),
            "now": (s.now, row, column),
            "lag": (s.lag, row, column),
            "load": (s.load, row, shock),
            "exogenous_lead": (s.lead, row, exogenous),
            "exogenous_now": (s.now, row, exogenous),
            "process_now": (s.now, process, exogenous),
            "process_lag": (s.lag, process, exogenous),
            "process_load": (s.load, process, shock),
        }
        nodes: list[int] = []
        self._places: dict[str, tuple[list[int], list[int], slice, tuple[int, int]]] = {}
        for name, (table, rows, columns) in wanted.items():
            held = [
                (rows[i], columns[j], node)
                for (i, j), node in table.items()
                if i in rows and j in columns
            ]
            start = len(nodes)
            nodes += [x for *_, x in held]
            cells = slice(start, len(nodes))
            shape = (len(rows), len(columns))
            self._places[name] = ([a for a, _, _ in held], [b for _, b, _ in held], cells, shape)
        self._program = Program(self.model.graph, nodes)

    # ------------------------------------------------------------------ draws

    def solve(self, free: Given, rows: int) -> StateSpace:
        """State spaces (B) at the free leaves' values, each (B,) or a number."""
        parts = []
        for start in range(0, max(rows, 1), _DRAWS):
            some = {k: v[start : start + _DRAWS] if np.ndim(v) else v for k, v in free.items()}
            parts += self._solve_some(some, min(_DRAWS, rows - start))
        if len(parts) == 1:
            return parts[0]
        return StateSpace(*map(np.concatenate, zip(*parts, strict=True)))

    def _solve_some(self, free: Given, rows: int) -> list[StateSpace]:
        """State spaces in chunks."""
        s = self.structure
        given, solved = self.rest(free, rows)
        numbers, factor = self._program.columns(given, rows), self.factor(given, rows)
        size = len(s.variables) + len(s.exogenous)
        step = max(LANES, _CHUNK_ENTRIES // max(size, 1) ** 2)
        return [
            self._solve_chunk(numbers[i : i + step], factor[i : i + step], solved[i : i + step])
            for i in range(0, max(rows, 1), step)
        ]

    def _solve_chunk(
        self, numbers: FloatArray, factor: FloatArray, solved: NDArray[np.bool_]
    ) -> StateSpace:
        if solved.all():
            return self._decide(numbers, factor)
        space = self._decide(numbers[solved], factor[solved])
        out = [np.full((len(solved), *x.shape[1:]), np.nan) for x in space[:4]]
        for full, part in zip(out, space, strict=False):
            full[solved] = part
        status = np.full(len(solved), Status.NO_CONVERGENCE, dtype=np.int8)
        status[solved] = space.status
        a, b, c, d = out
        return StateSpace(a, b, c, d, status)

    def _decide(self, numbers: FloatArray, factor: FloatArray) -> StateSpace:
        s = self.structure
        model = self._matrices(numbers, factor)
        rule = decide(model, self.plan)
        observed = [s.variables.index(j) for j in self.observed]
        return state_space(
            rule, model.persistence, model.impact, s.lagged, observed, np.ones(len(observed))
        )

    def matrices(self, given: Given, rows: int) -> Matrices:
        """The matrices of `rational_expectations` for what is solved."""
        return self._matrices(self._program.columns(given, rows), self.factor(given, rows))

    def _matrices(self, numbers: FloatArray, factor: FloatArray) -> Matrices:
        """The matrices of the program's numbers (B, cells) and the shocks' factors (B, S, S)."""
        s, rows = self.structure, len(numbers)
        part = {name: self._fill(name, numbers) for name in self._places}
        processes, direct = len(s.exogenous), len(s.direct)
        size = processes + direct
        persistence = np.zeros((rows, size, size))
        impact = np.zeros((rows, size, len(self.active)))
        load = np.zeros((rows, len(s.variables), size))
        if processes:
            cells = self._places["process_now"][2]
            hit = part["process_load"][:, :, self.active] @ factor
            known = -np.concatenate([part["process_lag"], hit], axis=2)
            values = np.ascontiguousarray(numbers[:, cells].T)
            moved = self._current.solve(values, np.ascontiguousarray(np.moveaxis(known, 0, 2)))
            moved = np.moveaxis(moved, 2, 0)
            persistence[:, :processes, :processes] = carried = moved[:, :, :processes]
            impact[:, :processes] = moved[:, :, processes:]
            load[:, :, :processes] = part["exogenous_now"] + part["exogenous_lead"] @ carried
        for place, shock in enumerate(s.direct):
            load[:, :, processes + place] = part["load"][:, :, shock]
            if shock in self.active:
                impact[:, processes + place] = factor[:, self.active.index(shock)]
        return Matrices(part["lead"], part["now"], part["lag"], load, persistence, impact)

    def _fill(self, name: str, values: FloatArray) -> FloatArray:
        i, j, cells, shape = self._places[name]
        out = np.zeros((len(values), *shape))
        out[:, i, j] = values[:, cells]
        return out

    def factor(self, given: Given, rows: int) -> FloatArray:
        """The shocks' Cholesky factor (B, S, S), in the order of their declaration."""
        names = self._active_names
        covariance = np.zeros((rows, len(names), len(names)))
        moments = dict(zip(self._pairs, self._moments(given), strict=True))
        kinds = self.model.covariance
        for (one, two), value in moments.items():
            i, j = names.index(one), names.index(two)
            if kinds[one, two].kind == "stderr":
                covariance[:, i, i] = np.square(value)
            elif kinds[one, two].kind in ("variance", "covariance"):
                covariance[:, i, j] = covariance[:, j, i] = value
        sd = np.sqrt(np.einsum("bii->bi", covariance))
        for (one, two), value in moments.items():
            if kinds[one, two].kind == "stderr":
                sd[:, names.index(one)] = np.abs(
                    value
                )  # its square's root may be off in the last bit
        for (one, two), value in moments.items():
            if kinds[one, two].kind == "correlation":
                i, j = names.index(one), names.index(two)
                covariance[:, i, j] = covariance[:, j, i] = value * sd[:, i] * sd[:, j]
        if all(one == two for one, two in moments):
            out = np.zeros_like(covariance)
            every = np.arange(len(names))
            out[:, every, every] = sd
            return out
        return _cholesky(covariance)


def _cholesky(covariance: FloatArray) -> FloatArray:
    """Lower factors (B, S, S) of covariances that may be singular; NaN where one is none."""
    out = np.zeros_like(covariance)
    for j in range(covariance.shape[1]):
        rest = covariance[:, j:, j] - np.einsum("bik,bk->bi", out[:, j:, :j], out[:, j, :j])
        # a shock that earlier ones span leaves zero but for rounding
        spanned = np.abs(rest[:, 0]) <= 1e-12 * np.abs(covariance[:, j, j])
        pivot = np.sqrt(np.where(spanned, 0.0, rest[:, 0]))
        out[:, j:, j] = np.where(spanned[:, None], 0.0, rest / pivot[:, None])
    return out
