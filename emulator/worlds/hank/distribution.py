"""The distribution of households over skills and assets, as a histogram.

Savings between two grid points are a lottery over these that keeps the mean (Young 2010, JEDC
34(1)). `beginning` is the distribution before the quarter's skill is known, which a quarter's
savings carry over; `during` is the one after, which policies are averaged with.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emulator.compiled import compiled
from emulator.worlds.base import FloatArray
from emulator.worlds.hank.acceleration import accelerate, copy, memory, restart

# Steps that Anderson's method remembers, and steps it may take.
_REMEMBERED, _MOST_STEPS = 8, 1_500


class Lottery(NamedTuple):
    """Savings (E, A) as the grid point below and its probability."""

    below: NDArray[np.int64]
    probability: FloatArray


@compiled(error_model="numpy")
def lottery(assets: FloatArray, savings: FloatArray) -> Lottery:
    """The lottery over `assets` (A,) of savings (E, A), which rise along the grid or nearly so."""
    skills, points = savings.shape
    below = np.empty((skills, points), dtype=np.int64)
    probability = np.empty((skills, points))
    for e in range(skills):
        j = 0
        for i in range(points):
            saved = savings[e, i]
            while j < points - 2 and assets[j + 1] < saved:
                j += 1
            while j > 0 and assets[j] > saved:
                j -= 1
            below[e, i] = j
            probability[e, i] = (assets[j + 1] - saved) / (assets[j + 1] - assets[j])
    return Lottery(below, probability)


@compiled(error_model="numpy")
def draw_skills(chain: FloatArray, beginning: FloatArray, during: FloatArray) -> None:
    """during (E, A) = beginning (E, A) after each household's skill is drawn."""
    skills, points = beginning.shape
    for e in range(skills):
        for i in range(points):
            during[e, i] = chain[0, e] * beginning[0, i]
        for k in range(1, skills):
            p = chain[k, e]
            for i in range(points):
                during[e, i] += p * beginning[k, i]


@compiled(error_model="numpy")
def forward(
    chain: FloatArray, moves: Lottery, beginning: FloatArray, during: FloatArray, out: FloatArray
) -> None:
    """out (E, A) = next quarter's beginning; `during` (E, A) is filled on the way."""
    skills, points = beginning.shape
    draw_skills(chain, beginning, during)
    for e in range(skills):
        for i in range(points):
            out[e, i] = 0.0
    for e in range(skills):
        for i in range(points):
            mass, j, p = during[e, i], moves.below[e, i], moves.probability[e, i]
            out[e, j] += mass * p
            out[e, j + 1] += mass * (1.0 - p)


@compiled(error_model="numpy")
def stationary(chain: FloatArray, moves: Lottery, beginning: FloatArray, tolerance: float) -> int:
    """Iterate `beginning` (E, A), in place, to the distribution that a quarter leaves as it is.

    Returns the accelerated steps taken, or -1 where a quarter still moves a mass above tolerance.
    """
    shape = beginning.shape
    kept = memory(_REMEMBERED, beginning.size)
    during, first, second = np.empty(shape), np.empty(shape), np.empty(shape)
    f, proposal = np.empty(beginning.size), np.empty(beginning.size)
    start = beginning.ravel()
    for step in range(_MOST_STEPS):
        # Two plain quarters damp what moves fast; acceleration is for the rest.
        forward(chain, moves, beginning, during, first)
        forward(chain, moves, first, during, second)
        forward(chain, moves, second, during, first)
        x, later = second.ravel(), first.ravel()
        error = 0.0
        for i in range(f.size):
            f[i] = later[i] - x[i]
            error = max(error, abs(f[i]))
        if not error < 1e300:
            return -1
        if error < tolerance:
            copy(first, beginning)
            return step
        if step == 0:
            restart(kept, x, f)
            copy(first, beginning)
            continue
        accelerate(kept, x, f, proposal)
        total = 0.0
        for i in range(f.size):
            total += proposal[i]
        for i in range(f.size):
            start[i] = proposal[i] / total
    return -1
