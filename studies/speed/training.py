"""Samples a second that training gets through, by model and regime, on one core.

`python -m studies.speed.training` writes results/speed/training.json from a data set of
1,000 samples a world that it makes first. Every measurement is a process of its own, running the
training loop itself: a sample is one world's row in one step, and the figure is the median over
steps. `--only NAME` prints one measurement, `--profile NAME` the operators that take its time;
neither writes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from emulator.config import load_config, parse_config
from emulator.data import DataConfig, Dataset
from emulator.data.generate import generate
from emulator.training.config import RunConfig
from studies import records

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "speed" / "training.json"
MODELS = ROOT / "configs" / "models"
# Name: configuration and regime. A universal step costs by what it sees: theta alone, histories, or
# one of both.
RUNS = {
    "universal A": ("universal_A", "A"),
    "universal B1": ("universal_A", "B1"),
    "universal all": ("universal_A", "all"),
    "mlp A": ("mlp_A", "A"),
    "gru B1": ("gru_B1", "B1"),
    "linear A": ("linear_A", "A"),
}
EPOCHS = 3  # of 13 steps: some ten seconds a model, and a median over what is not start-up
FIRST_STEPS = 5  # while the allocator warms up


def run_config(name: str, data: Path, epochs: int) -> RunConfig:
    """The shipped configuration of a run, shortened, on the benchmark's data."""
    file, regime = RUNS[name]
    settings = load_config(MODELS / f"{file}.yaml", RunConfig).model_dump()
    # The rate does not change the speed; the shipped one is not meant for so short a warm-up.
    changes = {"epochs": epochs, "checkpoint_every": epochs, "lr": 1e-5, "device": "cpu"}
    settings["training"] |= changes
    settings["data"] |= {"dataset_path": str(data), "regime": regime}
    return parse_config(settings, RunConfig, name)


def one_core() -> None:
    """Keep this process to one core and one thread."""
    import torch

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)


def measure(name: str, data: Path) -> dict[str, Any]:
    """One run: samples a second of its median step, or of a closed form's whole fit."""
    from emulator.training.trainer import train

    one_core()
    dataset = Dataset.open(data)
    with tempfile.TemporaryDirectory() as folder:
        start, cpu = time.perf_counter(), time.process_time()
        train(run_config(name, data, EPOCHS), Path(folder))
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        log = (Path(folder) / "train_log.jsonl").read_text().splitlines()
        description = json.loads((Path(folder) / "model.json").read_text())
    rows = [json.loads(line) for line in log]
    speeds = [row["samples_per_second"] for row in rows if "samples_per_second" in row]
    if speeds:
        speed = statistics.median(speeds[FIRST_STEPS:])
    else:  # fitted in one pass, which reads every training row once
        speed = sum(len(dataset.rows(world, "train")) for world in dataset.worlds) / seconds
    return {
        "run": name,
        "model": description["model"]["type"],
        "samples_per_second": round(speed),
        "steps": len(speeds),
        "run_seconds": round(seconds, 2),
        "run_cpu_seconds": round(cpu, 2),
    }


def profile(name: str, data: Path) -> None:
    """Print the operators that take a run's time, one epoch of it."""
    import torch

    from emulator.training.trainer import train

    one_core()
    with (
        tempfile.TemporaryDirectory() as folder,
        torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler,
    ):
        train(run_config(name, data, 1), Path(folder))
    print(profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=20))


def alone(name: str, data: Path) -> dict[str, Any]:
    """`measure` in a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result = pool.apply(measure, (name, data))
    print(result, flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=RUNS, help="print one measurement")
    parser.add_argument("--profile", choices=RUNS, help="print the operators that take its time")
    options = parser.parse_args()
    smoke = load_config(ROOT / "configs" / "data" / "smoke.yaml", DataConfig)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        generate(smoke, data)
        if options.profile:
            profile(options.profile, data)
            return
        timings = [alone(name, data) for name in ([options.only] if options.only else RUNS)]
    if options.only:
        return
    facts = {
        "machine": records.machine(("numpy", "torch"), cores_used=1),
        "worlds": list(smoke.worlds),
        "batch_size": {
            name: load_config(MODELS / f"{file}.yaml", RunConfig).training.batch_size
            for name, (file, _) in RUNS.items()
        },
        "timings": timings,
    }
    records.write(RESULTS, facts)


if __name__ == "__main__":
    main()
