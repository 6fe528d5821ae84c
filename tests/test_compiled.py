"""Compiled functions are right wherever they are stored, and whatever became of what was stored."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator import compiled, get_world
from emulator.estimation import hamilton
from emulator.estimation.likelihoods import log_likelihood
from emulator.worlds import linear, switching

SOURCE = """
from emulator.compiled import compiled

@compiled()
def twice(x):
    return 2 * x
"""


@pytest.fixture
def module(tmp_path: Path) -> Callable[[], Any]:
    """A module with a compiled function, loaded anew, as by another process, at each call."""
    path = tmp_path / "package" / "doubles.py"
    path.parent.mkdir()
    path.write_text(SOURCE)

    def load() -> Any:
        spec = importlib.util.spec_from_file_location("doubles", path)
        assert spec is not None
        assert spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        return loaded

    return load


def stored(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.nb*"))


def from_cache(function: Any) -> bool:
    return sum(function.stats.cache_hits.values()) > 0


def test_a_second_process_finds_what_the_first_compiled(
    module: Callable[[], Any], tmp_path: Path
) -> None:
    assert module().twice(4) == 8
    assert len(stored(tmp_path)) == 2  # the index and the code
    again = module().twice
    assert again(4) == 8
    assert from_cache(again)


@pytest.mark.parametrize("which", [0, 1], ids=["code", "index"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[: len(data) // 2] + b"\0\1" + data[len(data) // 2 + 2 :],
    ],
    ids=["empty", "cut", "last bit", "middle"],
)
def test_what_is_damaged_is_compiled_again(
    module: Callable[[], Any], tmp_path: Path, which: int, damage: Callable[[bytes], bytes]
) -> None:
    module().twice(4)
    path = stored(tmp_path)[which]
    path.write_bytes(damage(path.read_bytes()))
    assert module().twice(4) == 8
    after = module().twice
    assert after(4) == 8
    assert from_cache(after)  # the damage is mended


def test_code_for_other_arguments_is_not_taken(module: Callable[[], Any], tmp_path: Path) -> None:
    """As where two processes stored code under one name at once."""
    module().twice(4)
    whole = stored(tmp_path)[0].read_bytes()
    module().twice(0.25)
    first, second, _ = stored(tmp_path)
    second.write_bytes(whole)
    assert first.read_bytes() == whole
    assert module().twice(0.25) == 0.5


def test_code_is_dropped_when_another_file_with_compiled_code_changes(
    module: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module().twice(4)
    monkeypatch.setattr(compiled, "_sources", lambda: "others")
    after = module().twice
    assert after(4) == 8
    assert not from_cache(after)


@pytest.fixture
def nowhere(
    module: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Any]:
    """The module where neither its folder nor the user's cache can be written."""
    (tmp_path / "package" / "__pycache__").write_text("a file where the folder would be")
    (tmp_path / "home").write_text("likewise")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return module


def test_without_a_folder_to_write_in_a_temporary_one_serves(
    nowhere: Callable[[], Any], tmp_path: Path
) -> None:
    assert nowhere().twice(4) == 8
    assert len(stored(tmp_path / "temporary")) == 2
    again = nowhere().twice
    assert again(4) == 8
    assert from_cache(again)


def test_a_temporary_folder_that_others_can_write_is_not_used(
    nowhere: Callable[[], Any], tmp_path: Path
) -> None:
    folder = compiled._temporary_folder()
    assert folder is not None
    folder.chmod(0o777)
    assert nowhere().twice(4) == 8
    assert stored(tmp_path) == []


def test_without_any_folder_functions_work(nowhere: Callable[[], Any], tmp_path: Path) -> None:
    (tmp_path / "temporary").rmdir()
    assert nowhere().twice(4) == 8


@pytest.mark.parametrize(
    ("name", "functions"),
    [
        ("nk", (linear._responses, linear.simulate)),
        ("switching", (switching.responses, switching.simulate, hamilton._filtered)),
    ],
)
def test_nothing_is_compiled_anew_for_arguments_of_another_layout(
    name: str, functions: tuple[Any, ...]
) -> None:
    """One row of an array or many, views, and arrays that may not be written to."""
    world, rng = get_world(name), np.random.default_rng(0)
    eps, states = rng.normal(size=(3, 9, 3)), np.zeros((3, len(world.state_names)))
    theta, size = world.sample_parameters(3, rng), np.ones((3, 3))

    def ask(rows: int, given: Callable[[np.ndarray], np.ndarray]) -> list[Any]:
        theta_, size_, eps_, state = (given(x)[:rows] for x in (theta, size, eps, states))
        world.irf(theta_, 2, size_, state)
        paths = world.simulate(theta_, eps_, state).observables
        log_likelihood(world.solve(theta_), paths[0].copy(), 0)
        return [list(function.signatures) for function in functions]

    compiled_for = ask(3, np.copy)
    assert all(compiled_for)
    assert ask(1, np.copy) == compiled_for
    assert ask(3, lambda x: np.broadcast_to(x, x.shape)) == compiled_for
    assert ask(1, lambda x: np.broadcast_to(x, x.shape)) == compiled_for
    assert ask(3, lambda x: np.repeat(x, 2, axis=0)[::2]) == compiled_for
    assert ask(3, lambda x: np.broadcast_to(x[0], x.shape)) == compiled_for
