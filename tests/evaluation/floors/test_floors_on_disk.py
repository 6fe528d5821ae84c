"""Floors on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emulator.errors import DatasetError
from emulator.evaluation.floors.floors_on_disk import (
    find_floors,
    floor_file,
    read_floors,
    write_floors,
)
from tests.evaluation.floors.toys import CASE, toy


@pytest.mark.fast
def test_floors_survive_the_disk_and_damage_is_named(tmp_path: Path) -> None:
    path = floor_file(tmp_path, "toy", 40)
    floors = toy()
    write_floors(path, floors)
    again = read_floors(path)
    assert again.settings == floors.settings
    assert again.commits == floors.commits
    for name in ("truth", "first", "quantiles"):
        assert np.array_equal(again.arrays(*CASE, name), floors.arrays(*CASE, name))
    assert [f.settings.world for f in find_floors(tmp_path)] == ["toy"]
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DatasetError, match=r"toy-40\.parquet: damaged"):
        read_floors(path)
    with pytest.raises(DatasetError, match="emulator floors WORLD"):
        read_floors(tmp_path / "none-40.parquet")
