"""How fast an exported file answers under onnxruntime, against torch.

`python -m studies.speed.onnx WEIGHTS` writes results/speed/onnx.json. One thread, horizon
40, no bands, prior draws; the same network on the same draws in one process, the two taking turns,
so that what else the machine does meets both. Medians over repeated calls.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

import emulator
from emulator.inference.onnx import export_onnx
from emulator.inference.onnx.export import OPSET
from emulator.regimes import Regime, build_inputs
from studies import records

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "speed" / "onnx.json"
BATCHES = (1, 32, 1024)
SECONDS = 4.0  # of calls for each pair of medians


def in_turns(calls: Sequence[Callable[[], Any]]) -> list[dict[str, float]]:
    """Median wall and CPU milliseconds of each call, after two unmeasured rounds."""
    wall: list[list[float]] = [[] for _ in calls]
    cpu: list[list[float]] = [[] for _ in calls]
    for call in (*calls, *calls):
        call()
    while sum(map(sum, wall)) < SECONDS or len(wall[0]) < 7:
        for k, call in enumerate(calls):
            start, start_cpu = time.perf_counter(), time.process_time()
            call()
            wall[k].append(time.perf_counter() - start)
            cpu[k].append(time.process_time() - start_cpu)
    return [
        {
            "milliseconds": round(1e3 * statistics.median(w), 4),
            "cpu_milliseconds": round(1e3 * statistics.median(c), 4),
        }
        for w, c in zip(wall, cpu, strict=True)
    ]


def rows(model: emulator.Emulator, world: str, folder: Path) -> list[dict[str, Any]]:
    """One row a batch size: both times, and onnxruntime's CPU time over torch's."""
    file = folder / f"{world}.onnx"
    difference = export_onnx(model, world, file).difference
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    economy, spec = emulator.get_world(world), model.spec(world)
    out = []
    for draws in BATCHES:
        theta = economy.sample_parameters(draws, np.random.default_rng(0)).astype(np.float32)
        size = np.ones((draws, len(spec.shocks)), dtype=np.float32)
        given = {"theta": theta} if spec.linear else {"theta": theta, "size": size}
        fields = {"theta": torch.from_numpy(theta), "shock_size": torch.from_numpy(size)}
        inputs = build_inputs(fields, spec, Regime.A)

        @torch.no_grad()
        def network(inputs: Any = inputs) -> Any:
            return model.model.answer([inputs], 40, bands=False)

        def runtime(given: Any = given) -> Any:
            return session.run(["response"], given)

        ours, theirs = in_turns([network, runtime])
        ratio = theirs["cpu_milliseconds"] / ours["cpu_milliseconds"]
        out.append(
            {
                "world": world, "draws": draws, "torch": ours, "onnxruntime": theirs,
                "onnxruntime_over_torch": round(ratio, 2), "difference": difference,
            }
        )  # fmt: skip
        print(out[-1], flush=True)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, help="a weights or run folder, of regime A or all")
    weights = parser.parse_args().weights
    torch.set_num_threads(1)
    model = emulator.load(weights)
    names = [name for name in ("nk", "zlb", "sw07") if name in model.worlds] or model.worlds[:1]
    with tempfile.TemporaryDirectory() as name:
        timings = [row for world in names for row in rows(model, world, Path(name))]
    facts = {
        "weights": records.weights_of(model),
        "machine": records.machine(("numpy", "torch", "onnx", "onnxruntime"), threads_used=1),
        "opset": OPSET,
        "timings": timings,
    }
    records.write(RESULTS, facts)


if __name__ == "__main__":
    main()
