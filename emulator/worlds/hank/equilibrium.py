"""The economy's equilibrium in the sequence space, linear in aggregates.

Unknown are the paths of output and inflation; given them the other equations of the world leave no
choice. Two equations are left, that households hold the public debt and supply the labour firms
use. With J households' Jacobians, L the lag and F the lead,

    di      = (1 - rho_i L)^{-1} ((1 - rho_i) (phi_pi dpi + phi_y dY) + m)
    dr      = L di - (1 + r) dpi
    dw      = w dz + (dpi - F dpi / (1 + r) - u) / kappa
    dL      = dY - dz,   dDiv = dY - w dL - dw
    dB      = rho_d (L dB + g + t)
    dTax    = B dr + (1 + r) L dB + g + t - dB

are put into J (dr, dw, dDiv, dTax, t, b) = (dB, dL), which is H (dY, dpi) = -rhs. Quarters beyond
the last are at rest.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray, Status
from emulator.worlds.hank.jacobians import jacobians
from emulator.worlds.hank.steady_state import FINE, Household, steady_state

if TYPE_CHECKING:
    from jaxtyping import Float64

# How far ahead the sequence space looks: with 200 quarters some draws near the boundary of
# determinacy are misjudged.
QUARTERS = 300
# Points of the unit circle on which the winding number is counted, and the slow root taken out of
# the asset market's row: its coefficients die out too slowly for QUARTERS; one draw in six would
# be misjudged. A factor with its root inside the circle does not change the number.
_CIRCLE, _SLOW = 4096, 0.98
UNITS = np.array([100.0, 400.0, 400.0])


class Solved(NamedTuple):
    """A household's part in the equilibrium: real rate, wage and debt of the steady state, and its
    Jacobians (2, 6, T, T), OUTCOMES[:2] by INPUTS of `jacobians`."""

    rate: float
    wage: float
    debt: float
    jacobians: FloatArray


# Households kept for the next question about them: 9 MB each.
@lru_cache(maxsize=8)
def solve_household(household: Household, points: int = FINE) -> Solved | None:
    """A household's part in any equilibrium, on `points` assets, or None without a steady state."""
    state = steady_state(household, points)
    if state is None:
        return None
    found = jacobians(state, QUARTERS)
    found.flags.writeable = False
    return Solved(state.problem.rate, state.wage, state.debt, found)


class Rules(NamedTuple):
    """The parameters besides the household's and the s.d.s, in the order of theta; persistence (6,)
    in the order of the shocks."""

    kappa: float
    phi_pi: float
    phi_y: float
    rho_i: float
    rho_d: float
    persistence: FloatArray


def system(solved: Solved, rules: Rules) -> Float64[np.ndarray, "N N"]:
    """H: what output and inflation, unit by unit, add to (assets, labour)."""
    return _system(
        solved.jacobians, solved.rate, solved.wage, solved.debt, rules.kappa, rules.phi_pi,
        rules.phi_y, rules.rho_i,
    )  # fmt: skip


@compiled(error_model="numpy")
def _system(
    jacobians: FloatArray,
    rate: float,
    wage: float,
    debt: float,
    kappa: float,
    phi_pi: float,
    phi_y: float,
    rho_i: float,
) -> FloatArray:
    quarters = jacobians.shape[2]
    out = np.empty((2 * quarters, 2 * quarters))
    real, cost = np.empty(quarters), np.empty(quarters)
    for o in range(2):
        for t in range(quarters):
            row = o * quarters + t
            for s in range(quarters):
                real[s] = jacobians[o, 0, t, s] + debt * jacobians[o, 3, t, s]
                cost[s] = jacobians[o, 1, t, s] - jacobians[o, 2, t, s]
            policy = 0.0  # of the nominal rate that a unit in the rule, in quarter s, adds up to
            for s in range(quarters - 1, -1, -1):
                if s < quarters - 1:
                    policy = real[s + 1] + rho_i * policy
                out[row, s] = (1.0 - rho_i) * phi_y * policy
                out[row, quarters + s] = (1.0 - rho_i) * phi_pi * policy
            for s in range(quarters):
                before = cost[s - 1] if s > 0 else 0.0
                out[row, s] += (1.0 - wage) * jacobians[o, 2, t, s]
                out[row, quarters + s] += (cost[s] - before / (1.0 + rate)) / kappa
                out[row, quarters + s] -= (1.0 + rate) * real[s]
            if o == 1:
                out[row, t] -= 1.0
    return out


def rule_shocks(
    solved: Solved, rules: Rules, m: Float64[np.ndarray, "T K"]
) -> tuple[Float64[np.ndarray, "N K"], Float64[np.ndarray, "T K"]]:
    """The right-hand sides of K paths m of the rule's residual, and what they add to the rate."""
    added = smoothed(m, rules.rho_i)
    real = solved.jacobians[:, 0] + solved.debt * solved.jacobians[:, 3]
    return (real[:, :, 1:] @ added[:-1]).reshape(2 * len(m), m.shape[1]), added


