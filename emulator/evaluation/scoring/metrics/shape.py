"""The shape of a response: peak, half-life, overshoot, sign flips, spectrum.

Every function takes responses (..., H+1), horizons last, and works on each alone. A response that
is zero throughout has peak 0 at quarter 0, and half-life, overshoot and flips 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Periods shorter than this many quarters count as high frequency: shorter than business cycles
# (six quarters and longer; Baxter and King 1999, REStat 81(4)), where exact responses of macro
# models have little energy beyond their jump at impact and a jagged approximation has more.
SHORTEST_CYCLE = 6.0

# Values within this share of the peak have no sign: nobody sees one percent of the peak in a plot,
# and a response that has died out would flip with every rounding error.
DEAD_BAND = 0.01


def peak(values: Array) -> tuple[Array, NDArray[np.int64]]:
    """The value furthest from zero, with its sign, and its quarter, the first where several tie."""
    time = np.abs(values).argmax(axis=-1)
    return np.take_along_axis(values, time[..., None], axis=-1)[..., 0], time


def half_life(values: Array) -> NDArray[np.int64]:
    """Quarters from the peak until the response stays at or below half of it for good.

    Steinsson (2008, Economica 75) argues for "for good" where responses are humped. A response that
    is still above half at H is censored at H + 1 minus the quarter of the peak.
    """
    top, time = peak(values)
    above = np.abs(values) > np.abs(top)[..., None] / 2.0
    last = values.shape[-1] - 1 - above[..., ::-1].argmax(axis=-1)
    return np.asarray(np.where(top == 0.0, 0, last + 1 - time))


def overshoot(values: Array) -> Array:
    """The furthest excursion after the peak to the other side of zero, as a share of the peak."""
    top, time = peak(values)
    after = np.arange(values.shape[-1]) > time[..., None]
    opposite = np.where(after, -np.sign(top)[..., None] * values, 0.0).max(axis=-1)
    return np.asarray(np.maximum(opposite, 0.0) / np.where(top == 0.0, 1.0, np.abs(top)))


def sign_flips(values: Array) -> NDArray[np.int64]:
    """How often the response changes sign; values within one percent of its peak have none."""
    top, _ = peak(values)
    sign = np.sign(values)
    sign[np.abs(values) <= DEAD_BAND * np.abs(top)[..., None]] = 0.0
    # Zeros take the last sign before them.
    position = np.where(sign != 0.0, np.arange(values.shape[-1]), 0)
    held = np.take_along_axis(sign, np.maximum.accumulate(position, axis=-1), axis=-1)
    return np.asarray((held[..., 1:] * held[..., :-1] < 0.0).sum(axis=-1))


def frequencies(points: int) -> Array:
    """Cycles a quarter of each entry of `spectrum`, (points // 2 + 1,)."""
    return np.asarray(np.fft.rfftfreq(points), dtype=np.float64)


def spectrum(values: Array) -> Array:
    """Energy by frequency, (..., (H+1) // 2 + 1); it adds up to the sum of squares (Parseval).

    The plain discrete Fourier transform of the H+1 points: no window, since the jump at impact is
    part of the response.
    """
    points = values.shape[-1]
    energy = np.square(np.abs(np.fft.rfft(values, axis=-1))) / points
    energy[..., 1 : (points + 1) // 2] *= 2.0  # the negative frequencies
    return np.asarray(energy)


def high_frequency(points: int) -> NDArray[np.bool_]:
    """Which entries of `spectrum` have periods under SHORTEST_CYCLE quarters."""
    return frequencies(points) > 1.0 / SHORTEST_CYCLE
