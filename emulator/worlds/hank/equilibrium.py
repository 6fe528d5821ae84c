"""The economy's equilibrium in the sequence space, linear in aggregates.

With J households' Jacobians, L the lag, F the lead and x the real marginal cost, households hold
the public debt and supply the labour firms use where

    J (dr, dw, dDiv, dTax, t, b) = (dB, dL)
    dw = w dz + x,   dL = dY - dz,   dDiv = dY - w dL - dw
    dB = rho_d (L dB + g + t)
    dTax = B dr + (1 + r) L dB + g + t - dB

Given the real rate's path these two markets decide output and marginal cost, and given the path of
q in dr = q + a L dY, where at a constant real rate output could move by itself. What they make of q
hangs on the household alone and is found once for all its siblings. The rest are rules,

    dpi = kappa x + F dpi / (1 + r) + u
    di = (1 - rho_i L)^{-1} ((1 - rho_i) (phi_pi dpi + phi_y dY) + m)
    dr = L di - (1 + r) dpi

which leave one equation a quarter in q. Quarters beyond the last are at rest.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dgecon, dgetrf, dgetrs

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray, Status
from emulator.worlds.hank.jacobians import INPUTS, jacobians
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
# Reactions a of the real rate to output; the first with which the markets are conditioned well
# enough. It nearly always is the first, with a median of 7e2 over the prior; without a reaction one
# household in two hundred has 1e8 or more.
_REACTIONS, _CONDITION = (0.3, 1.0, 0.1, 3.0), 1e8
UNITS = np.array([100.0, 400.0, 400.0])


class Solved(NamedTuple):
    """A household's part in the equilibrium, N = 2 T rows of (assets, labour).

    Real rate and wage of the steady state; `inputs` (6, N, T), what INPUTS of `jacobians` add to
    the markets, `rate` with the taxes that interest on the debt costs; `reaction`, of the real rate
    to output a quarter before; `made` (N, N), what output, with that reaction, and marginal cost
    add to them, as LAPACK's factors; `given` (N, T), output and marginal cost by the path of what
    else moves the real rate.
    """

    rate: float
    wage: float
    inputs: FloatArray
    reaction: float
    made: tuple[FloatArray, NDArray[np.int32]]
    given: FloatArray


# Households kept for the next question about them: 13 MB each.
@lru_cache(maxsize=8)
def solve_household(household: Household, points: int = FINE) -> Solved | None:
    """A household's part in any equilibrium, on `points` assets, or None without a steady state."""
    state = steady_state(household, points)
    if state is None:
        return None
    return markets(state.problem.rate, state.wage, state.debt, jacobians(state, QUARTERS))


def markets(
    rate: float, wage: float, debt: float, jacobians: Float64[np.ndarray, "2 6 T T"]
) -> Solved | None:
    """`Solved` from the steady state's real rate, wage and debt, and OUTCOMES[:2] by INPUTS.

    None where the markets do not decide output and marginal cost.
    """
    quarters = jacobians.shape[2]
    inputs = jacobians.swapaxes(0, 1).reshape(len(INPUTS), 2 * quarters, quarters).copy()
    by = dict(zip(INPUTS, inputs, strict=True))
    by["rate"] += debt * by["tax"]
    plain = np.concatenate([(1.0 - wage) * by["dividends"], by["wage"] - by["dividends"]], axis=1)
    plain[quarters:, :quarters] -= np.eye(quarters)
    for reaction in _REACTIONS:
        made = plain.copy()
        made[:, : quarters - 1] += reaction * by["rate"][:, 1:]
        factors = dgetrf(made)[:2]
        if dgecon(factors[0], np.abs(made).sum(axis=0).max())[0] > 1.0 / _CONDITION:
            given = dgetrs(*factors, -by["rate"])[0]
            return Solved(rate, wage, inputs, reaction, factors, np.ascontiguousarray(given))
    return None


class Rules(NamedTuple):
    """The parameters besides the household's and the s.d.s, in the order of theta; persistence (6,)
    in the order of the shocks."""

    kappa: float
    phi_pi: float
    phi_y: float
    rho_i: float
    rho_d: float
    persistence: FloatArray


def market_shocks(solved: Solved, rules: Rules) -> Float64[np.ndarray, "N 6"]:
    """What a unit innovation of each shock adds to the markets where output, marginal cost and the
    real rate do not move."""
    by = dict(zip(INPUTS, solved.inputs, strict=True))
    quarters = by["tax"].shape[1]
    paths = rules.persistence ** np.arange(quarters)[:, None]  # (T, 6)
    out = np.zeros((2 * quarters, 6))
    out[:, 1] = -by["patience"] @ paths[:, 1]  # the discount factor falls
    # Wages follow productivity one for one, and so leave dividends to the labour that is saved.
    out[:, 3] = solved.wage * (by["wage"] @ paths[:, 3])
    out[quarters:, 3] += paths[:, 3]
    debt = rules.rho_d * smoothed(paths[:, 4:], rules.rho_d)
    tax = paths[:, 4:] - debt
    tax[1:] += (1.0 + solved.rate) * debt[:-1]
    out[:, 4:] = by["tax"] @ tax
    out[:quarters, 4:] -= debt
    out[:, 5] += by["transfer"] @ paths[:, 5]
    return out


