"""Linear rational-expectations models, solved in batches.

    A E_t y_{t+1} + B y_t + C y_{t-1} + D z_t = 0        y: endogenous (n)
    z_t = N z_{t-1} + M eps_t                            z: exogenous (k), eps: innovations (S)

The solution is y_t = G y_{t-1} + Q z_t, where G is the solvent of A G^2 + B G + C = 0 with all
roots inside the unit circle and Q solves (A G + B) Q + A Q N = -D. It is unique and stable when
exactly n of the 2n roots of the pencil A l^2 + B l + C lie inside the unit circle (Blanchard and
Kahn 1980, Econometrica 48(5)); more is indeterminacy, fewer no stable solution.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import ordqz

from emulator.worlds.base import FloatArray, Status, StatusArray
from emulator.worlds.linear import StateSpace


class DecisionRule(NamedTuple):
    """y_t = G y_{t-1} + Q z_t: transition G (B, n, n), load Q (B, n, k), status (B,)."""

    transition: FloatArray
    load: FloatArray
    status: StatusArray


def solve(
    lead: FloatArray, now: FloatArray, lag: FloatArray, load: FloatArray, persistence: FloatArray
) -> DecisionRule:
    """Solve a batch: A, B, C (B, n, n), D (B, n, k), N (B, k, k)."""
    rows, n, k = load.shape
    transition = np.full((rows, n, n), np.nan)
    response = np.full((rows, n, k), np.nan)
    status = np.zeros(rows, dtype=np.int8)
    eye, zero = np.eye(n), np.zeros((n, n))
    for r in range(rows):
        left = np.block([[zero, lead[r]], [eye, zero]])
        right = np.block([[-lag[r], -now[r]], [zero, eye]])
        _, _, alpha, beta, _, z = ordqz(
            right, left, sort=lambda a, b: np.abs(a) < np.abs(b), output="complex"
        )
        stable = int((np.abs(alpha) < np.abs(beta)).sum())
        if stable != n:
            status[r] = Status.INDETERMINATE if stable > n else Status.NO_STABLE_SOLUTION
            continue
        g = np.real(np.linalg.solve(z[:n, :n].T, z[n:, :n].T).T)
        transition[r] = g
        system = np.kron(np.eye(k), lead[r] @ g + now[r]) + np.kron(persistence[r].T, lead[r])
        response[r] = np.linalg.solve(system, -load[r].T.reshape(-1)).reshape(k, n).T
    return DecisionRule(transition, response, status)


def state_space(
    rule: DecisionRule,
    persistence: FloatArray,
    impact: FloatArray,
    lagged: list[int],
    observed: list[int],
    units: FloatArray,
) -> StateSpace:
    """The decision rule as a `StateSpace` with state (y[lagged], z).

    impact: M (B, k, S). lagged: the endogenous variables that enter with a lag. observed: the
    three observables among y; units: their factors (3,), from model units to reported ones.
    """
    rows, _, k = rule.load.shape
    carried = rule.transition[:, :, lagged]  # y_t on the part of y_{t-1} that matters
    exogenous = rule.load @ persistence  # y_t on z_{t-1}
    innovation = rule.load @ impact  # y_t on eps_t
    m = len(lagged)
    a = np.zeros((rows, m + k, m + k))
    a[:, :m, :m] = carried[:, lagged]
    a[:, :m, m:] = exogenous[:, lagged]
    a[:, m:, m:] = persistence
    b = np.concatenate([innovation[:, lagged], impact], axis=1)
    scale = units[:, None]
    c = np.concatenate([carried[:, observed], exogenous[:, observed]], axis=2) * scale
    d = innovation[:, observed] * scale
    return StateSpace(
        np.ascontiguousarray(a),
        np.ascontiguousarray(b),
        np.ascontiguousarray(c),
        np.ascontiguousarray(d),
        rule.status,
    )
