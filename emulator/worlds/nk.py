"""nk: the three-equation New Keynesian economy with an inertial Taylor rule.

Quarterly, log deviations from the steady state (decimals inside, reported units at the surface):

    IS            x_t  = E_t x_{t+1} - (1/sigma) (i_t - E_t pi_{t+1}) + a_t
    Phillips      pi_t = beta E_t pi_{t+1} + kappa x_t + u_t
    Taylor rule   i_t  = rho_i i_{t-1} + (1 - rho_i) (phi_pi pi_t + phi_y x_t) + m_t
    demand        a_t  = rho_a a_{t-1} + sigma_a eps^a_t
    cost push     u_t  = rho_u u_{t-1} + sigma_u eps^u_t
    monetary      m_t  = rho_m m_{t-1} + sigma_m eps^m_t

Observables: output 100 x, inflation 400 pi, rate 400 i. All expectations are taken after the
quarter's shocks are seen. State at the end of a quarter: (i, m, a, u).

Determinacy for these signs reduces to kappa (phi_pi - 1) + (1 - beta) phi_y > 0 (Bullard and Mitra
2002, JME 49(6); Woodford 2003, ch. 4); the solver decides it from the roots.

Source: Clarida, Gali and Gertler (1999, JEL 37(4)); Gali (2015), ch. 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from emulator.specs import Parameter, Shock
from emulator.worlds import rational_expectations as re
from emulator.worlds.base import FloatArray, Status, worst
from emulator.worlds.linear import LinearWorld, StateSpace

PREFERENCES_AND_RULE = (
    Parameter("beta", "discount factor", "1", 0.985, 0.995, 0.99, "bounded"),
    Parameter("sigma", "inverse intertemporal elasticity of substitution", "1", 0.5, 2.5, 1.0),
    Parameter("kappa", "slope of the Phillips curve", "1", 0.01, 0.5, 0.1),
    Parameter("phi_pi", "Taylor rule: reaction to inflation", "1", 1.05, 3.5, 1.5),
    Parameter("phi_y", "Taylor rule: reaction to output", "1", 0.0, 1.0, 0.125),
    Parameter("rho_i", "Taylor rule: interest-rate smoothing", "1", 0.0, 0.9, 0.8, "bounded"),
)
STANDARD_DEVIATIONS = (
    Parameter(
        "sigma_m", "s.d. of the monetary innovation", "log points a quarter",
        0.001, 0.01, 0.0025, "log", "log_uniform",
    ),
    Parameter(
        "sigma_u", "s.d. of the cost-push innovation", "log points a quarter",
        0.001, 0.01, 0.005, "log", "log_uniform",
    ),
    Parameter(
        "sigma_a", "s.d. of the demand innovation", "log points a quarter",
        0.005, 0.02, 0.01, "log",
    ),
)  # fmt: skip
SHOCKS = (
    Shock(
        "monetary",
        "raises the rule rate; output and inflation fall. The nominal rate itself falls on impact "
        "in about a quarter of draws, where lower inflation outweighs the shock",
        "sigma_m",
    ),
    Shock("demand", "raises demand: output, inflation and the rate rise", "sigma_a"),
    Shock("cost_push", "raises inflation directly; output falls, the rate rises", "sigma_u"),
)
UNITS = np.array([100.0, 400.0, 400.0])


class NewKeynesian(LinearWorld):
    """The `nk` world; equations, units and source are in the module docstring."""

    name = "nk"
    title = "Three-equation New Keynesian"
    source = "Clarida, Gali and Gertler (1999, JEL 37(4)); Gali (2015), ch. 3"
    parameters = (
        *PREFERENCES_AND_RULE,
        Parameter("rho_m", "persistence of the monetary shock", "1", 0.0, 0.9, 0.5, "bounded"),
        Parameter("rho_a", "persistence of the demand shock", "1", 0.0, 0.95, 0.8, "bounded"),
        Parameter("rho_u", "persistence of the cost-push shock", "1", 0.0, 0.9, 0.5, "bounded"),
        *STANDARD_DEVIATIONS,
    )
    shocks = SHOCKS
    state_names = ("i", "m", "a", "u")

    def solve(self, theta: ArrayLike) -> StateSpace:
        theta = self._theta(theta)
        bounds = self._bounds_status(theta)
        theta = np.where((bounds == Status.NOT_FINITE)[:, None], self.pack(), theta)
        lead, now, lag, load, persistence, impact = equations(theta)
        rule = re.solve(lead, now, lag, load, persistence)
        space = re.state_space(rule, persistence, impact, [2], [0, 1, 2], UNITS)
        return space._replace(status=worst(bounds, space.status))


def equations(theta: FloatArray) -> tuple[FloatArray, ...]:
    """The model's matrices A, B, C, D, N, M for y = (x, pi, i), z = (m, a, u); one row a draw.

    theta: (B, >= 12) with the first twelve columns in the order of `NewKeynesian.parameters`.
    """
    rows = len(theta)
    beta, sigma, kappa, phi_pi, phi_y, rho_i = theta[:, :6].T
    lead, now, lag = np.zeros((3, rows, 3, 3))
    load, persistence, impact = np.zeros((3, rows, 3, 3))
    # IS: E x' + (1/sigma) E pi' - x - (1/sigma) i + a = 0
    lead[:, 0, 0] = 1.0
    lead[:, 0, 1] = 1.0 / sigma
    now[:, 0, 0] = -1.0
    now[:, 0, 2] = -1.0 / sigma
    load[:, 0, 1] = 1.0
    # Phillips: beta E pi' + kappa x - pi + u = 0
    lead[:, 1, 1] = beta
    now[:, 1, 0] = kappa
    now[:, 1, 1] = -1.0
    load[:, 1, 2] = 1.0
    # Taylor: rho_i i_{-1} + (1 - rho_i) (phi_pi pi + phi_y x) - i + m = 0
    lag[:, 2, 2] = rho_i
    now[:, 2, 0] = (1.0 - rho_i) * phi_y
    now[:, 2, 1] = (1.0 - rho_i) * phi_pi
    now[:, 2, 2] = -1.0
    load[:, 2, 0] = 1.0
    sigma_m, sigma_u, sigma_a = theta[:, 9:12].T
    for j, (rho, sd) in enumerate(
        [(theta[:, 6], sigma_m), (theta[:, 7], sigma_a), (theta[:, 8], sigma_u)]
    ):
        persistence[:, j, j] = rho
        impact[:, j, j] = sd
    return lead, now, lag, load, persistence, impact
