"""When the peak comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import Metric, of_both
from emulator.evaluation.metrics.peak import peak

if TYPE_CHECKING:
    from jaxtyping import Float, Int


def peak_time(values: Float[np.ndarray, "*B points"]) -> Int[np.ndarray, "*B"]:
    """The quarter of the peak, the first where several tie."""
    return peak(values)[1]


def peak_time_error(frame: pd.DataFrame) -> float:
    """Absolute error of the quarter of the peak, in quarters, a mean. The lag of policy."""
    return float((frame["peak_time"] - frame["peak_time_truth"]).abs().mean())


STATISTICS = of_both("peak_time", peak_time)
METRICS = (Metric(peak_time_error, place=50, unit="quarters", heading="peak time error"),)
