"""The leaderboard: every evaluated run beside the null model, one column a world."""

from __future__ import annotations

import json
from collections.abc import Sequence
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


def find_runs(root: Path) -> list[Path]:
    """Evaluated run folders at or below `root`. Raises DatasetError when there are none."""
    runs = sorted(path.parent for path in root.rglob(METRICS_FILE))
    if not runs:
        raise DatasetError(f"{root}: no {METRICS_FILE} here or below; run `emulator evaluate RUN`")
    return runs


def collect(runs: Sequence[Path]) -> pd.DataFrame:
    """One row a regime, split, world and run; the null model once a data set."""
    rows: list[dict[str, Any]] = []
    for run in runs:
        metrics = _read(run / METRICS_FILE)
        hashes = {key: metrics[key] for key in HASHES}
        for source, model, name in (
            ("worlds", metrics["model"], run.name),
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
                            rows.append(
                                {
                                    "regime": regime, "split": split, "world": world,
                                    "task": task.value, "model": model, "run": name,
                                    "nrmse": entry["nrmse"], "low": low, "high": high,
                                    "nrmse_pooled": entry["nrmse_pooled"], **hashes,
                                }
                            )  # fmt: skip
    table = pd.DataFrame(rows, columns=[*COLUMNS, *HASHES])
    null = table["model"] == NULL_MODEL
    table.loc[null, "config_sha"] = ""
    keys = ["regime", "split", "world", "task", "run", "data_sha"]
    return pd.concat([table[~null], table[null].drop_duplicates(keys)], ignore_index=True)


def ranked(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """Models by regime with one NRMSE column a world and task, best mean first.

    A star marks the responses from the state at the end of a history.
    """
    part = table[table["split"] == split]
    suffix = np.where(part["task"] == Task.state_dependent, "*", "")
    part = part.assign(world=part["world"] + suffix)
    wide = part.pivot_table(
        index=["regime", "model", "run"], columns="world", values="nrmse", sort=False
    )
    wide.insert(0, "mean", wide.mean(axis=1))
    return wide.reset_index().sort_values(["regime", "mean"], kind="stable", ignore_index=True)


def write_leaderboard(runs: Sequence[Path], folder: Path) -> pd.DataFrame:
    """Write leaderboard.csv and leaderboard.md to `folder`; returns the long table."""
    table = collect(runs)
    write_atomically(folder / CSV_FILE, table.to_csv(index=False).encode())
    write_atomically(folder / MARKDOWN_FILE, _markdown(table).encode())
    return table


def _markdown(table: pd.DataFrame) -> str:
    lines = [
        "# Leaderboard",
        "",
        "NRMSE of per-unit responses (lower is better): the root mean squared error over horizons "
        "divided by the s.d. of training responses, averaged over samples, shocks and observables.",
        "A star marks responses from the state at the end of a history. A model is ranked by its",
        "mean over the columns it answers.",
        "",
    ]
    for split in table["split"].unique():
        wide = ranked(table, split)
        worlds = [c for c in wide.columns if c not in ("regime", "model", "run", "mean")]
        lines += [f"## {split}", "", "| regime | model | run | mean | " + " | ".join(worlds) + " |"]
        lines.append("| --- | --- | --- |" + " ---: |" * (len(worlds) + 1))
        for _, row in wide.iterrows():
            cells = ["" if pd.isna(v) else f"{v:.4f}" for v in (row["mean"], *row[worlds])]
            name = [row["regime"], row["model"], row["run"]]
            lines.append("| " + " | ".join([*name, *cells]) + " |")
        lines.append("")
    lines.append("| run | commit | config | data |")
    lines.append("| --- | --- | --- | --- |")
    origins = table[["run", *HASHES]].drop_duplicates()
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in origins.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def _read(path: Path) -> dict[str, Any]:
    try:
        metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        metrics["worlds"], metrics[NULL_MODEL], metrics["model"]
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(
            f"{path}: damaged ({type(error).__name__}); run `emulator evaluate` on this run again"
        ) from None
    return metrics
