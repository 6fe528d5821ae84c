"""Samples a second that `emulator generate` writes, by world, and memory against size.

`python -m studies.speed.data` writes results/speed/data.json. Every measurement is a
process of its own on one core, after a first sample has compiled the kernels: the time runs from
the call of `generate` to the renamed manifest. On a shared machine CPU time says what an idle core
would do.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from emulator.config import load_config
from emulator.data import DataConfig, draw_samples
from emulator.data.generate import generate
from emulator.worlds import get_world
from studies import records

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "speed" / "data.json"
# Seconds of work each at the speeds aimed at: 5,000 samples a second, zlb 300.
SAMPLES = {"zlb": 4_000, "sw07": 10_000}
OTHERS = 20_000
MEMORY_SIZES = (1_000, 100_000)


def measure(world: str, samples: int) -> dict[str, Any]:
    """One data set of one world: samples a second and the peak of resident memory."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    full = load_config(ROOT / "configs" / "data" / "full.yaml", DataConfig)
    # Shards as at 1,000 samples, so that sizes differ in nothing but their number.
    config = full.model_copy(update={"worlds": (world,), "samples": samples, "shard_rows": 1_000})
    draw_samples(get_world(world), 0, [0], config)
    with tempfile.TemporaryDirectory() as folder:
        cpu = time.process_time()
        done = generate(config, Path(folder) / "data")
        cpu = time.process_time() - cpu
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
    return {
        "world": world,
        "samples": samples,
        "samples_per_second": round(samples / done.seconds),
        "samples_per_cpu_second": round(samples / cpu),
        "bytes_per_sample": round(size / samples),
        # Linux reports kilobytes.
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def alone(world: str, samples: int) -> dict[str, Any]:
    """`measure` in a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result = pool.apply(measure, (world, samples))
    print(result, flush=True)
    return result


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    worlds = load_config(ROOT / "configs" / "data" / "full.yaml", DataConfig).worlds
    timings = [alone(world, SAMPLES.get(world, OTHERS)) for world in worlds]
    memory = [alone("nk", samples) for samples in MEMORY_SIZES]
    facts = {
        "machine": records.machine(("numpy", "numba", "zarr", "pyarrow"), cores_used=1),
        "timings": timings,
        "memory": memory,
    }
    records.write(RESULTS, facts)


if __name__ == "__main__":
    main()
