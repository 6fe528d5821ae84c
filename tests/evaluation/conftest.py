"""A run that is evaluated once for all tests that look at it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from emulator.evaluation import evaluate
from tests.shared import once


@pytest.fixture(scope="session")
def evaluated_run(run_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished run, evaluated with ablations."""

    def make(folder: Path) -> None:
        evaluate(Path(shutil.copytree(run_path, folder / "universal")), ablations=True)

    return once(tmp_path_factory, "evaluated", make) / "universal"


@pytest.fixture
def run(evaluated_run: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(evaluated_run, tmp_path / "universal"))
