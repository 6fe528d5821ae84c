"""rbc: real business cycles with variable labour and capital, closed by a Taylor rule.

Quarterly. Households maximise

    E_0 sum_t beta^t e^{b_t} [C_t^{1-gamma} / (1-gamma) - chi N_t^{1+1/nu} / (1+1/nu)];

prices are flexible, so the real side does not see the nominal one. Log deviations from the steady
state, in decimals (R, ii: logs of gross rates); k_t is the capital stock at the end of the quarter:

    marginal utility   lam_t = b_t - gamma c_t
    labour supply      b_t + n_t / nu = lam_t + w_t
    capital Euler      lam_t = E_t lam_{t+1} + (1 - beta (1 - delta)) E_t rk_{t+1}
    bond Euler         lam_t = R_t + E_t lam_{t+1}
    production         y_t = a_t + alpha k_{t-1} + (1 - alpha) n_t
    labour demand      w_t = y_t - n_t
    capital demand     rk_t = y_t - k_{t-1}
    resources          y_t = (C/Y) c_t + (I/Y) inv_t
    capital            k_t = (1 - delta) k_{t-1} + delta inv_t
    Fisher             ii_t = R_t + E_t pi_{t+1}
    Taylor rule        ii_t = phi_pi pi_t + m_t
    technology         a_t = rho_a a_{t-1} + sigma_a eps^a_t
    preference         b_t = rho_b b_{t-1} + sigma_b eps^b_t
    monetary           m_t = rho_m m_{t-1} + sigma_m eps^m_t

Steady state: rental rate RK = 1/beta - 1 + delta, so capital demand alpha Y/K = RK gives
I/Y = delta alpha / RK and C/Y = 1 - I/Y; 1 - beta (1 - delta) = beta RK. Hours N = 1/3 fix chi and
appear in no log-linear equation.

Observables: output 100 y, inflation 400 pi, rate 400 ii. State at the end of a quarter: (k, a, b,
m).

Identities that must hold, with c, inv, n recovered from resources, capital and production: along a
response labour supply, both Euler equations, Fisher and the Taylor rule in every quarter, impact
included; output does not react to the monetary shock.

Shocks: see `RealBusinessCycle.shocks`. With flexible prices the monetary shock moves inflation by
-1/(phi_pi - rho_m) and the nominal rate by -rho_m/(phi_pi - rho_m), and output not at all.

Source: King, Plosser and Rebelo (1988, JME 21(2-3)); Gali (2015), ch. 2.
"""

from __future__ import annotations

import numpy as np

from emulator.specs import Parameter, Shock
from emulator.worlds.base import FloatArray
from emulator.worlds.equations import Equations, RationalExpectationsWorld

SHOCKS = (
    Shock(
        "technology",
        "raises productivity: output rises; inflation and the nominal rate rise on impact in three "
        "quarters of draws and fall where the shock is short-lived",
        "sigma_a",
    ),
    Shock(
        "preference",
        "raises the weight of the present: households consume more and work less at a given wage, "
        "investment falls, and so does output; inflation and the rate rise on impact in two fifths "
        "of draws, where the shock is short-lived",
        "sigma_b",
    ),
    Shock(
        "monetary",
        "raises the rule rate: inflation falls so much that the nominal rate never rises on "
        "impact; output does not react",
        "sigma_m",
    ),
)


class RealBusinessCycle(RationalExpectationsWorld):
    """The `rbc` world; equations, units and source are in the module docstring."""

    name = "rbc"
    title = "Real business cycle with a Taylor rule"
    source = "King, Plosser and Rebelo (1988, JME 21(2-3)); Gali (2015), ch. 2"
    parameters = (
        Parameter("beta", "discount factor", "1", 0.985, 0.995, 0.99, "bounded"),
        Parameter("alpha", "capital share", "1", 0.25, 0.45, 0.33, "bounded"),
        Parameter("delta", "depreciation rate", "a quarter", 0.02, 0.03, 0.025, "bounded"),
        Parameter("nu", "Frisch elasticity of labour supply", "1", 0.5, 3.0, 1.0),
        Parameter("gamma", "relative risk aversion", "1", 0.5, 3.0, 1.5),
        Parameter("phi_pi", "Taylor rule: reaction to inflation", "1", 1.1, 3.0, 1.5),
        Parameter("rho_a", "persistence of technology", "1", 0.0, 0.99, 0.9, "bounded"),
        Parameter("rho_b", "persistence of the preference shock", "1", 0.0, 0.95, 0.5, "bounded"),
        Parameter("rho_m", "persistence of the monetary shock", "1", 0.0, 0.9, 0.5, "bounded"),
        Parameter(
            "sigma_a", "s.d. of the technology innovation", "log points a quarter",
            0.005, 0.02, 0.01, "log",
        ),
        Parameter(
            "sigma_b", "s.d. of the preference innovation", "log points a quarter",
            0.002, 0.01, 0.005, "log",
        ),
        Parameter(
            "sigma_m", "s.d. of the monetary innovation", "log points a quarter",
            0.001, 0.01, 0.0025, "log",
        ),
    )  # fmt: skip
    shocks = SHOCKS
    state_names = ("k", "a", "b", "m")
    observed = ("y", "pi", "ii")
    units = np.array([100.0, 400.0, 400.0])

    def model(self, theta: FloatArray) -> Equations:
        return model(theta)


def model(theta: FloatArray) -> Equations:
    """The equations of the module docstring, everything on one side; theta (B, 12)."""
    beta, alpha, delta, nu, gamma, phi_pi = theta[:, :6].T
    rho_a, rho_b, rho_m, sigma_a, sigma_b, sigma_m = theta[:, 6:12].T
    rental = 1.0 / beta - 1.0 + delta
    investment_share = delta * alpha / rental
    eq = Equations(
        len(theta),
        ("y", "c", "inv", "n", "k", "w", "rk", "lam", "R", "pi", "ii"),
        ("a", "b", "m"),
        [s.name for s in SHOCKS],
    )
    # marginal utility
    eq.add({"lam": -1.0, "c": -gamma}, exogenous={"b": 1.0})
    # labour supply
    eq.add({"lam": 1.0, "w": 1.0, "n": -1.0 / nu}, exogenous={"b": -1.0})
    # capital Euler
    eq.add({"lam": -1.0}, lead={"lam": 1.0, "rk": beta * rental})
    # bond Euler
    eq.add({"lam": -1.0, "R": 1.0}, lead={"lam": 1.0})
    # production
    eq.add({"y": -1.0, "n": 1.0 - alpha}, lag={"k": alpha}, exogenous={"a": 1.0})
    # labour demand
    eq.add({"w": -1.0, "y": 1.0, "n": -1.0})
    # capital demand
    eq.add({"rk": -1.0, "y": 1.0}, lag={"k": -1.0})
    # resources
    eq.add({"y": -1.0, "c": 1.0 - investment_share, "inv": investment_share})
    # capital
    eq.add({"k": -1.0, "inv": delta}, lag={"k": 1.0 - delta})
    # Fisher
    eq.add({"ii": -1.0, "R": 1.0}, lead={"pi": 1.0})
    # Taylor rule
    eq.add({"ii": -1.0, "pi": phi_pi}, exogenous={"m": 1.0})
    eq.process("a", lag={"a": rho_a}, innovation={"technology": sigma_a})
    eq.process("b", lag={"b": rho_b}, innovation={"preference": sigma_b})
    eq.process("m", lag={"m": rho_m}, innovation={"monetary": sigma_m})
    return eq
