"""Is a posterior what it says? Simulation-based calibration and coverage (Talts et al. 2018).

Test samples are draws from the prior with histories drawn under them, so the rank of the truth
among posterior draws is uniform for every parameter and response. A U-shaped histogram means a
posterior that is too narrow, a hump one that is too wide, a slope a bias. Each quantity gets a
chi-square test over its bins; the smallest p-value counts times their number (Bonferroni), as
ranks of different quantities are dependent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from emulator.evaluation.floors.best_answers import HORIZONS
from emulator.evaluation.floors.floors_on_disk import Floors
from emulator.evaluation.floors.posterior_mean_errors import errors
from emulator.evaluation.scoring.bootstrap import mean_interval
from emulator.regimes import Task
from emulator.specs import OBSERVABLE_NAMES
from emulator.worlds.base import FloatArray

# The chi-square approximation wants five expected a bin.
FEWEST_A_BIN, MOST_BINS = 5, 20


@dataclass(frozen=True)
class Calibration:
    """ranks: by quantity, (N,). p_values: of uniformity, by quantity. p_value: of them all.
    coverage: of the 90 % bands, with its 95 % interval over histories."""

    ranks: dict[str, FloatArray]
    p_values: dict[str, float]
    p_value: float
    coverage: float
    coverage_ci95: tuple[float, float]


def calibrate(floors: Floors) -> Calibration:
    """Calibration of the parameters and steady-state responses in regime B1."""
    frame = floors.frame[floors.frame["task"] == Task.steady_state]
    theta = np.stack(frame["theta_rank"].to_list())
    ranks = {name: theta[:, j] for j, name in enumerate(floors.settings.parameters)}
    response = floors.arrays(Task.steady_state, "rank")
    truth = floors.arrays(Task.steady_state, "truth")
    for s, shock in enumerate(floors.settings.shocks):
        for k, h in enumerate(HORIZONS[: response.shape[2]]):
            for v, observable in enumerate(OBSERVABLE_NAMES):
                if truth[:, s, h, v].any():  # zero by construction: nothing to rank
                    ranks[f"{observable} to {shock}, h = {h}"] = response[:, s, k, v]
    p_values = {name: uniformity(values) for name, values in ranks.items()}
    errors_frame = errors(floors, Task.steady_state)
    covered = errors_frame.groupby("sample", sort=False)["coverage_90"].mean().to_numpy()
    return Calibration(
        ranks,
        p_values,
        min(1.0, len(p_values) * min(p_values.values())),
        float(covered.mean()),
        mean_interval(covered),
    )


def bins(count: int) -> int:
    """How many bins a histogram of `count` ranks has."""
    return max(2, min(MOST_BINS, count // FEWEST_A_BIN))


def histogram(ranks: FloatArray) -> NDArray[np.int64]:
    """Counts (bins,) of ranks (N,) in [0, 1]."""
    return np.histogram(ranks, bins(len(ranks)), range=(0.0, 1.0))[0]


def uniformity(ranks: FloatArray) -> float:
    """The p-value of the chi-square test that ranks (N,) are uniform on [0, 1]."""
    counts = histogram(ranks)
    expected = len(ranks) / len(counts)
    return float(chi2.sf(np.square(counts - expected).sum() / expected, len(counts) - 1))
