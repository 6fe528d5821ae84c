"""Networks of one's own for imported models: how far off, after how long, with no hand on them.

    python -m studies.adapt FILE.mod ... [--minutes 10] [--work FOLDER]

Each file becomes a world as `emulator import` makes it, and the world a network as `emulator adapt`
makes it, one after the other. results/adapt/models.csv gets a row a model; rows of other models
stay. What is in the work folder already is gone on with.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emulator.adapt import Order, adapt
from emulator.adapt.card import read_card
from emulator.storage import write_atomically
from emulator.training.interruption import TERMINATED
from emulator.worlds import from_dynare
from emulator.worlds.base import Status
from emulator.worlds.dynare import DynareWorld, write_world

RESULTS = Path(__file__).parents[1] / "results" / "adapt"
TRIED, TAIL = 2000, 0.999  # draws that tell what a prior is like, and which of them is its tail


def row(world: DynareWorld, card: dict[str, Any]) -> dict[str, Any]:
    """What is recorded of a model. tail: of responses' root mean squares over draws, those at the
    .999 quantile over the median, the largest of any shock and observable."""
    test, best, draws = card["test"], card["chosen"], card["draws"]
    rest = next(point for point in card["points"] if not point["parameter"])
    ends = [p["nrmse"] for p in card["points"] if p["parameter"] and p["nrmse"] is not None]
    return {
        "model": world.found.file,
        "variables": world.found.solved[0],
        "all_variables": world.found.solved[1],
        "parameters": card["parameters"],
        "shocks": card["shocks"],
        "minutes": card["order"]["minutes"],
        "processor_seconds": round(card["processor_seconds"]),
        "steps": card["steps"],
        "draws": draws["training_drawn"],
        "drawn": "fixed" if draws["draws"] else f"new, each {draws['times']} times",
        "rate": best["rate"],
        "width": best["width"],
        "nrmse": round(test["nrmse"], 5),
        "standard_error": round(test["standard_error"], 5),
        "nrmse_95": round(test["nrmse_95"], 4),
        "default": None if rest["nrmse"] is None else round(rest["nrmse"], 5),
        "worst_end": round(max(ends), 4),
        "within_90_bands": round(test["within_90_bands"], 3),
        "twice_the_steps": round(card["more"].get("twice_the_steps", np.nan), 5),
        **_prior(world),
        "commit": card["commit"],
    }


def _prior(world: DynareWorld) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    theta = world.from_uniforms(rng.random((TRIED, len(world.parameters))))
    answer = world.irf(theta)
    size = np.sqrt(np.square(answer.values[answer.status == Status.OK]).mean(axis=2))
    middle = np.median(size, axis=0)
    tail = np.quantile(size, TAIL, axis=0)[middle > 0] / middle[middle > 0]
    return {
        "valid": round(float((answer.status == Status.OK).mean()), 3),
        "tail": round(float(tail.max()), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--work", type=Path, default=Path("runs/adapt"))
    options = parser.parse_args()
    for file in options.files:
        world = from_dynare(file)
        options.work.mkdir(parents=True, exist_ok=True)
        path, folder = options.work / f"{world.name}.yaml", options.work / world.name
        write_world(world, path)
        if not adapt(Order(str(path), minutes=options.minutes), folder, resume=folder.exists()):
            sys.exit(TERMINATED)  # with a checkpoint
        found = pd.DataFrame([row(world, read_card(folder))])
        table = RESULTS / "models.csv"
        if table.exists():
            before = pd.read_csv(table)
            found = pd.concat([before[before["model"] != world.found.file], found])
        RESULTS.mkdir(parents=True, exist_ok=True)
        write_atomically(table, found.sort_values("variables").to_csv(index=False).encode())
        print(found.iloc[-1].to_dict(), flush=True)


if __name__ == "__main__":
    main()
