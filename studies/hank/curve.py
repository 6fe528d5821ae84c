"""How well `hank` is emulated after so many draws.

    emulator generate configs/data/hank.yaml --output datasets/hank
    python -m studies.hank.curve [--rows 500 2000 ...] [--seeds 1 2 3] [--seeds-of-all 1]

One run for each number of training rows and seed, all rows last, of configs/models/hank_A.yaml, in
runs/hank; runs that are finished stay as they are. Its steps are those of all rows: fewer rows take
as many passes over them, or FEWEST steps where that is more. The rival, a ridge regression, sees
all rows.

Writes results/hank/curve.json and curve.png: NRMSEs over the whole prior, on draws whose households
no run was trained on or chosen by, and their standard error, which allows for siblings. Runs of
other rows and seeds on the same draws, the rival too, stay in the record with the commits they were
trained at.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from emulator.config import load_config, parse_config
from emulator.data import Dataset
from emulator.data.schema import PRIOR
from emulator.evaluation.metrics.nrmse import nrmse, nrmse_per_sample
from emulator.evaluation.report import canvas as plots
from emulator.evaluation.scoring.statistics import of_null, score_model, statistics
from emulator.models.weights import load_weights
from emulator.questions import Question
from emulator.regimes import Regime, Task
from emulator.storage import GONE, read_json
from emulator.training.config import RunConfig
from emulator.training.run_folder import processor_seconds
from emulator.training.trainer import train
from studies import records

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "models"
CONFIG = CONFIGS / "hank_A.yaml"
RIVAL = CONFIGS / "linear_A.yaml"
RESULTS = ROOT / "results" / "hank"
WORLD, ROWS = "hank", (500, 2000, 8000)
FEWEST = 1000


def run(data: Path, runs: Path, rows: int, seed: int, share: float) -> Path:
    """The folder of a run on so many rows, this share of all; trained unless it is."""
    settings = load_config(CONFIG, RunConfig).model_dump(mode="json")
    steps = settings["training"]["steps"]
    settings["data"] |= {"dataset_path": str(data), "rows": rows}
    settings["training"] |= {"seed": seed, "steps": max(round(share * steps), min(steps, FEWEST))}
    folder = runs / f"rows_{rows}" / f"seed_{seed}"
    train(parse_config(settings, RunConfig, str(CONFIG)), folder, resume=folder.exists())
    return folder


def run_rival(data: Path, runs: Path) -> Path:
    """The folder of the rival on all rows; fitted unless it is."""
    settings = load_config(RIVAL, RunConfig).model_dump(mode="json")
    settings["data"] |= {"dataset_path": str(data), "worlds": [WORLD]}
    folder = runs / "linear"
    train(parse_config(settings, RunConfig, str(RIVAL)), folder, resume=folder.exists())
    return folder


def score(
    folder: Path, dataset: Dataset, task: Task = Task.steady_state
) -> tuple[dict[str, Any], pd.DataFrame]:
    """A row of the table: errors of a run of one world on `prior`; what they are of."""
    loaded = load_weights(folder)
    (world,) = loaded.model.specs
    seconds = processor_seconds(folder)  # None where it began with weights of unknown time
    frame = statistics(score_model(loaded.model, dataset, Question(world, Regime.A, task), PRIOR))
    each = nrmse_per_sample(frame)
    group = each.groupby(each.index // dataset.spec(world).siblings).mean()
    row = {
        "nrmse": round(nrmse(frame), 5),
        "standard error": round(float(group.std() / np.sqrt(len(group))), 5),
        "median of draws": round(float(each.median()), 5),
        "by shock": {
            shock: round(nrmse(part), 5) for shock, part in frame.groupby("shock", sort=False)
        },
        "training mean": round(nrmse(of_null(frame)), 5),
        "draws": len(each),
        "households": len(group),
        "weights_sha256": loaded.sha256,
        "processor seconds": None if seconds is None else round(seconds),
        "commit": loaded.provenance["commit"],
    }
    return row, frame


def draw(table: pd.DataFrame) -> None:
    """Error against draws, a point a seed."""
    canvas, axes = plots.figure(1, 1, 4.2, 3.2)
    axis = axes[0, 0]
    means = table.groupby("rows")["nrmse"].mean()
    axis.plot(table["rows"], table["nrmse"], ls="", marker="o", color=plots.BLUE)
    axis.plot(means.index, means, color=plots.BLUE)
    axis.axhline(0.01, color=plots.RULE, ls=":", lw=1.0, label="goal")
    axis.set(xscale="log", yscale="log", xlabel="draws trained on", ylabel="NRMSE, whole prior")
    axis.set_xticks(means.index, labels=[f"{rows:,}" for rows in means.index])
    ticks = [t for t in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if t <= 1.5 * table["nrmse"].max()]
    axis.set_yticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.legend(fontsize=8)
    plots.save(canvas, RESULTS / "curve.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / "datasets" / "hank")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "hank")
    parser.add_argument("--rows", type=int, nargs="*", default=list(ROWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--seeds-of-all", type=int, nargs="+", default=[1], help="of all rows")
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = Dataset.open(options.data)
    there = len(dataset.rows(WORLD, "train"))
    found = []
    for rows in sorted({min(rows, there) for rows in [*options.rows, there]}):
        for seed in options.seeds_of_all if rows == there else options.seeds:
            folder = run(options.data, options.runs, rows, seed, rows / there)
            found.append({"rows": rows, "seed": seed, **score(folder, dataset)[0]})
            print(found[-1], flush=True)
    before = recorded(dataset)
    new = {(row["rows"], row["seed"]) for row in found}
    found += [row for row in before["runs"] if (row["rows"], row["seed"]) not in new]
    found.sort(key=lambda row: (row["rows"], row["seed"]))
    rival = before["linear"] or score(run_rival(options.data, options.runs), dataset)[0]
    rejections = dataset.manifest.worlds[WORLD].rejections
    about = {"data_sha": dataset.hash, "rejected draws": rejections}
    records.write(RESULTS / "curve.json", {**about, "runs": found, "linear": rival})
    draw(pd.DataFrame(found))


def recorded(dataset: Dataset) -> dict[str, Any]:
    """The record's runs and rival, of these draws; none of others."""
    try:
        there = read_json(RESULTS / "curve.json")
    except GONE:
        there = {"data_sha": None}
    if there["data_sha"] != dataset.hash:
        return {"runs": [], "linear": None}
    rows = [*there["runs"], there["linear"]]
    for row in rows:
        row.setdefault("commit", there["commit"])
    return {"runs": rows[:-1], "linear": rows[-1]}


if __name__ == "__main__":
    main()
