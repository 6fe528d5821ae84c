"""lss: a linear state space in modal form, parametrised so that data can identify it.

    x_t = A x_{t-1} + B eps_t        A = blockdiag(lambda1, lambda2, m R(w))
    y_t = C x_t                      R(w) = [[cos w, -sin w], [sin w, cos w]]

Two real modes and one damped cycle of 2 pi / w quarters. Row 1 of C is ones, which fixes the scale
of each real mode and the scale and phase of the cycle. B = B_raw Q, with B_raw (4x3) lower
trapezoidal and Q the orthogonal matrix for which C B is lower triangular with positive diagonal
(an LQ decomposition of C B_raw), which fixes the rotation and the signs of the shocks.

Without Q, and without the next restriction, responses are no function of the distribution of the
data: the autocovariances are those of (A, B Q, C) for every orthogonal Q. The only root of
A - B (C B)^{-1} C A that is not zero must lie below .98 in modulus, so that the shocks can be
recovered from the present and past of y (Fernandez-Villaverde, Rubio-Ramirez, Sargent and Watson
2007); draws at or above it are inadmissible, those with a singular C B included. The real modes
are kept apart: lambda2 <= lambda1 - .05.

In the ABCD form of `linear`, y_t = (C A) x_{t-1} + (C B) eps_t. State at the end of a quarter: x_t.

Units: none. The observables keep the slots output, inflation, rate but stand for no series; they
are labelled first, second and third, and so are the shocks: innovation j raises observable j on
impact and leaves the ones before it where they are.

Identities that must hold: both equations above along every simulated path; B B' = B_raw B_raw'; C B
is lower triangular with positive diagonal.

Source: modal form, Kailath (1980), Linear Systems, ch. 2; identification, Komunjer and Ng (2011,
Econometrica 79(6)).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emulator.compiled import compiled
from emulator.specs import Observable, Parameter, Shock, normal
from emulator.worlds.base import FloatArray, Status
from emulator.worlds.linear import LinearWorld, StateSpace

MAX_ROOT = 0.98
MIN_GAP = 0.05
# C B counts as singular when a row lies in the span of those before it to this relative distance:
# rounding leaves 1e-16, and shocks amplified a trillion times are not recovered from float64 data.
SINGULAR = 1e-12

# A default inside the admissible set: both real modes and the cycle matter for every observable.
_DEFAULT_C = {(2, 1): 0.5, (2, 2): -0.5, (2, 3): 0.3, (2, 4): 0.3,
              (3, 1): -0.3, (3, 2): 0.3, (3, 3): 0.6, (3, 4): -0.3}  # fmt: skip


def _loadings() -> tuple[Parameter, ...]:
    out: list[Parameter] = []
    for row in (2, 3):
        for column in range(1, 5):
            text = f"loading of observable {row} on state {column}"
            default = _DEFAULT_C[row, column]
            out.append(normal(f"c_{row}{column}", text, 0.0, 0.5, default=default))
    return tuple(out)


def _impacts() -> tuple[Parameter, ...]:
    out: list[Parameter] = []
    for row in range(1, 5):
        for column in range(1, min(row, 3) + 1):
            name = f"b_{row}{column}"
            text = f"impact of raw innovation {column} on state {row}"
            if row == column:
                out.append(Parameter(name, text, "1", 0.3, 1.0, 0.6))
            else:
                out.append(normal(name, text, 0.0, 0.5))
    return tuple(out)


class LinearStateSpace(LinearWorld[StateSpace]):
    """The `lss` world; equations, identification and source are in the module docstring."""

    name = "lss"
    title = "Linear state space in modal form"
    source = "Kailath (1980), ch. 2; Komunjer and Ng (2011, Econometrica 79(6))"
    parameters = (
        Parameter("lambda1", "larger real root", "1", 0.5, 0.98, 0.85, "bounded"),
        Parameter(
            "lambda2", "smaller real root, at least .05 below lambda1", "1",
            0.0, 0.8, 0.4, "bounded",
        ),
        Parameter("m", "modulus of the complex roots", "1", 0.5, 0.95, 0.8, "bounded"),
        Parameter("w", "frequency of the complex roots", "radians a quarter", 0.1, 1.2, 0.5),
        *_loadings(),
        *_impacts(),
    )  # fmt: skip
    shocks = (
        Shock("shock_1", "raises the first observable on impact"),
        Shock("shock_2", "raises the second observable on impact; the first reacts later"),
        Shock("shock_3", "raises the third observable on impact; the others react later"),
    )
    observables = (
        Observable("output", "First observable", "1"),
        Observable("inflation", "Second observable", "1"),
        Observable("rate", "Third observable", "1"),
    )
    state_names = ("mode_1", "mode_2", "cycle_1", "cycle_2")
    recursive = True

    restrictions = (
        "lambda2 is at least .05 below lambda1.",
        "The nonzero root of A - B (C B)^-1 C A is below .98 in modulus, so that the shocks can be "
        "recovered from the data.",
    )

    def _solve(self, theta: FloatArray) -> StateSpace:
        a, raw, c = matrices(theta)
        b, d, invertible = recursive_impact(a, raw, c)
        lambda1, lambda2, m = theta[:, 0], theta[:, 1], theta[:, 2]
        status = np.zeros(len(theta), dtype=np.int8)
        status[(lambda2 > lambda1 - MIN_GAP) | ~invertible] = Status.INADMISSIBLE
        largest = np.maximum.reduce([np.abs(lambda1), np.abs(lambda2), np.abs(m)])
        status[largest >= 1.0] = Status.NO_STABLE_SOLUTION
        return StateSpace(a, b, c @ a, d, status)


def matrices(theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A (B, 4, 4), B_raw (B, 4, 3) and C (B, 3, 4) from (B, 21) parameters."""
    rows = len(theta)
    lambda1, lambda2, m, w = theta[:, :4].T
    a = np.zeros((rows, 4, 4))
    a[:, 0, 0] = lambda1
    a[:, 1, 1] = lambda2
    a[:, 2, 2] = a[:, 3, 3] = m * np.cos(w)
    a[:, 3, 2] = m * np.sin(w)
    a[:, 2, 3] = -a[:, 3, 2]
    c = np.ones((rows, 3, 4))
    c[:, 1:] = theta[:, 4:12].reshape(rows, 2, 4)
    raw = np.zeros((rows, 4, 3))
    raw[:, *np.tril_indices(4, m=3)] = theta[:, 12:21]
    return a, raw, c


