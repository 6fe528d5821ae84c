"""Networks of one's own: how far off, after how long, with no hand on them.

    python -m studies.adapt FILE.mod ... [--minutes 10] [--work FOLDER]
    python -m studies.adapt hank --draws 2000 8000

Each file becomes a world as `emulator import` makes it, a name is a world's, and the world becomes
a network as `emulator adapt` makes it, one after the other: on fixed sets of --draws, then on as
many as their cost allows. results/adapt/models.csv gets a row a network; rows of others stay. What
is in the work folder already is gone on with.
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
from emulator.worlds import from_dynare, get_world
from emulator.worlds.base import Status, World
from emulator.worlds.dynare import DynareWorld, write_world

RESULTS = Path(__file__).parents[1] / "results" / "adapt"
TRIED, TAIL = 2000, 0.999  # draws that tell what a prior is like, and which of them is its tail


def row(world: World, card: dict[str, Any]) -> dict[str, Any]:
    """What is recorded of a network. Of imported models also tail: of responses' root mean squares
    over draws, those at the .999 quantile over the median, the largest of any shock and
    observable."""
    test, best, draws = card["test"], card["chosen"], card["draws"]
    rest = next(point for point in card["points"] if not point["parameter"])
    ends = [p["nrmse"] for p in card["points"] if p["parameter"] and p["nrmse"] is not None]
    imported = isinstance(world, DynareWorld)
    variables = world.found.solved if imported else (None, None)
    return {
        "model": world.found.file if imported else world.name,
        "variables": variables[0],
        "all_variables": variables[1],
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
        **(_prior(world) if imported else {}),
        "commit": card["commit"],
        "draws_asked": card["order"]["draws"],
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
    parser.add_argument("models", nargs="+", help="model files, or names of worlds")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--draws", type=int, nargs="*", default=[], help="sizes of fixed sets")
    parser.add_argument("--work", type=Path, default=Path("runs/adapt"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    for model in options.models:
        file = Path(model)
        world = from_dynare(file) if file.is_file() else get_world(model)
        name = world.name
        if isinstance(world, DynareWorld):
            name = str(options.work / f"{world.name}.yaml")
            write_world(world, Path(name))
        for draws in [*options.draws, None]:
            folder = options.work / (world.name if draws is None else f"{world.name}_{draws}")
            order = Order(name, minutes=options.minutes, draws=draws)
            if not adapt(order, folder, resume=folder.exists()):
                sys.exit(TERMINATED)  # with a checkpoint
            found = row(world, read_card(folder))
            record(found)
            print(found, flush=True)


def record(found: dict[str, Any]) -> None:
    """Put a row into the table, in place of that of the same model and number of draws."""
    table, keys = RESULTS / "models.csv", ["model", "draws_asked"]
    rows = pd.DataFrame([found])
    if table.exists():
        rows = pd.concat([pd.read_csv(table), rows]).drop_duplicates(keys, keep="last")
    RESULTS.mkdir(parents=True, exist_ok=True)
    whole = ["variables", "all_variables", "draws_asked"]  # where they are known
    rows = rows.astype(dict.fromkeys(whole, "Int64")).sort_values(["variables", *keys])
    write_atomically(table, rows.to_csv(index=False).encode())


if __name__ == "__main__":
    main()
