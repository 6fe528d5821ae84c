"""How jagged responses are: their spectral energy at high frequencies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import Metric, of_both

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float64

# Periods shorter than this many quarters count as high frequency: shorter than business cycles
# (six quarters and longer; Baxter and King 1999, REStat 81(4)), where exact responses of macro
# models have little energy beyond their jump at impact and a jagged approximation has more.
SHORTEST_CYCLE = 6.0


def frequencies(points: int) -> Float64[np.ndarray, " {points}//2+1"]:
    """Cycles a quarter of each entry of `spectrum`, (points // 2 + 1,)."""
    return np.asarray(np.fft.rfftfreq(points), dtype=np.float64)


def spectrum(
    values: Float[np.ndarray, "*B points"],
) -> Float[np.ndarray, "*B points//2+1"]:
    """Energy by frequency, (..., (H+1) // 2 + 1); it adds up to the sum of squares (Parseval).

    The plain discrete Fourier transform of the H+1 points: no window, since the jump at impact is
    part of the response.
    """
    points = values.shape[-1]
    energy = np.square(np.abs(np.fft.rfft(values, axis=-1))) / points
    energy[..., 1 : (points + 1) // 2] *= 2.0  # the negative frequencies
    return np.asarray(energy)


def high_frequency(points: int) -> Bool[np.ndarray, " {points}//2+1"]:
    """Which entries of `spectrum` have periods under SHORTEST_CYCLE quarters."""
    return frequencies(points) > 1.0 / SHORTEST_CYCLE


def energy(values: Float[np.ndarray, "*B points"]) -> Float[np.ndarray, "*B"]:
    """The sum of squares, own unit squared."""
    return np.asarray(spectrum(values).sum(axis=-1))


def energy_high(values: Float[np.ndarray, "*B points"]) -> Float[np.ndarray, "*B"]:
    """Its part at periods under SHORTEST_CYCLE quarters."""
    return np.asarray(spectrum(values)[..., high_frequency(values.shape[-1])].sum(axis=-1))


def _share_high(frame: pd.DataFrame, suffix: str) -> float:
    scale = frame["sigma"] ** 2
    high = float((frame[f"energy_high{suffix}"] / scale).sum())
    return _ratio(high, float((frame[f"energy{suffix}"] / scale).sum()))


def _ratio(part: float, whole: float) -> float:
    """NaN where the whole is zero: flat responses have no energy, constant ones no high one."""
    return part / whole if whole else math.nan


def hf_share(frame: pd.DataFrame) -> float:
    """Share of the predicted responses' spectral energy at periods under six quarters; energies in
    s.d.s squared are summed over samples, shocks and observables before dividing. No unit."""
    return _share_high(frame, "")


def hf_share_truth(frame: pd.DataFrame) -> float:
    """As hf_share, of the exact responses. No unit."""
    return _share_high(frame, "_truth")


def hf_ratio(frame: pd.DataFrame) -> float:
    """hf_share / hf_share_truth: above 1 the emulator is more jagged than the truth, below 1 it
    smooths. Small wiggles that hardly move nrmse show here. No unit; 1 is perfect."""
    return _ratio(hf_share(frame), hf_share_truth(frame))


STATISTICS = {**of_both("energy", energy), **of_both("energy_high", energy_high)}
METRICS = (
    Metric(hf_share, place=80, unit="share"),
    Metric(hf_share_truth, place=81, unit="share"),
    Metric(hf_ratio, place=82, unit="none", heading="HF-ratio"),
)
