"""The world interface: what every macro model in the bank offers.

A world is an exact, vectorised simulator in NumPy float64. Axis letters: B draws, P parameters,
S shocks, H last horizon (h = 0 is the impact quarter), T quarters, n states; observables are always
`output, inflation, rate`. Shocks are counted in standard deviations of the structural innovation.

A subclass states its names and implements four methods: `_solve` (parameters to a solution with one
status per row), `_responses`, `_simulate`, and, where parameters are not drawn independently,
`from_uniforms`. Everything public lives here once: shapes, broadcasting, statuses, NaN rows, and
overflow, which a row's status reports and no warning. The file is long for that: whoever adds a
world reads one contract in one place.
"""

from __future__ import annotations

import reprlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Generic, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emulator.errors import InputError, WorldError, unknown_name
from emulator.specs import MACRO_OBSERVABLES, Observable, Parameter, Shock, WorldSpec, box
from emulator.worlds.arguments import NOT_NUMBERS, laid_out, numbers, whole
from emulator.worlds.labels import Wanted
from emulator.worlds.priors import quantiles

if TYPE_CHECKING:
    from jaxtyping import Float64, Int8

FloatArray = NDArray[np.float64]
StatusArray = NDArray[np.int8]


class Status(IntEnum):
    """The verdict on one row of parameters, in order of severity: the worst one is reported."""

    OK = 0
    OUT_OF_BOUNDS = 1
    INADMISSIBLE = 2
    NO_CONVERGENCE = 3
    NO_STABLE_SOLUTION = 4
    INDETERMINATE = 5
    NOT_FINITE = 6

    @property
    def message(self) -> str:
        """The verdict as a sentence."""
        return _MESSAGES[self]

    @property
    def solved(self) -> bool:
        """Whether a row with this verdict has responses (rather than NaN)."""
        return self < Status.NO_CONVERGENCE


_MESSAGES = {
    Status.OK: "a unique stable solution inside the bounds",
    Status.OUT_OF_BOUNDS: "a parameter lies outside its bounds (solved all the same)",
    Status.INADMISSIBLE: "a joint restriction of the prior is violated (solved all the same)",
    Status.NO_CONVERGENCE: "the solver did not converge",
    Status.NO_STABLE_SOLUTION: "no stable solution exists",
    Status.INDETERMINATE: "more than one stable solution exists",
    Status.NOT_FINITE: "a parameter, or a coefficient that follows from it, is NaN or infinite",
}


class Responses(NamedTuple):
    """Impulse responses: values (B, S, H+1, 3) in the observables' units, status (B,)."""

    values: Float64[np.ndarray, "B S points 3"]
    status: Int8[np.ndarray, " B"]


class Paths(NamedTuple):
    """Simulated paths: observables (B, T, 3), states (B, T, n), flags (B, T), status (B,)."""

    observables: Float64[np.ndarray, "B T 3"]
    states: Float64[np.ndarray, "B T n"]
    flags: Int8[np.ndarray, "B T"]
    status: Int8[np.ndarray, " B"]


class Solution(Protocol):
    """What `solve` returns: any named tuple with one status per row."""

    @property
    def status(self) -> StatusArray: ...

    def _replace(self, *, status: StatusArray = ...) -> Self: ...


SolutionT = TypeVar("SolutionT", bound=Solution)

# A sampler gives up when fewer than one draw in this many is valid: the prior is then misstated.
_MAX_TRIES = 10_000
# Entries of the solutions' matrices (B, n, n) at a time: 128 MB. The bank's worlds, of up to 30
# states, reach it with 18,000 draws.
_SOLUTION_ENTRIES = 2**24
# 2,500 years, when powers of .996 have fallen below float64's rounding; more would fill the memory.
MAX_HORIZON = 10_000


