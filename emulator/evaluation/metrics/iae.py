"""Integrated absolute error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import Answers, Metric, Statistic

if TYPE_CHECKING:
    from jaxtyping import Float


def absolute(answers: Answers) -> Float[np.ndarray, "*B"]:
    """The absolute error summed over quarters, own unit x quarters."""
    return np.asarray(np.abs(answers.prediction - answers.truth).sum(axis=-1))


def iae(frame: pd.DataFrame) -> float:
    """Integrated absolute error: the sum over quarters of the absolute error, in s.d.s x quarters,
    a mean. The area between two lines of a plot; unlike nrmse it does not weigh large errors
    more."""
    return float((frame["iae"] / frame["sigma"]).mean())


STATISTICS: dict[str, Statistic] = {"iae": absolute}
METRICS = (Metric(iae, place=30, unit="s.d.s x quarters", heading="IAE"),)
