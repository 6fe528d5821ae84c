"""Whether the response points the right way where it is largest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import Answers, Metric, Statistic, Table
from emulator.evaluation.metrics.peak import peak
from emulator.evaluation.metrics.relative_error import small

if TYPE_CHECKING:
    from jaxtyping import Bool


def wrong_sign(answers: Answers) -> Bool[np.ndarray, "*B"]:
    """Whether the prediction has another sign than the truth in the quarter of the true peak."""
    top, time = peak(answers.truth)
    prediction = np.broadcast_to(answers.prediction, answers.truth.shape)
    there = np.take_along_axis(prediction, time[..., None], axis=-1)[..., 0]
    return np.asarray(np.sign(there) != np.sign(top))


def wrong_sign_at_peak(frame: pd.DataFrame) -> float:
    """Share of responses with the wrong sign in the quarter of the true peak: up where it goes
    down. Responses with a peak under 2 % of sigma are set apart. No unit; 0 is perfect."""
    return float(frame["wrong_sign"][~small(frame)].mean())


STATISTICS: dict[str, Statistic] = {"wrong_sign": wrong_sign}
METRICS = (
    Metric(wrong_sign_at_peak, 170, "share", heading="wrong sign", digits=4, table=Table.errors),
)
