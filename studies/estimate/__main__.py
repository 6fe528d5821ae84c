"""Measure estimates, and write results/estimate/STUDY-OF.json.

    python -m studies.estimate dynare --of rule             # against Dynare's, with Octave
    python -m studies.estimate calibration --of nk          # ranks and coverage
    python -m studies.estimate evidence --of nk,rbc,var     # whether the right world is found
    python -m studies.estimate speed --of nk                # on 198 quarters
    python -m studies.estimate network --of hank --weights emulator/pretrained/hank
    python -m studies.estimate instant --of nk --weights runs/nk-posterior --count 1000

What is done is kept in --work; the same command goes on.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import emulator
from studies.dynare.octave import version
from studies.estimate import calibration, dynare, instant, network
from studies.records import machine, write

ROOT = Path(__file__).resolve().parents[2] / "results" / "estimate"
STUDIES = ("dynare", "calibration", "evidence", "speed", "network", "instant")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure estimates.")
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--of", required=True, help="a model of studies/estimate/models, a world")
    parser.add_argument("--count", type=int, default=60, help="posteriors to calibrate")
    parser.add_argument("--compared", type=int, default=60, help="of these, sampled exactly too")
    parser.add_argument("--draws", type=int, default=2000, help="of the posterior that is timed")
    parser.add_argument("--runs", type=int, default=2, help="of the posterior through a network")
    parser.add_argument("--weights", type=Path, help="the network's or learned posterior's folder")
    parser.add_argument("--work", type=Path, default=Path("build/estimate"))
    options = parser.parse_args()
    name, of = options.study, options.of
    if name == "dynare":
        found = {"dynare": version(), **dynare.kept(of, options.work)}
    elif name == "calibration":
        found = calibration.calibrate(of, options.count, options.work)
    elif name == "evidence":
        found = calibration.recognise(of.split(","), 4, options.work)
    elif name == "instant":
        found = instant.measure(of, options.weights, options.count, options.compared, options.work)
    elif name == "network":
        found = network.measure(of, options.weights, options.draws, options.runs, options.work)
    else:
        found = _timed(of, options.draws)
    facts = {"of": of, "machine": machine(("numpy", "numba", "scipy")), **found}
    write(ROOT / f"{name}-{of.replace(',', '-')}.json", facts)


def _timed(world: str, draws: int) -> dict[str, Any]:
    """Seconds of an estimate on a history of 198 quarters drawn from the world, in one process."""
    history = calibration.history_of(world, 3, 0, 198)[1]
    emulator.estimate(world, history[:40], draws=160, runs=1)  # what is compiled is compiled
    wall, processor = time.perf_counter(), time.process_time()
    found = emulator.estimate(world, history, draws=draws)[world]
    return {
        "draws": draws,
        "seconds": time.perf_counter() - wall,
        "seconds_of_processor": time.process_time() - processor,
        "log_evidence_error": found.log_evidence_error,
        "smallest_ess": float(found.effective.min()),
        "largest_r_hat": float(found.r_hat.max()),
        "caveats": list(found.caveats),
    }


if __name__ == "__main__":
    main()
