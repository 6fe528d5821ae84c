"""The peak: the value furthest from zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import Metric, of_both

if TYPE_CHECKING:
    from jaxtyping import Float, Int


def peak(
    values: Float[np.ndarray, "*B points"],
) -> tuple[Float[np.ndarray, "*B"], Int[np.ndarray, "*B"]]:
    """The value furthest from zero, with its sign, and its quarter, the first where several tie."""
    time = np.asarray(np.abs(values).argmax(axis=-1))
    return np.take_along_axis(values, time[..., None], axis=-1)[..., 0], time


def peak_value(values: Float[np.ndarray, "*B points"]) -> Float[np.ndarray, "*B"]:
    """The value furthest from zero, with its sign."""
    return peak(values)[0]


def peak_error(frame: pd.DataFrame) -> float:
    """Absolute error of the value furthest from zero, in s.d.s, a mean. The size that policy
    discussions quote."""
    return float(((frame["peak"] - frame["peak_truth"]).abs() / frame["sigma"]).mean())


STATISTICS = of_both("peak", peak_value)
METRICS = (Metric(peak_error, place=40, unit="s.d.s", heading="peak error"),)
