"""Stating a rational-expectations model equation by equation, and the world that does.

`Equations` collects the matrices of `rational_expectations` for a batch of parameters, so that a
world's file reads beside the paper; `RationalExpectationsWorld` solves them into a state space.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np

from emulator.worlds.base import FloatArray, StatusArray, worst
from emulator.worlds.lanes import LANES
from emulator.worlds.linear import LinearWorld, StateSpace
from emulator.worlds.rational_expectations import solve, state_space

# Rows solved at a time, counted in entries of the transition matrix: 2 MB, so that a large batch of
# a large model needs little more memory than its result.
_CHUNK_ENTRIES = 250_000

Coefficients: TypeAlias = Mapping[str, "FloatArray | float"]


class Matrices(NamedTuple):
    """A, B, C (B, n, n), D (B, n, k), N (B, k, k), M (B, k, S) of `rational_expectations`."""

    lead: FloatArray
    now: FloatArray
    lag: FloatArray
    load: FloatArray
    persistence: FloatArray
    impact: FloatArray


class Equations:
    """A model stated equation by equation, for a batch of parameters.

    Names index the variables; coefficients are numbers or one value a draw (B,). Everything is on
    one side: an equation reads `0 = now + lead + lag + exogenous`.
    """

    def __init__(
        self, rows: int, variables: Sequence[str], exogenous: Sequence[str], shocks: Sequence[str]
    ) -> None:
        self.variables = {name: i for i, name in enumerate(variables)}
        self.exogenous = {name: i for i, name in enumerate(exogenous)}
        self.shocks = {name: i for i, name in enumerate(shocks)}
        n, k = len(variables), len(exogenous)
        self.matrices = Matrices(
            np.zeros((rows, n, n)),
            np.zeros((rows, n, n)),
            np.zeros((rows, n, n)),
            np.zeros((rows, n, k)),
            np.zeros((rows, k, k)),
            np.zeros((rows, k, len(shocks))),
        )
        self._stated = 0
        self._forward: list[int] = []
        self._lagged: set[int] = set()

    def add(
        self,
        now: Coefficients,
        *,
        lead: Coefficients | None = None,
        lag: Coefficients | None = None,
        exogenous: Coefficients | None = None,
    ) -> None:
        """The next equation."""
        row, self._stated = self._stated, self._stated + 1
        for name, value in now.items():
            self.matrices.now[:, row, self.variables[name]] = value
        for name, value in (lead or {}).items():
            self.matrices.lead[:, row, self.variables[name]] = value
        for name, value in (lag or {}).items():
            self.matrices.lag[:, row, self.variables[name]] = value
            self._lagged.add(self.variables[name])
        for name, value in (exogenous or {}).items():
            self.matrices.load[:, row, self.exogenous[name]] = value
        if lead:
            self._forward.append(row)

    def process(
        self, name: str, *, lag: Coefficients | None = None, innovation: Coefficients
    ) -> None:
        """How the exogenous variable `name` moves: on lagged exogenous ones and innovations."""
        row = self.exogenous[name]
        for other, value in (lag or {}).items():
            self.matrices.persistence[:, row, self.exogenous[other]] = value
        for shock, value in innovation.items():
            self.matrices.impact[:, row, self.shocks[shock]] = value

    @property
    def forward(self) -> list[int]:
        """The equations with a lead, whatever the coefficients' values."""
        return self._forward

    @property
    def lagged(self) -> list[int]:
        """The variables that enter with a lag, whatever the coefficients' values."""
        return sorted(self._lagged)


class RationalExpectationsWorld(LinearWorld[StateSpace]):
    """A linear world that only has to state its equations.

    observed: the variables that are output, inflation and rate, with `units`, their factors (3,)
    from model units to reported ones. `state_names` are the variables with a lag, in the order of
    the model's variables, then the exogenous ones.
    """

    observed: ClassVar[tuple[str, str, str]]
    units: ClassVar[FloatArray]

    @abstractmethod
    def model(self, theta: FloatArray) -> Equations:
        """The equations at parameters (B, P), finite but not necessarily within the bounds."""

    def admissible(self, theta: FloatArray, space: StateSpace) -> StatusArray:
        """OK or INADMISSIBLE per row, for worlds with a restriction on the solution."""
        return np.zeros(len(theta), dtype=np.int8)

    def _solve(self, theta: FloatArray) -> StateSpace:
        step = max(LANES, _CHUNK_ENTRIES // len(self.state_names) ** 2)
        parts = [self._solve_chunk(theta[i : i + step]) for i in range(0, max(len(theta), 1), step)]
        if len(parts) == 1:
            return parts[0]
        return StateSpace(*map(np.concatenate, zip(*parts, strict=True)))

    def _solve_chunk(self, theta: FloatArray) -> StateSpace:
        # parameters far outside the bounds may divide by zero: their rows are NOT_FINITE
        model = self.model(theta)
        lead, now, lag, load, persistence, impact = model.matrices
        rule = solve(lead, now, lag, load, persistence, forward=model.forward, lagged=model.lagged)
        observed = [model.variables[name] for name in self.observed]
        space = state_space(rule, persistence, impact, model.lagged, observed, self.units)
        return space._replace(status=worst(space.status, self.admissible(theta, space)))
