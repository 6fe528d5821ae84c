"""The exact filter of the switching world: likelihood and the regime of the last quarter.

    y_t = A[s_t] y_{t-1} + d[s_t] L eps_t

Given y_{t-1} and the regime, y_t is normal, so Hamilton's recursion over two regimes is exact from
the second quarter on (Hamilton 1989, Econometrica 57(2)). The first quarter of a history, k + 1
quarters from rest, is a mixture of 2^{k+1} normals, one a path of regimes, all with mean zero. Its
paths are followed exactly through the last `DEPTH` quarters; before them each regime is one normal
with the exact second moments W_j(t) = E[y_t y_t' 1(s_t = j)],

    W_j(1) = pi_j d_j^2 L L',   W_j(t+1) = A_j (sum_i p_ij W_i(t)) A_j' + pi_j d_j^2 L L',

so that nothing is approximated where k <= DEPTH, and in the first quarter alone elsewhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray
from emulator.worlds.switching import SwitchingSolution

# Quarters before a history whose regimes are followed one by one. Against eleven of them, in 1,000
# prior draws, five change the log likelihood of a history by .006 on average and by less than .08
# in 99 of 100; every further quarter halves that and doubles the cost of a history's start.
DEPTH = 5


class Filtered(NamedTuple):
    """log_likelihood (B,); turbulent (B,), the probability of turbulence in the last quarter."""

    log_likelihood: FloatArray
    turbulent: FloatArray


def filtered(solution: SwitchingSolution, history: FloatArray, run_in: int) -> Filtered:
    """The filter on a history (L, 3) that starts after `run_in` quarters from rest; NaN for rows
    without a solution."""
    return Filtered(
        *_filtered(
            solution.stay, solution.lags, solution.impact, solution.ergodic, history, run_in,
            min(run_in, DEPTH),
        )
    )  # fmt: skip


@compiled(error_model="numpy")
def _filtered(
    stay: FloatArray,
    lags: FloatArray,
    impact: FloatArray,
    ergodic: FloatArray,
    history: FloatArray,
    run_in: int,
    depth: int,
) -> tuple[FloatArray, FloatArray]:
    rows = stay.shape[0]
    log_likelihood = np.empty(rows)
    turbulent = np.empty(rows)
    move = np.empty((2, 2))  # move[i, j]: from regime i to regime j
    joint = np.empty(2)
    for r in range(rows):
        if not np.isfinite(ergodic[r]):
            log_likelihood[r], turbulent[r] = np.nan, np.nan
            continue
        for i in range(2):
            move[i, i] = stay[r, i]
            move[i, 1 - i] = 1.0 - stay[r, i]
        joint[:] = first_quarter(move, lags[r], impact[r], ergodic[r], history[0], run_in, depth)
        total = math.log(joint.sum())
        joint /= joint.sum()
        for t in range(1, len(history)):
            calm = joint[0] * move[0, 0] + joint[1] * move[1, 0]
            joint[0], joint[1] = calm, 1.0 - calm
            largest = -np.inf
            logs = np.empty(2)
            for j in range(2):
                logs[j] = _log_innovation(lags[r, j], impact[r, j], history[t - 1], history[t])
                largest = max(largest, logs[j])
            joint *= np.exp(logs - largest)
            total += largest + math.log(joint.sum())
            joint /= joint.sum()
        log_likelihood[r], turbulent[r] = total, joint[1]
    return log_likelihood, turbulent


@compiled(error_model="numpy")
def _log_innovation(
    lags: FloatArray, impact: FloatArray, before: FloatArray, now: FloatArray
) -> float:
    """log N(now; lags before, impact impact') for a lower triangular impact matrix."""
    z = np.empty(3)
    total = -1.5 * math.log(2.0 * math.pi)
    for i in range(3):
        v = now[i]
        for k in range(3):
            v -= lags[i, k] * before[k]
        for k in range(i):
            v -= impact[i, k] * z[k]
        z[i] = v / impact[i, i]
        total -= 0.5 * z[i] ** 2 + math.log(impact[i, i])
    return total


@compiled(error_model="numpy")
def first_quarter(
    move: FloatArray,
    lags: FloatArray,
    impact: FloatArray,
    ergodic: float,
    y: FloatArray,
    run_in: int,
    depth: int,
) -> FloatArray:
    """p(y, regime) (2,) of the quarter that follows `run_in` quarters from rest.

    move (2, 2), lags and impact (2, 3, 3), y (3,). depth: how many quarters' regimes before it are
    followed, at most run_in.
    """
    shocks, still = np.empty((2, 3, 3)), np.zeros((3, 3))
    share = np.array([1.0 - ergodic, ergodic])
    # by regime, W_j at quarter run_in + 1 - depth
    second, mixed = np.empty((2, 3, 3)), np.empty((2, 3, 3))
    for j in range(2):
        _carry(shocks[j], impact[j], np.eye(3), still)
        second[j] = share[j] * shocks[j]
    for _ in range(run_in - depth):
        for j in range(2):
            for u in range(3):
                for v in range(3):
                    mixed[j, u, v] = move[0, j] * second[0, u, v] + move[1, j] * second[1, u, v]
        for j in range(2):
            _carry(second[j], lags[j], mixed[j], share[j] * shocks[j])
    # every path of regimes since: leaf p ends in regime p % 2, and splits into 2 p, 2 p + 1
    leaves = 2 ** (depth + 1)
    covariance, probability = np.empty((leaves, 3, 3)), np.empty(leaves)
    for j in range(2):
        covariance[j] = second[j] / share[j]
        probability[j] = share[j]
    count = 2
    before = np.empty((3, 3))
    for _ in range(depth):
        for leaf in range(count - 1, -1, -1):
            before[:], chance = covariance[leaf], probability[leaf]
            for j in range(2):
                _carry(covariance[2 * leaf + j], lags[j], before, shocks[j])
                probability[2 * leaf + j] = chance * move[leaf % 2, j]
        count *= 2
    out = np.zeros(2)
    for leaf in range(count):
        _factor(covariance[leaf])
        out[leaf % 2] += probability[leaf] * math.exp(
            _log_innovation(still, covariance[leaf], y, y)
        )
    return out


@compiled(error_model="numpy")
def _carry(out: FloatArray, a: FloatArray, v: FloatArray, more: FloatArray) -> None:
    """out = a v a' + more, all (3, 3)."""
    for i in range(3):
        x = a[i, 0] * v[0, 0] + a[i, 1] * v[1, 0] + a[i, 2] * v[2, 0]
        y = a[i, 0] * v[0, 1] + a[i, 1] * v[1, 1] + a[i, 2] * v[2, 1]
        z = a[i, 0] * v[0, 2] + a[i, 1] * v[1, 2] + a[i, 2] * v[2, 2]
        for j in range(3):
            out[i, j] = x * a[j, 0] + y * a[j, 1] + z * a[j, 2] + more[i, j]


@compiled(error_model="numpy")
def _factor(v: FloatArray) -> None:
    """The lower Cholesky factor of v (3, 3), in its place."""
    for i in range(3):
        for j in range(i + 1):
            total = v[i, j]
            for k in range(j):
                total -= v[i, k] * v[j, k]
            v[i, j] = math.sqrt(total) if i == j else total / v[j, j]
