"""What a benchmark's errors say: estimators beside the VAR, the newest beside all, and bands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emulator.foreign import rivals
from emulator.foreign.benchmark import ERRORS, Half
from emulator.foreign.network.answers import WEIGHTS
from emulator.provenance import commit
from emulator.storage import canonical_json, file_sha256, sealed, write_atomically

NEWEST = "network"  # what is put beside each of the others
LP = "lp"  # whose bands others' widths are compared with


def errors(table: pd.DataFrame) -> pd.DataFrame:
    """Mean squared error over horizons, a row a question and process, a column an estimator."""
    found = table.assign(error=table[list(ERRORS)].mean(axis=1)).pivot(
        index=["question", "process"], columns="estimator", values="error"
    )
    own = [name for name in found if name not in rivals.NAMES]
    return found[[*rivals.NAMES, *own]]


def interval(ratio: pd.Series[float]) -> dict[str, float]:
    """Mean over processes with its 95 % interval, median and ninth decile."""
    half_width = 1.96 * ratio.std() / np.sqrt(ratio.size)
    return {
        "mean": float(ratio.mean()),
        "low": float(ratio.mean() - half_width),
        "high": float(ratio.mean() + half_width),
        "median": float(ratio.median()),
        "decile": float(ratio.quantile(0.9)),
    }


def summary(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A row a question and estimator: its error over the VAR's in the same process."""
    found = errors(table)
    ratios = found.div(found[rivals.REFERENCE], axis=0)
    return [
        {"question": question, "estimator": name, **interval(ratio)}
        for question, part in ratios.groupby("question", sort=False)
        for name, ratio in part.items()
    ]


def against(table: pd.DataFrame, name: str = NEWEST) -> list[dict[str, Any]]:
    """A row a question and other estimator: the error of `name` over its, process by process, and
    the share of processes in which `name` is ahead."""
    found = errors(table)
    return [
        {
            "question": question,
            "rival": rival,
            **interval(part[name] / part[rival]),
            "ahead": float((part[name] < part[rival]).mean()),
        }
        for question, part in found.groupby("question", sort=False)
        for rival in found
        if rival != name
    ]


def by_horizon(table: pd.DataFrame, name: str = NEWEST) -> dict[str, list[float | None]]:
    """A question: at every horizon, the error of `name` over that of the best rival there, errors
    in the process's mean error of the VAR; None where nothing is asked."""
    unit = errors(table)[rivals.REFERENCE].rename("unit")
    joined = table.join(unit, on=["question", "process"])
    out = {}
    for question, part in joined.groupby("question", sort=False):
        each = part[list(ERRORS)].div(part["unit"], axis=0).groupby(part["estimator"]).mean()
        best = each.drop(index=name).min()
        out[str(question)] = [
            float(each.loc[name, h] / best[h]) if best[h] > 0.0 else None for h in ERRORS
        ]
    return out


def bands(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A row a question and estimator with bands: the share of true responses that those of 90 %
    hold, in the mean over processes and at their lowest decile, and the width over the local
    projections' in the same process, the mean."""
    there = table.dropna(subset=["held"])
    width = there.pivot(index=["question", "process"], columns="estimator", values="width")
    over = width.div(width[LP], axis=0).groupby(level="question").mean().to_dict()
    held = there.pivot(index=["question", "process"], columns="estimator", values="held")
    return [
        {
            "question": question,
            "estimator": name,
            "held": float(part[name].mean()),
            "worst_tenth": float(part[name].quantile(0.1)),
            "width_over_lp": float(over[name][question]),
        }
        for question, part in held.groupby("question", sort=False)
        for name in held
    ]


def record(
    folder: Path, name: str, half: Half, table: pd.DataFrame, population: pd.DataFrame,
    samples_each: int, data: Path, method: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write the folder's bench.json: all of the above, what is true of the processes, and where it
    came from. method: what is put beside each of the others instead of the network."""
    newest = method or NEWEST
    found = {
        "benchmark": name,
        "half": half,
        "processes": int(table["process"].nunique()),
        "samples": samples_each,
        "commit": commit(),
        "data_sha256": file_sha256(data),
        "weights_sha256": file_sha256(WEIGHTS),
        **(
            {}
            if method is None
            else {"method": method, "method_sha256": file_sha256(_file(method))}
        ),
        "population": json.loads(population.to_json(orient="columns")),
        "summary": summary(table),
        "against": against(table, newest),
        "by_horizon": by_horizon(table, newest),
        "bands": bands(table),
    }
    write_atomically(folder / "bench.json", canonical_json(sealed(found)).encode())
    return found


def _file(method: str) -> Path:
    """The file of FILE.py:FUNCTION."""
    return Path(method.rpartition(":")[0])
