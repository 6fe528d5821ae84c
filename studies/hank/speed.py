"""How much sooner a network answers than the solver in `hank`, in one run on one core.

`python -m studies.hank.speed WEIGHTS` writes results/hank/speed.json: seconds of processor time,
medians over repeated calls, for all six responses of 40 quarters. Draws of the prior have a
household each; the solver's time for many is that for a few of them. Its gradients are one-sided
differences, one solution a parameter, seventeen of which keep the household. What sequence-jacobian
takes was measured elsewhere, on another processor, and is no result of this run.

Solutions a second are those of the clock, by one process and by two at once, each on draws of its
own, best of ROUNDS; peak memory is of one of these processes, imports and compiled code included.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

import emulator
from emulator.worlds.hank import HeterogeneousAgents
from studies import records

RESULTS = Path(__file__).parents[2] / "results" / "hank" / "speed.json"
WORLD = HeterogeneousAgents()
MANY, SOLVED, CALLS, STEP = 10_000, 20, 7, 1e-4
SEQUENCE_JACOBIAN = 2.3  # seconds a draw
TOGETHER, ROUNDS = 40, 3  # draws of a process


def seconds(call: Callable[[int], Any], times: int = CALLS) -> float:
    """Median processor time of call(0), call(1), ..., the first of them apart."""
    found = []
    for k in range(times + 1):
        start = time.process_time()
        call(k)
        found.append(time.process_time() - start)
    return statistics.median(found[1:])


def measured(model: emulator.Emulator) -> dict[str, dict[str, float]]:
    """Seconds by work, of the network and of the solver."""
    rng = np.random.default_rng(5)
    some = WORLD.sample_parameters(CALLS + 1, rng)
    many = WORLD.from_uniforms(rng.random((MANY, len(WORLD.parameters))))
    siblings = np.tile(many[0], (CALLS + 1, 1))
    own = len(WORLD.dear)
    siblings[:, own:] = many[: CALLS + 1, own:]
    steps = many[0] + STEP * np.eye(len(many[0])) * (many[0] + STEP)
    leaf = torch.tensor(many[:1], dtype=torch.float32, requires_grad=True)

    def gradient(_: int) -> Any:
        """Of one number, as an estimation asks; the solver's differences give all."""
        return torch.autograd.grad(model.irf_torch("hank", leaf).square().sum(), leaf)

    few = many[:SOLVED]
    exact_few = seconds(lambda _: WORLD.irf(few), 1)
    return {
        "one draw": {
            "network": seconds(lambda k: model.irf("hank", some[k])),
            "solver": seconds(lambda k: WORLD.irf(some[k])),
            "solver, household known": seconds(lambda k: WORLD.irf(siblings[k])),
        },
        f"{MANY:,} draws": {
            "network": seconds(lambda _: model.irf("hank", many), 3),
            f"solver, from {SOLVED} draws": MANY / SOLVED * exact_few,
        },
        "gradient of one draw": {
            "network": seconds(gradient),
            "solver, by differences": seconds(lambda _: WORLD.irf(steps), 1),
        },
    }


def _solve(seed: int) -> float:
    """Solve draws of the prior, each with its household; megabytes of memory at most so far."""
    theta = WORLD.from_uniforms(
        np.random.default_rng(seed).random((TOGETHER, len(WORLD.parameters)))
    )
    WORLD.irf(theta)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def side_by_side() -> dict[str, float]:
    """Solutions a second of one process and of two, and the memory that one takes."""
    out = {}
    memory = 0.0
    for processes in (1, 2):
        with ProcessPoolExecutor(processes) as pool:
            list(pool.map(_solve, range(processes)))  # what is compiled is compiled
            best = np.inf
            for k in range(ROUNDS):
                start = time.perf_counter()
                seeds = range(processes * k, processes * (k + 1))
                memory = max(memory, *pool.map(_solve, seeds))
                best = min(best, time.perf_counter() - start)
        out[f"by {processes}"] = round(processes * TOGETHER / best, 2)
    return {**out, "times": round(out["by 2"] / out["by 1"], 2), "megabytes of one": round(memory)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = emulator.load(options.weights)
    together = side_by_side()
    work = measured(model)
    for times in work.values():
        network = times["network"]
        others = {name: value for name, value in times.items() if name != "network"}
        for name, value in others.items():
            times[f"network is faster than {name}, times"] = round(value / network, 1)
    records.write(
        RESULTS,
        {
            **records.machine(("numpy", "torch"), threads=1),
            "weights": records.weights_of(model),
            "processor seconds": {
                name: {key: float(f"{value:.3g}") for key, value in times.items()}
                for name, times in work.items()
            },
            "solutions a second": together,
            "sequence-jacobian, seconds a draw, as measured elsewhere": SEQUENCE_JACOBIAN,
        },
    )


if __name__ == "__main__":
    main()