@compiled()
def recursive_impact(
    a: FloatArray, raw: FloatArray, c: FloatArray
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """B = B_raw Q (B, 4, 3), C B lower triangular (B, 3, 3), and whether y recovers the shocks.

    The columns of [C B_raw; B_raw] are rotated together by two Householder reflections that clear
    C B above its diagonal, then their signs are set.
    """
    rows = a.shape[0]
    b = np.empty((rows, 4, 3))
    d = np.empty((rows, 3, 3))
    invertible = np.empty(rows, dtype=np.bool_)
    stacked = np.empty((7, 3))
    axis = np.empty(3)
    for r in range(rows):
        invertible[r] = _root(a[r], raw[r], c[r]) < MAX_ROOT
        for j in range(3):
            for i in range(3):
                total = 0.0
                for k in range(4):
                    total += c[r, i, k] * raw[r, k, j]
                stacked[i, j] = total
            for i in range(4):
                stacked[3 + i, j] = raw[r, i, j]
        for k in range(2):
            norm = 0.0
            for j in range(k, 3):
                axis[j] = stacked[k, j]
                norm += axis[j] ** 2
            if norm == 0.0:  # C B is singular: the row is already clear
                continue
            # The sign that adds to the leading entry avoids cancellation.
            axis[k] += np.copysign(np.sqrt(norm), axis[k])
            length = 0.0
            for j in range(k, 3):
                length += axis[j] ** 2
            for i in range(k, 7):
                along = 0.0
                for j in range(k, 3):
                    along += stacked[i, j] * axis[j]
                along *= 2.0 / length
                for j in range(k, 3):
                    stacked[i, j] -= along * axis[j]
            for j in range(k + 1, 3):
                stacked[k, j] = 0.0
        for j in range(3):
            norm = 0.0
            for k in range(j + 1):
                norm += stacked[j, k] ** 2
            if abs(stacked[j, j]) <= SINGULAR * np.sqrt(norm):
                invertible[r] = False
            sign = -1.0 if stacked[j, j] < 0.0 else 1.0
            for i in range(3):
                d[r, i, j] = sign * stacked[i, j] if i >= j else 0.0
            for i in range(4):
                b[r, i, j] = sign * stacked[3 + i, j]
    return b, d, invertible


@compiled()
def _root(a: FloatArray, raw: FloatArray, c: FloatArray) -> float:
    """Modulus of the one nonzero root of A - B (C B)^{-1} C A.

    I - B (C B)^{-1} C projects on the null space v of C along B, so it equals v u' / (u' v) with
    u' B = 0, and the root is u' A v / (u' v). Q drops out.
    """
    v = np.empty(4)
    u = np.empty(4)
    for k in range(4):
        i0, i1, i2 = (k + 1) % 4, (k + 2) % 4, (k + 3) % 4
        # 3x3 minors with alternating signs: the generalised cross product of three rows.
        sign = 1.0 if k % 2 == 0 else -1.0
        v[k] = sign * _minor(c[0], c[1], c[2], i0, i1, i2)
        u[k] = sign * _minor(raw[:, 0], raw[:, 1], raw[:, 2], i0, i1, i2)
    determinant = 0.0  # u' v = det(C B), by Cauchy and Binet
    moved = 0.0
    for i in range(4):
        determinant += u[i] * v[i]
        for j in range(4):
            moved += u[i] * a[i, j] * v[j]
    return float(abs(moved / determinant)) if determinant != 0.0 else np.inf


@compiled()
def _minor(x: FloatArray, y: FloatArray, z: FloatArray, i: int, j: int, k: int) -> float:
    """Determinant of columns i, j, k of the three rows x, y, z."""
    return float(
        x[i] * (y[j] * z[k] - y[k] * z[j])
        - x[j] * (y[i] * z[k] - y[k] * z[i])
        + x[k] * (y[i] * z[j] - y[j] * z[i])
    )
