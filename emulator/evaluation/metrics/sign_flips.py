"""How often a response changes sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import Metric, of_both
from emulator.evaluation.metrics.peak import peak

if TYPE_CHECKING:
    from jaxtyping import Float, Int

# Values within this share of the peak have no sign: nobody sees one percent of the peak in a plot,
# and a response that has died out would flip with every rounding error.
DEAD_BAND = 0.01


def flips(values: Float[np.ndarray, "*B points"]) -> Int[np.ndarray, "*B"]:
    """How often the response changes sign; values within one percent of its peak have none."""
    top, _ = peak(values)
    sign = np.sign(values)
    sign[np.abs(values) <= DEAD_BAND * np.abs(top)[..., None]] = 0.0
    # Zeros take the last sign before them.
    position = np.where(sign != 0.0, np.arange(values.shape[-1]), 0)
    held = np.take_along_axis(sign, np.maximum.accumulate(position, axis=-1), axis=-1)
    return np.asarray((held[..., 1:] * held[..., :-1] < 0.0).sum(axis=-1))


def sign_flips(frame: pd.DataFrame) -> float:
    """How often a predicted response changes sign, values within 1 % of its peak having none, a
    mean; a count. Compare with sign_flips_truth."""
    return float(frame["sign_flips"].mean())


def sign_flips_truth(frame: pd.DataFrame) -> float:
    """As sign_flips, of the exact responses."""
    return float(frame["sign_flips_truth"].mean())


STATISTICS = of_both("sign_flips", flips)
METRICS = (
    Metric(sign_flips, place=100, unit="count", heading="sign flips", beside="sign_flips_truth"),
    Metric(sign_flips_truth, place=101, unit="count"),
)
