"""The steady state: the discount factor and weight of labour at which both markets clear.

Output, productivity and so effective labour are one, inflation zero, the real wage 1/markup; what
is searched is the impatience at which households hold the public debt, and the weight of labour at
which they work one unit. Broyden's method in the logarithms of both, first on a coarse grid, whose
solution and Jacobian start it on the fine one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from emulator.worlds.base import FloatArray
from emulator.worlds.hank.distribution import Lottery, draw_skills, lottery, stationary
from emulator.worlds.hank.grids import Skills, assets, skills
from emulator.worlds.hank.household import Policies, Problem, first_guess, solve_policies

# Points of assets: two digits more than the coarse grid's, which is there to start the fine one.
COARSE, FINE = 40, 200


class Household(NamedTuple):
    """The eight parameters that decide how households live, in the order of theta.

    The real rate is in percent a year, debt over annual output.
    """

    r_ss: float
    sigma: float
    frisch: float
    debt: float
    markup: float
    rho_e: float
    sigma_e: float
    gamma_d: float

    @property
    def meaningful(self) -> bool:
        """Whether the numbers describe an economy at all, inside the bounds or outside."""
        return (
            -100.0 < self.r_ss < 100.0
            and 0.01 < self.sigma < 100.0
            and 0.0 < self.frisch < 100.0
            and 0.0 < self.debt < 25.0
            and 1.0 < self.markup < 100.0
            and -1.0 < self.rho_e < 1.0
            and 0.0 <= self.sigma_e < 5.0
            and abs(self.gamma_d) < 10.0
        )


class SteadyState(NamedTuple):
    """A solved household: problem and policies on the grid, lottery, distributions (E, A) before
    and after skills are drawn, skills, and what a skill gets of a dividend (E,), one on average."""

    problem: Problem
    policies: Policies
    moves: Lottery
    beginning: FloatArray
    during: FloatArray
    skills: Skills
    dividends: FloatArray
    wage: float
    debt: float


class _Level(NamedTuple):
    """A grid, where the search on it stops, and how far policies and distribution converge."""

    points: int
    goal: float
    policy: float
    mass: float


class _Search:
    """Households on one grid, each solution the start of the next."""

    def __init__(self, household: Household, level: _Level, before: _Search | None) -> None:
        self.skills = skills(household.rho_e, household.sigma_e)
        self.rate, self.wage = household.r_ss / 400.0, 1.0 / household.markup
        self.debt = 4.0 * household.debt
        share = self.skills.levels**household.gamma_d
        self.dividends = share / (self.skills.shares @ share)
        self._eis, self._frisch = 1.0 / household.sigma, household.frisch
        self._level = level
        self._assets = assets(level.points)
        if before is None:
            self.policies = first_guess(self.problem(np.zeros(2)))
            self.beginning = np.full(
                self.policies.marginal.shape, 1.0 / self.policies.marginal.size
            )
        else:
            self.policies, self.beginning = before.on(self._assets)

    def problem(self, x: FloatArray) -> Problem:
        """The household's problem at x: log impatience, log weight of labour."""
        levels = self.skills.levels
        income = (1.0 - self.wage) * self.dividends - self.rate * self.debt * levels
        beta = math.exp(-math.exp(x[0])) / (1.0 + self.rate)
        return Problem(
            self.skills.chain, self._assets, self.wage * levels, income, self.rate, beta,
            self._eis, self._frisch, math.exp(x[1]),
        )  # fmt: skip

    def excess(self, x: FloatArray) -> FloatArray:
        """(2,) log of assets over debt and of labour over one; NaN where there is no answer."""
        problem = self.problem(x)
        if solve_policies(problem, self.policies, self._level.policy) < 0:
            return np.full(2, np.nan)
        self.moves = lottery(self._assets, self.policies.savings)
        if stationary(problem.chain, self.moves, self.beginning, self._level.mass) < 0:
            return np.full(2, np.nan)
        self.during = np.empty_like(self.beginning)
        draw_skills(problem.chain, self.beginning, self.during)
        held = float((self.during * self.policies.savings).sum())
        worked = float(((self.during * self.policies.labour).sum(axis=1)) @ self.skills.levels)
        return np.log([max(held, 1e-9) / self.debt, max(worked, 1e-9)])

    def on(self, finer: FloatArray) -> tuple[Policies, FloatArray]:
        """Policies and distribution as a start on a finer grid of assets."""

        def moved(values: FloatArray) -> FloatArray:
            return np.stack([np.interp(finer, self._assets, row) for row in values])

        p = self.policies
        policies = Policies(
            np.exp(moved(np.log(p.marginal))), moved(p.savings), moved(p.consumption),
            moved(p.labour), moved(p.shadow),
        )  # fmt: skip
        below = moved(np.cumsum(self.beginning, axis=1))
        beginning = np.diff(below, axis=1, prepend=0.0)
        return policies, np.ascontiguousarray(beginning / beginning.sum())


def steady_state(household: Household, points: int = FINE) -> SteadyState | None:
    """The steady state on `points` assets, or None where none is found."""
    if not household.meaningful:
        return None
    levels = (_Level(COARSE, 1e-4, 1e-8, 1e-10), _Level(points, 1e-8, 1e-11, 1e-13))
    x = np.log([0.012, 0.79])  # impatience a quarter and weight of labour near the defaults
    search: _Search | None = None
    jacobian: FloatArray | None = None
    for level in levels:
        search = _Search(household, level, search)
        found = _broyden(search, x, jacobian, level.goal)
        if found is None:
            return None
        x, jacobian = found
    assert search is not None
    return SteadyState(
        search.problem(x), search.policies, search.moves, search.beginning, search.during,
        search.skills, search.dividends, search.wage, search.debt,
    )  # fmt: skip


# A step of the search, in logarithms: of impatience, which assets follow less than one for one, and
# of the weight of labour.
_LONGEST = np.array([1.0, 0.5])
_MOST_STEPS = 40
# An excess within this of the goal that no longer falls is taken.
_STALLED = 100.0


def _broyden(
    search: _Search, x: FloatArray, jacobian: FloatArray | None, goal: float
) -> tuple[FloatArray, FloatArray] | None:
    """The root (2,) of the excess from x on, and its Jacobian (2, 2) as far as it is known."""
    excess, least = search.excess(x), np.inf
    if jacobian is None:
        steps = np.array([0.05, 0.01])
        columns = [search.excess(x + step) - excess for step in np.diag(steps)]
        jacobian = np.stack(columns, axis=1) / steps
    for _ in range(_MOST_STEPS):
        if not (np.isfinite(excess).all() and np.isfinite(jacobian).all()):
            return None
        error = np.abs(excess).max()
        # Where households are hardly less patient than the market, rounding in policies is all that
        # is left of the excess.
        if error < goal or (error < _STALLED * goal and error > 0.5 * least):
            return x, jacobian
        least = min(least, error)
        if abs(np.linalg.det(jacobian)) < 1e-12:
            return None
        step = np.clip(-np.linalg.solve(jacobian, excess), -_LONGEST, _LONGEST)
        following = search.excess(x + step)
        jacobian = jacobian + np.outer(following - excess - jacobian @ step, step) / (step @ step)
        x, excess = x + step, following
    return None
