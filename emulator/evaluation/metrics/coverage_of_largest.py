"""How often the truth lies in the bands where a response is large."""

from __future__ import annotations

import pandas as pd

from emulator.evaluation.metrics.base import Metric, Statistic, Table

LARGEST = 0.1  # the part of all responses


def coverage_90_of_largest(frame: pd.DataFrame) -> float:
    """Share of points in the 90 % band among the tenth of responses with the largest true peak in
    s.d.s; .9 is right. Bands that are right on average may be too narrow where it matters."""
    size = frame["peak_truth"].abs() / frame["sigma"]
    return float(frame["coverage_90"][size >= size.quantile(1.0 - LARGEST)].mean())


STATISTICS: dict[str, Statistic] = {}
METRICS = (
    Metric(
        coverage_90_of_largest, 190, "share", heading="largest tenth in 90 %", of_bands=True,
        table=Table.errors,
    ),
)  # fmt: skip
