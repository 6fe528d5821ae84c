"""Floors with known errors, and runs beside them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emulator.evaluation.floors.floors_on_disk import (
    Floors,
    Scale,
    Settings,
)
from emulator.evaluation.floors.posterior_mean_errors import errors
from emulator.evaluation.stored.runs import NULL_MODEL, EvaluatedRun
from emulator.evaluation.stored.statistics_files import RESPONSES_FILE, StatisticsWriter, checksums
from emulator.regimes import Task
from tests.evaluation.toys import SIGMA

TINY = {"length": 40, "particles": 60}
CASE = Task.steady_state


def toy(samples: int = 40, quarters: int = 3, seed: int = 0) -> Floors:
    """Floors whose mean is off by N(0, sigma), with a Monte Carlo error of N(0, .1 sigma)."""
    rng = np.random.default_rng(seed)
    shape = (samples, 2, quarters, 3)
    scale = SIGMA[:, None]
    truth = scale * rng.standard_normal(shape)
    centre = truth + scale * rng.standard_normal(shape)
    apart = 0.1 * scale * rng.standard_normal(shape)
    held = [(np.abs(truth - centre) <= z * scale).mean(axis=2) for z in (0.674, 1.645)]

    def flat(values: np.ndarray) -> list[np.ndarray]:
        return [v.astype(np.float32).ravel() for v in values]

    frame = pd.DataFrame(
        {
            "sample": np.arange(samples) + 7,
            "task": "steady_state",
            "truth": flat(truth),
            "mean": flat(centre),
            "apart": flat(np.square(apart).mean(axis=2)),
            "coverage": flat(np.stack(held, axis=-1)),
            "rank": flat(rng.random((samples, 2, 1, 3))),
            "theta_rank": flat(rng.random((samples, 2))),
            "log_evidence": 0.0,
            "moves": 5,
            "correlation": 0.05,
            "seconds": 2.0,
        }
    )
    settings = Settings(
        world="toy", length=40, particles=10, horizon=quarters - 1, split="prior", longest=40,
        draws_sha="d", method="m", parameters=("a", "b"),
        shocks=("first", "second"),
    )  # fmt: skip
    scales = {Task.steady_state: Scale(SIGMA, SIGMA[0], np.zeros(shape[1:]))}
    return Floors(settings, scales, frame, ("c",))


def theirs(floors: Floors, factor: float) -> pd.DataFrame:
    """The floor's errors, each this many times as large."""
    ours = errors(floors, CASE)
    return ours.assign(mse=factor**2 * ours["mse"])


def evaluated_at(
    floors: Floors, factor: float, folder: Path, best_mse: object = np.nan
) -> EvaluatedRun:
    """A run of regime B1 whose stored errors are `factor` times the floor's. best_mse: as `assign`
    of a frame takes it."""
    keys = {"world": "toy", "regime": "B1", "task": "steady_state", "split": "test"}
    with StatisticsWriter(folder / RESPONSES_FILE) as writer:
        writer.add(theirs(floors, factor).assign(**keys, best_mse=best_mse))
    tree = {"toy": {"B1": {"prior": {"nrmse": 1.0}}}}
    metrics = {
        "model": "universal", "worlds": tree, "regimes": ["B1"], "draws": {"toy": "d"},
        "extra_inputs": [], NULL_MODEL: tree, "statistics": checksums(folder),
    }  # fmt: skip
    return EvaluatedRun("universal", folder, metrics)


def others_than(floors: Floors) -> list[Floors]:
    """Floors at another length than evaluations show, of other data, and of a part of the prior."""
    changes: tuple[dict[str, Any], ...] = (
        {"length": 20}, {"draws_sha": "another"}, {"split": "test"},
    )  # fmt: skip
    return [
        dataclasses.replace(floors, settings=dataclasses.replace(floors.settings, **change))
        for change in changes
    ]
