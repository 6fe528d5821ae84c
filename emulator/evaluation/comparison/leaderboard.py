"""The leaderboard: every evaluated run beside the null model, one column a world.

leaderboard.csv is the long table, a row a regime, split, world, task and run; leaderboard.md ranks
the runs regime by regime. Both are made from metrics.json files alone, so they can be written again
at any time, reference results included.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emulator.data.schema import OF_PRIOR, PRIOR
from emulator.errors import DatasetError
from emulator.evaluation.comparison.felt import error_lines, rough_lines
from emulator.evaluation.comparison.marks import DAGGER, MARKS, marked, table_row, told
from emulator.evaluation.stored.record import NULL_MODEL
from emulator.evaluation.stored.runs import EvaluatedRun
from emulator.regimes import Task
from emulator.storage import write_atomically

CSV_FILE, MARKDOWN_FILE = "leaderboard.csv", "leaderboard.md"
PUBLISHED = "published/"
RANKED_SPLITS = (PRIOR, *OF_PRIOR)  # val chose; it ranks nobody

# Scores in the long table; those an entry lacks are left empty.
SCORES = (
    "nrmse_pooled", "sign_at_impact", "hf_ratio", "coverage_90", "crps", "gap", "specialist",
    "floor_ratio",
)  # fmt: skip
HASHES = ("commit", "config_sha", "data_sha", "samples_sha")
_KEYS = ["regime", "split", "world", "task", "model", "run", "nrmse", "low", "high"]
_NAMES = ["regime", "model", "run"]


def collect(runs: Sequence[EvaluatedRun]) -> pd.DataFrame:
    """One row a regime, split, world, task and run; the null model once a data set.

    Raises DatasetError when a run's metrics cannot be read, or hold no scores at all.
    """
    rows: list[dict[str, Any]] = []
    for run in runs:
        try:
            rows += _rows(run)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DatasetError(
                f"{run.folder}: its metrics are damaged ({type(error).__name__}); run `emulator "
                "evaluate` on this run again"
            ) from None
    if not rows:
        raise DatasetError(f"{runs[0].folder}: its metrics hold no scores")
    table = pd.DataFrame(rows, columns=[*_KEYS, *SCORES, *HASHES])
    null = table["model"] == NULL_MODEL
    table.loc[null, "config_sha"] = ""
    keys = ["regime", "split", "world", "task", "run", "samples_sha"]
    # Lists, not frames, so that columns empty in one part keep the type of the other.
    kept = ~null | ~table[null].duplicated(keys).reindex(table.index, fill_value=False)
    order = null[kept].sort_values(kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _rows(run: EvaluatedRun) -> list[dict[str, Any]]:
    """The scores of one run, its null model included."""
    hashes = {key: run.metrics[key] for key in HASHES}
    rows = []
    for split in RANKED_SPLITS:
        for world, regime, task in run.cases(split):
            for model, name, entry in (
                (run.model, run.name, run.entry(world, regime, split, task)),
                (NULL_MODEL, NULL_MODEL, run.null_entry(world, regime, split, task)),
            ):
                if entry is None:
                    raise LookupError(f"{world}, regime {regime}, split {split}")
                low, high = entry["ci95"]
                values = (regime, split, world, task, model, name, entry["nrmse"], low, high)
                row = dict(zip(_KEYS, values, strict=True))
                rows.append({**row, **{s: entry.get(s) for s in SCORES}, **hashes})
    return rows


def published(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of another leaderboard.csv that scored the samples of `table`, but the null model's.

    path: the file, or a folder with it. Runs are named published/NAME. Raises DatasetError when
    there is no such file, it is another version's, or none of its rows scored these samples.
    """
    path = path / CSV_FILE if path.is_dir() else path
    try:
        rows = pd.read_csv(path, dtype=dict.fromkeys(HASHES, str))[list(table.columns)]
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such leaderboard") from None
    except (OSError, ValueError, KeyError):
        raise DatasetError(
            f"{path}: is no leaderboard of this version; `emulator leaderboard` writes them"
        ) from None
    rows = rows[rows["samples_sha"].isin(table["samples_sha"]) & (rows["model"] != NULL_MODEL)]
    if rows.empty:
        raise DatasetError(f"{path}: none of its runs was scored on the samples of these")
    return rows.assign(run=PUBLISHED + rows["run"].str.removeprefix(PUBLISHED))


