"""Jacobians of the households' choices in the sequence space, with exact derivatives.

Entry (t, s) is the response in quarter t to an input in quarter s that is known in quarter 0. The
fake-news algorithm of Auclert, Bardoczy, Rognlie and Straub (2021, Econometrica 89(5), section 3)
needs one backward and one forward pass. News of an input s quarters ahead reaches today's choices
only through W_s, what assets saved today are worth, so the fake-news matrix is

    F_{0 s} = g W_s        F_{t s} = E_{t-1} K W_s        s >= 1

with W_{s+1} = P M W_s: choices are linear in W on the two grid points between which they are
interpolated (M for the marginal value of assets, K for the lottery, g for the aggregate), P takes
expectations over skills, and E_t is the expected outcome t quarters on of a household at a grid
point. So one matrix product gives all columns but the first, which has the input's own effect. Then
J_{t s} = J_{t-1, s-1} + F_{t s}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray
from emulator.worlds.hank.distribution import Lottery
from emulator.worlds.hank.household import expected
from emulator.worlds.hank.steady_state import SteadyState

if TYPE_CHECKING:
    from jaxtyping import Float64

OUTCOMES = ("assets", "labour", "consumption")  # labour is effective: hours times skill
# The real rate and wage; dividends, taxes in proportion to skill and a transfer to each, in units
# of output; the log of the discount factor.
INPUTS = ("rate", "wage", "dividends", "tax", "transfer", "patience")


class _Interpolation(NamedTuple):
    """How today's choices hang on W at (e, i), (E, A): the grid point below, the weight on it, W
    itself; consumption and labour there, their slopes per unit of assets; where a' = 0 binds."""

    below: NDArray[np.int64]
    share: FloatArray
    worth: FloatArray
    spent: FloatArray
    worked: FloatArray
    slopes: tuple[FloatArray, FloatArray]
    binding: NDArray[np.bool_]


class _Linear(NamedTuple):
    """Derivatives (2, E, A) with respect to W at the grid point below and above."""

    savings: FloatArray
    labour: FloatArray
    consumption: FloatArray
    marginal: FloatArray


def jacobians(
    state: SteadyState, quarters: int, outcomes: Sequence[str] = OUTCOMES[:2]
) -> Float64[np.ndarray, "outcomes inputs {quarters} {quarters}"]:
    """J (outcomes, INPUTS, T, T) for T quarters: responses of aggregates to unit inputs."""
    points = _interpolation(state)
    linear = _linear(state, points)
    impact, worth = _impact(state, points)
    ahead = _news(state.problem.chain, points.below, linear.marginal, worth, quarters)
    skill = state.skills.levels[:, None]
    grid = {
        "assets": (state.policies.savings, linear.savings, impact.savings),
        "labour": (
            skill * state.policies.labour, skill * linear.labour, skill * impact.labour,
        ),
        "consumption": (state.policies.consumption, linear.consumption, impact.consumption),
    }  # fmt: skip
    assets = state.problem.assets
    spacing = assets[state.moves.below + 1] - assets[state.moves.below]
    mass = state.during / spacing
    out = np.empty((len(outcomes), len(INPUTS), quarters, quarters))
    count = state.during.size
    moved = _moved(state.moves.below, mass * impact.savings)
    for k, name in enumerate(outcomes):
        level, derivative, own = grid[name]
        future = np.empty((quarters - 1, *level.shape))
        felt = np.empty((quarters, *level.shape))
        _expectations(
            np.ascontiguousarray(level), state.problem.chain, state.moves, mass, points.below,
            linear.savings, future, felt[1:],
        )  # fmt: skip
        _scatter(state.during, points.below, np.ascontiguousarray(derivative), felt[0])
        news = felt.reshape(quarters, count) @ ahead.reshape(-1, count).T
        out[k, :, :, 1:] = np.moveaxis(news.reshape(quarters, len(INPUTS), quarters - 1), 1, 0)
        out[k, :, 0, 0] = (state.during * own).sum(axis=(1, 2))
        out[k, :, 1:, 0] = moved @ future.reshape(quarters - 1, count).T
        for q in range(len(INPUTS)):
            _cumulate(out[k, q])
    return out


