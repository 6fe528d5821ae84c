"""The error of a run in B1 by the length of the history shown, on the test split.

`python -m studies.error_by_length RUN [--data DATASET]` prints, and writes to
results/dev/error_by_length.json, the NRMSE of each world from 40, 80, 120 and 200 quarters. What
estimates must err less the more it sees.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from emulator.evaluation.scoring.evaluate import open_run
from emulator.evaluation.scoring.metrics.derived import nrmse
from emulator.evaluation.scoring.statistics import score_model, statistics
from emulator.regimes import Regime, Task
from studies import records

RESULTS = Path(__file__).parents[1] / "results" / "dev" / "error_by_length.json"
LENGTHS = (40, 80, 120, 200)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data")
    options = parser.parse_args()
    run = open_run(options.run, options.data)
    asked = (run.dataset, "test", Regime.B1, Task.steady_state)
    table: dict[str, dict[str, float]] = {}
    for world in run.loaded.model.specs:
        table[world] = {}
        for length in LENGTHS:
            scored = score_model(run.loaded.model, asked[0], world, *asked[1:], length=length)
            table[world][str(length)] = round(nrmse(statistics(scored)), 4)
        print(world, table[world], flush=True)
    facts = {
        "run": options.run.name,
        "trained_at": run.loaded.provenance["commit"],
        "config_sha": run.loaded.provenance["config_sha"],
        "data_sha": run.dataset.hash,
        "nrmse": table,
    }
    records.write(RESULTS, facts)


if __name__ == "__main__":
    main()
