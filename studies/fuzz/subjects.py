"""What is damaged and read: healthy files of every kind, and the command that reads each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from emulator.cli.app import run
from emulator.config import load_config
from emulator.data import DataConfig
from emulator.data.generate import generate
from emulator.evaluation import evaluate
from emulator.plans.plan import Plan
from emulator.storage import sha256
from emulator.training.config import RunConfig
from emulator.training.trainer import train
from studies.fuzz.injuries import injured, injured_json, replace

ROOT = Path(__file__).parents[2]
HALF = 4  # steps after which the run that is gone on with was stopped


@dataclass(frozen=True)
class Subject:
    """One kind of file.

    folder: what is copied for each case, below the healthy files. files: patterns of what is
    damaged in it. ask: the command, given the copy and the damaged file in it. text: whether the
    damage keeps most of it readable.
    """

    folder: str
    files: tuple[str, ...]
    ask: Callable[[Path, Path], list[str]]
    text: bool = False


def _train(folder: Path, file: Path) -> list[str]:
    return ["train", str(file), "--data", str(folder / "none"), "--output", str(folder / "run")]


def _resume(folder: Path, file: Path) -> list[str]:
    return ["train", str(folder / "config.yaml"), "--output", str(folder), "--resume"]


def _irf(*more: str) -> Callable[[Path, Path], list[str]]:
    return lambda folder, file: ["irf", "nk", "--horizon", "4", "--weights", str(folder), *more]


SUBJECTS: Mapping[str, Subject] = {
    "run configuration": Subject("configs", ("run*.yaml",), _train, text=True),
    "data configuration": Subject(
        "configs", ("data*.yaml",), lambda folder, file: ["config", "data", str(file)], text=True
    ),
    "plan": Subject(
        "configs", ("plan*.yaml",), lambda folder, file: ["config", "plan", str(file)], text=True
    ),
    "world file": Subject(
        "world", ("*.yaml",), lambda folder, file: ["worlds", str(file)], text=True
    ),
    "history": Subject(
        "history", ("*.csv",),
        lambda folder, file: ["irf", "nk", "--history", str(file), "--weights",
                              str(folder.parent.parent / "healthy" / "run")],
        text=True,
    ),
    "weights": Subject("run", ("*.safetensors", "model.json", "config.yaml"), _irf()),
    "evaluation": Subject(
        "runs", ("run/*.json", "run/*.yaml"),
        lambda folder, file: ["leaderboard", str(folder), "--floors", str(folder / "floors")],
    ),
    "data set": Subject(
        "data", ("*.json", "shards/*/*", "*/*/zarr.json", "*/*/c/*/*", "*/*/c/*/*/*", "*.parquet"),
        lambda folder, file: ["validate", str(folder)],
    ),
    "checkpoint": Subject("stopped", ("checkpoint.pt", "config.yaml", "*.jsonl", "*.csv"), _resume),
}  # fmt: skip


def make_healthy(folder: Path) -> None:
    """Write the healthy files: seconds of work."""
    configs = folder / "configs"
    configs.mkdir(parents=True)
    shutil.copy(ROOT / "configs/models/universal_A.yaml", configs / "run.yaml")
    shutil.copy(ROOT / "configs/data/smoke.yaml", configs / "data.yaml")
    shutil.copy(ROOT / "configs/plans/smoke.yaml", configs / "plan.yaml")
    rules = load_config(configs / "data.yaml", DataConfig).rules
    small = {"worlds": ["nk"], "samples": 60, "quarters": 120, "horizon": 4, "shard_rows": 20,
             "chunk_rows": 20, "rules": {"nk": rules["nk"]}}  # fmt: skip
    generate(DataConfig.model_validate(small), folder / "data")
    config = {
        "model": {"type": "universal", "world_embed_dim": 4, "param_embed_dim": 4, "hidden_dim": 8,
                  "group_width": 2, "trunk_width": 2, "data_blocks": 1, "shock_blocks": 1,
                  "poles": 2},
        "training": {"steps": 2 * HALF, "batch_size": 16, "checkpoint_every": 1},
        "data": {"regime": "all", "dataset_path": str(folder / "data")},
    }  # fmt: skip
    settings = RunConfig.model_validate(config)
    train(settings, folder / "run")
    evaluate(folder / "run")
    shutil.copytree(folder / "run", folder / "runs" / "run")
    _stop_half_way(settings, folder / "stopped")
    (folder / "history").mkdir()
    steps = np.random.default_rng(0).normal(size=(60, 3)).cumsum(0) * 0.3
    rows = [f"{1990 + t // 4}Q{t % 4 + 1},{','.join(f'{x:.4f}' for x in s)}"
            for t, s in enumerate(steps)]  # fmt: skip
    (folder / "history" / "us.csv").write_text("date,output,inflation,rate\n" + "\n".join(rows))
    (folder / "world").mkdir()
    model = str(ROOT / "tests/references/nk.mod")
    code = run(["import", model, "--output", str(folder / "world" / "w.yaml")])
    assert code == 0, code


def _stop_half_way(settings: RunConfig, folder: Path) -> None:
    def stop(done: int, total: int, note: str) -> None:
        if done >= HALF:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        train(settings, folder, progress=stop)
    (folder / "config.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")))


def damage(subject: Subject, folder: Path, rng: np.random.Generator) -> Path:
    """Damage one file of a copied folder, and return its path."""
    files = sorted(p for pattern in subject.files for p in folder.glob(pattern) if p.is_file())
    path = files[int(rng.integers(0, len(files)))]
    content, right = path.read_bytes(), bool(rng.random() < 0.6)
    if path.suffix == ".json" and rng.random() < 0.7:
        replace(folder, path, injured_json(content, rng), right=right)
    elif path.suffix == ".pt":
        body = injured(content[:-32], rng, text=False)
        seal = bytes.fromhex(sha256(body)) if right else content[-32:]
        replace(folder, path, body + seal, right=False)
    else:
        text = subject.text or path.suffix in (".yaml", ".csv", ".jsonl")
        replace(folder, path, injured(content, rng, text=text), right=right)
    return path


def answer(arguments: list[str]) -> int:
    """The exit code of a command. `config KIND FILE` only reads a configuration: carrying out a
    damaged one may take what it asks for."""
    if arguments[0] != "config":
        return run(arguments)
    from emulator.errors import EmulatorError

    try:
        load_config(Path(arguments[2]), {"data": DataConfig, "plan": Plan}[arguments[1]])
    except EmulatorError as error:
        os.write(2, f"emulator: {error}\n".encode())
        return 2
    return 0
