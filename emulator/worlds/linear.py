"""Worlds whose solution is a linear state space.

    x_t = A x_{t-1} + B eps_t        x: states (n), eps: innovations in s.d.s (S)
    y_t = C x_{t-1} + D eps_t        y: the three observables in their units

This is the ABCD form of Fernandez-Villaverde, Rubio-Ramirez, Sargent and Watson (2007, AER 97(3)):
the state is only what must be remembered, and invertibility reads off A - B D^{-1} C. Responses to
eps_0 = size are y_0 = D size, y_h = C A^{h-1} B size, whatever the state.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from emulator.worlds.base import FloatArray, StatusArray, World


class StateSpace(NamedTuple):
    """A (B, n, n), B (B, n, S), C (B, 3, n), D (B, 3, S), status (B,)."""

    a: FloatArray
    b: FloatArray
    c: FloatArray
    d: FloatArray
    status: StatusArray


class LinearWorld(World[StateSpace]):
    """A world that only has to say how parameters become a `StateSpace`."""

    linear = True

    def _responses(
        self,
        theta: FloatArray,
        solution: StateSpace,
        horizon: int,
        size: FloatArray,
        state: FloatArray | None,
    ) -> FloatArray:
        return responses(solution.a, solution.b, solution.c, solution.d, size, horizon)

    def _simulate(
        self,
        theta: FloatArray,
        solution: StateSpace,
        eps: FloatArray,
        state: FloatArray | None,
        uniforms: FloatArray | None,
    ) -> tuple[FloatArray, FloatArray, NDArray[np.int8]]:
        n = solution.a.shape[-1]
        start = np.zeros((len(theta), n)) if state is None else state
        observables, states = simulate(
            solution.a, solution.b, solution.c, solution.d, eps, start
        )
        return observables, states, np.zeros(eps.shape[:2], dtype=np.int8)


@njit(cache=True, nogil=True)
def responses(
    a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray, size: FloatArray, horizon: int
) -> FloatArray:
    """Responses (B, S, H+1, 3) of a batch of state spaces to shocks of `size` (B, S)."""
    rows, n, shocks = b.shape
    outputs = c.shape[1]
    out = np.empty((rows, shocks, horizon + 1, outputs))
    x = np.empty(n)
    x_next = np.empty(n)
    for r in range(rows):
        for s in range(shocks):
            scale = size[r, s]
            for v in range(outputs):
                out[r, s, 0, v] = d[r, v, s] * scale
            for i in range(n):
                x[i] = b[r, i, s] * scale
            for h in range(1, horizon + 1):
                for v in range(outputs):
                    total = 0.0
                    for i in range(n):
                        total += c[r, v, i] * x[i]
                    out[r, s, h, v] = total
                for i in range(n):
                    total = 0.0
                    for j in range(n):
                        total += a[r, i, j] * x[j]
                    x_next[i] = total
                for i in range(n):
                    x[i] = x_next[i]
    return out


@njit(cache=True, nogil=True)
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
