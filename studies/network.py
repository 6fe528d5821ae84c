"""How well a network answers from parameters after equal processor time, world by world.

    python -m studies.network --data datasets/dev --seconds 60 --output results/network

One world and regime A; the loss, the optimiser and the model are those of training, the rate falls
with the share of the time used, and the score is the NRMSE on validation rows, from rest and from a
state. `--set KEY=VALUE` changes the model's configuration, and `--rows` takes the first so many
training rows. Rows of earlier calls stay in the table.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch

from emulator.data import Dataset
from emulator.models.base import Model
from emulator.models.configs import kind_of
from emulator.provenance import commit
from emulator.questions import Question, pose_all
from emulator.regimes import TARGETS, Regime, Task
from emulator.training.batches import Batches, Shown
from emulator.training.config import LossConfig, TrainingConfig
from emulator.training.losses import response_loss
from emulator.training.muon import Muon, groups
from emulator.training.objective import Objective

WORLDS = ("lss", "var", "nk", "rbc", "switching", "zlb", "sw07")
WARMUP = TrainingConfig().warmup
FOLDER = Path("results/network")


class Trial(NamedTuple):
    """A row of the table. nrmse: on validation rows, from rest and from a state."""

    world: str
    model: str
    settings: str
    rows: int
    seconds: float
    steps: int
    parameters: int
    nrmse: float
    nrmse_from_state: float
    commit: str


def trial(
    dataset: Dataset,
    world: str,
    seconds: float,
    settings: dict[str, Any],
    options: argparse.Namespace,
) -> Trial:
    """Train on one world for so many seconds of processor time."""
    torch.manual_seed(options.seed)
    config = kind_of(options.model).model_validate(settings)
    model = config.build([dataset.spec(world)], dataset.manifest.config.horizon)
    shown = Shown(dataset, (world,), (Regime.A,), first=options.rows)
    moments = {world: shown.moments(world)}
    model.set_scales(
        {w: m.irf_sd for w, m in moments.items()}, {w: m.traj_sd for w, m in moments.items()}
    )
    if config.compresses:
        model.compress(world, *shown.responses(world))
    objective = Objective(model, moments, LossConfig(trajectory=0.0, quantile=0.0))
    optimiser = Muon(groups(model, 0.0), options.rate, 0.0)
    batches = Batches(shown, options.batch, options.seed)
    step, started = 0, time.process_time()
    objective.train()
    while (share := (time.process_time() - started) / seconds) < 1.0:
        for group in optimiser.param_groups:
            group["lr"] = options.rate * _rate(share)
        optimiser.zero_grad(set_to_none=True)
        objective(batches.batch(step)).total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), TrainingConfig().clip)
        optimiser.step()
        step += 1
    learned = sum(p.numel() for p in model.parameters() if p.grad is not None)
    words = " ".join(f"{k}={v}" for k, v in settings.items())
    rows = len(shown.training_rows(world))
    found = [_score(dataset, model, world, task) for task in TARGETS]
    return Trial(world, options.model, words, rows, seconds, step, learned, *found, commit())


def _rate(share: float) -> float:
    """Warm-up, then a cosine to zero, over the share of the time used."""
    if share < WARMUP:
        return max(share / WARMUP, 0.01)
    return 0.5 * (1.0 + math.cos(math.pi * (share - WARMUP) / (1.0 - WARMUP)))


@torch.no_grad()
def _score(dataset: Dataset, model: Model, world: str, task: Task) -> float:
    """NRMSE on all validation rows."""
    model.eval()
    sigma = torch.as_tensor(dataset.moments(world).irf_sd, dtype=torch.float32)
    if task is Task.state_dependent:
        sigma = torch.as_tensor(dataset.moments(world).irf_state_sd, dtype=torch.float32)
        if dataset.spec(world).linear:
            task = Task.steady_state
    asked, errors, seen = [Question(world, Regime.A, task)], 0.0, 0
    for batch in pose_all(dataset, asked, dataset.rows(world, "val")):
        error = response_loss(model(batch.inputs), batch.target, sigma).item()
        errors, seen = errors + error * len(batch.inputs), seen + len(batch.inputs)
    return round(errors / seen, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS))
    parser.add_argument("--seconds", type=float, default=60.0, help="of one core, for a world")
    parser.add_argument("--model", default="universal")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=FOLDER)
    options = parser.parse_args()
    torch.set_num_threads(1)
    dataset = Dataset.open(options.data)
    settings = {key: int(value) for key, value in (one.split("=") for one in options.set)}
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "trials.csv"
    for world in options.worlds:
        found = trial(dataset, world, options.seconds, settings, options)
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(Trial._fields)
            writer.writerow(found)
        print(found, flush=True)


if __name__ == "__main__":
    main()
