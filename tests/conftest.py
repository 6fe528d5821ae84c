"""Shared fixtures: a small data set of two worlds, a trained run, weights of the worlds shipped."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch

import emulator
from emulator.config import load_config, parse_config
from emulator.data import DataConfig, Dataset
from emulator.data.generate import generate
from emulator.inference.onnx import export_onnx
from emulator.models.weights import load_weights
from emulator.training.config import RunConfig
from emulator.training.trainer import train
from tests.figures import leave_blank
from tests.shared import once
from tests.weights import of_every_world

ROOT = Path(__file__).resolve().parents[1]

# Tests run beside each other; more threads a process would only fight for the cores.
torch.set_num_threads(1)

TINY_MODEL = {
    "type": "universal", "hidden_dim": 32, "world_embed_dim": 8, "param_embed_dim": 8,
    "group_width": 8, "trunk_width": 16, "shock_blocks": 1, "poles": 4,
}  # fmt: skip


@pytest.fixture(autouse=True)
def figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn in tests that are marked so: each kind of figure in one of them."""
    if request.node.get_closest_marker("figures") is None:
        leave_blank(monkeypatch)


@pytest.fixture(scope="session")
def dataset_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 300 samples of `var` and `nk` in two shards, 120 quarters, H = 12."""
    smoke = load_config(ROOT / "configs" / "data" / "smoke.yaml", DataConfig)
    changes = {
        "worlds": ("var", "nk"), "samples": 300, "quarters": 120, "horizon": 12,
        "shard_rows": 200, "chunk_rows": 100,
    }  # fmt: skip
    config = DataConfig.model_validate({**smoke.model_dump(), **changes})
    return once(tmp_path_factory, "tiny", lambda path: generate(config, path))


@pytest.fixture(scope="session")
def dataset(dataset_path: Path) -> Dataset:
    return Dataset.open(dataset_path)


def run_config(dataset_path: Path, **changes: object) -> RunConfig:
    """A run of seconds on the small data set; `changes` replace whole sections or their keys."""
    data: dict = {
        "model": TINY_MODEL,
        "training": {"seed": 1, "epochs": 3, "batch_size": 64, "lr": 3e-3, "checkpoint_every": 1},
        "data": {"regime": "A", "dataset_path": str(dataset_path)},
    }
    for section, values in changes.items():
        data[section] = {**data[section], **values} if section != "model" else values
    return parse_config(data, RunConfig, "test")


@pytest.fixture(scope="session")
def run_path(dataset_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny universal model."""
    config = run_config(dataset_path)
    return once(tmp_path_factory, "universal", lambda path: train(config, path))


@pytest.fixture(scope="session")
def every_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that know the worlds and regimes of the shipped ones and have learned nothing."""
    return once(tmp_path_factory, "every_world", of_every_world)


_read_once = cache(load_weights)


@pytest.fixture
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands read the same weights once in a process: for tests of many short commands, which
    only ask the weights. To build the network takes longer than all else they do."""
    monkeypatch.setattr("emulator.inference.emulator.load_weights", _read_once)


@pytest.fixture(scope="session")
def exported(every_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `nk.onnx`, what these weights answer for nk in regime A, with bands."""

    def export(folder: Path) -> None:
        export_onnx(emulator.load(every_world), "nk", folder / "nk.onnx", bands=True)

    return once(tmp_path_factory, "exported", export)
