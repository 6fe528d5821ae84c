"""A folder with a good history, and weights that answer in every regime."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.refusals import table
from tests.weights import in_every_regime


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad")
    (path / "us.csv").write_text(table())
    return path


@pytest.fixture(scope="module")
def every_regime(run_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return in_every_regime(run_path, tmp_path_factory.mktemp("weights") / "all")
