"""The grids households live on: a Markov chain of skills, and assets."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from emulator.worlds.base import FloatArray

SKILLS = 7
LARGEST_ASSET = 150.0  # in units of quarterly output; hardly anybody holds half of it
# The grid is even in log(a + PIVOT): a quarter of output keeps points near the borrowing limit.
PIVOT = 0.25


class Skills(NamedTuple):
    """Levels (E,) of mean one, transition probabilities (E, E), stationary shares (E,)."""

    levels: FloatArray
    chain: FloatArray
    shares: FloatArray


def skills(persistence: float, deviation: float, states: int = SKILLS) -> Skills:
    """Rouwenhorst's chain for an AR(1) of log skill with this cross-sectional s.d.

    Kopecky and Suen (2010, Review of Economic Dynamics 13(3)): it has the AR(1)'s persistence and
    variance exactly, for persistence near one too.
    """
    stay = (1.0 + persistence) / 2.0
    chain = np.array([[stay, 1.0 - stay], [1.0 - stay, stay]])
    for n in range(3, states + 1):
        larger = np.zeros((n, n))
        larger[:-1, :-1] += stay * chain
        larger[:-1, 1:] += (1.0 - stay) * chain
        larger[1:, :-1] += (1.0 - stay) * chain
        larger[1:, 1:] += stay * chain
        larger[1:-1] /= 2.0
        chain = larger
    shares = np.array([math.comb(states - 1, k) for k in range(states)]) / 2.0 ** (states - 1)
    points = np.linspace(-1.0, 1.0, states)
    logs = points * deviation / math.sqrt(shares @ points**2)
    levels = np.exp(logs)
    return Skills(levels / (shares @ levels), chain, shares)


def assets(points: int) -> FloatArray:
    """The asset grid (A,) from 0, the borrowing limit, to LARGEST_ASSET."""
    grid = np.geomspace(PIVOT, LARGEST_ASSET + PIVOT, points) - PIVOT
    grid[0] = 0.0
    return np.asarray(grid)
