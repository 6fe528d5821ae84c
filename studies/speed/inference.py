"""How fast the emulator answers: the public call, the network in torch, and a new process.

`python -m studies.speed.inference WEIGHTS` writes results/speed/inference.json. New
processes run a wheel built here, in an environment of its own (two minutes to install; `--venv`
keeps it for the next time). One thread; horizon 40; a response is one shock of one draw, its three
observables together. Medians over repeated calls; CPU time says what an idle core would do on a
machine shared with others.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import emulator
from emulator.regimes import Regime, build_inputs
from studies import records

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "speed" / "inference.json"
BATCHES = (1, 32, 1024)
SECONDS = 1.0  # of calls for each median
QUARTERS = 120  # of history
PROCESSES = 5  # for each median
GOALS = {"import emulator": 0.3, "emulator irf": 3.0}  # seconds


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
    """The public calls and the network in torch on prior draws of a world, in every regime."""
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
            rows.append(
                row(
                    "irf without checks", world, draws, shocks,
                    lambda t=theta: model.irf(world, t, check=False),
                )
            )  # fmt: skip
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
                    model.model.answer([inputs], 40, bands=False)

            rows.append(row("network in torch", world, draws, shocks, bare))
            one = model.spec(world).shock_names[0]
            rows.append(
                row("irf to one shock", world, draws, 1,
                    lambda t=theta, s=one: model.irf(world, t, shock=s))
            )  # fmt: skip
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


def run(command: Sequence[str | Path], folder: Path) -> None:
    """A command in `folder`, out of the repository's sight."""
    hidden = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, env=hidden)


def installed(venv: Path, folder: Path) -> int:
    """Build the wheel and install it in `venv`, made where it is missing; the wheel's bytes."""
    run([sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT], folder)
    (wheel,) = folder.glob("*.whl")
    if not (venv / "bin" / "python").exists():
        run([sys.executable, "-m", "venv", venv], folder)
    pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet"]
    run([*pip, "--constraint", ROOT / "constraints.txt", wheel], folder)
    # The version stays the same while the code changes.
    run([*pip, "--force-reinstall", "--no-deps", wheel], folder)
    return wheel.stat().st_size


def fresh(arguments: Sequence[str | Path], folder: Path) -> dict[str, float]:
    """Seconds of a new process: median and fastest, and the median of its processor time.

    After one that is not counted, which reads files from disk.
    """
    run(arguments, folder)
    wall, cpu = [], []
    for _ in range(PROCESSES):
        start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        run(arguments, folder)
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(time.perf_counter() - start)
        cpu.append(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)
    return {
        "seconds": round(statistics.median(wall), 3),
        "fastest": round(min(wall), 3),
        "cpu_seconds": round(statistics.median(cpu), 3),
    }


def start_up(weights: Path, world: str, shock: str, venv: Path | None) -> dict[str, Any]:
    """What a user waits for after `pip install`, from a wheel in an environment of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv = folder / "venv" if venv is None else venv
        size = installed(venv, folder)
        python, command = venv / "bin" / "python", venv / "bin" / "emulator"
        exact = f"import emulator; w = emulator.get_world({world!r}); w.irf(w.pack())"
        works: dict[str, list[str | Path]] = {
            "python -c pass": [python, "-c", "pass"],
            "import emulator": [python, "-c", "import emulator"],
            "import torch": [python, "-c", "import torch"],
            "an exact response in Python": [python, "-c", exact],
            f"emulator irf {world} --shock {shock}": [
                command, "irf", world, "--shock", shock, "--weights", weights
            ],
        }  # fmt: skip
        rows = []
        for work, arguments in works.items():
            goal = next((g for start, g in GOALS.items() if work.startswith(start)), None)
            rows.append({"work": work, "goal": goal, **fresh(arguments, folder)})
            print(rows[-1], flush=True)
    return {"wheel_kilobytes": round(size / 1e3), "processes": PROCESSES, "timings": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, help="a weights or run folder")
    parser.add_argument("--venv", type=Path, help="install the wheel here, and keep it")
    options = parser.parse_args()
    weights = options.weights.resolve()
    torch.set_num_threads(1)
    model = emulator.load(weights)
    names = model.worlds
    shock = model.spec(names[0]).shock_names[0]
    facts = {
        "weights": records.weights_of(model),
        "machine": records.machine(("numpy", "torch", "xarray"), threads_used=1),
        "new_process": start_up(weights, names[0], shock, options.venv and options.venv.resolve()),
        "timings": [timing for name in names for timing in answers(model, name)],
    }
    records.write(RESULTS, facts)


if __name__ == "__main__":
    main()
