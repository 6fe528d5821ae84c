"""The cumulative response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import Metric, of_both

if TYPE_CHECKING:
    from jaxtyping import Float


def cumulative(values: Float[np.ndarray, "*B points"]) -> Float[np.ndarray, "*B"]:
    """The response summed over quarters, own unit x quarters."""
    return np.asarray(values.sum(axis=-1))


def cumulative_error(frame: pd.DataFrame) -> float:
    """Absolute error of the response summed over quarters, in s.d.s x quarters, a mean. Never above
    iae; equal to it where an error keeps its sign, so that a bias shows."""
    return float(((frame["cumulative"] - frame["cumulative_truth"]).abs() / frame["sigma"]).mean())


STATISTICS = of_both("cumulative", cumulative)
METRICS = (Metric(cumulative_error, place=70, unit="s.d.s x quarters", heading="cumulative error"),)
