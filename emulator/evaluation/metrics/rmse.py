"""Root mean squared error, which the largest errors rule."""

from __future__ import annotations

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import Metric, Statistic, Table


def rmse(frame: pd.DataFrame) -> float:
    """sqrt(mean of squared error / sigma squared), the mean over horizons, samples, shocks and
    observables before the root: what nrmse's mean of roots hides in rare large errors. Never below
    nrmse; the training mean scores about 1. No unit."""
    return float(np.sqrt((frame["mse"] / frame["sigma"] ** 2).mean()))


STATISTICS: dict[str, Statistic] = {}
METRICS = (Metric(rmse, 150, "none", heading="RMSE", digits=4, table=Table.errors),)
