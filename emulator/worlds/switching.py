"""switching: a three-variable VAR(1) whose coefficients follow a two-state Markov chain.

    y_t = A[s_t] y_{t-1} + d[s_t] L eps_t        s_t: calm (0) or turbulent (1)
    Pr(s_t = s | s_{t-1} = s) = p_stay[s]

The regime of the quarter moves first, then the shock arrives. L has a unit diagonal and is zero
above it; d[s] is one number a regime and scales all three innovations. `y` are the observables, in
percent (output) and annualised percentage points (inflation, rate). As in `var`, the labels say
which series such a model is fitted to; nothing in the prior but the recursive order tells one from
another, and no shock is a policy shock.

State at the end of a quarter: (y_t, probability of turbulence), the probability being 0 or 1 along
a simulated history. At rest, y = 0 and the chain is at its ergodic mix: Pr(turbulent) =
(1 - p_stay_calm) / (2 - p_stay_calm - p_stay_turbulent).

Simulation: a quarter is turbulent when its uniform lies below the probability of turbulence given
the state before it. The chain is hence stationary from the first quarter when it starts at rest.

Responses are exact expectations over the regimes of the impact quarter and after (Krolzig 1997,
Markov-Switching Vector Autoregressions, ch. 8; Karame 2010, Economics Letters 106(3)). With pi_j
the distribution of the regime in the impact quarter and p_ij the transition probabilities,

    M_j(0) = pi_j d_j L,    M_j(h+1) = A_j sum_i p_ij M_i(h),    response(h) = sum_j M_j(h) size.

pi is one transition ahead of the state given, because the regime moves before the shock; from rest
that is the ergodic mix itself. The history y_{-1} cancels: both paths of the difference share it
and share the regimes. Responses are thus proportional to the size and depend on the state through
its regime alone; they do depend on it, so the world is not `linear`.

A draw with a regime whose spectral radius reaches .97 is inadmissible. There is no stable solution
where the operator that carries E[y_t 1(s_t = j)], with blocks p_ij A_j, has a root at or outside
the unit circle (Costa, Fragoso and Marques 2005, ch. 3), or where the p_stay define no ergodic
chain (one outside [0, 1], or both one). Admissible draws have finite variances too, though nothing
here asks for it: in 8,000 of them the root that governs second moments stayed below .93.

Shocks: innovation j raises observable j on impact by d[s]; a later shock moves no earlier
observable on impact.

Identities that must hold: along every simulated path the equation above, with the regime that the
flag reports; the ergodic mix of the responses from either regime is the response from rest.

Source: Hamilton (1989, Econometrica 57(2)); Krolzig (1997).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.compiled import compiled
from emulator.errors import InputError
from emulator.specs import Parameter, Shock, normal
from emulator.worlds.arguments import laid_out
from emulator.worlds.base import FloatArray, Status, StatusArray, World
from emulator.worlds.roots import root_status

MAX_RADIUS = 0.97

_SERIES = ("output", "inflation", "rate")
# By regime: (lower, upper, default) of the diagonal of A and of d.
_REGIMES = {
    "calm": ((0.3, 0.8, 0.5), (0.3, 1.0, 0.5)),
    "turbulent": ((0.6, 0.95, 0.8), (1.0, 2.5, 1.5)),
}


def _lags(regime: str) -> tuple[Parameter, ...]:
    lower, upper, default = _REGIMES[regime][0]
    out: list[Parameter] = []
    for i, row in enumerate(_SERIES):
        for j, column in enumerate(_SERIES):
            name = f"a_{regime}_{i + 1}{j + 1}"
            text = f"lag of {column} in the {row} equation, {regime} regime"
            if i == j:
                out.append(Parameter(name, text, "1", lower, upper, default))
            else:
                out.append(normal(name, text, 0.0, 0.12))
    return tuple(out)


class SwitchingSolution(NamedTuple):
    """What paths and responses need, regimes ordered calm, turbulent.

    stay: p_stay (B, 2). lags: A (B, 2, 3, 3). impact: d L (B, 2, 3, 3). ergodic: the long-run
    share of turbulent quarters (B,). status (B,).
    """

    stay: FloatArray
    lags: FloatArray
    impact: FloatArray
    ergodic: FloatArray
    status: StatusArray


class SwitchingVAR(World[SwitchingSolution]):
    """The `switching` world; equations, units and source are in the module docstring."""

    name = "switching"
    title = "Two-regime Markov-switching VAR(1)"
    source = "Hamilton (1989, Econometrica 57(2)); Krolzig (1997)"
    parameters = (
        *(
            Parameter(
                f"p_stay_{regime}", f"probability that a {regime} quarter follows another", "1",
                0.8, 0.98, default, "bounded",
            )
            for regime, default in (("calm", 0.95), ("turbulent", 0.9))
        ),
        *_lags("calm"),
        *_lags("turbulent"),
        *(
            Parameter(
                f"d_{regime}", f"s.d. of the innovations, {regime} regime",
                "percent or annualised pp", *bounds, "log",
            )
            for regime, (_, bounds) in _REGIMES.items()
        ),
        normal("l_21", "impact of shock 1 on inflation, relative to d", 0.0, 0.3),
        normal("l_31", "impact of shock 1 on rate, relative to d", 0.0, 0.3),
        normal("l_32", "impact of shock 2 on rate, relative to d", 0.0, 0.3),
    )  # fmt: skip
    shocks = (
        Shock("shock_1", "raises output on impact, by more in the turbulent regime"),
        Shock("shock_2", "raises inflation on impact; output reacts a quarter later"),
        Shock("shock_3", "raises the rate on impact; the others react a quarter later"),
    )
    state_names = ("output", "inflation", "rate", "probability_turbulent")
    linear = False
    hidden_chain = True
    flag = "turbulent regime"

    restrictions = ("The spectral radius of A is below .97 in either regime.",)

    def _solve(self, theta: FloatArray) -> SwitchingSolution:
        rows = len(theta)
        stay = np.ascontiguousarray(theta[:, :2])
        lags = laid_out(theta[:, 2:20]).reshape(rows, 2, 3, 3)
        scale, below = theta[:, 20:22], theta[:, 22:25]
        impact = np.zeros((rows, 2, 3, 3))
        impact[:, :, range(3), range(3)] = 1.0
        impact[:, :, (1, 2, 2), (0, 0, 1)] = below[:, None, :]
        impact *= scale[:, :, None, None]
        leave = 1.0 - stay
        chain = (leave >= 0.0).all(axis=1) & (stay >= 0.0).all(axis=1) & (leave.sum(axis=1) > 0.0)
        ergodic = np.full(rows, np.nan)
        ergodic[chain] = leave[chain, 0] / leave[chain].sum(axis=1)
        each = root_status(lags.reshape(2 * rows, 3, 3), MAX_RADIUS).reshape(rows, 2)
        status = np.where(each.max(axis=1) == Status.OK, Status.OK, Status.INADMISSIBLE)
        unstable = root_status(expectation_operator(stay, lags), 1.0) != Status.OK
        status[unstable | ~chain] = Status.NO_STABLE_SOLUTION
        return SwitchingSolution(stay, lags, impact, ergodic, status.astype(np.int8))

    def _responses(
        self,
        theta: FloatArray,
        solution: SwitchingSolution,
        horizon: int,
        size: FloatArray,
        state: FloatArray | None,
    ) -> FloatArray:
        turbulent = solution.ergodic
        if state is not None:
            turbulent = one_ahead(solution.stay, _probability(state))
        return responses(solution.stay, solution.lags, solution.impact, turbulent, size, horizon)

    def _simulate(
        self,
        theta: FloatArray,
        solution: SwitchingSolution,
        eps: FloatArray,
        state: FloatArray | None,
        uniforms: FloatArray | None,
    ) -> tuple[FloatArray, FloatArray, NDArray[np.int8]]:
        assert uniforms is not None
        if state is None:
            state = np.zeros((len(theta), 4))
            state[:, 3] = solution.ergodic
        else:
            _probability(state)
        return simulate(
            solution.stay, solution.lags, solution.impact, eps, state,
            laid_out(uniforms),
        )  # fmt: skip


def expectation_operator(stay: FloatArray, lags: FloatArray) -> FloatArray:
    """The matrix (B, 6, 6) with blocks p_ij A_j in row j, column i."""
    rows = len(stay)
    out = np.empty((rows, 2, 3, 2, 3))
    for j in range(2):
        for i in range(2):
            probability = stay[:, i] if i == j else 1.0 - stay[:, i]
            out[:, j, :, i, :] = probability[:, None, None] * lags[:, j]
    return out.reshape(rows, 6, 6)


def one_ahead(stay: FloatArray, turbulent: FloatArray) -> FloatArray:
    """Probability of turbulence (B,) in the quarter after one where it is `turbulent` (B,)."""
    return turbulent * stay[:, 1] + (1.0 - turbulent) * (1.0 - stay[:, 0])


def _probability(state: FloatArray) -> FloatArray:
    """The probability of turbulence (B,) in states (B, 4); InputError where it is none."""
    probability = state[:, 3]
    bad = (probability < 0.0) | (probability > 1.0)  # NaN is the state of a row without a solution
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f"state: probability_turbulent must lie in [0, 1], row {row} has {probability[row]:g}"
        )
    return probability


@compiled()
def responses(
    stay: FloatArray,
    lags: FloatArray,
    impact: FloatArray,
    turbulent: FloatArray,
    size: FloatArray,
    horizon: int,
) -> FloatArray:
    """Expected responses (B, S, H+1, 3); `turbulent` (B,) is the regime's law on impact."""
    rows, shocks = size.shape
    out = np.empty((rows, shocks, horizon + 1, 3))
    m0 = np.empty(3)  # M_j e_s size of each regime
    m1 = np.empty(3)
    mixed0 = np.empty(3)  # sum_i p_ij M_i
    mixed1 = np.empty(3)
    for r in range(rows):
        q = turbulent[r]
        stay0, stay1 = stay[r, 0], stay[r, 1]
        a0, a1 = lags[r, 0], lags[r, 1]
        for s in range(shocks):
            for v in range(3):
                m0[v] = (1.0 - q) * impact[r, 0, v, s] * size[r, s]
                m1[v] = q * impact[r, 1, v, s] * size[r, s]
                out[r, s, 0, v] = m0[v] + m1[v]
            for h in range(1, horizon + 1):
                for v in range(3):
                    mixed0[v] = stay0 * m0[v] + (1.0 - stay1) * m1[v]
                    mixed1[v] = (1.0 - stay0) * m0[v] + stay1 * m1[v]
                for v in range(3):
                    m0[v] = a0[v, 0] * mixed0[0] + a0[v, 1] * mixed0[1] + a0[v, 2] * mixed0[2]
                    m1[v] = a1[v, 0] * mixed1[0] + a1[v, 1] * mixed1[1] + a1[v, 2] * mixed1[2]
                    out[r, s, h, v] = m0[v] + m1[v]
    return out


