"""How long a response lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import Metric, of_both
from emulator.evaluation.metrics.peak import peak

if TYPE_CHECKING:
    from jaxtyping import Float, Int


def half_life(values: Float[np.ndarray, "*B points"]) -> Int[np.ndarray, "*B"]:
    """Quarters from the peak until the response stays at or below half of it for good.

    Steinsson (2008, Economica 75) argues for "for good" where responses are humped. A response that
    is still above half at H is censored at H + 1 minus the quarter of the peak.
    """
    top, time = peak(values)
    above = np.abs(values) > np.abs(top)[..., None] / 2.0
    last = values.shape[-1] - 1 - above[..., ::-1].argmax(axis=-1)
    return np.asarray(np.where(top == 0.0, 0, last + 1 - time))


def half_life_error(frame: pd.DataFrame) -> float:
    """Absolute error of the half-life, the quarters from the peak until the response stays within
    half of it, in quarters, a mean; censored at the last horizon in both. Persistence."""
    return float((frame["half_life"] - frame["half_life_truth"]).abs().mean())


STATISTICS = of_both("half_life", half_life)
METRICS = (Metric(half_life_error, place=60, unit="quarters", heading="half-life error"),)
