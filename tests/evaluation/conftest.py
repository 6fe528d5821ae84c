"""A run that is evaluated once for all tests that look at it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from emulator.evaluation import evaluate


@pytest.fixture(scope="session")
def evaluated_run(run_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished run, evaluated with ablations."""
    copy = tmp_path_factory.mktemp("evaluated") / "universal"
    shutil.copytree(run_path, copy)
    evaluate(copy, ablations=True)
    return copy


@pytest.fixture
def run(evaluated_run: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(evaluated_run, tmp_path / "universal"))