def follow(
    rules: Rules, rate: float, made: Float64[np.ndarray, "N K"]
) -> tuple[Float64[np.ndarray, "T K"], Float64[np.ndarray, "T K"]]:
    """Inflation and the nominal rate (the rule's residual apart) after K paths of output and cost.

    Cost is marginal cost with u / kappa, which pushes prices alike.
    """
    return _follow(made, rate, rules.kappa, rules.phi_pi, rules.phi_y, rules.rho_i)


@compiled(error_model="numpy")
def _follow(
    made: FloatArray, rate: float, kappa: float, phi_pi: float, phi_y: float, rho_i: float
) -> tuple[FloatArray, FloatArray]:
    quarters, paths = made.shape[0] // 2, made.shape[1]
    discount = 1.0 / (1.0 + rate)
    inflation, nominal = np.empty((quarters, paths)), np.empty((quarters, paths))
    for t in range(quarters - 1, -1, -1):
        for k in range(paths):
            inflation[t, k] = kappa * made[quarters + t, k]
            if t < quarters - 1:
                inflation[t, k] += discount * inflation[t + 1, k]
    for t in range(quarters):
        for k in range(paths):
            wanted = phi_pi * inflation[t, k] + phi_y * made[t, k]
            nominal[t, k] = (1.0 - rho_i) * wanted
            if t > 0:
                nominal[t, k] += rho_i * nominal[t - 1, k]
    return inflation, nominal


def _unexplained(
    solved: Solved, made: FloatArray, inflation: FloatArray, nominal: FloatArray
) -> FloatArray:
    """The real rate that K paths come to, less its reaction to their output, (T, K)."""
    out = -(1.0 + solved.rate) * inflation
    out[1:] += nominal[:-1]
    out[1:] -= solved.reaction * made[: len(out) - 1]
    return out


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
    solved: Solved, rules: Rules, announced: int = 0
) -> Float64[np.ndarray, "6+{announced} T 3"]:
    """Responses to a unit of each innovation, in the observables' units.

    The first `announced` quarters follow: responses to a unit of the rule's residual in that
    quarter alone, known from the first one on. Raises LinAlgError where there is no solution.
    """
    rate, quarters = solved.rate, solved.given.shape[1]
    sides = market_shocks(solved, rules)
    count = sides.shape[1] + announced
    monetary, cost_push = rules.persistence[:3:2, None] ** np.arange(quarters)
    residual = np.zeros((quarters, count))
    residual[:, 0] = monetary
    residual[:, sides.shape[1] :] = np.eye(quarters, announced)
    residual = smoothed(residual, rules.rho_i)
    # What shocks do where the real rate reacts to output alone; then what else moves it.
    made = np.zeros((2 * quarters, count))
    made[:, : sides.shape[1]] = dgetrs(*solved.made, -sides)[0]
    made[quarters:, 2] += cost_push / rules.kappa
    inflation, nominal = follow(rules, rate, made)
    closed = -_unexplained(solved, solved.given, *follow(rules, rate, solved.given))
    closed[np.diag_indices(quarters)] += 1.0
    moved = np.linalg.solve(closed, _unexplained(solved, made, inflation, nominal + residual))
    made += solved.given @ moved
    inflation, nominal = follow(rules, rate, made)
    paths = np.stack([made[:quarters], inflation, nominal + residual], axis=2) * UNITS
    return np.ascontiguousarray(np.moveaxis(paths, 1, 0))


def determinacy(solved: Solved, rules: Rules) -> Status:
    """Whether one solution is left as the horizon grows: OK, NO_STABLE_SOLUTION or INDETERMINATE.

    What output and inflation add to the markets, the rate set by the rule, depends far from quarter
    0 on how far apart two quarters are alone; a quarter in the middle shows it all. The determinant
    of its Fourier transform must not wind around zero (Onatski 2006, Journal of Economic Dynamics
    and Control 30(2); Auclert, Rognlie and Straub 2023, NBER 31385).
    """
    by = dict(zip(INPUTS, solved.inputs, strict=True))
    quarters = by["rate"].shape[1]
    middle, saved = quarters // 2, 1.0 + solved.rate
    smoothing = (1.0 - rules.rho_i) * rules.rho_i ** np.arange(quarters - middle - 1)
    policy = by["rate"][:, middle + 1 :] @ smoothing
    output = rules.phi_y * policy + (1.0 - solved.wage) * by["dividends"][:, middle]
    output[quarters + middle] -= 1.0
    cost = by["wage"][:, middle - 1 : middle + 1] - by["dividends"][:, middle - 1 : middle + 1]
    inflation = rules.phi_pi * policy - saved * by["rate"][:, middle]
    inflation += (cost[:, 1] - cost[:, 0] / saved) / rules.kappa
    blocks = np.stack([output, inflation]).reshape(2, 2, quarters)  # (unknown, market, T)
    blocks[:, 0, 1:] -= _SLOW * blocks[:, 0, :-1]
    transformed = np.fft.rfft(blocks, _CIRCLE)
    angles = 2.0 * np.pi * np.arange(transformed.shape[2]) / _CIRCLE
    symbol = transformed[0, 0] * transformed[1, 1] - transformed[1, 0] * transformed[0, 1]
    symbol *= np.exp(2j * middle * angles)  # lag 0 is at `middle`
    turns = (
        np.angle(symbol[1:] * np.conj(symbol[:-1])).sum() / np.pi
    )  # the other half is its mirror
    if not np.isfinite(turns):
        return Status.NOT_FINITE
    if round(turns) == 0:
        return Status.OK
    return Status.INDETERMINATE if turns > 0 else Status.NO_STABLE_SOLUTION
