from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from emulator.data import Dataset
from emulator.data.generate import generate
from tests.data.configs import small
from tests.shared import once


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished small data set; tests that change it work on a copy."""
    return once(tmp_path_factory, "built", lambda root: generate(small(), root))


@pytest.fixture
def dataset(built: Path) -> Dataset:
    return Dataset.open(built)


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """A copy of the small data set that a test may damage."""
    return Path(shutil.copytree(built, tmp_path / "copy"))


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """The small configuration as a file for the command line."""
    file = tmp_path / "small.yaml"
    file.write_text(json.dumps(small().model_dump(mode="json")))
    return file
