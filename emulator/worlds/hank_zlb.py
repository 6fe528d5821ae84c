"""hank_zlb: the `hank` economy under an occasionally binding lower bound on the nominal rate.

All equations are those of `hank`, but for the rule, of which w_t >= 0 makes a bound:

    shadow rate     s_t = (1 - rho_i) (phi_pi pi_t + phi_y Y_t) + rho_i i_{t-1} + m_t
    policy          i_t = max(s_t, -r_ss / 400) = s_t + w_t

The rule remembers the actual rate, not the shadow one. The steady-state nominal rate is the real
one, r_ss percent a year, since prices are stable there. The bound is part of what everybody
foresees: E_t is the plan made in quarter t, along which no further shock arrives and all know in
which quarters the bound will bind. New shocks lead to a new plan.

Aggregates move linearly with what is learnt about the rule, as they do with the shocks. So w is
news about the rule, announced for the quarters in which the bound will bind, and solves a linear
complementarity problem along the path that the shocks alone would bring (Holden 2023, REStat
105(6)); `expected_paths` derives what of it the next quarter inherits.

Observables: output 100 Y, inflation 400 pi, rate 400 i, the last as a deviation, so that
rate + r_ss >= 0; it holds without tolerance, and rate = -r_ss exactly where the bound binds.
`Paths.flags` is 1 in quarters in which it binds. State at the end of a quarter: output, inflation
and rate in each of the next 150 quarters as they would be expected if the bound vanished now, never
to return and without further shocks. Beyond them all is taken to be at rest, which leaves out less
than .0003 of a series' s.d. in 19 draws of 20.

One plan. Where the rate is at the bound for long, responses to news about the rule change sign, and
none, or several, plans solve the problem. Up to some number of quarters, the window, the matrix of
the rate's responses to such news is a P-matrix: within it exactly one plan exists whatever the
shocks. A plan must end within the window, at most 32 quarters, and one that does not is not found.
Half of the draws have windows between 9 quarters and all 32; most plans bind for a few.

Admissible draws are those of `hank` that have a plan in a distant state, one in which the rate is
expected to be five s.d. below its mean in every quarter (of the unconditional distribution of the
rate expected so far ahead, without the bound), and output above -15 percent after every shock of 3
s.d. of either sign from rest. Without a plan two s.d. away a draw counts as one without a solution.

Identities that must hold: along every plan the equations of `hank` with w added to the rule;
rate + r_ss >= 0, w >= 0, one of them zero; without new shocks the plan comes true; where the bound
never binds, the responses of `hank`.

Source: Auclert, Bardoczy, Rognlie and Straub (2021, Econometrica 89(5)); Holden (2023, REStat
105(6)).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from emulator.worlds import expected_paths as ep
from emulator.worlds.base import FloatArray, Status, World, worst
from emulator.worlds.hank import HeterogeneousAgents, moving_averages
from emulator.worlds.hank.equilibrium import UNITS

# Quarters of the expected paths, and of those, the first ones in which the bound may bind.
QUARTERS, ANNOUNCED = 150, 32
# How many s.d.s below its mean the rate is expected to be in the states that must have a plan, for
# draws that have a solution and for admissible ones. Of 987 paths of 240 quarters of admissible
# draws none came to a state without a plan; of draws between the two, four in ten paths did
# (results/hank_zlb/plans.json).
SOLVED, ADMISSIBLE = 2.0, 5.0
# Percent: what `hank` allows of one s.d., times three.
WORST_OUTPUT = -15.0
_CHECK_HORIZON = 40
_RATE = 2
_DEFAULTS = {"kappa": 0.02, "phi_pi": 2.0}


class HeterogeneousAgentsBound(World[ep.Economy]):
    """The `hank_zlb` world; equations, units and source are in the module docstring."""

    name = "hank_zlb"
    title = "One-asset HANK with a zero lower bound"
    source = (
        "Auclert, Bardoczy, Rognlie and Straub (2021, Econometrica 89(5)); "
        "Holden (2023, REStat 105(6))"
    )
    # hank's, but for two defaults, with which a draw is admissible here.
    parameters = tuple(
        replace(p, default=_DEFAULTS.get(p.name, p.default)) for p in HeterogeneousAgents.parameters
    )
    shocks = HeterogeneousAgents.shocks
    state_names = tuple(
        f"{name}_{h}" for h in range(1, QUARTERS + 1) for name in ("output", "inflation", "rate")
    )
    linear = False
    flag = "zlb binding"
    floors = (("rate", "r_ss"),)
    dear = HeterogeneousAgents.dear
    siblings = HeterogeneousAgents.siblings
    restrictions = (
        *HeterogeneousAgents.restrictions,
        "a plan exists when the rate is expected to be five s.d. below its mean in every quarter, "
        "and ends within the quarters for which such plans are unique",
        "output stays above -15 percent after every shock of 3 s.d. of either sign from rest",
    )

    def _solve(self, theta: FloatArray) -> ep.Economy:
        values, status = moving_averages(theta, ANNOUNCED)
        values = values[:, :, :QUARTERS]
        count = len(self.shocks)
        impulse = values[:, :count] * theta[:, -count:, None, None]
        news = values[:, count:] / UNITS[_RATE]
        economy = ep.economy(impulse, news, np.ascontiguousarray(theta[:, 0]), status, _RATE)
        solved = np.where(_has_plan(economy, SOLVED), Status.OK, Status.NO_STABLE_SOLUTION)
        admissible = _has_plan(economy, ADMISSIBLE) & _shallow(economy)
        verdict = np.where(admissible, Status.OK, Status.INADMISSIBLE)
        unsolved = economy.status >= Status.NO_CONVERGENCE  # their plans are not even looked for
        found = np.where(unsolved, Status.OK, np.maximum(solved, verdict)).astype(np.int8)
        return economy._replace(status=worst(economy.status, found))

    def _responses(
        self,
        theta: FloatArray,
        solution: ep.Economy,
        horizon: int,
        size: FloatArray,
        state: FloatArray | None,
    ) -> FloatArray:
        shocked = size[:, :, None, None] * solution.impulse
        if state is None:  # the baseline is rest
            return ep.plans(solution, shocked, horizon).values
        start = _paths(state)[:, None]
        free = np.concatenate([start, start + shocked], axis=1)
        values = ep.plans(solution, free, horizon).values
        return np.asarray(values[:, 1:] - values[:, :1])

    def _simulate(
        self,
        theta: FloatArray,
        solution: ep.Economy,
        eps: FloatArray,
        state: FloatArray | None,
        uniforms: FloatArray | None,
    ) -> tuple[FloatArray, FloatArray, NDArray[np.int8]]:
        start = np.zeros((len(theta), QUARTERS, 3)) if state is None else _paths(state)
        return ep.simulate(solution, eps, start)


def _paths(state: FloatArray) -> FloatArray:
    """States (B, T 3) as paths (B, T, 3)."""
    return state.reshape(len(state), QUARTERS, 3)


def _has_plan(economy: ep.Economy, distance: float) -> NDArray[np.bool_]:
    """Whether a plan exists where the rate is expected `distance` s.d. below its mean, (B,)."""
    squares = (economy.impulse[..., _RATE] ** 2).sum(axis=1)  # (B, T)
    spread = np.sqrt(squares[:, ::-1].cumsum(axis=1)[:, ::-1])
    free = np.zeros((len(spread), 1, QUARTERS, 3))
    free[:, 0, :, _RATE] = -distance * spread
    return np.asarray(np.isfinite(ep.plans(economy, free, 0).values).all(axis=(1, 2, 3)))


def _shallow(economy: ep.Economy) -> NDArray[np.bool_]:
    """Whether output stays above the worst allowed after all shocks of 3 s.d., (B,)."""
    free = 3.0 * np.concatenate([economy.impulse, -economy.impulse], axis=1)
    output = ep.plans(economy, free, _CHECK_HORIZON).values[..., 0]
    return np.asarray((output > WORST_OUTPUT).all(axis=(1, 2)))  # not found is not shallow
