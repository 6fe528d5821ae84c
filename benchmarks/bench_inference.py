"""How fast the emulator answers: the public call, the bare network, and a fresh command.

`python benchmarks/bench_inference.py WEIGHTS` writes results/benchmarks/inference.json. One thread;
horizon 40; a response is one shock of one draw, its three observables together. Medians over
repeated calls; CPU time says what an idle core would do on a machine shared with others.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

import emulator
from emulator.provenance import commit
from emulator.regimes import Regime, build_inputs

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "benchmarks" / "inference.json"
BATCHES = (1, 32, 1024)
SECONDS = 3.0  # of calls for each median
QUARTERS = 120  # of history


def timed(call: Callable[[], Any]) -> dict[str, float]:
    """Median wall and CPU milliseconds of a call, after two unmeasured ones."""
    call(), call()
    wall: list[float] = []
    cpu: list[float] = []
    while sum(wall) < SECONDS or len(wall) < 5:
        start, start_cpu = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    return {
        "milliseconds": round(1e3 * statistics.median(wall), 4),
        "cpu_milliseconds": round(1e3 * statistics.median(cpu), 4),
    }


def row(work: str, world: str, draws: int, shocks: int, call: Callable[[], Any]) -> dict[str, Any]:
    times = timed(call)
    rate = round(1e3 * draws * shocks / times["milliseconds"])
    out = {"work": work, "world": world, "draws": draws, **times, "responses_per_second": rate}
    print(out, flush=True)
    return out


def answers(model: emulator.Emulator, world: str) -> list[dict[str, Any]]:
    """The public calls and the bare network on prior draws of a world, in every regime known."""
    economy = emulator.get_world(world)
    shocks = len(economy.shocks)
    rng = np.random.default_rng(0)
    rows = []
    everything = model.provenance["regime"] == "all"
    for draws in BATCHES:
        theta = economy.sample_parameters(draws, rng)
        tensor = torch.tensor(theta, dtype=torch.float32)
        if everything or model.provenance["regime"] == "A":
            rows.append(row("irf", world, draws, shocks, lambda t=theta: model.irf(world, t)))
            leaf = tensor.clone().requires_grad_()
            rows.append(
                row(
                    "irf_torch and its gradient", world, draws, shocks,
                    lambda t=leaf: torch.autograd.grad(model.irf_torch(world, t).sum(), t),
                )
            )  # fmt: skip
            fields = {"theta": tensor, "shock_size": torch.ones(draws, shocks)}
            inputs = build_inputs(fields, model.spec(world), Regime.A)

            def bare(inputs: Any = inputs) -> None:
                with torch.no_grad():
                    model.model.answer([inputs], 40)

            rows.append(row("bare network", world, draws, shocks, bare))
        if everything or model.provenance["regime"] == "B1":
            eps = rng.normal(size=(draws, QUARTERS, shocks))
            history = economy.simulate(theta, eps).observables
            rows.append(
                row(
                    f"irf from {QUARTERS} quarters (B1)", world, draws, shocks,
                    lambda h=history: model.irf(world, history=h),
                )
            )  # fmt: skip
        rows.append(row("exact", world, draws, shocks, lambda t=theta: economy.irf(t)))
    return rows


def fresh(arguments: list[str]) -> float:
    """Seconds of a new process, the lowest of three: the first reads files from disk."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return round(min(seconds), 3)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/bench_inference.py WEIGHTS")
    weights = sys.argv[1]
    torch.set_num_threads(1)
    model = emulator.load(weights)
    parameters = sum(p.numel() for p in model.model.parameters())
    names = [name for name in ("nk", "zlb", "sw07") if name in model.worlds] or model.worlds[:1]
    command = ["-m", "emulator.cli", "irf", names[0], "--weights", weights]
    facts = {
        "commit": commit(),
        "weights": {"parameters": parameters, "sha256": model.provenance["weights_sha256"]},
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "threads_used": 1,
            "load_average": round(os.getloadavg()[0], 2),
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "torch", "xarray")},
        },
        "fresh_process_seconds": {
            "python -c pass": fresh(["-c", "pass"]),
            "import emulator": fresh(["-c", "import emulator"]),
            "an exact response in Python": fresh(
                ["-c", f"import emulator; w = emulator.get_world({names[0]!r}); w.irf(w.pack())"]
            ),
            f"emulator irf {names[0]}": fresh(command),
        },
        "timings": [timing for name in names for timing in answers(model, name)],
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    temporary = RESULTS.with_suffix(".tmp")
    temporary.write_text(json.dumps(facts, indent=1) + "\n")
    temporary.replace(RESULTS)


if __name__ == "__main__":
    main()
