"""A folder with run files and plans on the small data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plans.plans import Folder


@pytest.fixture
def folder(tmp_path: Path, dataset_path: Path) -> Folder:
    return Folder(tmp_path, dataset_path)