def _interpolation(state: SteadyState) -> _Interpolation:
    problem, policies = state.problem, state.policies
    worth = problem.chain @ policies.marginal
    utility = np.log(problem.beta * worth)
    spent = np.exp(-problem.eis * utility)
    worked = np.exp(problem.frisch * (utility + np.log(problem.wages / problem.weight)[:, None]))
    had = spent - problem.wages[:, None] * worked + problem.assets - problem.income[:, None]
    gross = (1.0 + problem.rate) * problem.assets
    found = np.stack([np.searchsorted(row, gross) for row in had]) - 1
    below = np.clip(found, 0, len(gross) - 2)

    def at(values: FloatArray, offset: int) -> FloatArray:
        return np.take_along_axis(values, below + offset, axis=1)

    width = at(had, 1) - at(had, 0)
    share = (at(had, 1) - gross) / width
    slopes = (
        (at(spent, 0) - at(spent, 1)) / width,
        (at(worked, 0) - at(worked, 1)) / width,
    )
    binding = policies.savings <= problem.assets[0]
    return _Interpolation(below, share, worth, spent, worked, slopes, binding)


def _linear(state: SteadyState, points: _Interpolation) -> _Linear:
    problem, policies = state.problem, state.policies
    spent = -problem.eis * points.spent / points.worth
    worked = problem.frisch * points.worked / points.worth
    had = spent - problem.wages[:, None] * worked
    consumption, labour = np.empty((2, *spent.shape)), np.empty((2, *spent.shape))
    for side, share in enumerate((points.share, 1.0 - points.share)):
        at = points.below + side
        moved = np.take_along_axis(had, at, axis=1)
        for out, values, slope in (
            (consumption, spent, points.slopes[0]), (labour, worked, points.slopes[1]),
        ):  # fmt: skip
            out[side] = share * (np.take_along_axis(values, at, axis=1) + moved * slope)
    consumption[:, points.binding] = 0.0
    labour[:, points.binding] = 0.0
    savings = problem.wages[:, None] * labour - consumption
    marginal = -policies.marginal / (problem.eis * policies.consumption) * consumption
    return _Linear(savings, labour, consumption, marginal)


def _impact(state: SteadyState, points: _Interpolation) -> tuple[_Linear, FloatArray]:
    """Today's choices when an input of INPUTS moves today, (I, E, A), and W a quarter before."""
    problem, policies = state.problem, state.policies
    levels = state.skills.levels
    one, none = np.ones_like(levels), np.zeros_like(levels)
    rate = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])[:, None, None]
    wage = np.stack([none, levels, none, none, none, none])[:, :, None]
    income = np.stack([none, none, state.dividends, -levels, one, none])[:, :, None]
    patience = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0])[:, None, None]
    eis, frisch, paid = problem.eis, problem.frisch, problem.wages[:, None]
    spent = -eis * points.spent * patience
    worked = frisch * points.worked * (patience + wage / paid)
    had = spent - paid * worked - wage * points.worked - income
    gross = rate * problem.assets

    def between(values: FloatArray) -> FloatArray:
        below = np.broadcast_to(points.below, values.shape)
        low = np.take_along_axis(values, below, axis=2)
        high = np.take_along_axis(values, below + 1, axis=2)
        return np.asarray(points.share * low + (1.0 - points.share) * high)

    moved = between(had) - gross
    consumption = between(spent) + moved * points.slopes[0]
    labour = between(worked) + moved * points.slopes[1]
    # Where a' = 0 binds, marginal utility clears the budget.
    utility = -(gross + income + wage * policies.labour * (1.0 + frisch)) / (
        eis * policies.consumption + paid * frisch * policies.labour
    )
    tight = points.binding
    consumption = np.where(tight, -eis * policies.consumption * utility, consumption)
    labour = np.where(tight, frisch * policies.labour * (utility + wage / paid), labour)
    savings = gross + paid * labour + wage * policies.labour + income - consumption
    savings = np.where(tight, 0.0, savings)
    marginal = policies.marginal * (
        rate / (1.0 + problem.rate) - consumption / (eis * policies.consumption)
    )
    worth = np.matmul(problem.chain, marginal)
    return _Linear(savings, labour, consumption, marginal), worth


