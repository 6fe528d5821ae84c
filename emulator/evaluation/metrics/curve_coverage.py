"""How often a band holds a response as a whole."""

from __future__ import annotations

from functools import partial

import pandas as pd

from emulator.evaluation.metrics.base import InBands, Metric, Statistic, Table
from emulator.evaluation.metrics.coverage import coverage


def curve_coverage_90(frame: pd.DataFrame) -> float:
    """Share of responses that lie in the 90 % band at every horizon. Bands are meant point by
    point, so this is below coverage_90: it says how seldom a whole curve stays inside."""
    return float((frame["coverage_90"] == 1.0).mean())


def simultaneous_coverage_90(frame: pd.DataFrame) -> float:
    """Share of responses that lie at every horizon in the 90 % band that is made to hold whole
    curves; .9 is right."""
    inside = frame["in_curve_band_90"]
    return float((inside == 1.0).mean()) if inside.notna().any() else float("nan")


STATISTICS: dict[str, Statistic] = {
    "in_curve_band_90": InBands(partial(coverage, band=90), of_curves=True)
}
METRICS = (
    Metric(
        curve_coverage_90, 180, "share", heading="whole curve in 90 %", of_bands=True,
        table=Table.errors,
    ),
    Metric(
        simultaneous_coverage_90, 181, "share", heading="in its simultaneous 90 %", of_bands=True,
        table=Table.errors,
    ),
)  # fmt: skip