@compiled()
def simulate(
    stay: FloatArray,
    lags: FloatArray,
    impact: FloatArray,
    eps: FloatArray,
    start: FloatArray,
    uniforms: FloatArray,
) -> tuple[FloatArray, FloatArray, NDArray[np.int8]]:
    """Observables (B, T, 3), states (B, T, 4) and regimes (B, T) from `start` (B, 4)."""
    rows, quarters, shocks = eps.shape
    observables = np.empty((rows, quarters, 3))
    states = np.empty((rows, quarters, 4))
    regimes = np.empty((rows, quarters), dtype=np.int8)
    y = np.empty(3)
    for r in range(rows):
        y[:] = start[r, :3]
        q = start[r, 3]
        for t in range(quarters):
            # In this order a certain regime (q = 0 or 1) gives exactly 1 - p_stay or p_stay.
            probability = q * stay[r, 1] + (1.0 - q) * (1.0 - stay[r, 0])
            regime = 1 if uniforms[r, t] < probability else 0
            for v in range(3):
                total = 0.0
                for k in range(3):
                    total += lags[r, regime, v, k] * y[k]
                for s in range(shocks):
                    total += impact[r, regime, v, s] * eps[r, t, s]
                observables[r, t, v] = total
                states[r, t, v] = total
            for v in range(3):
                y[v] = states[r, t, v]
            q = float(regime)
            states[r, t, 3] = q
            regimes[r, t] = regime
    return observables, states, regimes
