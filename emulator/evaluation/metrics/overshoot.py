"""How far a response swings back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import Metric, of_both
from emulator.evaluation.metrics.peak import peak

if TYPE_CHECKING:
    from jaxtyping import Float


def swing(values: Float[np.ndarray, "*B points"]) -> Float[np.ndarray, "*B"]:
    """The furthest excursion after the peak to the other side of zero, as a share of the peak."""
    top, time = peak(values)
    after = np.arange(values.shape[-1]) > time[..., None]
    opposite = np.where(after, -np.sign(top)[..., None] * values, 0.0).max(axis=-1)
    return np.asarray(np.maximum(opposite, 0.0) / np.where(top == 0.0, 1.0, np.abs(top)))


def overshoot(frame: pd.DataFrame) -> float:
    """The furthest excursion after the peak to the other side of zero, as a share of the peak, a
    mean; of the predictions. Compare with overshoot_truth."""
    return float(frame["overshoot"].mean())


def overshoot_truth(frame: pd.DataFrame) -> float:
    """As overshoot, of the exact responses."""
    return float(frame["overshoot_truth"].mean())


STATISTICS = of_both("overshoot", swing)
METRICS = (
    Metric(overshoot, 90, "share of the peak", heading="overshoot", beside="overshoot_truth"),
    Metric(overshoot_truth, 91, "share of the peak"),
)
