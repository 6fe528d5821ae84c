"""How many draws a new world needs: the curves of configs/plans/transfer.yaml, and no draws at all.

`python -m studies.transfer [RUNS]` reads the runs of the plan that are there (runs/transfer
unless named) and writes results/transfer/few_shot.json and .png. Few-shot errors are NRMSEs on
dev's test split, the mean and range over seeds; the training mean stands for knowing nothing.
Zero-shot is regime B2, which does not name the world: a model that never saw a world answers from
its histories of 200 quarters. It can where the world's shocks have names that other worlds share.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from emulator.data import Dataset
from emulator.data.schema import PRIOR
from emulator.evaluation.comparison.leaderboard import CSV_FILE
from emulator.evaluation.metrics.nrmse import nrmse
from emulator.evaluation.report import canvas as plots
from emulator.evaluation.scoring.statistics import score_model, statistics
from emulator.evaluation.stored.record import NULL_MODEL
from emulator.models.universal import Universal
from emulator.models.weights import DESCRIPTION_FILE, load_weights
from emulator.questions import Question
from emulator.regimes import Regime, Task
from studies import records

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "transfer"
WORLDS = ("zlb", "switching", "sw07")
DRAWS, TICKS = (50, 200, 1000, 2000), (0.02, 0.05, 0.1, 0.2, 0.5)  # of the axes
# How a run's name begins, after the world, and what it is.
STARTS = {
    "from_others": "universal, trained on the others",
    "from_scratch": "universal, from scratch",
    "mlp": "MLP, from scratch",
}
RUN = re.compile(r"(?P<world>[a-z0-9]+)_(?P<start>[a-z_]+)/A/rows_(?P<rows>\d+)/seed_\d+")


def few_shot(table: pd.DataFrame, world: str, task: Task) -> dict[str, list[dict[str, Any]]]:
    """By start, a point for each number of draws."""
    kept = table[(table["world"] == world) & (table["task"] == task.value)]
    found = kept["run"].str.extract(RUN).join(kept["nrmse"]).dropna()
    found = found[found["world"] == world]
    curves: dict[str, list[dict[str, Any]]] = {}
    for (start, rows), errors in found.groupby(["start", found["rows"].astype(int)])["nrmse"]:
        point = {
            "draws": rows,
            "seeds": len(errors),
            "nrmse": round(errors.mean(), 4),
            "lowest": round(errors.min(), 4),
            "highest": round(errors.max(), 4),
        }
        curves.setdefault(start, []).append(point)
    return curves


def zero_shot(run: Path, dataset: Dataset, world: str) -> dict[str, Any] | None:
    """NRMSE by task in B2; None where the run is not there or does not know the shocks."""
    if not (run / DESCRIPTION_FILE).exists():
        return None
    loaded = load_weights(run)
    model = loaded.model
    assert isinstance(model, Universal)
    if not set(dataset.spec(world).shock_names) <= set(model.shock.rows):
        return None
    scored = score_model(model, dataset, Question(world, Regime.B2), PRIOR)
    return {
        "nrmse": round(nrmse(statistics(scored)), 4),
        "without_training_on": world,
        "weights_sha256": loaded.sha256,
    }


def draw(worlds: dict[str, dict[str, Any]]) -> None:
    """A panel a world: error against draws, with the range over seeds."""
    canvas, axes = plots.figure(1, len(worlds), max(3.6, 3.0 * len(worlds)), 3.8)
    for axis, (world, facts) in zip(axes[0], worlds.items(), strict=True):
        for (start, label), colour in zip(STARTS.items(), plots.SERIES, strict=False):
            points = pd.DataFrame(facts["few_shot"].get(start, []))
            if points.empty:
                continue
            axis.plot(points["draws"], points["nrmse"], color=colour, marker="o", label=label)
            axis.fill_between(
                points["draws"], points["lowest"], points["highest"], color=colour, alpha=0.2
            )
        axis.axhline(facts["training_mean"], color=plots.GREY, linestyle=":", label="training mean")
        if facts["zero_shot"] is not None:
            axis.axhline(
                facts["zero_shot"]["nrmse"], color=plots.RULE, linestyle="--",
                label="no draw, from 200 quarters",
            )  # fmt: skip
        axis.set(xscale="log", yscale="log", title=world, xlabel="draws of the world")
        axis.set_xticks(DRAWS, labels=[str(draws) for draws in DRAWS], minor=False)
        axis.set_yticks(TICKS, labels=[str(tick) for tick in TICKS])
        axis.minorticks_off()
    axes[0, 0].set_ylabel("NRMSE")
    canvas.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", fontsize=7)
    plots.save(canvas, RESULTS / "few_shot.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="?", default=ROOT / "runs" / "transfer")
    parser.add_argument("--data", type=Path, default=ROOT / "datasets" / "dev")
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = Dataset.open(options.data)
    table = pd.read_csv(options.runs / CSV_FILE)
    table = table[(table["split"] == PRIOR) & (table["regime"] == "A")]
    worlds: dict[str, dict[str, Any]] = {}
    for world in WORLDS:
        curves = few_shot(table, world, Task.steady_state)
        if "from_others" not in curves:
            continue  # nothing to compare
        null = table[(table["model"] == NULL_MODEL) & (table["world"] == world)]
        null = null[null["task"] == Task.steady_state.value]
        worlds[world] = {
            "few_shot": curves,
            "zero_shot": zero_shot(options.runs / f"blind_{world}" / "B2", dataset, world),
            "training_mean": round(float(null["nrmse"].iloc[0]), 4),
        }
        print(world, worlds[world])
    RESULTS.mkdir(parents=True, exist_ok=True)
    evaluated = sorted(set(table["commit"].dropna()))
    facts = {"evaluated_at": evaluated, "data_sha": dataset.hash, "worlds": worlds}
    records.write(RESULTS / "few_shot.json", facts)
    draw(worlds)


if __name__ == "__main__":
    main()
