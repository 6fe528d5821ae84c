"""Where a constraint binds: responses that depart from the world's linear response.

A nonlinear world without a hidden chain is linear until a constraint binds. For small shocks at
rest none does, so the exact response to a tiny shock from rest is the world's linear response (for
`zlb` that of plain `nk`). A response binds where it departs from it: then the constraint binds in
some quarter of the path with the shock or of the path without. There is one answer for all
observables, since a quarter at the bound moves each of them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emulator.data import Dataset
from emulator.errors import DatasetError
from emulator.evaluation.scoring.bootstrap import percentile_interval, ratio_draws
from emulator.specs import WorldSpec
from emulator.worlds import get_world

# In s.d.s. Shocks as small as this reach no constraint that rest itself is not at, and responses
# keep 13 digits.
TINY_SHOCK = 1e-3

# Relative to the largest value of the linear response. Responses are stored with seven digits; in
# 1,000 draws of `zlb` the same ones bind at any tolerance between 1e-6 and 1e-3.
TOLERANCE = 1e-4


def is_constrained(spec: WorldSpec) -> bool:
    """Whether the world has a constraint that may bind."""
    return not spec.linear and not spec.hidden_chain


def linear_responses(dataset: Dataset, world: str, rows: np.ndarray) -> NDArray[np.float64]:
    """Exact per-unit responses (N, S, H+1, 3) to a tiny shock from rest.

    Raises DatasetError when this program's world is not the one the data were drawn from.
    """
    theta = dataset.read(world, rows, ["theta"])["theta"]
    simulator = get_world(world)
    if simulator.parameter_names != dataset.spec(world).parameter_names:
        raise DatasetError(
            f"{dataset.path}: its {world} has the parameters "
            f"{', '.join(dataset.spec(world).parameter_names)}, this program's has others; "
            "generate the data set again"
        )
    horizon = dataset.manifest.config.horizon
    values = simulator.irf(theta, horizon=horizon, size=TINY_SHOCK, strict=True).values
    return np.asarray(values / TINY_SHOCK)


def binds(truth: np.ndarray, linear: np.ndarray) -> NDArray[np.bool_]:
    """Whether the responses (N, S, H+1, 3) depart from the linear ones, (N, S)."""
    distance = np.abs(truth - linear).max(axis=(2, 3))
    return np.asarray(distance > TOLERANCE * np.abs(linear).max(axis=(2, 3)))


def beside_linear(frame: pd.DataFrame, siblings: int) -> dict[str, object]:
    """The model beside the world's linear response, where responses bind and where they do not, and
    the share that binds. frame: the statistics of a case."""
    parts = {"binds": frame[frame["binds"]], "slack": frame[~frame["binds"]]}
    compared = {name: _compared(part, siblings) for name, part in parts.items() if len(part)}
    return {**compared, "share": float(frame["binds"].mean())}


def _compared(frame: pd.DataFrame, siblings: int) -> dict[str, object]:
    """The model and the world's linear response on the same part of the responses.

    A sample has any number of responses in a part, so means are over responses, each with the same
    weight, and the interval is that of a ratio of two sums over samples or groups of siblings.
    """
    ratio = np.sqrt(frame["mse"]) / frame["sigma"]
    sums = ratio.groupby(frame["sample"] // siblings).agg(["sum", "size"])
    draws = ratio_draws(sums["sum"].to_numpy(), sums["size"].to_numpy(dtype=np.float64))
    return {
        "nrmse": float(ratio.mean()),
        "ci95": list(percentile_interval(draws)),
        "nrmse_pooled": float((np.sqrt(frame["mse"]) / frame["sigma_pooled"]).mean()),
        "linear_nrmse": float((np.sqrt(frame["linear_mse"]) / frame["sigma"]).mean()),
        "samples": int(frame["sample"].nunique()),
        "responses": len(frame),
    }
