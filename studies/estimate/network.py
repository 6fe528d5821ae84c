"""A posterior through a network, corrected by exact solutions: how long it takes, what it is worth.

The history is drawn from the world at a draw of its prior, which the posterior should hold. What
the network's few quarters cost is measured apart: the same likelihood from as many exact responses.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import emulator
from emulator.estimation.emulated import emulated
from emulator.estimation.likelihoods import log_likelihood
from emulator.estimation.runs import LONG_AGO
from emulator.storage import sha256, write_atomically
from studies.estimate.calibration import history_of
from studies.records import weights_of

QUARTERS, SEED = 160, 4
COMPARED = 32  # draws of which the likelihood of few quarters is compared with the exact one


class Clock:
    """Seconds of the clock and of processor by what they went to, kept in a file beside what is
    done, so that a measurement that was stopped goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spent: dict[str, list[float]] = json.loads(path.read_text()) if path.exists() else {}
        self.last = time.perf_counter(), time.process_time()

    def add(self, to: str) -> None:
        """Count the time since the last call."""
        now = time.perf_counter(), time.process_time()
        before = self.spent.get(to, [0.0, 0.0])
        self.spent[to] = [b + n - t for b, n, t in zip(before, now, self.last, strict=True)]
        self.last = now
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, json.dumps(self.spent).encode())


def measure(world: str, weights: Path, draws: int, runs: int, work: Path) -> dict[str, Any]:
    """One posterior, in this process on one processor, kept in `work` as it is done."""
    truth, history = history_of(world, SEED, 0, QUARTERS)
    network = emulator.load(weights)
    folder = work / f"network-{world}-{draws}-{runs}"
    clock = Clock(folder / "clock.json")

    def mark(done: int, total: int, note: str) -> None:
        clock.add("before" if not done else "network" if done <= runs else "exact solutions")
        print(f"{done} of {total}: {note}, {time.process_time():.0f} s of processor", flush=True)

    found = emulator.estimate(
        world, history, weights=[weights], draws=draws, runs=runs, output=folder / "estimate",
        resume=True, progress=mark,
    )  # fmt: skip
    clock.add("responses and tables")
    one = found[world]
    said = one.correction
    assert said is not None
    inside = {
        str(name): bool(row["q05"] <= value <= row["q95"])
        for (name, row), value in zip(one.table.iterrows(), truth, strict=True)
    }
    return {
        "quarters": QUARTERS,
        "history_sha256": sha256(np.ascontiguousarray(history).tobytes()),
        "weights": {
            **weights_of(network),
            **{key: network.provenance[key] for key in ("config_sha", "data_sha")},
        },
        "draws": draws,
        "runs": runs,
        "spent": {
            to: {"seconds": wall, "of processor": processor}
            for to, (wall, processor) in clock.spent.items()
        },
        **vars(said),
        "corrected_log_evidence": one.log_evidence,
        "log_evidence_error": one.log_evidence_error,
        "smallest_ess": float(one.effective.min()),
        "median_ess": float(np.median(one.effective)),
        "largest_r_hat": float(one.r_hat.max()),
        "admissible_share_of_prior": one.prior_share,
        "truths_in_90_percent": [sum(inside.values()), len(inside)],
        "parameters": {
            str(name): {"truth": float(value), **row.to_dict()}
            for (name, row), value in zip(one.table.iterrows(), truth, strict=True)
        },
        "caveats": list(one.caveats),
        "of 41 exact quarters": _truncation(world, one.theta, history),
    }


def _truncation(name: str, theta: np.ndarray, history: np.ndarray) -> dict[str, float]:
    """How far log likelihoods of exact responses over 41 quarters are from those of all."""
    world = emulator.get_world(name)
    some = np.unique(theta, axis=0)
    some = some[np.linspace(0, len(some) - 1, COMPARED).round().astype(int)]
    solution = world.solve(some)
    short = emulated(world, lambda theta: world.irf(theta, 40, solution=solution).values)
    exact = log_likelihood(solution, history, LONG_AGO)
    apart = log_likelihood(short.solve(some), history, LONG_AGO) - exact
    return {
        "draws": float(len(some)),
        "median": float(np.median(np.abs(apart))),
        "largest": float(np.abs(apart).max()),
    }
