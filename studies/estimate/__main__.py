"""Measure estimates, and write results/estimate/NAME.json.

    python -m studies.estimate dynare                     # against Dynare's, with Octave
    python -m studies.estimate calibration --count 100    # ranks and coverage
    python -m studies.estimate evidence                   # whether the right world is found
    python -m studies.estimate speed                      # nk and sw07 on 198 quarters

What is done is kept in --work; the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import emulator
from emulator.storage import write_atomically
from studies.dynare.octave import version
from studies.estimate import calibration, dynare
from studies.records import machine, write

ROOT = Path(__file__).resolve().parents[2] / "results" / "estimate"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure estimates.")
    parser.add_argument("study", choices=("dynare", "calibration", "evidence", "speed"))
    parser.add_argument("--count", type=int, default=100, help="posteriors of a world")
    parser.add_argument("--work", type=Path, default=Path("build/estimate"))
    options = parser.parse_args()
    found = _study(options.study, options.count, options.work)
    facts = {"machine": machine(("numpy", "numba", "scipy")), **found}
    write(ROOT / f"{options.study}.json", facts)


def _study(name: str, count: int, work: Path) -> dict[str, Any]:
    if name == "dynare":
        models = [path.stem for path in sorted(dynare.MODELS.glob("*.mod"))]
        return {"dynare": version(), "models": {m: _kept(work, m) for m in models}}
    if name == "calibration":
        return {world: calibration.calibrate(world, count, work) for world in ("nk", "var")}
    if name == "evidence":
        return calibration.recognise(("nk", "rbc", "var"), 4, work)
    return {world: _timed(world, draws) for world, draws in (("nk", 2000), ("sw07", 600))}


def _kept(work: Path, model: str) -> dict[str, Any]:
    """The comparison with Dynare, made once."""
    path = work / f"dynare-{model}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(dynare.compare(model)).encode())
    found: dict[str, Any] = json.loads(path.read_text())
    return found


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
