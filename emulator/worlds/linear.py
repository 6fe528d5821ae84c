"""Worlds whose solution is a linear state space.

    x_t = A x_{t-1} + B eps_t        x: states (n), eps: innovations in s.d.s (S)
    y_t = C x_{t-1} + D eps_t        y: the three observables in their units

This is the ABCD form of Fernandez-Villaverde, Rubio-Ramirez, Sargent and Watson (2007, AER 97(3)):
the state is only what must be remembered, and invertibility reads off A - B D^{-1} C. Responses to
eps_0 = size are y_0 = D size, y_h = C A^{h-1} B size, whatever the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray, World
from emulator.worlds.lanes import LANES, gather, multiply

if TYPE_CHECKING:
    from jaxtyping import Float64, Int8


# With more states than that, matrix products fill a processor without draws side by side.
LARGE = 80


class StateSpace(NamedTuple):
    """A (B, n, n), B (B, n, S), C (B, 3, n), D (B, 3, S), status (B,)."""

    a: Float64[np.ndarray, "B n n"]
    b: Float64[np.ndarray, "B n S"]
    c: Float64[np.ndarray, "B 3 n"]
    d: Float64[np.ndarray, "B 3 S"]
    status: Int8[np.ndarray, " B"]


class MovingAverage(NamedTuple):
    """A `StateSpace` and the responses per s.d. (B, S, K, 3), K quarters from impact, that it was
    found to reproduce, nearly."""

    a: Float64[np.ndarray, "B n n"]
    b: Float64[np.ndarray, "B n S"]
    c: Float64[np.ndarray, "B 3 n"]
    d: Float64[np.ndarray, "B 3 S"]
    responses: Float64[np.ndarray, "B S K 3"]
    status: Int8[np.ndarray, " B"]


LinearSolution = TypeVar("LinearSolution", StateSpace, MovingAverage)


class LinearWorld(World[LinearSolution]):
    """A world that only has to say how parameters become a `StateSpace` or `MovingAverage`."""

    linear = True

    def _responses(
        self,
        theta: Float64[np.ndarray, "B P"],
        solution: LinearSolution,
        horizon: int,
        size: Float64[np.ndarray, "B S"],
        state: Float64[np.ndarray, "B n"] | None,
    ) -> Float64[np.ndarray, "B S {horizon}+1 3"]:
        if not isinstance(solution, MovingAverage):
            return responses(solution.a, solution.b, solution.c, solution.d, size, horizon)
        known = solution.responses[:, :, : horizon + 1] * size[:, :, None, None]
        if known.shape[2] > horizon:
            return np.asarray(known)
        out = responses(solution.a, solution.b, solution.c, solution.d, size, horizon)
        out[:, :, : known.shape[2]] = known
        return out

    def _simulate(
        self,
        theta: Float64[np.ndarray, "B P"],
        solution: LinearSolution,
        eps: Float64[np.ndarray, "B T S"],
        state: Float64[np.ndarray, "B n"] | None,
        uniforms: Float64[np.ndarray, "B T"] | None,
    ) -> tuple[Float64[np.ndarray, "B T 3"], Float64[np.ndarray, "B T n"], Int8[np.ndarray, "B T"]]:
        n = solution.a.shape[-1]
        start = np.zeros((len(theta), n)) if state is None else state
        observables, states = simulate(solution.a, solution.b, solution.c, solution.d, eps, start)
        return observables, states, np.zeros(eps.shape[:2], dtype=np.int8)


def responses(
    a: Float64[np.ndarray, "B n n"],
    b: Float64[np.ndarray, "B n S"],
    c: Float64[np.ndarray, "B 3 n"],
    d: Float64[np.ndarray, "B 3 S"],
    size: Float64[np.ndarray, "B S"],
    horizon: int,
) -> Float64[np.ndarray, "B S {horizon}+1 3"]:
    """Responses (B, S, H+1, 3) of a batch of state spaces to shocks of `size` (B, S)."""
    if a.shape[1] > LARGE:
        return _large_responses(a, b, c, d, size, horizon)
    return _responses(a, b, c, d, size, horizon, min(LANES, max(len(a), 1)))


def _large_responses(
    a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray, size: FloatArray, horizon: int
) -> FloatArray:
    """`responses` by BLAS, a few draws at a time."""
    rows, outputs, n = c.shape
    out = np.empty((rows, b.shape[2], horizon + 1, outputs))
    step = max(1, LARGE**2 * LANES // n**2)
    for start in range(0, rows, step):
        some = slice(start, start + step)
        carried = np.empty((len(c[some]), horizon, outputs, n))  # C A^{h-1}
        for h in range(horizon):
            carried[:, h] = carried[:, h - 1] @ a[some] if h else c[some]
        later = carried.reshape(len(carried), horizon * outputs, n) @ b[some]
        out[some, :, 0] = np.swapaxes(d[some], 1, 2)
        out[some, :, 1:] = np.moveaxis(
            later.reshape(len(later), horizon, outputs, b.shape[2]), 3, 1
        )
    return np.asarray(out * size[:, :, None, None], dtype=np.float64)


@compiled()
def _responses(
    a: FloatArray,
    b: FloatArray,
    c: FloatArray,
    d: FloatArray,
    size: FloatArray,
    horizon: int,
    lanes: int,
) -> FloatArray:
    # C A^{h-1} is carried rather than A^{h-1} B: there are three observables and up to seven shocks
    rows, n, shocks = b.shape
    outputs = c.shape[1]
    out = np.empty((rows, shocks, horizon + 1, outputs))
    transition, impact = np.empty((n, n, lanes)), np.empty((n, shocks, lanes))
    y, carried = np.empty((outputs, shocks, lanes)), np.empty((outputs, n, lanes))
    following = np.empty((outputs, n, lanes))
    for start in range(0, rows, lanes):
        gather(transition, a, start, n, n)
        gather(impact, b, start, n, shocks)
        gather(carried, c, start, outputs, n)
        gather(y, d, start, outputs, shocks)
        for h in range(horizon + 1):
            if h > 0:
                multiply(y, carried, impact, outputs, n, shocks)
                multiply(following, carried, transition, outputs, n, n)
                carried, following = following, carried
            for lane in range(min(lanes, rows - start)):
                row = start + lane
                for s in range(shocks):
                    for v in range(outputs):
                        out[row, s, h, v] = y[v, s, lane] * size[row, s]
    return out


@compiled()
def simulate(
    a: FloatArray,
    b: FloatArray,
    c: FloatArray,
    d: FloatArray,
    eps: FloatArray,
    start: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Observables (B, T, 3) and states (B, T, n) from `start` (B, n) under `eps` (B, T, S)."""
    rows, n, shocks = b.shape
    outputs = c.shape[1]
    quarters = eps.shape[1]
    observables = np.empty((rows, quarters, outputs))
    states = np.empty((rows, quarters, n))
    x = np.empty(n)
    for r in range(rows):
        for i in range(n):
            x[i] = start[r, i]
        for t in range(quarters):
            for v in range(outputs):
                total = 0.0
                for i in range(n):
                    total += c[r, v, i] * x[i]
                for s in range(shocks):
                    total += d[r, v, s] * eps[r, t, s]
                observables[r, t, v] = total
            for i in range(n):
                total = 0.0
                for j in range(n):
                    total += a[r, i, j] * x[j]
                for s in range(shocks):
                    total += b[r, i, s] * eps[r, t, s]
                states[r, t, i] = total
            for i in range(n):
                x[i] = states[r, t, i]
    return observables, states
