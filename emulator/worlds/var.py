"""var: a three-variable structural VAR(2), identified by a lower triangular impact matrix.

    y_t = A1 y_{t-1} + A2 y_{t-2} + L eps_t

`y` are the three observables, in percent (output) and annualised percentage points (inflation,
rate). L is lower triangular with positive diagonal: L_ii = sd_i and, below the diagonal,
L_ij = l_ij sd_i, so that the l_ij are pure numbers. State at the end of a quarter: (y_t, y_{t-1}).

The prior is Minnesota-like (Litterman 1986, JBES 4(1)): own first lags in [.3, .95], cross lags
N(0, .15/lag), own second lags N(0, .05), truncated at three s.d.; draws whose largest companion
root reaches .98 in modulus are inadmissible, and at one there is no stable solution.

Shocks: innovation j raises observable j on impact by sd_j; the recursive order is output,
inflation, rate, so a later shock moves no earlier observable on impact.

The labels say which series such a VAR is fitted to. It is a statistical model of them: nothing in
its prior but the recursive order tells one series from another, and no shock is a policy shock.

Identities that must hold: along every simulated path the equation above, quarter by quarter; L L'
is the covariance of its residuals.

Source: Sims (1980, Econometrica 48(1)); Lutkepohl (2005), ch. 2.
"""

from __future__ import annotations

import numpy as np

from emulator.specs import Parameter, Shock, normal
from emulator.worlds.base import FloatArray
from emulator.worlds.linear import LinearWorld, StateSpace
from emulator.worlds.roots import root_status

MAX_ROOT = 0.98

_LABELS = ("output", "inflation", "rate")


def _coefficients() -> tuple[Parameter, ...]:
    out: list[Parameter] = []
    for lag in (1, 2):
        for i, row in enumerate(_LABELS):
            for j, column in enumerate(_LABELS):
                name = f"a{lag}_{i + 1}{j + 1}"
                text = f"lag {lag} of {column} in the {row} equation"
                if i == j and lag == 1:
                    out.append(Parameter(name, text, "1", 0.3, 0.95, 0.6))
                else:
                    out.append(normal(name, text, 0.0, 0.05 if i == j else 0.15 / lag))
    return tuple(out)


class VectorAutoregression(LinearWorld[StateSpace]):
    """The `var` world; equations, units and source are in the module docstring."""

    name = "var"
    title = "Structural VAR(2)"
    source = "Sims (1980, Econometrica 48(1)); Litterman (1986, JBES 4(1))"
    parameters = (
        *_coefficients(),
        *(
            Parameter(
                f"sd_{i + 1}", f"impact of shock {i + 1} on {label}", unit,
                0.2, 1.2, 0.5, "log", "log_uniform",
            )
            for i, (label, unit) in enumerate(
                zip(_LABELS, ("percent", "annualised pp", "annualised pp"), strict=True)
            )
        ),
        normal("l_21", "impact of shock 1 on inflation, relative to sd_2", 0.0, 0.3),
        normal("l_31", "impact of shock 1 on rate, relative to sd_3", 0.0, 0.3),
        normal("l_32", "impact of shock 2 on rate, relative to sd_3", 0.0, 0.3),
    )  # fmt: skip
    shocks = (
        Shock("shock_1", "raises output on impact by sd_1"),
        Shock("shock_2", "raises inflation on impact by sd_2; output reacts a quarter later"),
        Shock("shock_3", "raises the rate on impact by sd_3; the others react a quarter later"),
    )
    state_names = (
        "output", "inflation", "rate", "output_lag", "inflation_lag", "rate_lag",
    )  # fmt: skip

    restrictions = ("The largest root of the companion matrix is below .98 in modulus.",)

    def _solve(self, theta: FloatArray) -> StateSpace:
        lags, impact = coefficients(theta)
        rows = len(theta)
        a = np.zeros((rows, 6, 6))
        a[:, :3, :] = lags
        a[:, 3:, :3] = np.eye(3)
        b = np.zeros((rows, 6, 3))
        b[:, :3, :] = impact
        return StateSpace(a, b, lags, impact, root_status(a, MAX_ROOT))


def coefficients(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """[A1 A2] (B, 3, 6) and L (B, 3, 3) from (B, 24) parameters."""
    rows = len(theta)
    lags = np.empty((rows, 3, 6))
    lags[:, :, :3] = theta[:, 0:9].reshape(rows, 3, 3)
    lags[:, :, 3:] = theta[:, 9:18].reshape(rows, 3, 3)
    sd, below = theta[:, 18:21], theta[:, 21:24]
    impact = np.zeros((rows, 3, 3))
    impact[:, range(3), range(3)] = sd
    impact[:, 1, 0] = below[:, 0] * sd[:, 1]
    impact[:, 2, 0] = below[:, 1] * sd[:, 2]
    impact[:, 2, 1] = below[:, 2] * sd[:, 2]
    return lags, impact
