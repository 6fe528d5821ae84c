"""How often a band holds a response as a whole."""

from __future__ import annotations

import pandas as pd

from emulator.evaluation.metrics.base import Metric, Statistic, Table


def curve_coverage_90(frame: pd.DataFrame) -> float:
    """Share of responses that lie in the 90 % band at every horizon. Bands are meant point by
    point, so this is below coverage_90: it says how seldom a whole curve stays inside."""
    return float((frame["coverage_90"] == 1.0).mean())


STATISTICS: dict[str, Statistic] = {}
METRICS = (
    Metric(
        curve_coverage_90, 180, "share", heading="whole curve in 90 %", of_bands=True,
        table=Table.errors,
    ),
)  # fmt: skip
