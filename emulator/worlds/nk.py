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

Identities that must hold: along a response, where what is expected comes true, all six equations in
every quarter, impact included; the state's i is the reported rate.

Determinacy for these signs reduces to kappa (phi_pi - 1) + (1 - beta) phi_y > 0 (Bullard and Mitra
2002, JME 49(6); Woodford 2003, ch. 4); the solver decides it from the roots.

Source: Clarida, Gali and Gertler (1999, JEL 37(4)); Gali (2015), ch. 3.
"""

from __future__ import annotations

import numpy as np

from emulator.specs import Parameter, Shock
from emulator.worlds.base import FloatArray
from emulator.worlds.equations import Equations, Matrices, RationalExpectationsWorld

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
    Shock(
        "cost_push",
        "raises inflation directly; the rate rises and output falls, if not always on impact",
        "sigma_u",
    ),
)
UNITS = np.array([100.0, 400.0, 400.0])


class NewKeynesian(RationalExpectationsWorld):
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

    observed = ("x", "pi", "i")
    units = UNITS

    def model(self, theta: FloatArray) -> Equations:
        return model(theta)


def equations(theta: FloatArray) -> Matrices:
    """The model's matrices A, B, C, D, N, M for y = (x, pi, i), z = (m, a, u); one row a draw.

    theta: (B, >= 12) with the first twelve columns in the order of `NewKeynesian.parameters`.
    """
    return model(theta).matrices


def model(theta: FloatArray) -> Equations:
    """The equations of the module docstring, everything on one side; theta as in `equations`."""
    beta, sigma, kappa, phi_pi, phi_y, rho_i = theta[:, :6].T
    rho_m, rho_a, rho_u, sigma_m, sigma_u, sigma_a = theta[:, 6:12].T
    eq = Equations(len(theta), ("x", "pi", "i"), ("m", "a", "u"), [s.name for s in SHOCKS])
    # IS
    eq.add(
        {"x": -1.0, "i": -1.0 / sigma},
        lead={"x": 1.0, "pi": 1.0 / sigma},
        exogenous={"a": 1.0},
    )
    # Phillips curve
    eq.add({"pi": -1.0, "x": kappa}, lead={"pi": beta}, exogenous={"u": 1.0})
    # Taylor rule
    eq.add(
        {"i": -1.0, "pi": (1.0 - rho_i) * phi_pi, "x": (1.0 - rho_i) * phi_y},
        lag={"i": rho_i},
        exogenous={"m": 1.0},
    )
    eq.process("m", lag={"m": rho_m}, innovation={"monetary": sigma_m})
    eq.process("a", lag={"a": rho_a}, innovation={"demand": sigma_a})
    eq.process("u", lag={"u": rho_u}, innovation={"cost_push": sigma_u})
    return eq
