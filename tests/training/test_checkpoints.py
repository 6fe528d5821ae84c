"""Checkpoints are read without running what is in them, and written whole or not at all."""

from __future__ import annotations

import ast
import hashlib
import io
import os
import pickle
from pathlib import Path

import pytest
import torch

import emulator
from emulator.errors import WeightsError
from emulator.training.checkpoint import load_checkpoint, save_checkpoint

pytestmark = pytest.mark.fast

PICKLERS = {"torch", "pickle", "joblib", "dill", "cloudpickle"}
LOADERS = {"load", "loads", "Unpickler"}
SOURCES = sorted(Path(emulator.__file__).parent.rglob("*.py"))


def _unsafe_loads(source: str) -> list[int]:
    """Lines that could unpickle anything: torch.load without a literal weights_only=True, picklers'
    own loaders, either under another name, and what other libraries unpickle on request."""
    return [node.lineno for node in ast.walk(ast.parse(source)) if _unsafe(node)]


def _unsafe(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom) and node.module:
        package = node.module.split(".")[0]
        return package in PICKLERS and not LOADERS.isdisjoint(alias.name for alias in node.names)
    if isinstance(node, ast.Import):
        renamed = {alias.name for alias in node.names if alias.asname}
        return not renamed.isdisjoint(PICKLERS)
    if isinstance(node, ast.Assign):
        return ast.unparse(node.value) == "torch.load"
    if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
        return not (isinstance(node.value, ast.Constant) and node.value.value is False)
    if isinstance(node, ast.Attribute) and node.attr == "read_pickle":
        return True
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id in PICKLERS - {"torch"} and node.attr in LOADERS
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
        flag = {word.arg: word.value for word in node.keywords}.get("weights_only")
        return not (isinstance(flag, ast.Constant) and flag.value is True)
    return False


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load(f)",
        "import torch\ntorch.load(f, weights_only=False)",
        "import torch\ntorch.load(f, weights_only=flag)",
        "from torch import load",
        "import pickle\npickle.loads(data)",
        "from pickle import Unpickler",
        "import torch as t\nt.load(f)",
        "import pickle as p",
        "load = torch.load",
        "np.load(f, allow_pickle=True)",
        "pd.read_pickle(f)",
    ],
)
def test_the_search_finds_unsafe_loads(source: str) -> None:
    assert _unsafe_loads(source)


def test_no_file_of_the_package_can_unpickle_anything() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in SOURCES}
    assert any("torch.load(" in text for text in texts.values())  # the search has what to find
    assert {
        str(path): lines for path, text in texts.items() if (lines := _unsafe_loads(text))
    } == {}


def _signed(data: bytes) -> bytes:
    """With the checksum a checkpoint ends with: whoever crafts one can compute it."""
    return data + hashlib.sha256(data).digest()


class _Trap:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.victim),)


@pytest.mark.parametrize("protocol", ["plain", "torch"])
def test_a_crafted_checkpoint_is_refused_and_not_run(tmp_path: Path, protocol: str) -> None:
    victim, file = tmp_path / "victim", tmp_path / "crafted"
    if protocol == "plain":
        file.write_bytes(pickle.dumps(_Trap(victim), protocol=2))
    else:
        torch.save({"step": _Trap(victim)}, file)
    (tmp_path / "checkpoint.pt").write_bytes(_signed(file.read_bytes()))
    with pytest.raises(WeightsError, match=r"checkpoint\.pt: damaged"):
        load_checkpoint(tmp_path, "cpu")
    assert not victim.exists()


@pytest.mark.parametrize("state", [[1, 2], {"rng": 3}, {"rng": {"cpu": torch.zeros(2, 3)}}, {}])
def test_a_signed_checkpoint_of_something_else_is_refused(tmp_path: Path, state: object) -> None:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    (tmp_path / "checkpoint.pt").write_bytes(_signed(buffer.getvalue()))
    with pytest.raises(WeightsError, match=r"checkpoint\.pt: damaged"):
        load_checkpoint(tmp_path, "cpu")


def test_a_state_comes_back_equal_and_so_do_random_numbers(tmp_path: Path) -> None:
    state = {"step": 7, "model": {"w": torch.randn(3, 2)}, "best": {"error": 0.1, "weights": None}}
    save_checkpoint(tmp_path, state, "cpu")
    expected = torch.rand(5)
    torch.manual_seed(0)
    loaded = load_checkpoint(tmp_path, "cpu")
    assert loaded is not None
    assert torch.equal(loaded["model"].pop("w"), state["model"].pop("w"))
    assert loaded == state
    assert torch.equal(torch.rand(5), expected)


def test_a_failed_write_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, {"step": 1}, "cpu")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"checkpoint\.pt"):
            save_checkpoint(tmp_path, {"step": 2}, "cpu")
    state = load_checkpoint(tmp_path, "cpu")
    assert state is not None
    assert state["step"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
