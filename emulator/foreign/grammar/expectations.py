"""Linear models of rational expectations with random parameters.

A New Keynesian core, whose coefficients are drawn widely, with habits, indexation and a rule that
smooths; beside it variables that look back, as capital does, or ahead, as prices of assets do, and
that feed back on the core by random coefficients. Models without a unique stable solution are drawn
again. The solver is that of the worlds.

    A E_t y_{t+1} + B y_t + C y_{t-1} + D z_t = 0,   z_t = N z_{t-1} + eps_t
"""

from __future__ import annotations

import numpy as np

from emulator.econometrics.question import FloatArray
from emulator.foreign.grammar.families import Family
from emulator.foreign.grammar.series import with_own
from emulator.foreign.linear_economy import Economy
from emulator.worlds.base import Status
from emulator.worlds.rational_expectations import solve

CORE = 3  # activity, inflation, rate
MOST_BESIDE = 5
DISCOUNT = 0.99  # a quarter


def expectations(rng: np.random.Generator, n: int) -> Family:
    """Series are variables of the model, with a little noise, or mixtures of them."""
    model = solved(rng)[0]
    k = model.b.shape[1]
    variables = model.c
    picked = variables[rng.permutation(len(variables))[:n]]
    mixed = rng.standard_normal((max(n - len(variables), 0), len(variables))) @ variables
    b = model.b * np.exp(0.7 * rng.standard_normal(k))
    share = np.clip(rng.beta(1.0, 3.0, n), 0.01, 0.9)
    return Family(with_own(rng, Economy(model.a, b, np.vstack([picked, mixed])), share), k)


def solved(rng: np.random.Generator) -> tuple[Economy, tuple[FloatArray, ...]]:
    """A model's solution, with states (y, z), all of y as series and eps of variance one; and its
    matrices A, B, C, D, N."""
    while True:
        parts = _model(rng)
        rule = solve(*(part[None] for part in parts))
        if rule.status[0] == Status.OK:
            break
    g, q, persistence = rule.transition[0], rule.load[0], parts[-1]
    m = len(g)
    a = np.block([[g, q @ persistence], [np.zeros((m, m)), persistence]])
    return Economy(a, np.vstack([q, np.eye(m)]), np.eye(m, 2 * m)), parts


def _model(rng: np.random.Generator) -> tuple[FloatArray, ...]:
    """A, B, C (m, m), D (m, m) and N (m, m): a shock to every equation."""
    m = CORE + int(rng.integers(0, MOST_BESIDE + 1))
    lead, now, lag = np.zeros((m, m)), -np.eye(m), np.zeros((m, m))
    habit, index = rng.uniform(0.0, 0.8, 2)
    substitution, slope = np.exp(rng.uniform(np.log([0.05, 0.01]), np.log([1.5, 0.5])))
    smoothing, to_prices, to_output = rng.uniform([0.0, 1.0, 0.0], [0.95, 3.0, 1.0])
    lead[0, 0], lag[0, 0] = 1.0 - habit, habit
    now[0, 2], lead[0, 1] = -substitution, substitution
    lead[1, 1], lag[1, 1] = DISCOUNT * (1.0 - index), index
    now[1, 0] = slope
    lag[2, 2] = smoothing
    now[2, :2] = (1.0 - smoothing) * np.array([to_output, to_prices])
    for j in range(CORE, m):
        own = 1.0 - np.exp(rng.uniform(np.log(0.01), np.log(0.5)))
        ahead = rng.choice([0.0, own, rng.uniform(0.0, own)])
        lead[j, j], lag[j, j] = ahead, own - ahead
        now[j, :j] = rng.standard_normal(j) * rng.choice([0.1, 0.5])
        now[:2, j] = rng.choice([0.0, 0.02, 0.1]) * rng.standard_normal(2)
    persistence = np.diag(rng.choice([0.0, 1.0], m, p=[0.3, 0.7]) * rng.beta(5.0, 1.5, m))
    return lead, now, lag, np.eye(m), persistence
