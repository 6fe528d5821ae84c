"""Put a network of `hank` beside the shipped weights, with its errors over the whole prior.

    python -m studies.hank.ship runs/hank/rows_40320/seed_1 [--data datasets/hank]

writes emulator/pretrained/hank. Errors are of the draws that results/hank/curve.json has: their
households were neither trained on nor chosen by.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from emulator.data import Dataset
from emulator.data.schema import PRIOR
from emulator.evaluation.metrics.coverage import coverage_90
from emulator.evaluation.metrics.coverage_of_largest import coverage_90_of_largest
from emulator.evaluation.metrics.curve_coverage import (
    curve_coverage_90,
    simultaneous_coverage_90,
)
from emulator.evaluation.scoring.statistics import score_model, statistics
from emulator.models.weights import PRETRAINED, load_weights, save_weights
from emulator.provenance import commit
from emulator.questions import Question
from emulator.regimes import Regime
from studies.hank.curve import ROOT, WORLD, score

CARD = """\
# One-asset HANK (`hank`), regime A

Impulse responses of output, inflation and the interest rate from rest, where the {parameters}
parameters are known, with bands: `emulator irf hank`, in Python `emulator.load("hank")`. Histories
are not answered from.

- made by: `python -m studies.hank.ship {folder}`, of a run of `configs/models/hank_A.yaml`
- trained at commit {trained} on data {data} ({rows:,} draws, {steps:,} steps)
- measured at commit {measured}
- off by {nrmse:.2g} of the responses' s.d. over the prior (NRMSE, {draws:,} draws of {households}
  households that it was not trained on; standard error {error:.1g}), by {median:.2g} in the median
  draw. The training mean errs by {mean:.2g}.
- by shock: {shocks}
- bands of 90 % hold {inside:.0%} of responses, {largest:.0%} of the largest tenth, and {curves:.0%}
  of whole curves; those made for whole curves hold {whole:.0%} of them

Whether a draw has a solution is not checked, as that takes longer than the answer; `docs/hank.md`
says more. The weights are safetensors; `model.json` holds names, bounds and the checksum.
"""


def ship(folder: Path, data: Path) -> dict[str, Any]:
    """The errors, written to the card with the weights."""
    loaded, dataset = load_weights(folder), Dataset.open(data)
    found = score(folder, dataset)
    frame = statistics(score_model(loaded.model, dataset, Question(WORLD, Regime.A), PRIOR))
    of = loaded.provenance
    card = CARD.format(
        parameters=len(loaded.model.specs[WORLD].parameters),
        folder=folder,
        trained=of["commit"],
        data=of["data_sha"],
        rows=of["training_rows"][WORLD],
        steps=of["steps"],
        measured=commit(),
        nrmse=found["nrmse"],
        draws=found["draws"],
        households=found["households"],
        error=found["standard error"],
        median=found["median of draws"],
        mean=found["training mean"],
        shocks=", ".join(f"{name} {error:.2g}" for name, error in found["by shock"].items()),
        inside=coverage_90(frame),
        largest=coverage_90_of_largest(frame),
        curves=curve_coverage_90(frame),
        whole=simultaneous_coverage_90(frame),
    )
    save_weights(PRETRAINED / WORLD, loaded.model, {**of, "nrmse": {WORLD: found["nrmse"]}}, card)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=ROOT / "datasets" / "hank")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(ship(options.folder, options.data))


if __name__ == "__main__":
    main()
