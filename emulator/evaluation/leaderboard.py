"""The leaderboard: every evaluated run beside the null model, one column a world."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emulator.errors import DatasetError
from emulator.models.weights import write_atomically
from emulator.regimes import Task

METRICS_FILE = "metrics.json"
CSV_FILE, MARKDOWN_FILE = "leaderboard.csv", "leaderboard.md"
NULL_MODEL = "training_mean"
COLUMNS = [
    "regime",
    "split",
    "world",
    "task",
    "model",
    "run",
    "nrmse",
    "low",
    "high",
    "nrmse_pooled",
]
HASHES = ["commit", "config_sha", "data_sha"]
_NAMES = ["regime", "model", "run"]


def find_runs(root: Path) -> dict[str, Path]:
    """Evaluated run folders at or below `root`, by their path from it (its own name for `root`).

    Raises DatasetError when there are none.
    """
    root = root.resolve()
    folders = sorted(path.parent for path in root.rglob(METRICS_FILE))
    if not folders:
        raise DatasetError(f"{root}: no {METRICS_FILE} here or below; run `emulator evaluate RUN`")
    return {
        folder.name if folder == root else folder.relative_to(root).as_posix(): folder
        for folder in folders
    }


def collect(runs: Mapping[str, Path]) -> pd.DataFrame:
    """One row a regime, split, world, task and run; the null model once a data set."""
    rows: list[dict[str, Any]] = []
    for run, folder in runs.items():
        path = folder / METRICS_FILE
        try:
            rows += _rows(json.loads(path.read_text(encoding="utf-8")), run)
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise DatasetError(
                f"{path}: damaged ({type(error).__name__}); run `emulator evaluate` on this run "
                "again"
            ) from None
    if not rows:
        raise DatasetError(f"{next(iter(runs.values()))}: its {METRICS_FILE} holds no scores")
    table = pd.DataFrame(rows, columns=[*COLUMNS, *HASHES])
    null = table["model"] == NULL_MODEL
    table.loc[null, "config_sha"] = ""
    keys = ["regime", "split", "world", "task", "run", "data_sha"]
    return pd.concat([table[~null], table[null].drop_duplicates(keys)], ignore_index=True)


def _rows(metrics: dict[str, Any], run: str) -> list[dict[str, Any]]:
    """The scores of one metrics.json, its null model included."""
    hashes = {key: metrics[key] for key in HASHES}
    rows = []
    for source, model, name in (
        ("worlds", metrics["model"], run),
        (NULL_MODEL, NULL_MODEL, NULL_MODEL),
    ):
        for world, regimes in metrics[source].items():
            for regime, splits in regimes.items():
                for split, steady in splits.items():
                    for task in Task:
                        entry = steady if task is Task.steady_state else steady.get(task)
                        if entry is None:  # linear worlds have one task
                            continue
                        low, high = entry["ci95"]
                        values = (
                            regime, split, world, task.value, model, name, entry["nrmse"],
                            low, high, entry["nrmse_pooled"],
                        )  # fmt: skip
                        rows.append({**dict(zip(COLUMNS, values, strict=True)), **hashes})
    return rows


def ranked(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """Models by data set and regime with one NRMSE column a world and task, best mean first.

    A star marks the responses from the state at the end of a history. A model that leaves a column
    of its group out has no mean and comes last.
    """
    part = table[table["split"] == split]
    star = np.where(part["task"] == Task.state_dependent, "*", "")
    part = part.assign(world=part["world"] + star)
    wide = part.pivot(index=["data_sha", "regime", "model", "run"], columns="world", values="nrmse")
    wide = wide[list(dict.fromkeys(part["world"]))]
    groups = wide.groupby(level=["data_sha", "regime"])
    asked = groups.transform(lambda column: column.notna().any())
    complete = (wide.notna() | ~asked.astype(bool)).all(axis=1)
    wide.insert(0, "mean", wide.mean(axis=1).where(complete))
    order = ["data_sha", "regime", "mean"]
    return wide.reset_index().sort_values(order, kind="stable", ignore_index=True)


def write_leaderboard(root: Path, folder: Path) -> pd.DataFrame:
    """Write leaderboard.csv and .md of the runs below `root` to `folder`; the long table."""
    table = collect(find_runs(root))
    write_atomically(folder / CSV_FILE, table.to_csv(index=False).encode())
    write_atomically(folder / MARKDOWN_FILE, _markdown(table).encode())
    return table


def _markdown(table: pd.DataFrame) -> str:
    lines = [
        "# Leaderboard",
        "",
        "NRMSE of per-unit responses (lower is better): the root mean squared error over horizons",
        "divided by the s.d. of training responses, averaged over samples, shocks and observables.",
        "A star marks responses from the state at the end of a history. Models are ranked by the",
        "mean over the columns; one that leaves a column out is not ranked.",
        "",
    ]
    several = table["data_sha"].nunique() > 1
    for split in table["split"].unique():
        wide = ranked(table, split)
        for data, part in wide.groupby("data_sha", sort=False):
            part = part.dropna(axis=1, how="all")
            worlds = [c for c in part.columns if c not in ("data_sha", *_NAMES, "mean")]
            lines += [f"## {split}" + (f", data {data}" if several else ""), ""]
            lines.append("| regime | model | run | mean | " + " | ".join(worlds) + " |")
            lines.append("| --- | --- | --- |" + " ---: |" * (len(worlds) + 1))
            for _, row in part.iterrows():
                values = (row.get("mean"), *row[worlds])
                cells = ["" if pd.isna(v) else f"{v:.4f}" for v in values]
                lines.append("| " + " | ".join([*(row[n] for n in _NAMES), *cells]) + " |")
            lines.append("")
    lines += ["## origins", "", "| run | commit | config | data |", "| --- | --- | --- | --- |"]
    origins = table[["run", *HASHES]].drop_duplicates()
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in origins.itertuples(index=False)]
    return "\n".join(lines) + "\n"
