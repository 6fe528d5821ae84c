"""What a folder of estimates holds.

estimate.json          the table, evidence and responses of every world, and what they were asked
posterior-WORLD.parquet  draws: run, draw, and a column for each parameter that moved
quarters-WORLD.nc      of linear worlds: the history by shocks, variance shares, forecasts
stages/WORLD-RUN.npz   where each run is, to go on with
"""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emulator.claim import LOCK
from emulator.errors import InputError
from emulator.estimation.bands import LEVELS, Bands
from emulator.estimation.estimate import Estimate, Estimates
from emulator.estimation.quarter_by_quarter import Course, QuarterByQuarter
from emulator.provenance import commit
from emulator.specs import OBSERVABLE_NAMES
from emulator.storage import sealed, sweep, write_atomically
from emulator.worlds.base import FloatArray

RESULTS = "estimate.json"


def begin_folder(folder: Path, resume: bool) -> None:
    """Make the folder ready. Raises InputError where it holds something else, or estimates already
    and `resume` does not ask to go on with them."""
    stages = folder / "stages"
    if (folder / RESULTS).exists() or stages.exists():
        if not resume:
            raise InputError(
                f"{folder}: holds estimates already; add --resume to go on with them, or name "
                "another folder with --output"
            )
    elif any(path.name != LOCK for path in folder.iterdir()):
        raise InputError(f"{folder}: holds something else; name a new folder with --output")
    for some in (folder, stages):
        sweep(some.glob(".*.tmp"))


def write_estimates(folder: Path, estimates: Estimates) -> None:
    """Write draws and results; what was there before is replaced."""
    for name, one in estimates.worlds.items():
        buffer = io.BytesIO()
        draws_frame(one).to_parquet(buffer, index=False)
        write_atomically(folder / f"posterior-{name}.parquet", buffer.getvalue())
        if one.by_quarter is not None:
            data_set = one.by_quarter.to_xarray().to_netcdf(engine="scipy")
            write_atomically(folder / f"quarters-{name}.nc", bytes(data_set))
    data = sealed({**as_dict(estimates), "commit": commit()})
    write_atomically(folder / RESULTS, (json.dumps(data, indent=1) + "\n").encode())


def draws_frame(one: Estimate) -> pd.DataFrame:
    """Draws (R N rows): run, draw, and the parameters that moved."""
    runs, count, _ = one.draws.shape
    columns = {"run": np.repeat(np.arange(runs), count), "draw": np.tile(np.arange(count), runs)}
    for name in one.names:
        columns[name] = one.theta[:, one.spec.parameter_names.index(name)]
    return pd.DataFrame(columns)


def as_dict(estimates: Estimates) -> dict[str, Any]:
    """Estimates as plain data, without draws; what is not a number is None."""
    out: dict[str, Any] = {
        "quarters": estimates.quarters,
        "first": estimates.first,
        "last": estimates.last,
        "noise": estimates.noise,
        "normalize": estimates.normalize,
        "cumulate": list(estimates.cumulate),
        "seconds": estimates.seconds,
        "levels": list(LEVELS),
        "worlds": {name: _one(one) for name, one in estimates.worlds.items()},
        "probabilities": _finite(estimates.probabilities),
        "probability_errors": _finite(estimates.probability_errors),
    }
    for averaged in estimates.averaged.values():
        out.setdefault("averaged", {}).update(bands_dict(averaged))
    return out


def _one(one: Estimate) -> dict[str, Any]:
    runs, count, _ = one.draws.shape
    return {
        "title": one.spec.title,
        "runs": runs,
        "draws": runs * count,
        **_finite({"log_evidence": one.log_evidence, "log_evidence_error": one.log_evidence_error}),
        "prior_share": one.prior_share,
        **({} if one.correction is None else {"correction": vars(one.correction)}),
        **({} if one.instant is None else {"instant": vars(one.instant)}),
        "caveats": list(one.caveats),
        "parameters": {
            str(name): _finite(row) for name, row in one.table.to_dict(orient="index").items()
        },
        "responses": bands_dict(one.bands),
        "autocovariances": {
            f"{now}, {then} earlier": {
                "observed": _numbers(one.predictive.observed[:, i, j]),
                "quantiles": [_numbers(q) for q in one.predictive.quantiles[:, i, j].T],
            }
            for i, now in enumerate(OBSERVABLE_NAMES)
            for j, then in enumerate(OBSERVABLE_NAMES)
        },
        **({} if one.by_quarter is None else _by_quarter(one.by_quarter)),
    }


def _by_quarter(found: QuarterByQuarter) -> dict[str, Any]:
    out: dict[str, Any] = {
        "contributions": {
            component: {n: _numbers(values[:, j]) for j, n in enumerate(OBSERVABLE_NAMES)}
            for component, values in zip(found.components, found.contributions, strict=True)
        },
        "variance_shares": bands_dict(found.shares),
        "one_step": _course(found.one_step),
    }
    if found.ahead is not None:
        later = list(found.quarters[len(found.history) :])
        out["forecast"] = {"quarters": later, **_course(found.ahead)}
    return out


def _course(course: Course) -> dict[str, Any]:
    return {
        name: {
            "mean": _numbers(course.mean[:, j]),
            "quantiles": [_numbers(q) for q in course.quantiles[:, j].T],
        }
        for j, name in enumerate(OBSERVABLE_NAMES)
    }


def bands_dict(found: Bands) -> dict[str, Any]:
    """{shock: {observable: {"mean": H+1 numbers, "quantiles": as many for each level}}}."""
    return {
        shock: {
            name: {
                "mean": _numbers(found.mean[s, :, j]),
                "quantiles": [_numbers(q) for q in found.quantiles[s, :, j].T],
            }
            for j, name in enumerate(OBSERVABLE_NAMES)
        }
        for s, shock in enumerate(found.shocks)
    }


def _numbers(values: FloatArray) -> list[float | None]:
    return [v if math.isfinite(v) else None for v in values.tolist()]


def _finite(values: dict[Any, float]) -> dict[str, float | None]:
    return {str(k): float(v) if np.isfinite(v) else None for k, v in values.items()}
