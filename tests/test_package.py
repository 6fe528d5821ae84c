"""The package: light to import, and what it depends on when."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import emulator
from emulator.cli import commands

pytestmark = pytest.mark.slow


def _in_order(*steps: tuple[str, set[str]]) -> None:
    """Run lines in one fresh interpreter: after each, none of its modules is imported."""
    script = ["import sys"]
    for code, heavy in steps:
        found = f"[m for m in sys.modules if m.split('.')[0] in {heavy} or m in {heavy}]"
        script += [code, f"assert not (found := {found}), ({code!r}, found)"]
    command = [sys.executable, "-c", "\n".join(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_worlds_data_and_their_commands_work_without_torch() -> None:
    """A command imports no other; the package, nothing heavy; a list of worlds, none of them."""
    others = {
        f"{commands.__name__}.{module.name}" for module in pkgutil.iter_modules(commands.__path__)
    } - {f"{commands.__name__}.worlds"}
    every = "for name in emulator.list_worlds():\n    world = emulator.get_world(name)\n"
    every += "    world.irf(world.pack(), 2); assert 'torch' not in sys.modules, name"
    exact = ["compare", "--worlds", "nk,rbc", "--shock", "monetary", "--exact"]
    _in_order(
        ("import emulator", {"torch", "numpy", "numba", "pandas", "xarray", "matplotlib", "typer"}),
        ("emulator.list_worlds()", {"torch", "emulator.worlds.nk"}),
        ("from emulator.cli.app import run; assert run(['worlds']) == 0", {"torch", *others}),
        ("assert run(['worlds', 'nk']) == 0", {"torch", *others}),
        ("import emulator.data", {"torch"}),
        ("import emulator.estimation.estimate", {"torch"}),
        (every, {"torch"}),
        (f"assert run({exact}) == 0", {"torch"}),
    )


def test_answers_and_training_import_torch_and_little_else(run_path: Path) -> None:
    """What is not needed would take a second: half of an answer's time is the import of torch."""
    ask = ["irf", "nk", "--shock", "monetary", "--weights", str(run_path)]
    heavy = {"pandas", "xarray", "scipy", "numba", "matplotlib", "sklearn", "zarr", "pyarrow"}
    _in_order(
        (f"from emulator.cli.app import run; assert run({ask}) == 0", heavy),
        ("import emulator.questions", {"jaxtyping", "beartype"}),  # shapes are checked in tests
        ("import emulator.training.trainer", {"wandb", "tensorboard"}),  # where asked for
    )


def test_the_public_names_are_there() -> None:
    for name in emulator.__all__:
        assert getattr(emulator, name) is not None
    with pytest.raises(AttributeError, match="no attribute"):
        emulator.nothing  # noqa: B018


def test_the_lock_file_has_the_versions_of_the_constraints_and_a_hash_of_each() -> None:
    root = Path(__file__).parents[1]
    pinned = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", re.MULTILINE)

    def versions(text: str) -> dict[str, str]:
        return {re.sub("[_.]", "-", name).lower(): v for name, v in pinned.findall(text)}

    constraints = versions((root / "constraints.txt").read_text())
    text = (root / "requirements.lock").read_text()
    locked = versions(text)
    assert {name: locked[name] for name in constraints.keys() & locked.keys()} == {
        name: v for name, v in constraints.items() if name in locked
    }
    assert len(constraints.keys() & locked.keys()) > 100
    for entry in re.split(r"\n(?=[a-z])", text.partition("\nabsl")[2]):
        assert "--hash=sha256:" in entry
