"""zlb: the `nk` economy under an occasionally binding zero lower bound.

Quarterly, log deviations from the steady state (decimals inside, reported units at the surface):

    IS            x_t  = E_t x_{t+1} - (1/sigma) (i_t - E_t pi_{t+1}) + a_t
    Phillips      pi_t = beta E_t pi_{t+1} + kappa x_t + u_t
    shadow rate   s_t  = rho_i i_{t-1} + (1 - rho_i) (phi_pi pi_t + phi_y x_t) + m_t
    policy        i_t  = max(s_t, -r_ss / 400)
    demand        a_t  = rho_a a_{t-1} + sigma_a eps^a_t
    cost push     u_t  = rho_u u_{t-1} + sigma_u eps^u_t
    monetary      m_t  = rho_m m_{t-1} + sigma_m eps^m_t

The rule remembers the actual rate, not the shadow one. r_ss is the steady-state nominal rate in
percent annualised, drawn independently of beta. The bound is part of what agents foresee: E_t is
the plan made in quarter t, along which no further shock arrives and everyone knows in which
quarters the bound will bind (see `occasionally_binding` for how the plan is found, and which one
where several exist). New shocks lead to a new plan.

Observables: output 100 x, inflation 400 pi, rate 400 i, the last as a deviation, so that
rate + r_ss >= 0; it holds without tolerance, and rate = -r_ss exactly where the bound binds. Shocks
are those of `nk`; under this prior the nominal rate rises on impact of a small monetary shock in
every draw, unlike there. A monetary shock moves the rule and nothing else, so at the
bound it acts only through the quarters after the bound stops binding. State at the end of a
quarter: (i, m, a, u), i being the actual rate.
`Paths.flags` is 1 in quarters in which the bound binds.

Admissible parameters: kappa rho / (sigma (1 - rho) (1 - beta rho)) < 0.8 for each of rho_m, rho_a,
rho_u (at one, responses at the bound build up without limit as the spell gets longer), and output
above -15 percent after every shock of 3 s.d. of either sign from rest. The prior draws rho_m and
rho_u uniformly up to min(their upper bound, rho_bar), rho_bar being where the ratio is 0.8, and
rho_a = rho_bar sqrt(U), for more long spells; rho_bar is below .94 everywhere, hence below rho_a's
own bound, which is that of `nk`.

Identities that must hold: along every plan IS, Phillips curve, shadow rate and policy above, with
E_t the plan's own next quarter; rate + r_ss >= 0, and the bound binds only where the shadow rate is
at or below it; without new shocks the plan comes true; with a distant bound, the responses of `nk`.

Source: Eggertsson and Woodford (2003, BPEA 34(1)); Guerrieri and Iacoviello (2015, JME 70).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.specs import Parameter
from emulator.worlds import nk
from emulator.worlds import occasionally_binding as ob
from emulator.worlds import rational_expectations as re
from emulator.worlds.base import FloatArray, Status, StatusArray, World, worst

# Joint restrictions of the prior; see the module docstring. A ratio of one would mean responses
# without limit. With this margin and cap, simulated output reached about -42 percent in 4,000
# draws; without them a quarter of paths fall below -50.
MAX_RATIO = 0.8
WORST_OUTPUT = -15.0
# Horizon over which the worst output is looked for: that of a standard response.
_CHECK_HORIZON = 40


# What differs from the parameters of `nk`.
_CHANGES: dict[str, dict[str, Any]] = {
    "rho_m": {"prior_note": "uniform on [0, min(.9, rho_bar)]"},
    "rho_a": {"prior_note": "rho_bar sqrt(U), U uniform on [0, 1]", "default": 0.6},
    "rho_u": {"prior_note": "uniform on [0, min(.9, rho_bar)]"},
}


class Economy(NamedTuple):
    """constrained: the economy in reported units; impact (B, 3, 3); status (B,)."""

    constrained: ob.Economy
    impact: FloatArray
    status: StatusArray


class ZeroLowerBound(World[Economy]):
    """The `zlb` world; equations, units and source are in the module docstring."""

    name = "zlb"
    title = "New Keynesian with a zero lower bound"
    source = "Eggertsson and Woodford (2003, BPEA 34(1)); Guerrieri and Iacoviello (2015, JME 70)"
    # nk's, but for the default of rho_a, which would be inadmissible here, and the priors.
    parameters = (
        *(replace(p, **_CHANGES.get(p.name, {})) for p in nk.NewKeynesian.parameters),
        Parameter("r_ss", "steady-state nominal interest rate", "percent a year", 0.5, 4.0, 2.0),
    )
    shocks = (
        replace(
            nk.SHOCKS[0],
            description="raises the rule rate; output and inflation fall and, away from the bound, "
            "the nominal rate rises. At the bound it acts only through the quarters after it",
        ),
        *nk.SHOCKS[1:],
    )
    state_names = nk.NewKeynesian.state_names
    linear = False
    flag = "zlb binding"
    floors = (("rate", "r_ss"),)
    restrictions = (
        "kappa rho / (sigma (1 - rho) (1 - beta rho)) is below .8 for each of rho_m, rho_a, rho_u; "
        "rho_bar is the rho at which it is .8.",
        "Output stays above -15 percent after every shock of 3 s.d. of either sign from rest.",
    )

    def from_uniforms(self, u: FloatArray) -> FloatArray:
        """Prior draws (B, P): `nk`'s box, but for rho_m, rho_a, rho_u (module docstring)."""
        theta = super().from_uniforms(u)
        upper = self._box[1, 6:9]
        cap = np.minimum(upper, rho_bar(*theta[:, :3].T)[:, None])
        share = u[:, 6:9].copy()
        share[:, 1] = np.sqrt(share[:, 1])
        theta[:, 6:9] = cap * share
        return theta

    def _solve(self, theta: FloatArray) -> Economy:
        """The slack rule, the bound and the verdict on each row, admissibility included."""
        # Parameters far outside the bounds may divide by zero: the rule reports their rows.
        lead, now, lag, load, persistence, impact = nk.equations(theta)
        rule = re.solve(lead, now, lag, load, persistence, forward=[0, 1], lagged=[2])
        # From here on y is in reported units, so that rate >= -r_ss holds to the last bit.
        units = nk.UNITS
        rule = re.DecisionRule(
            rule.transition * units[:, None] / units, rule.load * units[:, None], rule.status
        )
        matrices = (lead / units, now / units, lag / units, load, persistence)
        constrained = ob.economy(matrices, rule, theta[:, 12], [2], variable=2, equation=2)
        economy = Economy(constrained, impact, constrained.status)
        verdict = np.where(_admissible(theta, economy), Status.OK, Status.INADMISSIBLE)
        return economy._replace(status=worst(economy.status, verdict.astype(np.int8)))

    def _responses(
        self,
        theta: FloatArray,
        solution: Economy,
        horizon: int,
        size: FloatArray,
        state: FloatArray | None,
    ) -> FloatArray:
        shocked = size[:, :, None] * solution.impact.transpose(0, 2, 1)  # z_0 by shock (B, S, 3)
        if state is None:  # the baseline is rest
            return ob.plans(
                solution.constrained, np.zeros((*size.shape, 1)), shocked, horizon
            ).values
        lagged, before = _split(state)
        z0 = np.zeros((len(theta), size.shape[1] + 1, 3))
        z0[:, 1:] = shocked
        z0 += (theta[:, 6:9] * before)[:, None]
        start = np.broadcast_to(lagged[:, None], (*z0.shape[:2], 1))
        values = ob.plans(solution.constrained, start, z0, horizon).values
        return np.asarray(values[:, 1:] - values[:, :1])

    def _simulate(
        self,
        theta: FloatArray,
        solution: Economy,
        eps: FloatArray,
        state: FloatArray | None,
        uniforms: FloatArray | None,
    ) -> tuple[FloatArray, FloatArray, NDArray[np.int8]]:
        lagged, before = _split(np.zeros((len(theta), 4)) if state is None else state)
        values, exogenous, binding = ob.simulate(
            solution.constrained, solution.impact, eps, lagged, before
        )
        rate = values[:, :, 2:] / nk.UNITS[2]
        return values, np.concatenate([rate, exogenous], axis=2), binding


