"""The package: light to import, and what it depends on when."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import emulator

pytestmark = pytest.mark.slow


def _modules(code: str) -> set[str]:
    script = f"{code}\nimport sys; print('\\n'.join(sys.modules))"
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return set(result.stdout.splitlines())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not _modules("import emulator") & {"torch", "numpy", "numba", "xarray", "typer"}


def test_worlds_and_data_work_without_torch() -> None:
    code = "import emulator, emulator.data; emulator.get_world('nk').irf([0.99]*12)"
    assert "torch" not in _modules(code)


def test_listing_worlds_at_the_command_line_needs_no_torch() -> None:
    code = "from emulator.cli.app import run; assert run(['worlds']) == 0"
    assert "torch" not in _modules(code)


def test_a_response_at_the_command_line_imports_torch_and_little_else(
    run_path: Path, tmp_path: Path
) -> None:
    """What is not needed would take a second: half of an answer's time is the import of torch."""
    ask = ["irf", "nk", "--shock", "monetary", "--weights", str(run_path)]
    code = f"from emulator.cli.app import run; assert run({ask}) == 0"
    heavy = {"pandas", "xarray", "scipy", "numba", "matplotlib", "sklearn", "zarr", "pyarrow"}
    assert not _modules(code) & heavy


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
