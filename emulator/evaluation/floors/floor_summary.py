"""What a file of floors says: RMSE of the posterior mean, Monte Carlo error, calibration, cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emulator.estimation.posterior import forgotten
from emulator.evaluation.floors.floors_on_disk import Floors
from emulator.evaluation.floors.posterior_mean_errors import errors, mean_squares, rmse
from emulator.evaluation.floors.simulation_based_calibration import calibrate
from emulator.evaluation.metrics.hf_ratio import hf_ratio
from emulator.evaluation.scoring.bootstrap import (
    mean_interval,
    percentile_interval,
    resampled_means,
)
from emulator.storage import write_atomically


def summarise(floors: Floors) -> dict[str, Any]:
    """The figures of a file of floors, ready for JSON."""
    cases = []
    for task in floors.tasks():
        frame = errors(floors, task)
        low, high = np.sqrt(mean_interval(mean_squares(frame)))
        by_sample = frame.groupby("sample", sort=False)["coverage_90"].mean().to_numpy()
        cases.append(
            {
                "task": task.value,
                "rmse": rmse(frame),
                "ci95": [float(low), float(high)],
                "monte_carlo_rmse": rmse(frame, "mc_mse"),
                "training_mean_rmse": rmse(frame, "null_mse"),
                "coverage_50": float(frame["coverage_50"].mean()),
                "coverage_90": float(by_sample.mean()),
                "coverage_90_ci95": list(mean_interval(by_sample)),
                "hf_ratio": hf_ratio(frame),
                "hf_ratio_ci95": list(_hf_interval(frame)),
            }
        )
    each = floors.frame.groupby("sample", sort=False)
    particles = floors.settings.particles
    return {
        "world": floors.settings.world,
        "length": floors.settings.length,
        "split": floors.settings.split,
        "particles": particles,
        "histories": len(floors.samples),
        "seconds_a_history": float(each["seconds"].first().mean()),
        "moves_a_history": float(each["moves"].first().mean()),
        "largest_correlation": float(floors.frame["correlation"].max()),
        # histories whose moves ended at their number, not because particles had forgotten
        "not_forgotten": int((each["correlation"].first() >= forgotten(particles)).sum()),
        "ranks_p_value": calibrate(floors).p_value,
        "cases": cases,
        "commit": ", ".join(floors.commits),
        "config_sha": floors.settings.sha,
        "draws_sha": floors.settings.draws_sha,
    }


def _hf_interval(frame: pd.DataFrame) -> tuple[float, float]:
    """The bootstrap interval of `hf_ratio` over histories."""
    names = ["energy_high", "energy", "energy_high_truth", "energy_truth"]
    scaled = frame[names].div(frame["sigma"] ** 2, axis=0)
    sums = scaled.groupby(frame["sample"], sort=False).sum().to_numpy()
    high, all_, high_truth, all_truth = resampled_means(sums).T
    return percentile_interval((high / all_) / (high_truth / all_truth))


def write_summary(path: Path, floors: Floors) -> dict[str, Any]:
    """Write the summary beside a file of floors; returns it."""
    summary = summarise(floors)
    text = json.dumps(summary, indent=1, allow_nan=False) + "\n"
    write_atomically(path.with_suffix(".json"), text.encode())
    return summary
