"""Metrics of one world, regime, task and split, derived from its stored statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from emulator.evaluation.metrics.base import means_by
from emulator.evaluation.metrics.nrmse import nrmse_per_sample
from emulator.evaluation.metrics.registry import METRICS
from emulator.evaluation.scoring.binding import beside_linear
from emulator.evaluation.scoring.bootstrap import groups_of, mean_interval, told


def accuracy(frame: pd.DataFrame, siblings: int) -> dict[str, object]:
    """NRMSE with its bootstrap interval over samples or groups of siblings, by observable and by
    shock."""
    per_sample = nrmse_per_sample(frame)
    groups = groups_of(per_sample.index, siblings)
    ratio = np.sqrt(frame["mse"]) / frame["sigma"]
    return {
        "nrmse": float(per_sample.mean()),
        "ci95": list(mean_interval(per_sample.to_numpy(), groups=groups)),
        "nrmse_pooled": float(nrmse_per_sample(frame, "sigma_pooled").mean()),
        "by_observable": means_by(ratio, frame["observable"]),
        "by_shock": means_by(ratio, frame["shock"]),
        "samples": len(per_sample),
        **told(siblings),
    }


def summarise(frame: pd.DataFrame, siblings: int = 1) -> dict[str, object]:
    """All metrics there are, ready for JSON (None where undefined); those of bands where there are
    bands, and those of responses that bind where some may."""
    bands = bool(frame["coverage_90"].notna().all())
    out: dict[str, object] = {
        name: _defined(metric.formula(frame))
        for name, metric in METRICS.items()
        if bands or not metric.of_bands
    }
    out |= accuracy(frame, siblings)
    if frame["linear_mse"].notna().all():
        out["binding"] = beside_linear(frame, siblings)
    return out


def _defined(value: Any) -> Any:
    """The value, None for a number that is not finite."""
    return None if isinstance(value, float) and not np.isfinite(value) else value
