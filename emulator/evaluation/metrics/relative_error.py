"""The error relative to the response's own peak: what a reader of one figure sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import Answers, Metric, Statistic, Table

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

# A response whose peak is under this part of sigma is flat beside the others of its world: an error
# relative to it says little, and its sign less.
SMALL = 0.02


def worst(answers: Answers) -> Float[np.ndarray, "*B"]:
    """The largest absolute error over quarters, in the observable's unit, (...)."""
    return np.asarray(np.abs(answers.prediction - answers.truth).max(axis=-1))


def is_small(
    peak: Float[np.ndarray, " N"], sigma: Float[np.ndarray, " N"]
) -> Bool[np.ndarray, " N"]:
    """Whether responses with this peak are set apart; both in the observable's unit."""
    return np.asarray(np.abs(peak) < SMALL * sigma)


def small(frame: pd.DataFrame) -> Bool[np.ndarray, " N"]:
    """Which responses of a frame are set apart."""
    return is_small(frame["peak_truth"].to_numpy(), frame["sigma"].to_numpy())


def _relative(frame: pd.DataFrame) -> pd.Series[float]:
    """The largest error over quarters over the true peak, of responses that are not small."""
    kept = frame[~small(frame)]
    ratio: pd.Series[float] = kept["worst_error"] / kept["peak_truth"].abs()
    return ratio


def relative_error_median(frame: pd.DataFrame) -> float:
    """The largest error over quarters as a share of the response's own true peak, the median over
    samples, shocks and observables. Responses with a peak under 2 % of sigma are set apart."""
    return float(_relative(frame).median())


def relative_error_90(frame: pd.DataFrame) -> float:
    """As relative_error_median, the level that nine responses in ten stay below."""
    return float(_relative(frame).quantile(0.9))


def relative_error_99(frame: pd.DataFrame) -> float:
    """As relative_error_median, the level that 99 responses in 100 stay below."""
    return float(_relative(frame).quantile(0.99))


def relative_error_worst(frame: pd.DataFrame) -> float:
    """As relative_error_median, the worst response of all. It grows with the number of samples."""
    return float(_relative(frame).max())


def small_responses(frame: pd.DataFrame) -> float:
    """Share of responses whose true peak is under 2 % of sigma: counted here, and in no relative
    error or sign at the peak."""
    return float(small(frame).mean())


STATISTICS: dict[str, Statistic] = {"worst_error": worst}
METRICS = (
    Metric(relative_error_median, 160, "share", heading="of peak: median", table=Table.errors),
    Metric(relative_error_90, 161, "share", heading="90 %", table=Table.errors),
    Metric(relative_error_99, 162, "share", heading="99 %", table=Table.errors),
    Metric(relative_error_worst, 163, "share", heading="worst", table=Table.errors),
    Metric(small_responses, 164, "share", heading="small, apart", table=Table.errors),
)
