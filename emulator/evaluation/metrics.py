"""Metrics, derived from stored statistics.

NRMSE(world, regime, split) = mean over samples, shocks and observables of
sqrt(mean_h error^2) / sigma[world, shock, observable], on responses per unit of size. It is the
error of a typical response in units of how much responses vary; the training mean scores below 1.
`nrmse_pooled` divides by sigma[world, observable], pooled over shocks: small responses count less.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from emulator.evaluation.bootstrap import mean_interval


def nrmse_per_sample(frame: pd.DataFrame, sigma: str = "sigma") -> pd.Series:
    """The NRMSE of every sample of one world, regime and split, indexed by sample."""
    ratio = np.sqrt(frame["mse"]) / frame[sigma]
    means: pd.Series = ratio.groupby(frame["sample"]).mean()
    return means


def summarise(frame: pd.DataFrame) -> dict[str, object]:
    """Metrics of one world, regime and split."""
    per_sample = nrmse_per_sample(frame)
    ratio = np.sqrt(frame["mse"]) / frame["sigma"]
    return {
        "nrmse": float(per_sample.mean()),
        "ci95": list(mean_interval(per_sample.to_numpy())),
        "nrmse_pooled": float(nrmse_per_sample(frame, "sigma_pooled").mean()),
        "by_observable": _by(ratio, frame["observable"]),
        "by_shock": _by(ratio, frame["shock"]),
        "samples": len(per_sample),
    }


def _by(ratio: pd.Series, key: pd.Series) -> dict[str, float]:
    return {
        str(name): float(value) for name, value in ratio.groupby(key, sort=False).mean().items()
    }
