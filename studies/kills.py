"""Commands killed at random moments and called again, against ones that were left alone.

`python -m studies.kills [--kills 25] [--seed 0]` kills `emulator generate` and `emulator train`, of
small configurations, so many times each with SIGKILL or SIGTERM, calls the same command again after
every kill until it ends, and compares what it leaves with what one call leaves, file by file.
Threads and workers of `generate` differ from call to call; a training that is called again on
another number of threads must be refused, with its folder as it was. results/kills/kills.json holds
every kill: its signal, its moment, its exit code. The exit code is 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from emulator.claim import LOCK
from emulator.config import config_hash, load_config
from emulator.data import DataConfig, Dataset
from emulator.storage import file_sha256, json_sha256
from emulator.training.config import RunConfig
from emulator.training.logs import JSONL_FILE
from studies import records

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "kills" / "kills.json"
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
THREADS = (1, 2, 4)
EARLY = 0.15  # share of kills between the start of the program and its first work
LIMIT = 300  # seconds that any call may take

DATA = {"worlds": ["var", "nk", "zlb"], "samples": 400, "shard_rows": 20, "chunk_rows": 10}
RUN = {
    "model": {
        "type": "universal", "hidden_dim": 32, "world_embed_dim": 8, "param_embed_dim": 8,
        "group_width": 8, "trunk_width": 16, "shock_blocks": 1, "poles": 4,
    },
    "training": {"seed": 1, "epochs": 8, "lr": 3e-3, "checkpoint_every": 1, "device": "cpu"},
}  # fmt: skip
# Not compared: what holds times (the log is, without them), names its folder, or is of one call.
APART = {
    "train_log.csv", JSONL_FILE, "README.md", "checkpoint.pt", "checkpoint-before.pt", LOCK,
}  # fmt: skip


@dataclass
class Kill:
    """A call that was killed so many seconds after it began to work, or after its start."""

    signal: str
    at_work: bool
    seconds: float
    threads: int
    workers: int
    code: int


@dataclass
class Killed:
    """What a command went through. whole: the seconds at work of the call left alone."""

    whole: float
    kills: list[Kill] = field(default_factory=list)
    ends: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class Call:
    """One call of the command line, on so many threads."""

    arguments: list[str]
    folder: Path
    threads: int
    workers: int = 1

    def start(self) -> subprocess.Popen[str]:
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
        return subprocess.Popen(
            [sys.executable, "-m", "emulator.cli", *self.arguments],
            env={**os.environ, **dict.fromkeys(names, str(self.threads))},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def works(self, process: subprocess.Popen[str]) -> bool:
        """Wait until it holds its folder; False where it ends before."""
        while process.poll() is None:
            try:
                if (self.folder / LOCK).read_text().startswith(f"{process.pid}\n"):
                    return True
            except OSError:
                pass
            time.sleep(0.005)
        return False

    def whole(self) -> float:
        """Run it to its end; returns the seconds at work. RuntimeError where it fails."""
        process = self.start()
        self.works(process)
        begun = time.perf_counter()
        _, said = process.communicate(timeout=LIMIT)
        if process.returncode:
            raise RuntimeError(f"{self.arguments}: {process.returncode}, {said}")
        return time.perf_counter() - begun

    def killed(self, whole: float, draw: random.Random) -> Kill | None:
        """Run it and kill it at a random moment; None where it ended first."""
        process, number = self.start(), draw.choice(SIGNALS)
        at_work = draw.random() >= EARLY
        begun = time.perf_counter()
        if at_work:
            self.works(process)
            begun = time.perf_counter()
        try:
            process.wait(draw.uniform(0, whole if at_work else 4.0))
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        seconds = time.perf_counter() - begun
        _, said = process.communicate(timeout=LIMIT)
        code = process.returncode
        if code == 0:
            return None
        if code not in (-number, 128 + number):
            raise RuntimeError(f"{self.arguments}: exit code {code}, {said}")
        return Kill(number.name, at_work, round(seconds, 3), self.threads, self.workers, code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw, started = random.Random(options.seed), time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        facts = _study(Path(place), options.kills, draw)
    facts = {
        "seed": options.seed,
        "seconds": round(time.perf_counter() - started),
        "machine": records.machine(["torch", "numpy", "numba", "zarr"]),
        **facts,
    }
    records.write(RESULTS, facts)
    problems = [p for name in ("generate", "train") for p in facts[name]["problems"]]
    print("\n".join(problems) or "everything equal")
    sys.exit(bool(problems))


def _study(place: Path, kills: int, draw: random.Random) -> dict[str, Any]:
    data_file, run_file = place / "data.yaml", place / "run.yaml"
    smoke = load_config(ROOT / "configs" / "data" / "smoke.yaml", DataConfig)
    data = DataConfig.model_validate({**smoke.model_dump(), **DATA})
    data_file.write_text(yaml.safe_dump(data.model_dump(mode="json")))
    made = place / "data"
    run = {**RUN, "data": {"regime": "A", "dataset_path": str(made)}}
    run_file.write_text(yaml.safe_dump(run))

    def generate(folder: Path) -> Call:
        workers = draw.choice((1, 1, 2))
        arguments = ["generate", str(data_file), "-o", str(folder), "--workers", str(workers)]
        return Call(arguments, folder, draw.choice(THREADS), workers)

    def train(folder: Path, threads: int = 1) -> Call:
        arguments = ["train", str(run_file), "--output", str(folder), "--resume"]
        return Call(arguments, folder, threads)

    generated = _kill(generate, made, place / "killed", kills, draw)
    trained = _kill(train, place / "run", place / "killed_run", kills, draw, train)
    return {
        "generate": {
            "config_sha": config_hash(data), "data_sha": Dataset.open(made).hash,
            **asdict(generated),
        },
        "train": {
            "config_sha": config_hash(load_config(run_file, RunConfig)),
            "weights_sha256": file_sha256(place / "run" / "weights.safetensors"),
            **asdict(trained),
        },
    }  # fmt: skip


def _kill(
    call: Callable[[Path], Call],
    alone: Path,
    folder: Path,
    kills: int,
    draw: random.Random,
    on_threads: Callable[[Path, int], Call] | None = None,
) -> Killed:
    """Kill calls into `folder`, anew after each that ends, and compare with one into `alone`.

    on_threads: a call on another number of threads, which must be refused.
    """
    found = Killed(round(call(alone).whole(), 2))
    expected = _contents(alone)
    attempt = 0
    while len(found.kills) < kills or attempt:
        here = folder / str(found.ends)  # until it ends
        if len(found.kills) < kills:
            attempt += 1
            kill = call(here).killed(found.whole, draw)
            if kill is not None:
                found.kills.append(kill)
                print(here.parent.name, len(found.kills), kill, flush=True)
                if on_threads and (here / "checkpoint.pt").exists() and found.refused < 3:
                    found.refused += 1
                    found.problems += _accepted(on_threads(here, 2))
                continue
        else:
            call(here).whole()
        attempt, found.ends = 0, found.ends + 1
        found.problems += _differences(expected, _contents(here), here)
    return found


def _accepted(call: Call) -> Iterator[str]:
    """What is wrong with a call that should be refused, its folder as it was."""
    before = _contents(call.folder)
    process = call.start()
    _, said = process.communicate(timeout=LIMIT)
    if process.returncode != 2 or "begun with threads 1, now 2" not in said:
        yield f"{call.folder}: on other threads, exit code {process.returncode}: {said}"
    yield from _differences(before, _contents(call.folder), call.folder)


def _contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file, the log's without the times."""
    found = {
        str(path.relative_to(folder)): file_sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in APART
    }
    if (log := folder / JSONL_FILE).exists():
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        found[JSONL_FILE] = json_sha256([{**row, "samples_per_second": None} for row in rows])
    return found


def _differences(one: dict[str, str], other: dict[str, str], where: Path) -> list[str]:
    names = {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
    return [f"{where.parent.name} {where.name}: {name} differs" for name in sorted(names)]


if __name__ == "__main__":
    main()
