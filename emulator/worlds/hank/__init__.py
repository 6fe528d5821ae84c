"""hank: a one-asset New Keynesian economy with heterogeneous households.

Quarterly. Households differ in skill e, a Markov chain (Rouwenhorst's, 7 states) for an AR(1) of
log e with persistence rho_e and cross-sectional s.d. sigma_e, mean one, and in assets a >= 0:

    max E sum beta^t b_t (c^{1-sigma} / (1-sigma) - weight n^{1+1/frisch} / (1+1/frisch))
    c + a' = (1+r_t) a + w_t e n + Div_t e^gamma_d / E[e^gamma_d] - Tax_t e + t_t

With aggregates in levels, output one in the steady state, and Z productivity:

    firms           L_t = Y_t / Z_t,   Div_t = Y_t - w_t L_t - (price cost, of second order)
    Phillips        pi_t = kappa (w_t / Z_t - 1/markup) + E_t pi_{t+1} / (1 + r) + u_t
    Taylor rule     i_t = (1 - rho_i) (phi_pi pi_t + phi_y Y_t) + rho_i i_{t-1} + m_t
    real rate       1 + r_t = (1 + i_{t-1}) / (1 + pi_t)
    debt            B_t - B = rho_d (B_{t-1} - B + G_t + t_t)
    budget          Tax_t = (1 + r_t) B_{t-1} + G_t + t_t - B_t
    markets         households hold B_t and supply L_t units of skill times hours

with i and Y deviations in the rule, and six AR(1) processes with zero mean: m, minus log b, u,
log Z, G, t. In the steady state pi = 0, w = 1/markup, B = 4 debt, r = r_ss / 400; beta and weight
make the markets clear. Linear in aggregates, exact in the households' choices.

Observables: output 100 Y, inflation 400 pi, rate 400 i, deviations. Responses are the solution.
State: that of a linear state space which reproduces them, for paths and filters; it has no meaning
of its own.

Identities that must hold: output is consumption and spending in every quarter (Walras' law).

Solved in the sequence space, 300 quarters ahead (`equilibrium`), on 7 skills and 200 assets
(`steady_state`, `jacobians`). The eight parameters up to gamma_d need a new household; a draw with
one that is solved takes a twelfth of the time or less.

Source: Auclert, Bardoczy, Rognlie and Straub (2021, Econometrica 89(5)), the one-asset economy of
section 2 with public debt, transfers and further shocks.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from emulator.specs import Parameter, Shock
from emulator.worlds.base import FloatArray, Status, StatusArray, worst
from emulator.worlds.hank.equilibrium import (
    QUARTERS,
    Rules,
    Solved,
    determinacy,
    responses,
    solve_household,
)
from emulator.worlds.hank.steady_state import Household
from emulator.worlds.linear import LinearWorld, MovingAverage
from emulator.worlds.realisation import realise

# The state space, and the quarters of responses that it is fitted to and continues: towards the
# last of all, beyond which the economy is at rest, the sequence space's responses bend. Over the
# prior its distance from them, as a share of each series, has a median of 3e-8; draws beyond the
# tolerance count as not solved.
STATES, FITTED = 50, 200
TOLERANCE = 1e-5
# Largest responses to one s.d. of an admissible draw, in the observables' units.
PEAKS = np.array([5.0, 15.0, 15.0])

PARAMETERS = (
    Parameter(
        "r_ss", "steady-state rate, real and nominal", "percent a year", 1.0, 4.0, 2.0,
    ),
    Parameter("sigma", "inverse intertemporal elasticity of substitution", "1", 0.75, 3.0, 2.0),
    Parameter("frisch", "Frisch elasticity of labour supply", "1", 0.25, 1.5, 0.5),
    Parameter(
        "debt", "public debt, all that households save in", "years of output",
        0.4, 2.5, 1.4, "log", "log_uniform",
    ),
    Parameter("markup", "price over marginal cost", "1", 1.08, 1.35, 1.2),
    Parameter("rho_e", "persistence of log skill", "1", 0.92, 0.985, 0.966, "bounded"),
    Parameter("sigma_e", "cross-sectional s.d. of log skill", "log points", 0.3, 0.7, 0.5),
    Parameter("gamma_d", "dividends go to skill e in proportion to e^gamma_d", "1", 0.0, 1.5, 1.0),
    Parameter(
        "kappa", "slope of the Phillips curve", "1", 0.005, 0.2, 0.05, "log", "log_uniform"
    ),
    Parameter("phi_pi", "Taylor rule: reaction to inflation", "1", 1.05, 3.5, 1.5),
    Parameter("phi_y", "Taylor rule: reaction to output", "1", 0.0, 1.0, 0.125),
    Parameter("rho_i", "Taylor rule: interest-rate smoothing", "1", 0.0, 0.9, 0.8, "bounded"),
    Parameter(
        "rho_d", "persistence of public debt; 0 balances the budget", "1",
        0.0, 0.95, 0.7, "bounded",
    ),
    Parameter("rho_m", "persistence of the monetary shock", "1", 0.0, 0.9, 0.5, "bounded"),
    Parameter("rho_b", "persistence of the demand shock", "1", 0.0, 0.9, 0.7, "bounded"),
    Parameter("rho_u", "persistence of the cost-push shock", "1", 0.0, 0.9, 0.5, "bounded"),
    Parameter("rho_z", "persistence of productivity", "1", 0.0, 0.95, 0.9, "bounded"),
    Parameter("rho_g", "persistence of public spending", "1", 0.0, 0.95, 0.8, "bounded"),
    Parameter("rho_t", "persistence of transfers", "1", 0.0, 0.9, 0.3, "bounded"),
    Parameter(
        "sigma_m", "s.d. of the monetary innovation", "log points a quarter",
        0.001, 0.01, 0.0025, "log", "log_uniform",
    ),
    Parameter(
        "sigma_b", "s.d. of the demand innovation", "log points a quarter",
        0.001, 0.01, 0.004, "log", "log_uniform",
    ),
    Parameter(
        "sigma_u", "s.d. of the cost-push innovation", "log points a quarter",
        0.001, 0.01, 0.003, "log", "log_uniform",
    ),
    Parameter(
        "sigma_z", "s.d. of the technology innovation", "log points", 0.003, 0.015, 0.007, "log"
    ),
    Parameter(
        "sigma_g", "s.d. of the spending innovation", "share of output", 0.002, 0.01, 0.005, "log"
    ),
    Parameter(
        "sigma_t", "s.d. of the transfer innovation", "share of output", 0.002, 0.02, 0.01, "log"
    ),
)  # fmt: skip

SHOCKS = (
    Shock(
        "monetary",
        "raises the rule rate, and mostly the rate; output and inflation fall",
        "sigma_m",
    ),
    Shock("demand", "lowers the discount factor: output, inflation and the rate rise", "sigma_b"),
    Shock(
        "cost_push",
        "raises inflation directly; the rate rises, output nearly always falls",
        "sigma_u",
    ),
    Shock(
        "technology",
        "raises productivity: inflation falls, and nearly always the rate; output mostly rises",
        "sigma_z",
    ),
    Shock(
        "spending",
        "raises public spending: output rises, nearly always the rate, and inflation in about half "
        "of draws, since taxes to come make people work more",
        "sigma_g",
    ),
    Shock(
        "transfer",
        "pays everybody the same, out of debt first and then of taxes in proportion to skill: "
        "output and the rate rise, and nearly always inflation",
        "sigma_t",
    ),
)


class HeterogeneousAgents(LinearWorld[MovingAverage]):
    """The `hank` world; equations, units and source are in the module docstring."""

    name = "hank"
    title = "One-asset HANK"
    source = "Auclert, Bardoczy, Rognlie and Straub (2021, Econometrica 89(5))"
    parameters = PARAMETERS
    shocks = SHOCKS
    state_names = tuple(f"x{k}" for k in range(1, STATES + 1))
    path_error = TOLERANCE
    dear = Household._fields
    # A household takes eleven times as long as what a draw takes besides.
    siblings = 10
    restrictions = (
        "no response to one s.d. peaks above 5 percent of output or 15 annualised percentage "
        "points of inflation or the rate",
    )

    def _solve(self, theta: FloatArray) -> MovingAverage:
        values, status = moving_averages(theta)
        values = np.ascontiguousarray(values[:, :, :FITTED])
        with one_thread():
            space, error = realise(values, STATES)
        far = np.where(error > TOLERANCE, Status.NO_CONVERGENCE, Status.OK).astype(np.int8)
        scale = theta[:, -len(SHOCKS) :]
        return MovingAverage(
            space.a, space.b * scale[:, None], space.c, space.d * scale[:, None],
            values * scale[:, :, None, None], worst(status, far),
        )  # fmt: skip


def moving_averages(theta: FloatArray, announced: int = 0) -> tuple[FloatArray, StatusArray]:
    """Responses (B, S, T, 3) to a unit of each innovation, and verdicts, admissibility included.

    `announced` more (B, S + announced, T, 3) follow: responses to a unit of the rule's residual in
    quarter 0, 1, ... alone, known from quarter 0 on. Rows without a solution are NaN.
    """
    values = np.full((len(theta), len(SHOCKS) + announced, QUARTERS, 3), np.nan)
    status = np.empty(len(theta), dtype=np.int8)
    count = len(Household._fields)
    with one_thread():
        # Siblings, draws with one household, come together: it is solved once for all.
        for row in np.lexsort(theta[:, :count].T[::-1]):
            solved = solve_household(Household(*theta[row, :count].tolist()))
            found, status[row] = _solution(solved, theta[row, count:], announced)
            if found is not None:
                values[row] = found
    peaks = np.abs(values[:, : len(SHOCKS)] * theta[:, -len(SHOCKS) :, None, None]).max(axis=(1, 2))
    small = (peaks < PEAKS).all(axis=1)
    admissible = np.where(small, Status.OK, Status.INADMISSIBLE).astype(np.int8)
    # A row without responses has NaN for its peaks; its own verdict is worse.
    return values, worst(status, admissible)


def _solution(
    solved: Solved | None, theta: FloatArray, announced: int
) -> tuple[FloatArray | None, Status]:
    """Responses (S + announced, T, 3) to unit innovations, None without a solution; the verdict.

    theta: the parameters after the household's.
    """
    if solved is None:
        return None, Status.NO_CONVERGENCE
    kappa, phi_pi, phi_y, rho_i, rho_d = theta[:5].tolist()
    rules = Rules(kappa, phi_pi, phi_y, rho_i, rho_d, theta[5 : 5 + len(SHOCKS)])
    verdict = determinacy(solved, rules)
    if max(abs(rho_i), abs(rho_d), np.abs(rules.persistence).max()) >= 1.0:
        verdict = max(verdict, Status.NO_STABLE_SOLUTION)
    if not verdict.solved:
        return None, verdict
    try:
        return responses(solved, rules, announced), verdict
    except np.linalg.LinAlgError:  # the matrix is singular where a root passes the unit circle
        return None, Status.NO_STABLE_SOLUTION


def one_thread() -> AbstractContextManager[Any]:
    """Linear algebra on one thread: results would depend on their number."""
    limited: AbstractContextManager[Any] = _blas().limit(limits=1, user_api="blas")
    return limited


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
