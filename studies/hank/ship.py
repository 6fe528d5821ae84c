"""Put a network of `hank` or `hank_zlb` beside the shipped weights, with its errors over the prior.

    python -m studies.hank.ship runs/hank/rows_40320/seed_1 --data datasets/hank
    python -m studies.hank.ship runs/hank_zlb/seed_1 --data datasets/hank_zlb

writes emulator/pretrained/NAME of the world that the run knows. Errors are of draws whose
households were neither trained on nor chosen by.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from emulator.data import Dataset
from emulator.evaluation.metrics.coverage import coverage_90
from emulator.evaluation.metrics.coverage_of_largest import coverage_90_of_largest
from emulator.evaluation.metrics.curve_coverage import (
    curve_coverage_90,
    simultaneous_coverage_90,
)
from emulator.models.weights import PRETRAINED, load_weights, save_weights
from emulator.provenance import commit
from emulator.regimes import Task, tasks
from studies.hank.curve import score

CARD = """\
# {title} (`{world}`), regime A

Impulse responses of output, inflation and the interest rate where the {parameters} parameters are
known, with bands: `emulator irf {world}`, in Python `emulator.load("{world}")`. Histories are not
answered from.

- made by: `python -m studies.hank.ship {folder} --data {data_folder}`
- trained at commit {trained} on data {data} ({rows:,} draws, {steps:,} steps)
- measured at commit {measured}
{errors}

Whether a draw has a solution is not checked, as that takes longer than the answer; `docs/hank.md`
says more. The weights are safetensors; `model.json` holds names, bounds and the checksum.
"""
ERRORS = """\
- {start}: off by {nrmse:.2g} of the responses' s.d. over the prior (NRMSE, {draws:,} draws of
  {households} households that it was not trained on; standard error {error:.1g}), by {median:.2g}
  in the median draw. The training mean errs by {mean:.2g}.
  - by shock: {shocks}
  - bands of 90 % hold {inside:.0%} of responses, {largest:.0%} of the largest tenth, and
    {curves:.0%} of whole curves; those made for whole curves hold {whole:.0%} of them"""
STARTS = {
    Task.steady_state: "from rest",
    Task.state_dependent: "from the state that known innovations left behind",
}


def ship(folder: Path, data: Path) -> dict[str, float]:
    """NRMSEs from rest and from a state, written to the card with the weights."""
    loaded, dataset = load_weights(folder), Dataset.open(data)
    (spec,) = loaded.model.specs.values()
    of, found, said = loaded.provenance, {}, []
    for task in tasks(spec):
        row, frame = score(folder, dataset, task)
        found[task.value] = row["nrmse"]
        said.append(
            ERRORS.format(
                start=STARTS[task],
                nrmse=row["nrmse"],
                draws=row["draws"],
                households=row["households"],
                error=row["standard error"],
                median=row["median of draws"],
                mean=row["training mean"],
                shocks=", ".join(f"{name} {error:.2g}" for name, error in row["by shock"].items()),
                inside=coverage_90(frame),
                largest=coverage_90_of_largest(frame),
                curves=curve_coverage_90(frame),
                whole=simultaneous_coverage_90(frame),
            )
        )
    card = CARD.format(
        title=spec.title,
        world=spec.name,
        parameters=len(spec.parameters),
        folder=folder,
        data_folder=data,
        trained=of["commit"],
        data=of["data_sha"],
        rows=of["training_rows"][spec.name],
        steps=of["steps"],
        measured=commit(),
        errors="\n".join(said),
    )
    rest = {spec.name: found[Task.steady_state.value]}
    save_weights(PRETRAINED / spec.name, loaded.model, {**of, "nrmse": rest}, card)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(ship(options.folder, options.data))


if __name__ == "__main__":
    main()