def right_hand_sides(
    solved: Solved, rules: Rules
) -> tuple[Float64[np.ndarray, "N 6"], Float64[np.ndarray, " T"]]:
    """What a unit innovation of each shock adds to (assets, labour), less (debt, labour used), and
    what the monetary one adds to the rate."""
    j, quarters = solved.jacobians, solved.jacobians.shape[2]
    paths = rules.persistence ** np.arange(quarters)[:, None]  # (T, 6)
    out = np.zeros((2, quarters, 6))
    monetary, added = rule_shocks(solved, rules, paths[:, :1])
    out[:, :, 0] = monetary.reshape(2, quarters)
    out[:, :, 1] = -j[:, 5] @ paths[:, 1]  # the discount factor falls
    cost = j[:, 1] - j[:, 2]
    out[:, :, 2] = -cost @ paths[:, 2] / rules.kappa
    # Wages follow productivity one for one, and so leave dividends to the labour that is saved.
    out[:, :, 3] = solved.wage * (j[:, 1] @ paths[:, 3])
    out[1, :, 3] += paths[:, 3]
    for k in (4, 5):
        debt = rules.rho_d * smoothed(paths[:, k : k + 1], rules.rho_d)[:, 0]
        before = np.concatenate([[0.0], debt[:-1]])
        tax = paths[:, k] - debt + (1.0 + solved.rate) * before
        out[:, :, k] = j[:, 3] @ tax
        out[0, :, k] -= debt
    out[:, :, 5] += j[:, 4] @ paths[:, 5]
    return out.reshape(2 * quarters, 6), added[:, 0]


def nominal_rate(
    rules: Rules, output: Float64[np.ndarray, "T K"], inflation: Float64[np.ndarray, "T K"]
) -> Float64[np.ndarray, "T K"]:
    """What the rule makes of K paths of output and inflation, its residual apart."""
    wanted = (1.0 - rules.rho_i) * (rules.phi_pi * inflation + rules.phi_y * output)
    return smoothed(wanted, rules.rho_i)


def smoothed(paths: Float64[np.ndarray, "T K"], rho: float) -> Float64[np.ndarray, "T K"]:
    """x_t = rho x_{t-1} + paths_t, from rest."""
    out = np.array(paths, dtype=np.float64, order="C")
    _smooth(out, rho)
    return out


@compiled(error_model="numpy")
def _smooth(paths: FloatArray, rho: float) -> None:
    for t in range(1, paths.shape[0]):
        for k in range(paths.shape[1]):
            paths[t, k] += rho * paths[t - 1, k]


def responses(
    solved: Solved, rules: Rules, h: Float64[np.ndarray, "N N"], announced: int = 0
) -> Float64[np.ndarray, "6+{announced} T 3"]:
    """Responses to a unit of each innovation, in the observables' units, with H from `system`.

    The first `announced` quarters follow: responses to a unit of the rule's residual in that
    quarter alone, known from the first one on.
    """
    sides, added = right_hand_sides(solved, rules)
    quarters = len(added)
    news, later = rule_shocks(solved, rules, np.eye(quarters, announced))
    both = np.linalg.solve(h, -np.concatenate([sides, news], axis=1))
    output, inflation = both[:quarters], both[quarters:]
    rate = nominal_rate(rules, output, inflation)
    rate[:, 0] += added
    rate[:, sides.shape[1] :] += later
    paths = np.stack([output, inflation, rate], axis=2) * UNITS  # (T, 6 + announced, 3)
    return np.ascontiguousarray(np.moveaxis(paths, 1, 0))


def determinacy(h: Float64[np.ndarray, "N N"]) -> Status:
    """Whether H has one solution as the horizon grows: OK, NO_STABLE_SOLUTION or INDETERMINATE.

    Far from quarter 0, H's entries depend on t - s alone; a column in the middle has them all. The
    determinant of their Fourier transform must not wind around zero (Onatski 2006, Journal of
    Economic Dynamics and Control 30(2); Auclert, Rognlie and Straub 2023, NBER 31385).
    """
    quarters = len(h) // 2
    middle = quarters // 2
    blocks = h.reshape(2, quarters, 2, quarters)[:, :, :, middle]
    assets = blocks[0].copy()
    assets[1:] -= _SLOW * blocks[0, :-1]
    first = np.fft.rfft(assets, _CIRCLE, axis=0)  # (frequencies, unknowns)
    second = np.fft.rfft(blocks[1], _CIRCLE, axis=0)
    angles = 2.0 * np.pi * np.arange(len(first)) / _CIRCLE
    symbol = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    symbol *= np.exp(2j * middle * angles)  # lag 0 is at `middle`
    turns = (
        np.angle(symbol[1:] * np.conj(symbol[:-1])).sum() / np.pi
    )  # the other half is its mirror
    if not np.isfinite(turns):
        return Status.NOT_FINITE
    if round(turns) == 0:
        return Status.OK
    return Status.INDETERMINATE if turns > 0 else Status.NO_STABLE_SOLUTION
