"""Are posteriors calibrated, and does the world that made the data have the evidence?

`calibrate`: draws from a world's prior, each with a history drawn under it; the rank of the truth
among posterior draws is uniform, and 90 % intervals hold 90 % of truths (Talts et al. 2018).
`recognise`: histories drawn from every world at draws of its prior; the evidence of each world.
Every posterior is kept as it is done, so that both go on where they were stopped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import emulator
from emulator.evaluation.floors.simulation_based_calibration import uniformity
from emulator.seeding import derived_seed
from emulator.storage import write_atomically

RUN_IN = 400  # quarters after which a draw of any of these worlds has its long-run distribution
QUARTERS = 120
DRAWS = 300  # of a posterior: its s.d. is known to 4 %
FEW = 150  # for the evidence of six worlds, of which most are tens of nats apart


def history_of(
    world: str, seed: int, number: int, quarters: int = QUARTERS
) -> tuple[np.ndarray, np.ndarray]:
    """A draw of the prior (P,) and a history under it (quarters, 3)."""
    found = emulator.get_world(world)
    rng = np.random.default_rng(derived_seed(seed, "study", world, number))
    theta = found.sample_parameters(1, rng)
    eps = rng.standard_normal((1, RUN_IN + quarters, len(found.shocks)))
    return theta[0], found.simulate(theta, eps).observables[0, RUN_IN:]


def calibrate(world: str, count: int, work: Path, seed: int = 1) -> dict[str, Any]:
    """Ranks of `count` truths among their posteriors' draws, and how often intervals hold them."""
    ranks, held = [], []
    for number in range(count):
        kept = work / f"calibration-{world}-{number}.json"
        if not kept.exists():
            truth, history = history_of(world, seed, number)
            one = emulator.estimate(world, history, draws=DRAWS, runs=1, seed=number)[world]
            low, high = np.quantile(one.theta, [0.05, 0.95], axis=0)
            data = {
                "rank": (one.theta < truth).mean(axis=0).tolist(),
                "held": ((low <= truth) & (truth <= high)).tolist(),
            }
            _keep(kept, data)
        found = json.loads(kept.read_text())
        ranks.append(found["rank"])
        held.append(found["held"])
    names = emulator.get_world(world).parameter_names
    p_values = {n: uniformity(r) for n, r in zip(names, np.array(ranks).T, strict=True)}
    shares = np.array(held).mean(axis=1)
    return {
        "posteriors": count,
        "quarters": QUARTERS,
        "draws": DRAWS,
        "p_values": p_values,
        "p_value": min(1.0, len(p_values) * min(p_values.values())),
        "coverage_90": float(shares.mean()),
        "coverage_90_error": float(shares.std(ddof=1) / np.sqrt(count)),
    }


def recognise(worlds: Sequence[str], count: int, work: Path, seed: int = 2) -> dict[str, Any]:
    """Log evidence of each of the worlds for `count` histories of each of them."""
    rows = []
    for maker in worlds:
        for number in range(count):
            kept = work / f"evidence-{maker}-{number}.json"
            if not kept.exists():
                history = history_of(maker, seed, number)[1]
                found = emulator.estimate(list(worlds), history, draws=FEW, runs=1)
                _keep(kept, {name: found[name].log_evidence for name in worlds})
            rows.append({"maker": maker, "log_evidence": json.loads(kept.read_text())})
    right = [max(row["log_evidence"], key=row["log_evidence"].get) == row["maker"] for row in rows]
    return {"histories": rows, "right": sum(right), "of": len(right), "quarters": QUARTERS}


def _keep(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(data).encode())