def rho_bar(beta: FloatArray, sigma: FloatArray, kappa: FloatArray) -> FloatArray:
    """The persistence (B,) at which kappa rho = MAX_RATIO sigma (1 - rho) (1 - beta rho).

    The smaller root of beta rho^2 - (1 + beta + kappa / (MAX_RATIO sigma)) rho + 1 = 0, in the form
    that loses no digits.
    """
    half = (1.0 + beta + kappa / (MAX_RATIO * sigma)) / 2.0
    return np.asarray(1.0 / (half + np.sqrt(half**2 - beta)))


def _admissible(theta: FloatArray, economy: Economy) -> NDArray[np.bool_]:
    """Whether the ratio and the depth of all six 3 s.d. cases are allowed, (B,)."""
    beta, sigma, kappa = theta[:, 0:3].T
    rho = theta[:, 6:9]
    slope = MAX_RATIO * sigma[:, None] * (1.0 - rho) * (1.0 - beta[:, None] * rho)
    small = ((kappa[:, None] * rho < slope) & (rho < 1.0)).all(axis=1)
    z0 = 3.0 * economy.impact.transpose(0, 2, 1)
    z0 = np.concatenate([z0, -z0], axis=1)
    paths = ob.plans(economy.constrained, np.zeros((*z0.shape[:2], 1)), z0, _CHECK_HORIZON)
    shallow = (paths.values[..., 0] > WORST_OUTPUT).all(axis=(1, 2))  # not found is not shallow
    return np.asarray(small & shallow)


def _split(state: FloatArray) -> tuple[FloatArray, FloatArray]:
    """States (B, 4) to the lagged rate in reported units (B, 1) and z (B, 3)."""
    return state[:, :1] * nk.UNITS[2], state[:, 1:]
