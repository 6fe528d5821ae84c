"""What a run's bands hold early and late, on the test split.

`python -m studies.bands RUN [--data DATASET] [--regimes A B1]` prints, and writes to
results/bands/spans.json, by world, regime and task the share of responses in 50 and 90 % bands in
each of the spans of quarters of emulator/models/bands.py, and over all quarters.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from emulator.data.schema import PRIOR
from emulator.errors import InputError
from emulator.evaluation.metrics.coverage import BANDS, coverage
from emulator.evaluation.scoring.opened import open_run
from emulator.evaluation.scoring.statistics import score_model
from emulator.models.bands import SPANS
from emulator.questions import Question
from emulator.regimes import Regime, tasks
from studies import records

RESULTS = Path(__file__).parents[1] / "results" / "bands" / "spans.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data")
    parser.add_argument("--regimes", nargs="+", choices=list(Regime), default=["A", "B1", "C"])
    options = parser.parse_args()
    run = open_run(options.run, options.data)
    table: dict[str, dict[str, list[float]]] = {}
    for world in run.loaded.model.specs:
        for regime in map(Regime, options.regimes):
            for task in tasks(run.dataset.spec(world)):
                question = Question(world, regime, task)
                scored = score_model(run.loaded.model, run.dataset, question, PRIOR)
                if scored.quantiles is None:
                    raise InputError(f"{options.run}: answers without bands")
                truth, quantiles = scored.truth.swapaxes(-1, -2), scored.quantiles.swapaxes(2, 3)
                varies = scored.sigma > 0  # a response that is always zero is in every band
                rows = {}
                for band in BANDS:
                    shares = [
                        coverage(truth[..., part], quantiles[..., part, :], band)[:, varies].mean()
                        for part in (
                            *(slice(a, None if b is None else b + 1) for a, b in SPANS),
                            slice(None),
                        )
                    ]
                    rows[str(band)] = [round(float(share), 3) for share in shares]
                table[f"{world} {regime} {task}"] = rows
                print(world, regime, task, rows, flush=True)
    facts = {
        "run": options.run.name,
        "weights_sha256": run.loaded.sha256,
        "data_sha": run.dataset.hash,
        "spans": [*SPANS, "all"],
        "shares": table,
    }
    records.write(RESULTS, facts)


if __name__ == "__main__":
    main()