class World(ABC, Generic[SolutionT]):
    """One family of macro models. See the module docstring for what a subclass provides.

    linear: responses neither depend on the state nor change shape with the size.
    hidden_chain: a discrete hidden process (regimes) moves besides the innovations.
    flag: what `Paths.flags` marks (a regime, a binding constraint); None when nothing.
    restrictions: what makes a row INADMISSIBLE, a sentence each.
    floors: observables that never fall below the negative of a parameter, each with its name.
    path_error: how far paths may be from sums of responses, as a share of these: those of a world
        whose responses are its solution come from a state space that reproduces them nearly.
    recursive: whether shock j moves no observable before the j-th on impact, and raises that one.
    dear: parameters whose new values cost nearly all of a solution. siblings: how many samples of a
        data set share them.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]]
    shocks: ClassVar[tuple[Shock, ...]]
    observables: ClassVar[tuple[Observable, ...]] = MACRO_OBSERVABLES
    state_names: ClassVar[tuple[str, ...]]
    linear: ClassVar[bool] = True
    hidden_chain: ClassVar[bool] = False
    flag: ClassVar[str | None] = None
    restrictions: ClassVar[tuple[str, ...]] = ()
    floors: ClassVar[tuple[tuple[str, str], ...]] = ()
    path_error: ClassVar[float] = 0.0
    recursive: ClassVar[bool] = False
    dear: ClassVar[tuple[str, ...]] = ()
    siblings: ClassVar[int] = 1

    # ------------------------------------------------------------------ to implement

    @abstractmethod
    def _solve(self, theta: Float64[np.ndarray, "B P"]) -> SolutionT:
        """Solve (B, P) finite parameters, in or out of bounds, with one status (B,) per row.

        The status says whether a row is admissible and has a unique stable solution; bounds are
        added by `solve`. NumPy's warnings are off: a row that overflows says so in its status.
        """

    @abstractmethod
    def _responses(
        self,
        theta: Float64[np.ndarray, "B P"],
        solution: SolutionT,
        horizon: int,
        size: Float64[np.ndarray, "B S"],
        state: Float64[np.ndarray, "B n"] | None,
    ) -> Float64[np.ndarray, "B S {horizon}+1 3"]:
        """Responses (B, S, H+1, 3) to shocks of `size` (B, S); `state` is (B, n) or None.

        Rows on which a solver fails come back as NaN and get the status NO_CONVERGENCE; the same
        goes for `_simulate`.
        """

    @abstractmethod
    def _simulate(
        self,
        theta: Float64[np.ndarray, "B P"],
        solution: SolutionT,
        eps: Float64[np.ndarray, "B T S"],
        state: Float64[np.ndarray, "B n"] | None,
        uniforms: Float64[np.ndarray, "B T"] | None,
    ) -> tuple[Float64[np.ndarray, "B T 3"], Float64[np.ndarray, "B T n"], Int8[np.ndarray, "B T"]]:
        """Observables (B, T, 3), states (B, T, n), flags (B, T) for innovations (B, T, S)."""

    def from_uniforms(self, u: Float64[np.ndarray, "B P"]) -> Float64[np.ndarray, "B P"]:
        """Prior draws (B, P) from uniforms (B, P), before rejection by `check`."""
        return quantiles(self.parameters, u)

    # ------------------------------------------------------------------ names and draws

    @property
    def spec(self) -> WorldSpec:
        """The world's description as plain data."""
        return WorldSpec(
            name=self.name,
            title=self.title,
            source=self.source,
            linear=self.linear,
            hidden_chain=self.hidden_chain,
            flag=self.flag,
            state_names=self.state_names,
            parameters=self.parameters,
            shocks=self.shocks,
            observables=self.observables,
            restrictions=self.restrictions,
            floors=self.floors,
            recursive=self.recursive,
            siblings=self.siblings,
        )

    @cached_property
    def _box(self) -> FloatArray:
        return box(self.parameters)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.parameters)

    @property
    def shock_names(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.shocks)

    def pack(self, values: Mapping[str, float] | None = None) -> Float64[np.ndarray, " P"]:
        """Named values to (P,), defaults for the rest. Names are checked, bounds are not.

        Raises UnknownNameError (nearest name suggested) or InputError (not a number, no mapping).
        """
        if values is not None and not isinstance(values, Mapping):
            raise InputError(f"parameters: expected names and numbers, got {reprlib.repr(values)}")
        theta: FloatArray = self._box[2].copy()
        index = {name: j for j, name in enumerate(self.parameter_names)}
        for name, value in (values or {}).items():
            if name not in index:
                raise unknown_name(f"parameter of world {self.name!r}", str(name), index)
            try:
                theta[index[name]] = float(value)
            except NOT_NUMBERS:
                shown = reprlib.repr(value)
                raise InputError(f"parameter {name!r}: expected a number, got {shown}") from None
        return theta

    def solve(self, theta: ArrayLike) -> SolutionT:
        """Solve (B, P) parameters; the result's status (B,) includes bounds and admissibility.

        Rows that are NaN or infinite are solved at the defaults, and their status says NOT_FINITE.
        """
        theta = self._theta(theta)
        bounds = self._bounds_status(theta)
        theta = np.where((bounds == Status.NOT_FINITE)[:, None], self.pack(), theta)
        with np.errstate(all="ignore"):
            solution = self._solve(theta)
        return solution._replace(status=worst(bounds, solution.status))

    def check(self, theta: ArrayLike) -> Int8[np.ndarray, " B"]:
        """One `Status` per row, (B,) int8."""
        theta = self._theta(theta)
        return np.concatenate([self.solve(theta[some]).status for some in self._slices(len(theta))])

    def draw(
        self, n: int, rng: np.random.Generator
    ) -> tuple[Float64[np.ndarray, "{n} P"], Counter[Status]]:
        """(n, P) valid prior draws, and how many draws were rejected for which reason."""
        kept: list[FloatArray] = []
        have, drawn = 0, 0
        rejected: Counter[Status] = Counter()
        while have < n:
            # Where a draw is dear, none is made that is not asked for.
            batch = n - have if self.dear else min(max(64, 2 * (n - have)), 65_536)
            theta = self.from_uniforms(rng.random((batch, len(self.parameters))))
            status = self.check(theta)
            drawn += batch
            rejected.update(Status(int(s)) for s in status[status != Status.OK])
            valid = theta[status == Status.OK][: n - have]
            kept.append(valid)
            have += len(valid)
            if drawn > _MAX_TRIES * max(have, 1):
                reasons = ", ".join(f"{k.name} {v}" for k, v in rejected.most_common())
                raise InputError(f"world {self.name!r}: {have} valid of {drawn} draws ({reasons})")
        empty = np.empty((0, len(self.parameters)))
        return np.concatenate([empty, *kept]), rejected

    def sample_parameters(self, n: int, rng: np.random.Generator) -> Float64[np.ndarray, "{n} P"]:
        """(n, P) prior draws with status OK. Raises InputError for a bad count or generator."""
        if not isinstance(rng, np.random.Generator):
            raise InputError(
                "rng: expected a NumPy generator, such as numpy.random.default_rng(0), got "
                f"{reprlib.repr(rng)}"
            )
        return self.draw(whole("n", n), rng)[0]

    # ------------------------------------------------------------------ responses and paths

    def irf(
        self,
        theta: ArrayLike,
        horizon: int = 40,
        size: ArrayLike = 1.0,
        state: ArrayLike | None = None,
        *,
        solution: SolutionT | None = None,
        strict: bool = False,
    ) -> Responses:
        """Responses (B, S, H+1, 3) to each shock alone, `y_shocked - y_baseline`.

        theta: (B, P), or (P,) for one draw. size: s.d.s, a scalar or (B, S); values are the
        response to that size, not per unit. state: (B, n) or (n,) at the end of the quarter
        before impact; None is the steady state. What has names (`labels`) goes by them: all
        parameters, shocks or states, in any order. solution: from `solve(theta)`, to skip solving
        again. Rows without a unique stable solution are NaN; `strict` raises WorldError instead.
        Raises InputError for wrong shapes and types, horizons beyond 10,000 quarters, and for sizes
        and states that are not finite (but for the state of a row that has no solution, which
        `simulate` reports as NaN).
        """
        theta = self._theta(theta)
        quarters = whole("horizon", horizon)
        if quarters > MAX_HORIZON:
            limit = f"at most {MAX_HORIZON:,} quarters"
            raise InputError(f"horizon: expected {limit}, got {quarters:,}")
        shape = (len(theta), len(self.shocks))
        sizes = self._read("size", size, "shock", self.shock_names)
        if sizes.ndim and sizes.shape != shape:
            raise InputError(f"size: expected a scalar or shape {shape}, got {sizes.shape}")
        if not np.isfinite(sizes).all():
            raise InputError("size: expected finite numbers of standard deviations")
        sizes = laid_out(np.broadcast_to(sizes, shape))
        if solution is None and state is None and len(theta) > self._at_once:
            parts = [
                self.irf(theta[some], quarters, sizes[some]) for some in self._slices(len(theta))
            ]
            values, status = map(np.concatenate, zip(*parts, strict=True))
            return Responses(values, self._judge(status, strict))
        solution = self._solution(theta, solution)
        start = self._state(state, solution.status)
        with np.errstate(all="ignore"):
            values = self._responses(theta, solution, quarters, sizes, start)
        status = self._judge(_with_failures(solution.status, values), strict)
        values[status >= Status.NO_CONVERGENCE] = np.nan
        return Responses(values, status)

    def simulate(
        self,
        theta: ArrayLike,
        eps: ArrayLike,
        state: ArrayLike | None = None,
        *,
        uniforms: ArrayLike | None = None,
        solution: SolutionT | None = None,
        strict: bool = False,
    ) -> Paths:
        """Paths under innovations `eps` (B, T, S) in s.d.s, from `state` (None: at rest).

        uniforms: (B, T) in [0, 1), what moves the hidden chain of worlds that have one; None
        takes a fixed stream, so that equal arguments give equal paths. There is no burn-in. Rows
        without a unique stable solution are NaN, with flags 0; `strict` and errors as in `irf`.
        """
        theta = self._theta(theta)
        eps = self._read("eps", eps, "shock", self.shock_names)
        if eps.ndim == 2:
            eps = eps[None]
        if eps.ndim != 3 or eps.shape[0] != len(theta) or eps.shape[2] != len(self.shocks):
            raise InputError(
                f"eps: expected shape ({len(theta)}, T, {len(self.shocks)}), got {eps.shape}"
            )
        if not np.isfinite(eps).all():
            raise InputError("eps: expected finite numbers of standard deviations")
        eps = laid_out(eps)
        draws: FloatArray | None = None
        if self.hidden_chain:
            if uniforms is None:
                draws = np.random.Generator(np.random.Philox(0)).random(eps.shape[:2])
            else:
                draws = np.atleast_2d(numbers("uniforms", uniforms))
                if draws.shape != eps.shape[:2]:
                    raise InputError(f"uniforms: expected shape {eps.shape[:2]}, got {draws.shape}")
                if not ((draws >= 0.0) & (draws < 1.0)).all():
                    raise InputError("uniforms: expected numbers in [0, 1)")
        elif uniforms is not None:
            raise InputError(f"uniforms: world {self.name!r} has no hidden chain")
        solution = self._solution(theta, solution)
        start = self._state(state, solution.status)
        with np.errstate(all="ignore"):
            observables, states, flags = self._simulate(theta, solution, eps, start, draws)
        status = self._judge(_with_failures(solution.status, observables), strict)
        unsolved = status >= Status.NO_CONVERGENCE
        observables[unsolved] = np.nan
        states[unsolved] = np.nan
        flags[unsolved] = 0
        return Paths(observables, states, flags, status)

    # ------------------------------------------------------------------ shared checks

    def _theta(self, theta: ArrayLike) -> Float64[np.ndarray, "B P"]:
        """(B, P) float64 from (B, P) or (P,)."""
        array = np.atleast_2d(self._read("theta", theta, "parameter", self.parameter_names))
        if array.ndim != 2 or array.shape[1] != len(self.parameters):
            raise InputError(
                f"theta: world {self.name!r} has {len(self.parameters)} parameters, expected "
                f"shape (B, {len(self.parameters)}), got {array.shape}"
            )
        return array

    def _read(
        self, argument: str, values: ArrayLike, noun: str, names: tuple[str, ...]
    ) -> FloatArray:
        """An argument whose last axis is called `names`, by those where it has any."""
        found = Wanted(argument, noun, f"world {self.name!r}", names).read(values)
        return numbers(argument, values) if found is None else found

    @property
    def _at_once(self) -> int:
        """How many draws' solutions are held in memory."""
        return max(1, _SOLUTION_ENTRIES // max(len(self.state_names), 1) ** 2)

    def _slices(self, rows: int) -> list[slice]:
        """Draws that are solved together."""
        return [slice(i, i + self._at_once) for i in range(0, max(rows, 1), self._at_once)]

    def _solution(self, theta: Float64[np.ndarray, "B P"], solution: SolutionT | None) -> SolutionT:
        """The solution given, which must have a row for each of `theta`, or a new one."""
        if solution is None:
            return self.solve(theta)
        if len(solution.status) != len(theta):
            rows = len(solution.status)
            raise InputError(f"solution: expected the {len(theta)} rows of theta, got {rows} rows")
        return solution

    def _state(
        self, state: ArrayLike | None, status: Int8[np.ndarray, " B"]
    ) -> Float64[np.ndarray, "B n"] | None:
        """(B, n) float64 from (B, n) or (n,), or None; finite in the rows that are solved."""
        if state is None:
            return None
        array = np.atleast_2d(self._read("state", state, "state", self.state_names))
        n, rows = len(self.state_names), len(status)
        if array.ndim != 2 or array.shape[1] != n or array.shape[0] not in (1, rows):
            raise InputError(f"state: expected shape ({rows}, {n}), got {array.shape}")
        array = laid_out(np.broadcast_to(array, (rows, n)))
        bad = ~np.isfinite(array).all(axis=1) & (status < Status.NO_CONVERGENCE)
        if bad.any():
            raise InputError(
                f"state: expected finite numbers, row {int(np.argmax(bad))} has others"
            )
        return array

    def _bounds_status(self, theta: Float64[np.ndarray, "B P"]) -> Int8[np.ndarray, " B"]:
        """OK, OUT_OF_BOUNDS or NOT_FINITE per row: the part of a verdict the box decides."""
        lower, upper, _ = self._box
        inside = ((theta >= lower) & (theta <= upper)).all(axis=1)
        status = np.where(inside, Status.OK, Status.OUT_OF_BOUNDS).astype(np.int8)
        status[~np.isfinite(theta).all(axis=1)] = Status.NOT_FINITE
        return status

    def _judge(self, status: Int8[np.ndarray, " B"], strict: bool) -> Int8[np.ndarray, " B"]:
        """The statuses, or WorldError naming the first row that is not OK when `strict`."""
        if strict and (status != Status.OK).any():
            row = int(np.argmax(status != Status.OK))
            verdict = Status(int(status[row]))
            raise WorldError(
                f"world {self.name!r}, row {row}: {verdict.name}, {verdict.message} "
                f"({int((status != Status.OK).sum())} of {len(status)} rows are not OK)"
            )
        return status


def _with_failures(
    status: Int8[np.ndarray, " B"], values: Float64[np.ndarray, "B ..."]
) -> Int8[np.ndarray, " B"]:
    """The status of each row, NO_CONVERGENCE where a solved row's values are not all finite."""
    failed = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    return worst(status, np.where(failed, Status.NO_CONVERGENCE, Status.OK).astype(np.int8))


def worst(*statuses: Int8[np.ndarray, " B"]) -> Int8[np.ndarray, " B"]:
    """The most severe status of each row."""
    return np.asarray(np.maximum.reduce(statuses), dtype=np.int8)