@compiled(error_model="numpy")
def _moved(below: NDArray[np.int64], up: FloatArray) -> FloatArray:
    """(I, E A) changes in the distribution as `up` (I, E, A) of it moves up one grid point."""
    inputs, skills, points = up.shape
    out = np.zeros((inputs, skills * points))
    for q in range(inputs):
        for e in range(skills):
            for i in range(points):
                j = e * points + below[e, i]
                out[q, j] -= up[q, e, i]
                out[q, j + 1] += up[q, e, i]
    return out


@compiled(error_model="numpy")
def _news(
    chain: FloatArray,
    below: NDArray[np.int64],
    marginal: FloatArray,
    worth: FloatArray,
    quarters: int,
) -> FloatArray:
    """W_s (I, T-1, E, A) for s from 1 on, after `worth` (I, E, A) = W_1."""
    inputs, skills, points = worth.shape
    out = np.empty((inputs, quarters - 1, skills, points))
    value = np.empty((skills, points))
    for q in range(inputs):
        for e in range(skills):
            for i in range(points):
                out[q, 0, e, i] = worth[q, e, i]
        for s in range(1, quarters - 1):
            before = out[q, s - 1]
            for e in range(skills):
                for i in range(points):
                    j = below[e, i]
                    value[e, i] = (
                        marginal[0, e, i] * before[e, j] + marginal[1, e, i] * before[e, j + 1]
                    )
            for e in range(skills):
                expected(chain, value, e, out[q, s, e])
    return out


@compiled(error_model="numpy")
def _expectations(
    level: FloatArray,
    chain: FloatArray,
    moves: Lottery,
    mass: FloatArray,
    below: NDArray[np.int64],
    savings: FloatArray,
    future: FloatArray,
    felt: FloatArray,
) -> None:
    """Fill E_t (T-1, E, A) of an outcome `level` (E, A), and E_t K (T-1, E, A).

    Less their means, which no change in a distribution feels and which would cost digits.
    """
    skills, points = level.shape
    carried, weights = np.empty((skills, points)), np.empty((skills, points))
    for t in range(future.shape[0]):
        for e in range(skills):
            for i in range(points):
                if t == 0:
                    carried[e, i] = level[e, i]
                else:
                    j, p = moves.below[e, i], moves.probability[e, i]
                    carried[e, i] = p * future[t - 1, e, j] + (1.0 - p) * future[t - 1, e, j + 1]
        mean = 0.0
        for e in range(skills):
            expected(chain, carried, e, future[t, e])
            for i in range(points):
                mean += future[t, e, i]
        mean /= skills * points
        for e in range(skills):
            for i in range(points):
                future[t, e, i] -= mean
        for e in range(skills):
            for i in range(points):
                j = moves.below[e, i]
                weights[e, i] = mass[e, i] * (future[t, e, j + 1] - future[t, e, j])
        _scatter(weights, below, savings, felt[t])


@compiled(error_model="numpy")
def _scatter(
    weights: FloatArray, below: NDArray[np.int64], derivative: FloatArray, out: FloatArray
) -> None:
    """out (E, A) = the derivative with respect to W of choices weighted by `weights` (E, A)."""
    skills, points = weights.shape
    for e in range(skills):
        for i in range(points):
            out[e, i] = 0.0
        for i in range(points):
            j = below[e, i]
            out[e, j] += weights[e, i] * derivative[0, e, i]
            out[e, j + 1] += weights[e, i] * derivative[1, e, i]


@compiled(error_model="numpy")
def _cumulate(news: FloatArray) -> None:
    """A fake-news matrix (T, T) to the Jacobian, in place."""
    quarters = news.shape[0]
    for t in range(1, quarters):
        for s in range(1, quarters):
            news[t, s] += news[t - 1, s - 1]