def ranked(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """Models by data set and regime with one NRMSE column a world and task, best mean first.

    A star marks the responses from the state at the end of a history, a dagger trajectories, which
    are no part of the mean. A model that leaves a response column of its group out has no mean and
    comes last. Runs of one world each whose folders lie beside each other share a row.
    """
    part = table[table["split"] == split]
    # Worlds in the order of the run that knows most: runs of one world each come as folders sort.
    sizes = part[part["run"] != NULL_MODEL].groupby("run")["world"].nunique()
    known = part["world"][part["run"] == sizes.idxmax()] if len(sizes) else part["world"]
    order_of = {w: k for k, w in enumerate(dict.fromkeys([*known, *part["world"]]))}
    part = part.sort_values("world", key=lambda names: names.map(order_of), kind="stable")
    part = part.assign(run=_families(part))
    part = part.assign(world=part["world"] + part["task"].map({t.value: MARKS[t] for t in Task}))
    wide = part.pivot(index=["samples_sha", *_NAMES], columns="world", values="nrmse")
    names = [str(name) for name in dict.fromkeys(part["world"])]
    responses = [name for name in names if not name.endswith(DAGGER)]
    wide = wide[[*responses, *(n + DAGGER for n in responses if n + DAGGER in names)]]
    groups = wide[responses].groupby(level=["samples_sha", "regime"])
    asked = groups.transform(lambda column: column.notna().any())
    complete = (wide[responses].notna() | ~asked.astype(bool)).all(axis=1)
    wide.insert(0, "mean", wide[responses].mean(axis=1).where(complete))
    order = ["samples_sha", "regime", "mean"]
    return wide.reset_index().sort_values(order, kind="stable", ignore_index=True)


def _families(table: pd.DataFrame) -> pd.Series[str]:
    """The run of each row; NAME/* for runs NAME/nk, NAME/var, ... that know the one world, and
    NAME/*/seed_2 likewise."""
    families: dict[str, list[str]] = {}
    for run, worlds in table.groupby("run")["world"].agg(set).items():
        name, (world, *more) = str(run), worlds
        head, *parts = name.split("/")
        if not more and world in parts:
            family = "/".join([head, *("*" if part == world else part for part in parts)])
            families.setdefault(family, []).append(name)
    names = {r: family for family, runs in families.items() for r in runs if len(runs) > 1}
    return table["run"].replace(names)


def write_leaderboard(
    runs: Sequence[EvaluatedRun], folder: Path, beside: Path | None = None
) -> pd.DataFrame:
    """Write leaderboard.csv and .md of the runs to `folder`; returns the long table.

    beside: another leaderboard, whose rows of the same samples are taken in (see `published`).
    """
    table = collect(runs)
    if beside is not None:
        table = pd.concat([table, published(beside, table)], ignore_index=True)
    write_atomically(folder / CSV_FILE, table.to_csv(index=False).encode())
    write_atomically(folder / MARKDOWN_FILE, _markdown(table, runs).encode())
    return table


def _markdown(table: pd.DataFrame, runs: Sequence[EvaluatedRun]) -> str:
    lines = [
        "# Leaderboard",
        "",
        "NRMSE of per-unit responses (lower is better): the root mean squared error over horizons",
        "divided by the s.d. of training responses, averaged over samples, shocks and observables.",
        "A star marks responses from the state at the end of a history, a dagger trajectories",
        "(divided by the s.d. of the observables), which are no part of the mean. Models are",
        "ranked by the mean over response columns; one that leaves a column out is not ranked.",
        "NAME/* are runs of one world each. The first tables are over the whole prior; test",
        "(interpolation), slice and corner (hold-outs) are its parts.",
        "",
    ]
    if table["run"].str.startswith(PUBLISHED).any():
        about = "published/NAME are runs of another leaderboard, scored on the same samples."
        lines[-1:] = [about, ""]
    several = table["samples_sha"].nunique() > 1
    for split in dict.fromkeys(table["split"]):
        for (data, regime), part in ranked(table, split).groupby(["samples_sha", "regime"]):
            part = part.dropna(axis=1, how="all")
            worlds = [c for c in part.columns if c not in ("samples_sha", *_NAMES, "mean")]
            title = f"## {split}, regime {regime}" + (f", data {data}" if several else "")
            lines += [title, "", table_row(["model", "run", "mean", *worlds])]
            lines.append("| --- | --- |" + " ---: |" * (len(worlds) + 1))
            for _, row in part.iterrows():
                values = [row.get("mean", np.nan), *row[worlds]]
                lines.append(table_row([row["model"], row["run"], *map(_number, values)]))
            lines.append("")
    lines += error_lines(runs, RANKED_SPLITS[0]) + rough_lines(runs)
    lines += _gap_lines(runs) + _floor_lines(runs)
    lines += [
        "## origins",
        "",
        table_row(["run", "commit", "config", "data", "samples"]),
        table_row(["---"] * 5),
    ]
    origins = table[["run", *HASHES]].drop_duplicates()
    lines += [table_row([str(v) for v in row]) for row in origins.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def _gap_lines(runs: Sequence[EvaluatedRun]) -> list[str]:
    """Gaps to specialists, where `emulator leaderboard` or `evaluate --against` found some."""
    rows = [
        table_row([
            run.name, regime, task.replace("_", " "), told(v["mean"], v["unmeasured"]),
            f"{v['ci95'][0]:+.1%} to {v['ci95'][1]:+.1%}",
            f"{told(v['max'], v['unmeasured'])}, {v['max_world']}",
            _beside(v.get("compute")), _beside(v.get("converged")), str(v["worlds"]),
        ])
        for run in runs
        for regime, by_task in run.metrics.get("gaps", {}).items()
        for task, v in by_task.items()
    ]  # fmt: skip
    if not rows:
        return []
    header = ["run", "regime", "task", "mean gap", "95 %", "largest",
              "equal compute: mean / largest", "trained longer: mean / largest",
              "worlds"]  # fmt: skip
    about = "NRMSE over that of each world's best specialist (chosen on val), less one."
    if any("not measured" in row for row in rows):
        about += (
            " Not measured: to the specialists that there are, in some world without one of the "
            "kinds that apply, three learning rates or two seeds."
        )
    table = [table_row(header), table_row(["---"] * len(header)), *rows]
    return ["## gaps to specialists", "", about, "", *table, ""]


def _floor_lines(runs: Sequence[EvaluatedRun]) -> list[str]:
    """Distances to the Bayes floor, where there are floors at the length evaluated."""
    rows = [
        table_row([
            run.name, regime, marked(world, task), f"{entry['floor_ratio']:.2f}",
            "{:.2f} to {:.2f}".format(*entry["floor_ratio_ci95"]), f"{entry['floor_rmse']:.4f}",
            str(entry["floor_histories"]),
        ])
        for run in runs
        for world, regime, task in run.cases(PRIOR)
        if (entry := run.entry(world, regime, PRIOR, task)) is not None
        and "floor_ratio" in entry
    ]  # fmt: skip
    if not rows:
        return []
    header = ["run", "regime", "world", "ratio", "95 %", "floor", "histories"]
    about = "RMSE over that of the exact posterior mean (docs/floors.md), on the same histories."
    table = [table_row(header), table_row(["---"] * len(header)), *rows]
    return ["## distances to the floor", "", about, "", *table, ""]


def _beside(v: dict[str, Any] | None) -> str:
    return f"{v['mean']:+.1%} / {v['max']:+.1%} ({v['max_world']})" if v else ""


def _number(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.4f}"
