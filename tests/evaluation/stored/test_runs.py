"""Evaluated runs are found where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.errors import DatasetError
from emulator.evaluation.stored.runs import find_runs

pytestmark = pytest.mark.fast


def test_a_folder_without_runs_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="emulator evaluate"):
        find_runs(tmp_path)
