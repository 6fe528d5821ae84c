"""The household's problem in the steady state, by endogenous grid points.

    max E sum beta^t (c^{1-sigma} / (1-sigma) - weight n^{1+1/frisch} / (1+1/frisch))
    c + a' = (1 + r) a + w e n + income(e),   a' >= 0

With the marginal value V_a(e, a) of assets, W = beta E V_a(e', a') is what an asset saved is worth.
On the grid of a' consumption is W^{-1/sigma} and labour (w e W / weight)^frisch, which give the
assets one must have had; policies are interpolated between these (Carroll 2006, Economics Letters
91(3); with labour, Barillas and Fernandez-Villaverde 2007, JEDC 31(8)). Where a' = 0 binds, the
marginal utility that clears the budget is found by Newton's method in its logarithm.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray
from emulator.worlds.hank.acceleration import accelerate, copy, memory, restart
from emulator.worlds.hank.elementary import exp, log

# Steps that Anderson's method remembers, and plain steps before it starts: at first the iteration
# is far from linear.
_REMEMBERED, _PLAIN = 6, 10
# A point whose residual is this much above the least so far is left for a plain step.
_WORSE = 3.0
_MOST_STEPS = 3_000
_NEWTON_STEPS, _BUDGET_ERROR = 50, 1e-12


class Problem(NamedTuple):
    """What a household is given: chain (E, E), assets (A,), wages w e and income (E,), scalars."""

    chain: FloatArray
    assets: FloatArray
    wages: FloatArray
    income: FloatArray
    rate: float
    beta: float
    eis: float
    frisch: float
    weight: float


class Policies(NamedTuple):
    """On skills and assets (E, A): the marginal value of assets, a', c, n, and, where a' = 0 binds,
    the log of marginal utility."""

    marginal: FloatArray
    savings: FloatArray
    consumption: FloatArray
    labour: FloatArray
    shadow: FloatArray


def first_guess(problem: Problem) -> Policies:
    """Policies to start from: a tenth of cash at hand is consumed."""
    income = problem.wages + problem.income
    cash = (1.0 + problem.rate) * problem.assets + income[:, None]
    marginal = (1.0 + problem.rate) * np.maximum(0.1 * cash, 1e-4) ** (-1.0 / problem.eis)
    shape = marginal.shape
    return Policies(marginal, np.zeros(shape), np.ones(shape), np.ones(shape), np.zeros(shape))


@compiled(error_model="numpy")
def expected(chain: FloatArray, values: FloatArray, e: int, out: FloatArray) -> None:
    """out (A,) = the mean over tomorrow's skill, from skill e, of values (E, A)."""
    p = chain[e, 0]
    for i in range(out.size):
        out[i] = p * values[0, i]
    for k in range(1, values.shape[0]):
        p = chain[e, k]
        for i in range(out.size):
            out[i] += p * values[k, i]


@compiled(error_model="numpy")
def backward(
    problem: Problem, policies: Policies, following: FloatArray, scratch: FloatArray
) -> None:
    """One step back: a', c, n given tomorrow's `policies.marginal`, and today's in `following`.

    scratch: (4, A).
    """
    assets, rate, eis, frisch = problem.assets, problem.rate, problem.eis, problem.frisch
    points = assets.size
    worth, spent, worked, had = scratch[0], scratch[1], scratch[2], scratch[3]
    log_beta = math.log(problem.beta)
    for e in range(problem.wages.size):
        wage, income = problem.wages[e], problem.income[e]
        log_wage = math.log(wage / problem.weight)
        expected(problem.chain, policies.marginal, e, worth)
        for i in range(points):
            utility = log(worth[i]) + log_beta
            spent[i] = exp(-eis * utility)
            worked[i] = exp(frisch * (utility + log_wage))
            had[i] = spent[i] - wage * worked[i] + assets[i] - income
        j = 0
        for i in range(points):
            gross = (1.0 + rate) * assets[i]
            while j < points - 2 and had[j + 1] < gross:
                j += 1
            share = (had[j + 1] - gross) / (had[j + 1] - had[j])
            c = share * spent[j] + (1.0 - share) * spent[j + 1]
            n = share * worked[j] + (1.0 - share) * worked[j + 1]
            saved = gross + wage * n + income - c
            if saved < assets[0]:
                saved = assets[0]
                utility = policies.shadow[e, i]
                for _ in range(_NEWTON_STEPS):
                    c = math.exp(-eis * utility)
                    n = math.exp(frisch * (utility + log_wage))
                    error = c - wage * n - (gross + income - saved)
                    if abs(error) < _BUDGET_ERROR:
                        break
                    utility += error / (eis * c + frisch * wage * n)
                policies.shadow[e, i] = utility
            policies.savings[e, i] = saved
            policies.consumption[e, i] = c
            policies.labour[e, i] = n
        for i in range(points):
            following[e, i] = (1.0 + rate) * exp(-log(policies.consumption[e, i]) / eis)


@compiled(error_model="numpy")
def solve_policies(problem: Problem, policies: Policies, tolerance: float) -> int:
    """Iterate `backward` on `policies`, in place, until a step moves log V_a by < tolerance.

    Returns the steps taken, or -1 where the iteration does not converge. Accelerated in log V_a.
    """
    shape = policies.marginal.shape
    length = policies.marginal.size
    kept = memory(_REMEMBERED, length)
    following = np.empty(shape)
    scratch = np.empty((4, shape[1]))
    x, f, proposal = np.empty(length), np.empty(length), np.empty(length)
    now, later = policies.marginal.ravel(), following.ravel()
    best = np.inf
    for step in range(_MOST_STEPS):
        backward(problem, policies, following, scratch)
        error = 0.0
        for i in range(length):
            x[i] = log(now[i])
            f[i] = log(later[i]) - x[i]
        for i in range(length):
            error = max(error, abs(f[i]))
        if not error < 1e300:
            return -1
        if error < tolerance:
            copy(following, policies.marginal)
            return step
        if step < _PLAIN or error > _WORSE * best:
            best = error
            restart(kept, x, f)
            copy(following, policies.marginal)
            continue
        best = min(best, error)
        accelerate(kept, x, f, proposal)
        for i in range(length):
            now[i] = exp(proposal[i])
    return -1
